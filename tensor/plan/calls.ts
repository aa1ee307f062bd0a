// The kernel calls of a schedule, their operands still places in memory that has no address yet.

import type { DeviceBuffer, DType, KernelName, KernelParameters } from "../../kernels/kernel.ts";
import type { Operand } from "../operation.ts";
import { sizeOf } from "../shape.ts";
import type { Storage } from "../storage.ts";
import type { CheckEntry, DrawEntry, KernelEntry, ValuesEntry, View } from "../tape.ts";
import type { ScheduledEntry } from "./schedule.ts";

/** An operand of a call. */
export interface Slot {
  /** The memory. */
  readonly storage: Storage;
  /** Bytes from its start. */
  readonly byteOffset: number;
  /** Type of the elements. */
  readonly dtype: DType;
  /** How many elements the call may touch. */
  readonly elements: number;
}

/** What a profile and an explanation show of calls that belong together. */
export interface PlannedOperation {
  /** The operations that the calls carry out; more than one where they were fused. */
  readonly entries: readonly KernelEntry[];
}

/** One kernel call. */
export interface PlannedCall<Name extends KernelName = KernelName> {
  readonly kind: "call";
  readonly name: Name;
  readonly parameters: KernelParameters[Name];
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
  readonly operation: PlannedOperation;
}

/** What a replay does, one after the other: kernel calls, and what happens on the host. */
export type PlanStep = PlannedCall | DrawEntry | CheckEntry | ValuesEntry;

/** Memory that stands for a storage while operations lower themselves to calls. */
class SymbolicBuffer implements DeviceBuffer {
  constructor(readonly storage: Storage) {}

  get byteLength(): number {
    return this.storage.byteLength;
  }
}

function symbolic({ storage, byteOffset, shape, dtype }: View): Operand {
  return { shape, dtype, binding: { buffer: new SymbolicBuffer(storage), byteOffset, dtype } };
}

function slotOf({ shape, binding: { buffer, byteOffset, dtype } }: Operand): Slot {
  const { storage } = buffer as SymbolicBuffer;
  return { storage, byteOffset, dtype, elements: sizeOf(shape) };
}

/** Lowers every operation of a schedule to its kernel calls. */
export function lowerToCalls(entries: readonly ScheduledEntry[]): PlanStep[] {
  return entries.flatMap((entry): PlanStep[] => {
    if (entry.kind !== "kernels") return [entry];
    const calls: PlannedCall[] = [];
    const operation = { entries: [entry] };
    entry.lower(
      (name, parameters, inputs, outputs) => {
        const operands = { inputs: inputs.map(slotOf), outputs: outputs.map(slotOf) };
        calls.push({ kind: "call", name, parameters, ...operands, operation });
      },
      entry.inputs.map(symbolic),
      entry.outputs.map(symbolic),
    );
    return calls;
  });
}

/** Whether a step is a call of a certain kernel. */
export function isCall<Name extends KernelName>(
  step: PlanStep,
  name: Name,
): step is PlannedCall<Name> {
  return step.kind === "call" && step.name === name;
}

/** What a step reads. */
export function readsOf(step: PlanStep): readonly { readonly storage: Storage }[] {
  if (step.kind === "call") return step.inputs;
  return step.kind === "check" ? [step.input] : [];
}

/** What a step writes. */
export function writesOf(step: PlanStep): readonly { readonly storage: Storage }[] {
  if (step.kind === "call") return step.outputs;
  return step.kind === "check" ? [] : [step.output];
}
