// A recording made ready for replay: memory laid out, kernel calls prepared.

import { bytesPerElement } from "../../kernels/kernel.ts";
import type { Binding, Executor, KernelCall, Program } from "../../kernels/kernel.ts";
import { currentProfile, flopsOf, type Profile } from "../profile.ts";
import { showShape, sizeOf } from "../shape.ts";
import { Storage } from "../storage.ts";
import type { View } from "../tape.ts";
import { keep, Tensor } from "../tensor.ts";
import { copyInto } from "../update.ts";
import { lowerToCalls, type PlannedCall, type PlannedOperation, type PlanStep } from "./calls.ts";
import { fuse } from "./fuse.ts";
import { layOutMemory, type MemoryLayout } from "./layout.ts";
import type { Recording } from "./recording.ts";
import { makeSchedule, type Schedule } from "./schedule.ts";

/** What happens between two kernels: a draw, a check, numbers written. */
type HostStep = () => void;

/** Kernels without anything in between, and the operation that each call belongs to. */
interface Segment {
  readonly program: Program;
  readonly operations: readonly PlannedOperation[];
}

/** A planned function for inputs of fixed shapes. */
export class CompiledPlan {
  readonly #executor: Executor;
  readonly #schedule: Schedule;
  readonly #steps: readonly PlanStep[];
  readonly #layout: MemoryLayout;
  readonly #inputs: readonly Tensor[];
  readonly #inputPlaces: readonly View[];
  readonly #blocks: readonly Storage[];
  readonly #retained = new Set<Storage>();
  readonly #segments: (Segment | HostStep)[] = [];

  /** Prepares a recording for replay on the executor that it ran on. */
  constructor(executor: Executor, recording: Recording) {
    this.#executor = executor;
    this.#inputPlaces = recording.inputs;
    this.#schedule = makeSchedule(recording.entries, recording.results);
    const { entries, temporaries, results } = this.#schedule;
    const wanted = new Set(results.map(({ storage }) => storage));
    this.#steps = fuse(lowerToCalls(entries), temporaries, wanted, executor.defaultDType);
    const separate = executor.separatesBuffers ?? false;
    this.#layout = layOutMemory(this.#steps, temporaries, wanted, separate);
    this.#blocks = this.#layout.blocks.map((bytes) => Storage.allocate(executor, bytes));
    this.#inputs = recording.inputs.map(({ shape, dtype }) =>
      keep(Tensor.allocate(executor, shape, dtype))
    );
    this.#prepare();
  }

  /** Kernel launches in one replay. */
  get launches(): number {
    return this.#segments.reduce(
      (sum, segment) => sum + (typeof segment === "function" ? 0 : segment.program.launches),
      0,
    );
  }

  /** Bytes that temporaries share. */
  get temporaryBytes(): number {
    return this.#layout.blocks.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Runs everything again on new inputs, and returns copies of the results. */
  replay(inputs: readonly Tensor[]): Tensor[] {
    inputs.forEach((input, at) => copyInto(this.#inputs[at], input));
    const profile = currentProfile();
    const start = performance.now();
    for (const segment of this.#segments) {
      if (typeof segment === "function") segment();
      else if (profile) runProfiled(segment, profile);
      else segment.program.run();
    }
    if (profile) profile.milliseconds += performance.now() - start;
    return this.#schedule.results.map((view) => this.#copyOut(view));
  }

  /** Gives all memory back. */
  release(): void {
    for (const segment of this.#segments) {
      if (typeof segment !== "function") segment.program.release();
    }
    this.#inputs.forEach((input) => input.release());
    this.#blocks.forEach((block) => block.release());
    for (const storage of this.#retained) storage.release();
    this.#retained.clear();
  }

  /** The plan in words, a line for each operation or host step, fused ones joined. */
  explain(): string {
    const { entries, dead, repeated } = this.#schedule;
    const show = (view: View): string => {
      const { places, blocks } = this.#layout;
      const place = places.get(view.storage);
      if (!place) return showShape(view.shape);
      const block = blocks.length === 1 ? "" : ` of block ${place.block}`;
      return `${showShape(view.shape)} at ${place.byteOffset + view.byteOffset}${block}`;
    };
    const shown = new Set<PlannedOperation>();
    const lines = this.#steps.flatMap((step) => {
      if (step.kind === "check") return [`check ${show(step.input)}`];
      if (step.kind !== "call") return [`${step.kind} -> ${show(step.output)}`];
      const { operation } = step;
      if (shown.has(operation)) return [];
      shown.add(operation);
      const { name, inputs, outputs } = describe(operation);
      return [`${name} ${inputs.map(show).join(", ")} -> ${outputs.map(show).join(", ")}`];
    });
    return [
      `${entries.length} operations in ${this.launches} launches; ${dead} unused and ${repeated} ` +
      `repeated ones left out; ${this.temporaryBytes} bytes shared by temporaries`,
      ...lines,
    ].join("\n");
  }

  #prepare(): void {
    let calls: KernelCall[] = [];
    let operations: PlannedOperation[] = [];
    const flush = (): void => {
      if (calls.length > 0) {
        this.#segments.push({ program: this.#executor.prepare(calls), operations });
      }
      calls = [];
      operations = [];
    };
    for (const step of this.#steps) {
      if (step.kind === "call") {
        const { name, parameters } = step;
        const [inputs, outputs] = [step.inputs, step.outputs]
          .map((slots) => slots.map((slot) => this.#bindingOf(slot)));
        calls.push({ name, parameters, inputs, outputs });
        operations.push(step.operation);
      } else {
        flush();
        this.#segments.push(this.#hostStep(step));
      }
    }
    flush();
  }

  #hostStep(entry: Exclude<PlanStep, PlannedCall>): HostStep {
    const executor = this.#executor;
    if (entry.kind === "check") {
      const binding = this.#bindingOf(entry.input);
      const count = sizeOf(entry.input.shape);
      return () => entry.check(executor.read(binding, count));
    }
    const binding = this.#bindingOf(entry.output);
    return entry.kind === "values"
      ? () => executor.write(binding, entry.data)
      : () => executor.write(binding, entry.draw());
  }

  #bindingOf({ storage, byteOffset, dtype }: Omit<View, "shape">): Binding {
    const place = this.#layout.places.get(storage);
    if (place) {
      const { buffer } = this.#blocks[place.block];
      return { buffer, byteOffset: place.byteOffset + byteOffset, dtype };
    }
    const input = this.#inputPlaces.findIndex((place) => place.storage === storage);
    if (input >= 0) {
      const { binding } = this.#inputs[input];
      const inside = byteOffset - this.#inputPlaces[input].byteOffset;
      return { buffer: binding.buffer, byteOffset: inside, dtype };
    }
    // Memory from outside, and constants, stay where they are for as long as the plan lives.
    if (!this.#retained.has(storage)) this.#retained.add(storage.retain());
    return { buffer: storage.buffer, byteOffset, dtype };
  }

  #copyOut(view: View): Tensor {
    const made = Tensor.allocate(this.#executor, view.shape, view.dtype);
    const layout = { sourceOffset: 0, sourceStrides: [1], destinationOffset: 0 };
    const parameters = { ...layout, shape: [made.size], destinationStrides: [1] };
    this.#executor.run("copy", parameters, [this.#bindingOf(view)], [made.binding]);
    return made;
  }
}

/** Runs a segment, entering each of its operations into a profile. */
function runProfiled({ program, operations }: Segment, profile: Profile): void {
  if (!program.runTimed) return program.run();
  const times = new Float64Array(operations.length);
  program.runTimed((call, milliseconds) => times[call] += milliseconds);
  let milliseconds = 0;
  operations.forEach((operation, call) => {
    milliseconds += times[call];
    if (operations[call + 1] === operation) return;
    profile.add(operation, () => measurable(operation), milliseconds);
    milliseconds = 0;
  });
}

/** The name of an operation, what it reads from outside of it, and what it makes that does not stay inside. */
function describe({ entries }: PlannedOperation): {
  name: string;
  inputs: readonly View[];
  outputs: readonly View[];
} {
  const [first, ...rest] = entries;
  const made = new Set(entries.flatMap(({ outputs }) => outputs.map(({ storage }) => storage)));
  const read = new Set(rest.flatMap(({ inputs }) => inputs.map(({ storage }) => storage)));
  return {
    name: entries.map(({ name }) => name).join(" + "),
    inputs: entries.flatMap(({ inputs }) => inputs)
      .filter(({ storage }, at) => at < first.inputs.length || !made.has(storage)),
    outputs: entries.flatMap(({ outputs }) => outputs)
      .filter(({ storage }) => rest.length === 0 || !read.has(storage)),
  };
}

function measurable(operation: PlannedOperation) {
  const { name, inputs, outputs } = describe(operation);
  const list = (views: readonly View[]) => views.map(({ shape }) => showShape(shape)).join(", ");
  // A copy into a larger tensor writes as much as it reads.
  const copied = new Map(
    operation.entries.filter((entry) => entry.name === "copyInto")
      .map((entry) => [entry.outputs[0], entry.inputs[0]]),
  );
  const bytes = [...inputs, ...outputs.map((output) => copied.get(output) ?? output)]
    .reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement[dtype], 0);
  const flops = operation.entries.reduce((sum, entry) => sum + flopsOfEntry(entry), 0);
  return { name, shapes: `${list(inputs)} -> ${list(outputs)}`, flops, bytes };
}

function flopsOfEntry({ name, inputs, outputs }: PlannedOperation["entries"][number]): number {
  return flopsOf(name, inputs.map(({ shape }) => shape), outputs.map(({ shape }) => shape));
}
