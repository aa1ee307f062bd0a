// Running kernels on an executor, and noting on the tape what was run.

import type { Executor } from "../kernels/kernel.ts";
import { Expression } from "../kernels/expression/expression.ts";
import type { Operand, RunKernel } from "./operation.ts";
import { isTaping, type KernelEntry, note, type View } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/** How kernels run on an executor at once. */
export function runnerOf(executor: Executor): RunKernel {
  return (kernel, parameters, sources, destinations) =>
    executor.run(
      kernel,
      parameters,
      sources.map((operand) => operand.binding),
      destinations.map((operand) => operand.binding),
    );
}

/** A tensor's place, which outlives the tensor. */
export function viewOf({ storage, byteOffset, shape, dtype }: Tensor): View {
  return { storage, byteOffset, shape, dtype };
}

/** Options as text; expressions by their keys. */
function keyOf(options: unknown): string {
  return JSON.stringify(options, (_, value) => {
    if (value instanceof Expression) return value.key;
    // JSON has no infinities: without this, two fills would look alike.
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
}

/** Lowers something to kernels and runs them, noting it if a plan is being recorded. */
export function runEntry(
  executor: Executor,
  name: string,
  options: unknown,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  overwrites: boolean,
  lower: KernelEntry["lower"],
): void {
  lower(runnerOf(executor), inputs as readonly Operand[], outputs as readonly Operand[]);
  if (!isTaping()) return;
  note({
    kind: "kernels",
    name,
    options,
    key: keyOf(options),
    inputs: inputs.map(viewOf),
    outputs: outputs.map(viewOf),
    overwrites,
    lower,
  });
}
