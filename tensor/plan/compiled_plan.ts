// A recording made ready for replay: memory laid out, kernel calls prepared.

import { bytesPerElement } from "../../kernels/kernel.ts";
import type { Binding, Executor, KernelCall, KernelName, Program } from "../../kernels/kernel.ts";
import type { Operand, RunKernel } from "../operation.ts";
import { currentProfile, flopsOf, type Profile } from "../profile.ts";
import { showShape, sizeOf } from "../shape.ts";
import { Storage } from "../storage.ts";
import type { KernelEntry, View } from "../tape.ts";
import { keep, Tensor } from "../tensor.ts";
import { copyInto } from "../update.ts";
import { layOutMemory, type MemoryLayout } from "./layout.ts";
import type { Recording } from "./recording.ts";
import { makeSchedule, type Schedule, type ScheduledEntry } from "./schedule.ts";

/** What happens between two kernels: a draw, a check, numbers written. */
type HostStep = () => void;

/** Kernels without anything in between, and the entry that each call belongs to. */
interface Segment {
  readonly program: Program;
  readonly entries: readonly KernelEntry[];
}

/** A planned function for inputs of fixed shapes. */
export class CompiledPlan {
  readonly #executor: Executor;
  readonly #schedule: Schedule;
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
    this.#layout = layOutMemory(entries, temporaries, wanted, executor.separatesBuffers ?? false);
    this.#blocks = this.#layout.blocks.map((bytes) => Storage.allocate(executor, bytes));
    this.#inputs = recording.inputs.map(({ shape, dtype }) =>
      keep(Tensor.allocate(executor, shape, dtype))
    );
    this.#prepare(entries);
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

  /** The plan in words, a line for each entry. */
  explain(): string {
    const { entries, dead, repeated } = this.#schedule;
    const show = (view: View): string => {
      const { places, blocks } = this.#layout;
      const place = places.get(view.storage);
      if (!place) return showShape(view.shape);
      const block = blocks.length === 1 ? "" : ` of block ${place.block}`;
      return `${showShape(view.shape)} at ${place.byteOffset + view.byteOffset}${block}`;
    };
    const lines = entries.map((entry) => {
      if (entry.kind === "check") return `check ${show(entry.input)}`;
      if (entry.kind !== "kernels") return `${entry.kind} -> ${show(entry.output)}`;
      const inputs = entry.inputs.map(show).join(", ");
      return `${entry.name} ${inputs} -> ${entry.outputs.map(show).join(", ")}`;
    });
    return [
      `${entries.length} operations in ${this.launches} launches; ${dead} unused and ${repeated} ` +
      `repeated ones left out; ${this.temporaryBytes} bytes shared by temporaries`,
      ...lines,
    ].join("\n");
  }

  #prepare(entries: readonly ScheduledEntry[]): void {
    let calls: KernelCall[] = [];
    let owners: KernelEntry[] = [];
    const flush = (): void => {
      if (calls.length > 0) {
        this.#segments.push({ program: this.#executor.prepare(calls), entries: owners });
      }
      calls = [];
      owners = [];
    };
    const collect: RunKernel = (name, parameters, inputs, outputs) => {
      calls.push(
        {
          name,
          parameters,
          inputs: inputs.map((operand) => operand.binding),
          outputs: outputs.map((operand) => operand.binding),
        } as KernelCall<KernelName>,
      );
    };
    for (const entry of entries) {
      if (entry.kind === "kernels") {
        this.#lower(entry, collect);
        while (owners.length < calls.length) owners.push(entry);
      } else {
        flush();
        this.#segments.push(this.#hostStep(entry));
      }
    }
    flush();
  }

  #lower({ lower, inputs, outputs }: KernelEntry, kernel: RunKernel): void {
    lower(kernel, inputs.map((view) => this.#operand(view)), outputs.map((v) => this.#operand(v)));
  }

  #hostStep(entry: Exclude<ScheduledEntry, KernelEntry>): HostStep {
    const executor = this.#executor;
    if (entry.kind === "check") {
      const { binding, shape } = this.#operand(entry.input);
      const count = shape.reduce((product, length) => product * length, 1);
      return () => entry.check(executor.read(binding, count));
    }
    const { binding } = this.#operand(entry.output);
    return entry.kind === "values"
      ? () => executor.write(binding, entry.data)
      : () => executor.write(binding, entry.draw());
  }

  #operand(view: View): Operand {
    return { shape: view.shape, dtype: view.dtype, binding: this.#bindingOf(view) };
  }

  #bindingOf({ storage, byteOffset, dtype }: View): Binding {
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
    const { storage, shape, dtype } = view;
    const made = Tensor.allocate(this.#executor, shape, dtype);
    const source = this.#operand({ ...view, storage, shape, dtype });
    const layout = { sourceOffset: 0, sourceStrides: [1], destinationOffset: 0 };
    const parameters = { ...layout, shape: [made.size], destinationStrides: [1] };
    this.#executor.run("copy", parameters, [source.binding], [made.binding]);
    return made;
  }
}

/** Runs a segment, entering each of its operations into a profile. */
function runProfiled({ program, entries }: Segment, profile: Profile): void {
  if (!program.runTimed) return program.run();
  const times = new Float64Array(entries.length);
  program.runTimed((call, milliseconds) => times[call] += milliseconds);
  let milliseconds = 0;
  entries.forEach((entry, call) => {
    milliseconds += times[call];
    if (entries[call + 1] === entry) return;
    profile.add(entry, () => describe(entry), milliseconds);
    milliseconds = 0;
  });
}

function describe({ name, inputs, outputs }: KernelEntry) {
  const list = (views: readonly View[]) => views.map(({ shape }) => showShape(shape)).join(", ");
  const bytes = [...inputs, ...outputs]
    .reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement[dtype], 0);
  return {
    name,
    shapes: `${list(inputs)} -> ${list(outputs)}`,
    flops: flopsOf(name, inputs.map(({ shape }) => shape), outputs.map(({ shape }) => shape)),
    bytes,
  };
}
