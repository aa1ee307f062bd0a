// Where the time of planned steps goes: by operation, with the rates that each reached.

import type { Shape } from "./shape.ts";
import { sizeOf } from "./shape.ts";

/** One operation of a plan, as often as it ran. */
export interface ProfiledOperation {
  /** The operation. */
  readonly name: string;
  /** What it read and wrote: `[16, 65, 192], [576, 192] -> [16, 65, 576]`. */
  readonly shapes: string;
  /** Times that it ran. */
  runs: number;
  /** Milliseconds in all. */
  milliseconds: number;
  /** Floating-point operations of one run; 0 where they are not counted. */
  readonly flops: number;
  /** Bytes read and written by one run. */
  readonly bytes: number;
}

/** A slice of the time line. */
export interface ProfiledSlice {
  /** Which of the profile's operations. */
  readonly operation: number;
  /** Milliseconds since the profile began. */
  readonly start: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** All runs of one kind of operation. */
export interface ProfileRow {
  /** The operation. */
  readonly name: string;
  /** Times that it ran. */
  readonly runs: number;
  /** Milliseconds of all runs. */
  readonly milliseconds: number;
  /** Floating-point operations of all runs; 0 where they are not counted. */
  readonly flops: number;
  /** Bytes read and written by all runs. */
  readonly bytes: number;
}

/** What was measured between `startProfile` and its end. */
export class Profile {
  /** The operations, in the order of their first run. */
  readonly operations: ProfiledOperation[] = [];
  /** Every run, in order. */
  readonly slices: ProfiledSlice[] = [];
  /** Milliseconds that planned steps took in all, with what is between their operations. */
  milliseconds = 0;
  readonly #begun = performance.now();
  readonly #numbers = new Map<object, number>();

  /** Enters a run that has just ended. `key` stands for the operation. */
  add(
    key: object,
    describe: () => Omit<ProfiledOperation, "runs" | "milliseconds">,
    milliseconds: number,
  ): void {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.operations.length;
      this.#numbers.set(key, number);
      this.operations.push({ ...describe(), runs: 0, milliseconds: 0 });
    }
    const operation = this.operations[number];
    operation.runs++;
    operation.milliseconds += milliseconds;
    const start = performance.now() - this.#begun - milliseconds;
    this.slices.push({ operation: number, start, duration: milliseconds });
  }

  /** Milliseconds outside of all operations. */
  get overhead(): number {
    return this.milliseconds - this.operations.reduce((sum, each) => sum + each.milliseconds, 0);
  }

  /** All runs of each kind of operation together, dearest first. */
  byName(): ProfileRow[] {
    const rows = new Map<string, ProfileRow>();
    for (const { name, runs, milliseconds, flops, bytes } of this.operations) {
      const row = rows.get(name) ?? { name, runs: 0, milliseconds: 0, flops: 0, bytes: 0 };
      rows.set(name, {
        name,
        runs: row.runs + runs,
        milliseconds: row.milliseconds + milliseconds,
        flops: row.flops + runs * flops,
        bytes: row.bytes + runs * bytes,
      });
    }
    return [...rows.values()].sort((a, b) => b.milliseconds - a.milliseconds);
  }

  /** The time line in the format that chrome://tracing and Perfetto read. */
  chromeTrace(): string {
    const traceEvents = this.slices.map(({ operation, start, duration }) => {
      const { name, shapes } = this.operations[operation];
      return {
        name,
        ph: "X",
        pid: 0,
        tid: 0,
        ts: 1e3 * start,
        dur: 1e3 * duration,
        args: { shapes },
      };
    });
    return JSON.stringify({ traceEvents });
  }
}

let current: Profile | undefined;

/** The profile that planned steps enter their operations into, if any. */
export function currentProfile(): Profile | undefined {
  return current;
}

/**
 * Begins a profile of planned steps; every operation is timed until {@linkcode stopProfile}.
 *
 * @example
 * ```ts
 * import { plan, startProfile, stopProfile, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const step = plan((x) => x.matmul(x).sum());
 * for (let i = 0; i < 3; i++) step(tensor([[1, 2], [3, 4]]));
 * const profile = startProfile();
 * step(tensor([[1, 2], [3, 4]]));
 * stopProfile();
 * assertEquals(profile.operations.map(({ name }) => name), ["matmul", "reduce"]);
 * ```
 */
export function startProfile(): Profile {
  return current = new Profile();
}

/** Ends the profile. */
export function stopProfile(): void {
  current = undefined;
}

/** Floating-point operations of an operation, as far as they are worth counting. */
export function flopsOf(name: string, inputs: readonly Shape[], outputs: readonly Shape[]): number {
  if (name === "matmul") {
    // Each result element is one sum over the depth, which every operand of two axes shows.
    const [a, b] = inputs;
    const result = sizeOf(outputs[0]);
    const [rows, columns] = outputs[0].slice(-2);
    const own = sizeOf(a.slice(-2)) / Math.max(1, rows);
    const depth = Number.isInteger(own) ? own : sizeOf(b.slice(-2)) / Math.max(1, columns);
    return 2 * result * depth;
  }
  if (name === "attention" || name === "attentionBackward") {
    const [batch, tokens, packed] = inputs[0];
    // Two products forward; backward the scores again and four more.
    return (name === "attention" ? 2 : 5) * 2 * batch * tokens * tokens * packed / 3;
  }
  return 0;
}
