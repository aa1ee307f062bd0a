/**
 * The reference executor: float64, slow, obvious; what gradients are proven on and backends are compared with.
 *
 * @module
 */

export { ReferenceExecutor } from "./executor.ts";
