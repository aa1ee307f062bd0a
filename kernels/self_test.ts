// A self-test of an executor: every kernel on a few shapes that take different paths, compared with the reference executor.

import { CoritError, NumericError } from "../errors.ts";
import type { DType, Executor, KernelName, KernelParameters, TypedArray } from "./kernel.ts";
import { bytesPerElement } from "./kernel.ts";
import { ReferenceExecutor } from "./reference/mod.ts";
import { type Example, selfTestExamples } from "./self_test_examples.ts";

/** How one example of a kernel went. */
export interface SelfTestResult {
  /** The kernel. */
  readonly kernel: KernelName;
  /** What it was asked to do, in a few words. */
  readonly example: string;
  /** The largest difference from the reference, relative to the largest number that was expected. */
  readonly error: number;
  /** What was wrong; absent where nothing was. */
  readonly failure?: CoritError;
}

/**
 * The difference that float32 may make, relative to the largest number: sums of a thousand products keep about five
 * digits.
 */
const TOLERANCE = 2e-5;

/** What the self-test leaves out or allows. */
export interface SelfTestOptions {
  /** The kernels that are run; all by default. */
  readonly kernels?: readonly KernelName[];
  /** The difference that is allowed, relative to the largest number; 2e-5 by default, as float32 needs. */
  readonly tolerance?: number;
}

/**
 * Runs every kernel family of an executor on a few shapes and compares with the reference executor.
 *
 * @returns A line for each example; one that was wrong or threw holds the failure, and the others go on.
 *
 * @example
 * ```ts
 * import { selfTest, WasmExecutor } from "@corit/corit/kernels";
 * import { assert } from "@std/assert";
 *
 * const results = selfTest(new WasmExecutor({ threads: 1 }));
 * assert(results.every(({ failure }) => failure === undefined));
 * ```
 */
export function selfTest(executor: Executor, options: SelfTestOptions = {}): SelfTestResult[] {
  const { kernels = Object.keys(selfTestExamples) as KernelName[], tolerance = TOLERANCE } =
    options;
  const reference = new ReferenceExecutor();
  return kernels.flatMap((kernel) =>
    selfTestExamples[kernel].map((example) => test(executor, reference, kernel, example, tolerance))
  );
}

function test<Name extends KernelName>(
  executor: Executor,
  reference: Executor,
  kernel: Name,
  example: Example<Name>,
  tolerance: number,
): SelfTestResult {
  const line = { kernel, example: example.what };
  try {
    const data = drawInputs(reference, example);
    const expected = run(reference, kernel, example, data);
    const actual = run(executor, kernel, example, data);
    const error = Math.max(...expected.map((each, at) => largestError(actual[at], each)));
    if (error <= tolerance) return { ...line, error };
    const failure = new NumericError(
      `${executor.name}: ${kernel} (${example.what}) is off by ${
        error.toExponential(1)
      } of the largest number, ` +
        `more than it may be (${tolerance})`,
    );
    return { ...line, error, failure };
  } catch (cause) {
    if (!(cause instanceof CoritError)) throw cause;
    return { ...line, error: Infinity, failure: cause };
  }
}

/** The inputs: numbers in -2..2 that repeat from call to call, rounded to float32. */
function drawInputs<Name extends KernelName>(
  reference: Executor,
  { inputs, parameters, prepared }: Example<Name>,
): TypedArray[] {
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
  const data: TypedArray[] = inputs.map(({ count, below }) =>
    below === undefined
      ? Float32Array.from({ length: count }, () => 4 * next() - 2)
      : Int32Array.from({ length: count }, () => Math.floor(below * next()))
  );
  if (prepared) {
    const { kernel, from, to } = prepared;
    const earlier = {
      what: "",
      parameters: parameters as KernelParameters["attention"] & KernelParameters["softmax"],
      inputs: [],
      outputs: to.map((at) => ({ count: data[at].length })),
    };
    const made = run(reference, kernel, earlier, from.map((at) => data[at]));
    to.forEach((at, index) => data[at] = Float32Array.from(made[index]));
  }
  return data;
}

function run<Name extends KernelName>(
  executor: Executor,
  kernel: Name,
  { parameters, outputs }: Pick<Example<Name>, "parameters" | "outputs">,
  data: readonly TypedArray[],
): TypedArray[] {
  const bind = (count: number, dtype: DType) => ({
    buffer: executor.allocate(bytesPerElement[dtype] * count),
    byteOffset: 0,
    dtype,
  });
  const from = data.map((each) =>
    bind(each.length, each instanceof Int32Array ? "int32" : executor.defaultDType)
  );
  from.forEach((binding, at) => executor.write(binding, data[at]));
  const to = outputs.map(({ count, dtype = executor.defaultDType }) => bind(count, dtype));
  try {
    executor.run(kernel, parameters, from, to);
    return to.map((binding, at) => executor.read(binding, outputs[at].count));
  } finally {
    for (const { buffer } of [...from, ...to]) executor.release(buffer);
  }
}

/** The largest difference, relative to the largest number expected; a difference of whole numbers counts in full. */
function largestError(actual: TypedArray, expected: TypedArray): number {
  const whole = expected instanceof Int32Array;
  let difference = 0;
  let magnitude = whole ? 1 : 1e-30;
  expected.forEach((wanted, at) => {
    const off = Math.abs(actual[at] - wanted);
    difference = Number.isNaN(off) ? Infinity : Math.max(difference, off);
    if (!whole) magnitude = Math.max(magnitude, Math.abs(wanted));
  });
  return difference / magnitude;
}
