// Running a primitive operation: check, reserve memory, run the kernels, remember.

import { DeviceError } from "../errors.ts";
import type { Executor } from "../kernels/kernel.ts";
import type { Descriptor, OperationName, OperationOptions, OperationRow } from "./operation.ts";
import { isRecording } from "./recording.ts";
import { operationRows } from "./rows/mod.ts";
import { runEntry } from "./run_entry.ts";
import { showShape } from "./shape.ts";
import { Tensor } from "./tensor.ts";

/** The executor that all of some tensors live on. Throws DeviceError where they differ. */
function commonExecutor(name: OperationName, inputs: readonly Tensor[]): Executor {
  const executor = inputs[0].storage.executor;
  for (const input of inputs) {
    if (input.storage.executor !== executor) {
      throw new DeviceError(
        `${name}: the inputs are on ${inputs[0].device} and ${input.device}; ` +
          `move one with .on("${inputs[0].device}")`,
      );
    }
  }
  return executor;
}

/** Memory for what an operation makes. Throws DeviceError naming operation, shapes and bytes where it is exhausted. */
function allocateOutputs(
  executor: Executor,
  name: OperationName,
  inputs: readonly Tensor[],
  descriptors: readonly Descriptor[],
): Tensor[] {
  const outputs: Tensor[] = [];
  try {
    for (const { shape, dtype } of descriptors) {
      outputs.push(Tensor.allocate(executor, shape, dtype));
    }
    return outputs;
  } catch (cause) {
    outputs.forEach((output) => output.release());
    if (!(cause instanceof DeviceError)) throw cause;
    const shapes = (all: readonly Descriptor[]) =>
      all.map(({ shape }) => showShape(shape)).join(", ");
    throw new DeviceError(
      `${name} ${shapes(inputs)} -> ${shapes(descriptors)}: ${cause.message}`,
      { cause },
    );
  }
}

/**
 * Runs a primitive operation and returns all of its outputs; the first is the one that differentiates.
 *
 * @param name The operation.
 * @param inputs At least one tensor, all on one device.
 * @param options The operation's options.
 */
export function applyAll<Name extends OperationName>(
  name: Name,
  inputs: readonly Tensor[],
  options: OperationOptions[Name],
): Tensor[] {
  const row: OperationRow<Name> = operationRows[name];
  const executor = commonExecutor(name, inputs);
  const descriptors = row.infer(inputs, options, executor.defaultDType);
  const outputs = allocateOutputs(executor, name, inputs, descriptors);
  runEntry(
    executor,
    name,
    options,
    inputs,
    outputs,
    false,
    (kernel, from, to) => row.run(kernel, from, to, options),
  );
  if (isRecording()) outputs[0].remember({ name, inputs, options, outputs });
  return outputs;
}

/** Runs a primitive operation and returns its first output. */
export function apply<Name extends OperationName>(
  name: Name,
  inputs: readonly Tensor[],
  options: OperationOptions[Name],
): Tensor {
  return applyAll(name, inputs, options)[0];
}
