// What the command line tells every benchmark.

import type { BenchDevice } from "./peer.ts";

/** What a benchmark is told. */
export interface BenchSettings {
  readonly threads: number;
  /** What computes; only some benchmarks run on `webgpu`. */
  readonly device: BenchDevice;
  /** Whether to run beside a peer. */
  readonly wants: (peer: string) => boolean;
}
