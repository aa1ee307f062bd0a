// The tape: everything that a planned function does to device memory, in order, while it is being recorded.

import type { DType, TypedArray } from "../kernels/kernel.ts";
import type { Operand, RunKernel } from "./operation.ts";
import type { Shape } from "./shape.ts";
import type { Storage } from "./storage.ts";

/** A tensor as the tape sees it: which memory, which part of it. */
export interface View {
  /** The memory. */
  readonly storage: Storage;
  /** Bytes from its start. */
  readonly byteOffset: number;
  /** Lengths of the axes. */
  readonly shape: Shape;
  /** Type of the elements. */
  readonly dtype: DType;
}

/** Kernels that read some tensors and write others. */
export interface KernelEntry {
  readonly kind: "kernels";
  /** The operation, `update`, `copyInto` or `fill`. */
  readonly name: string;
  /** All that the result depends on besides the inputs. */
  readonly options: unknown;
  /** The same as text. */
  readonly key: string;
  readonly inputs: readonly View[];
  readonly outputs: readonly View[];
  /** Whether it writes memory that existed before, instead of making its outputs. */
  readonly overwrites: boolean;
  /** Lowers it to kernels. */
  readonly lower: (
    kernel: RunKernel,
    inputs: readonly Operand[],
    outputs: readonly Operand[],
  ) => void;
}

/** Numbers that came from JavaScript. */
export interface ValuesEntry {
  readonly kind: "values";
  readonly output: View;
  readonly data: TypedArray;
}

/** Numbers drawn from a random stream: drawn again at every replay. */
export interface DrawEntry {
  readonly kind: "draw";
  readonly output: View;
  readonly draw: () => TypedArray;
}

/** A look at the values of a tensor that may throw: made again at every replay. */
export interface CheckEntry {
  readonly kind: "check";
  readonly input: View;
  readonly check: (values: TypedArray) => void;
}

/** Values read by JavaScript, which may decide on them: what reads cannot be planned. */
export interface ReadEntry {
  readonly kind: "read";
  readonly input: View;
}

/** One thing that happened. */
export type TapeEntry = KernelEntry | ValuesEntry | DrawEntry | CheckEntry | ReadEntry;

let current: TapeEntry[] | undefined;

/** Notes what happens, if something is being recorded. Memory that holds numbers from JavaScript stays until the end. */
export function note(entry: TapeEntry): void {
  if (!current) return;
  if (entry.kind === "values") entry.output.storage.retain();
  current.push(entry);
}

/** Whether something is being recorded. */
export function isTaping(): boolean {
  return current !== undefined;
}

/**
 * Runs a function, noting all that it does to device memory.
 *
 * @param use Called with the function's result and the tape, whose numbers are in memory until it returns.
 */
export function tape<Result>(
  body: () => Result,
  use: (result: Result, entries: readonly TapeEntry[]) => void,
): Result {
  const before = current;
  const entries: TapeEntry[] = [];
  current = entries;
  try {
    const result = body();
    current = before;
    use(result, entries);
    return result;
  } finally {
    current = before;
    for (const entry of entries) {
      if (entry.kind === "values") entry.output.storage.release();
    }
  }
}

/** Runs a function whose reads are not decisions: they happen again at every replay, or concern constants. */
export function untaped<Result>(body: () => Result): Result {
  const before = current;
  current = undefined;
  try {
    return body();
  } finally {
    current = before;
  }
}
