// What the tests of the WebAssembly kernels share: numbers, running one kernel on 1, 2 and 3 threads, comparing.

import { assert, assertEquals } from "@std/assert";
import type {
  Binding,
  DType,
  Executor,
  KernelName,
  KernelParameters,
  TypedArray,
} from "../../kernels/kernel.ts";
import { WasmExecutor } from "../../kernels/wasm/executor.ts";

/** Lengths around the edges of vectors (4), tiles (64) and chunks. */
export const oddLengths: readonly number[] = [0, 1, 3, 5, 65, 257];

/** An operand of a kernel under test: numbers and their type (float32 unless given). */
export interface Operand {
  readonly data: TypedArray;
  readonly dtype?: DType;
}

/** A result of a kernel under test: how many elements of which type (float32 unless given). */
export interface Result {
  readonly count: number;
  readonly dtype?: DType;
  /** What it holds before; NaN (-1 for int32) unless given, so that what is not written shows. */
  readonly before?: TypedArray;
}

/** A source of repeatable numbers in [0, 1): a 32-bit linear congruential generator's high bits. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** `count` repeatable numbers, spread evenly over [low, high). */
export function randomNumbers(count: number, seed: number, low = -2, high = 2): Float32Array {
  const next = randomSource(seed);
  return Float32Array.from({ length: count }, () => low + (high - low) * next());
}

/** `count` repeatable whole numbers in [low, high). */
export function randomIntegers(count: number, seed: number, low: number, high: number): Int32Array {
  const next = randomSource(seed);
  return Int32Array.from({ length: count }, () => low + Math.floor((high - low) * next()));
}

/** Words behind every result that no kernel may touch, and what they hold. */
const GUARDS = 16;
const GUARD = 0x5eed;

/** A word of what a result holds before: poison of its type, so that what is not written shows. */
function poisonOf(dtype: DType): number {
  return dtype === "int32" ? -1 : NaN;
}

/** Runs one kernel in buffers of its own and gives its results back; fails where it writes beyond a result. */
export function runKernel<Name extends KernelName>(
  executor: Executor,
  name: Name,
  parameters: KernelParameters[Name],
  operands: readonly Operand[],
  results: readonly Result[],
): TypedArray[] {
  const bind = (count: number, dtype: DType): Binding => {
    return { buffer: executor.allocate(4 * count), byteOffset: 0, dtype };
  };
  const inputs = operands.map(({ data, dtype = "float32" }) => {
    const binding = bind(data.length, dtype);
    executor.write(binding, data);
    return binding;
  });
  const outputs = results.map(({ count, dtype = "float32", before }) => {
    const binding = bind(count + GUARDS, dtype);
    const content = before ?? new Float32Array(count).fill(poisonOf(dtype));
    // As float32, because a bool would turn NaN into 1.
    executor.write(dtype === "bool" ? { ...binding, dtype: "float32" } : binding, content);
    executor.write(guardOf(binding, count), new Int32Array(GUARDS).fill(GUARD));
    return binding;
  });
  try {
    executor.run(name, parameters, inputs, outputs);
    return outputs.map((binding, index) => {
      const { count } = results[index];
      const guards = executor.read(guardOf(binding, count), GUARDS);
      assert(guards.every((word) => word === GUARD), `${name} wrote beyond result ${index}`);
      return executor.read(binding, count);
    });
  } finally {
    for (const { buffer } of [...inputs, ...outputs]) executor.release(buffer);
  }
}

/** The guards behind a result. */
function guardOf({ buffer }: Binding, count: number): Binding {
  return { buffer, byteOffset: 4 * count, dtype: "int32" };
}

const executors = new Map<number, WasmExecutor>();

/** A WebAssembly executor with that many threads, all of them running; made once. */
export async function wasmExecutor(threads: number): Promise<WasmExecutor> {
  let executor = executors.get(threads);
  if (!executor) {
    executor = new WasmExecutor({ threads });
    executors.set(threads, executor);
    await executor.ready();
  }
  return executor;
}

/** Runs one kernel on 1, 2 and 3 threads, requires the same bits of all, and gives the results back. */
export async function runOnThreads<Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  operands: readonly Operand[],
  results: readonly Result[],
): Promise<TypedArray[]> {
  const alone = runKernel(await wasmExecutor(1), name, parameters, operands, results);
  for (const threads of [2, 3]) {
    const together = runKernel(await wasmExecutor(threads), name, parameters, operands, results);
    together.forEach((result, index) => {
      assertEquals(
        bitsOf(result),
        bitsOf(alone[index]),
        `${name}, result ${index}, ${threads} threads against 1`,
      );
    });
  }
  return alone;
}

/** The words that numbers are stored as: NaNs compare by their bits. */
export function bitsOf(numbers: TypedArray): Int32Array {
  return new Int32Array(numbers.buffer, numbers.byteOffset, numbers.byteLength / 4);
}

/** Requires |actual - expected| <= absolute + relative * |expected| everywhere; equal NaNs and infinities pass. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: { readonly absolute?: number; readonly relative?: number } = {},
  what = "",
): void {
  const { absolute = 0, relative = 0 } = tolerance;
  assertEquals(actual.length, expected.length, `${what} length`);
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    assert(
      Object.is(actual[i], expected[i]) || actual[i] === expected[i] ||
        difference <= absolute + relative * Math.abs(expected[i]),
      `${what} element ${i}: ${actual[i]}, expected ${expected[i]} (difference ${difference})`,
    );
  }
}
