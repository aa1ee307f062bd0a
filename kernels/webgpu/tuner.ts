// The tuner: times every way to carry a kernel out on this adapter, at the shapes that are really computed.

import type { Binding, KernelCall, KernelName, KernelParameters } from "../kernel.ts";
import type { ChoiceOverrides } from "./choices.ts";
import type { WebGpuExecutor } from "./executor.ts";

/** What was measured for one choice. */
export interface TunedChoice {
  /** Operation, shape class and adapter class. */
  readonly key: string;
  /** Milliseconds of each way; the fastest of several runs. */
  readonly milliseconds: Readonly<Record<string, number>>;
  /** The way that is taken without tuning. */
  readonly standard: string;
  /** The way to take: the standard one unless another is clearly faster. */
  readonly best: string;
}

/** A call that made a choice. */
interface ChoosingCall {
  readonly call: KernelCall;
  readonly ways: readonly string[];
  readonly standard: string;
}

/** How the tuner measures. */
export interface TuneOptions {
  /** Milliseconds for which each way is timed, beside its compilation; 60 unless given. */
  readonly milliseconds?: number;
  /** By how much another way must be faster than the standard one to be taken: a share, 0.05 unless given. */
  readonly margin?: number;
  /** Told after each choice. */
  readonly onTuned?: (choice: TunedChoice, done: number, total: number) => void;
}

/**
 * Runs some work and times, for every choice that its kernels made, all ways that there are. The executor's table is left
 * as it was.
 *
 * @param work Runs kernels on the executor, at the shapes to tune for; it is run once, as written.
 * @returns What was measured, in the order of the work.
 */
export function tuneKernels(
  executor: WebGpuExecutor,
  work: () => void,
  { milliseconds = 60, margin = 0.05, onTuned = () => {} }: TuneOptions = {},
): TunedChoice[] {
  const before = executor.choices.overrides;
  executor.choices.override({});
  try {
    const found = [...choosingCalls(executor, work)].filter(([, { ways }]) => ways.length > 1);
    return found.map(([key, { call, ways, standard }], at) => {
      const times = Object.fromEntries(
        ways.map((way) => [way, timeOf(executor, call, { [key]: way }, milliseconds)]),
      );
      const fastest = ways.reduce((best, way) => times[way] < times[best] ? way : best);
      const best = times[fastest] < (1 - margin) * times[standard] ? fastest : standard;
      const tuned = { key, milliseconds: times, standard, best };
      onTuned(tuned, at + 1, found.length);
      return tuned;
    });
  } finally {
    executor.choices.override(before);
  }
}

/** The first call that made each choice while some work ran. */
function choosingCalls(executor: WebGpuExecutor, work: () => void): Map<string, ChoosingCall> {
  const found = new Map<string, ChoosingCall>();
  const run = executor.run;
  executor.run = function <Name extends KernelName>(
    name: Name,
    parameters: KernelParameters[Name],
    inputs: readonly Binding[],
    outputs: readonly Binding[],
  ): void {
    executor.choices.forgetUsed();
    run.call(executor, name, parameters, inputs, outputs);
    for (const { key, ways, standard } of executor.choices.used) {
      if (found.has(key)) continue;
      found.set(key, { call: { name, parameters, inputs, outputs }, ways, standard });
    }
  };
  try {
    work();
  } finally {
    executor.run = run;
  }
  return found;
}

/** Milliseconds of a call, made one way, in memory of its own. */
function timeOf(
  executor: WebGpuExecutor,
  call: KernelCall,
  overrides: ChoiceOverrides,
  milliseconds: number,
): number {
  executor.choices.override(overrides);
  // Operands lie as far from the beginnings of their buffers as those of the work: that decides how they are loaded.
  const anew = (bindings: readonly Binding[]): Binding[] =>
    bindings.map((binding) => ({
      ...binding,
      buffer: executor.allocate(binding.buffer.byteLength),
    }));
  const inputs = anew(call.inputs), outputs = anew(call.outputs);
  for (const binding of inputs) {
    const count = binding.buffer.byteLength / 4;
    executor.write({ ...binding, byteOffset: 0 }, new Float32Array(count).fill(0.5));
  }
  // Several launches a batch, so that what handing it in costs does not count.
  const launches = 4;
  const program = executor.prepare(
    Array.from({ length: launches }, () => ({ ...call, inputs, outputs })),
  );
  const wait = (): void => void executor.read({ ...outputs[0], dtype: "float32" }, 1);
  try {
    // The first run compiles.
    program.run();
    wait();
    let best = Infinity;
    const begin = performance.now();
    do {
      const start = performance.now();
      program.run();
      wait();
      best = Math.min(best, (performance.now() - start) / launches);
    } while (performance.now() - begin < milliseconds);
    return best;
  } finally {
    program.release();
    for (const { buffer } of [...inputs, ...outputs]) executor.release(buffer);
  }
}
