/**
 * The scalar language: expressions, their functions, derivatives and printers.
 *
 * @module
 */

export {
  constant,
  evaluate,
  Expression,
  input,
  inputsOf,
  type Operand,
  substitute,
} from "./expression.ts";
export * from "./functions.ts";
export { derivative, derivatives } from "./derivative.ts";
export { toFunction } from "./to_function.ts";
export { toWgsl, type WgslCode, wgslPrelude } from "./to_wgsl.ts";
export { evaluators, type OperationName } from "./operations.ts";
