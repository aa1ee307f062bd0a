// The step plan: a function recorded once for each set of input shapes, and replayed.

import { PlanError } from "../../errors.ts";
import { withoutRecording } from "../recording.ts";
import { scoped } from "../scoped.ts";
import type { Shape } from "../shape.ts";
import { isTaping, untaped } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { CompiledPlan } from "./compiled_plan.ts";
import { record, type Recording } from "./recording.ts";

/** A planned function. */
export interface Planned<Inputs extends readonly Tensor[], Result> {
  /** Calls the function: recorded twice for each set of input shapes, replayed from then on. */
  (...inputs: Inputs): Result;
  /** The plans made so far in words: operations, launches, memory. */
  explain(): string;
  /** Bytes that the temporaries of all plans take. */
  temporaryBytes(): number;
  /** Forgets all plans and gives their memory back. */
  reset(): void;
}

/** One set of input shapes. */
interface Entry<Result> {
  recording?: Recording;
  result?: Result;
  plan?: CompiledPlan;
}

const keyOf = (inputs: readonly Tensor[]): string =>
  inputs.map(({ shape, dtype, device }) => `${(shape as Shape).join("x")}:${dtype}@${device}`)
    .join(" ");

/** A copy of a value with its tensors, in the order of `tensorsIn`, replaced. */
function withTensors(value: unknown, tensors: readonly Tensor[]): unknown {
  const replaced = new Map<unknown, unknown>();
  let at = 0;
  const visit = (item: unknown): unknown => {
    if (typeof item !== "object" || item === null || ArrayBuffer.isView(item)) return item;
    const known = replaced.get(item);
    if (known !== undefined) return known;
    let copy: unknown;
    if (item instanceof Tensor) copy = tensors[at++];
    else if (Array.isArray(item)) copy = item.map(visit);
    else if (item instanceof Map) {
      copy = new Map([...item].map(([key, each]) => [key, visit(each)]));
    } else {
      copy = Object.fromEntries(Object.entries(item).map(([key, each]) => [key, visit(each)]));
    }
    replaced.set(item, copy);
    return copy;
  };
  return visit(value);
}

/**
 * Plans a function of tensors: its operations are recorded, and later calls replay them as a list of prepared kernel
 * launches in memory that was laid out once. A replay gives the same bits as the function itself.
 *
 * What the function does must follow from its inputs' shapes alone. It may read and overwrite tensors from outside
 * (parameters), which must stay the same tensors, and draw from random streams, which is done again at each replay.
 * The numbers and other values that it creates count as constants. The first two calls run as written and must do
 * the same; otherwise the second throws.
 *
 * @param step A synchronous function. Gradients may be taken inside it; its result cannot be differentiated.
 * @returns The planned function. Its results are new tensors at each call.
 * @throws {PlanError} At a call: the function read values to decide on, or did something else than in its first call.
 *
 * @example
 * ```ts
 * import { plan, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const double = plan((x) => x.mul(2).add(1));
 * for (let i = 0; i < 4; i++) assertEquals(double(tensor([i, 0])).toArray(), [2 * i + 1, 1]);
 * ```
 */
export function plan<Inputs extends readonly Tensor[], Result>(
  step: (...inputs: Inputs) => Result,
): Planned<Inputs, Result> {
  const entries = new Map<string, Entry<Result>>();
  const call = (...inputs: Inputs): Result => {
    if (isTaping()) return step(...inputs);
    const key = keyOf(inputs);
    let entry = entries.get(key);
    if (!entry) entries.set(key, entry = {});
    if (entry.plan) {
      const results = untaped(() => withoutRecording(() => entry.plan!.replay(inputs)));
      return withTensors(entry.result, results) as Result;
    }
    return scoped(() =>
      record(
        inputs,
        () => step(...inputs),
        (result, recording) => advance(entry, result, recording),
      )
    );
  };
  return Object.assign(call, {
    explain: () => [...entries].map(([key, { plan }]) => explainOne(key, plan)).join("\n\n"),
    temporaryBytes: () =>
      [...entries.values()].reduce((sum, { plan }) => sum + (plan?.temporaryBytes ?? 0), 0),
    reset: () => {
      for (const { plan } of entries.values()) plan?.release();
      entries.clear();
    },
  });
}

function explainOne(key: string, plan: CompiledPlan | undefined): string {
  return `${key || "no inputs"}: ${plan ? plan.explain() : "recorded once, not planned yet"}`;
}

/** Keeps the first recording; makes a plan when the second equals it. */
function advance<Result>(
  entry: Entry<Result>,
  result: Result,
  recording: Recording,
): void {
  const read = recording.entries.find((each) => each.kind === "read");
  if (read) {
    throw new PlanError(
      `plan: the function read the values of a tensor of shape [${read.input.shape}], so what it ` +
        "does may depend on them; return the tensor and read it outside",
    );
  }
  if (!entry.recording) {
    entry.recording = recording;
    return;
  }
  if (entry.recording.signature !== recording.signature) {
    throw new PlanError(`plan: ${difference(entry.recording.signature, recording.signature)}`);
  }
  const device = recording.inputs[0]?.storage ?? firstStorage(recording);
  if (!device) throw new PlanError("plan: the function does nothing that could be planned");
  entry.result = result;
  entry.plan = new CompiledPlan(device.executor, recording);
}

function firstStorage(recording: Recording) {
  const entry = recording.entries.find((each) => each.kind === "kernels");
  return entry?.kind === "kernels" ? entry.outputs[0].storage : undefined;
}

/** Says where two calls part, and what to do about it. */
function difference(first: string, second: string): string {
  const a = first.split("\n"), b = second.split("\n");
  const at = a.findIndex((line, index) => line !== b[index]);
  const [before, now] = [a[at] ?? "nothing", b[at] ?? "nothing"].map((line) => line.slice(0, 160));
  const advice = before.startsWith("values") && now.startsWith("values")
    ? "numbers made inside are constants of the plan; pass them as tensors"
    : "it must do the same for inputs of the same shapes, with the same tensors from outside";
  return `two calls of the function differ: first "${before}", then "${now}"; ${advice}`;
}
