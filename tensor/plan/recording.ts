// One recorded call of a planned function, and whether two calls did the same.

import type { Storage } from "../storage.ts";
import { tape, type TapeEntry, type View } from "../tape.ts";
import { viewOf } from "../run_entry.ts";
import { tensorsIn } from "../scope.ts";
import { Tensor } from "../tensor.ts";

/** What one call did. */
export interface Recording {
  /** What happened, in order. */
  readonly entries: readonly TapeEntry[];
  /** The places of the inputs. */
  readonly inputs: readonly View[];
  /** The places of the tensors in the result. */
  readonly results: readonly View[];
  /** The whole as text: equal for calls that did the same to the same memory. */
  readonly signature: string;
}

/**
 * Runs a function, recording what it does.
 *
 * @param use Called with the recording, all of whose memory lives until it returns.
 */
export function record<Result>(
  inputs: readonly Tensor[],
  body: () => Result,
  use: (result: Result, recording: Recording) => void,
): Result {
  const places = inputs.map(viewOf);
  return tape(body, (result, entries) => {
    const results = [...tensorsIn(result, (value) => value instanceof Tensor)].map(viewOf);
    const signature = signatureOf(entries, places, results);
    use(result, { entries, inputs: places, results, signature });
  });
}

// Memory that was there before a call keeps its number over calls.
const numbers = new WeakMap<Storage, number>();
let next = 0;

function signatureOf(
  entries: readonly TapeEntry[],
  inputs: readonly View[],
  results: readonly View[],
): string {
  const local = new Map<Storage, string>();
  inputs.forEach(({ storage }, at) => local.set(storage, `input${at}`));
  const nameOf = (storage: Storage): string => {
    const name = local.get(storage);
    if (name) return name;
    let number = numbers.get(storage);
    if (number === undefined) numbers.set(storage, number = next++);
    return `outside${number}`;
  };
  const show = (view: View): string =>
    `${nameOf(view.storage)}+${view.byteOffset}[${view.shape}]${view.dtype}`;
  const make = (view: View): string => {
    if (!local.has(view.storage)) local.set(view.storage, `made${local.size}`);
    return show(view);
  };
  const lines = entries.map((entry) => {
    switch (entry.kind) {
      case "kernels": {
        const inputs = entry.inputs.map(show);
        const outputs = entry.outputs.map(entry.overwrites ? show : make);
        return `${entry.name} ${entry.key} ${inputs} -> ${outputs}`;
      }
      case "values":
        return `values ${make(entry.output)} ${digest(entry.data)}`;
      case "draw":
        return `draw ${make(entry.output)}`;
      case "check":
        return `check ${show(entry.input)}`;
      case "read":
        return `read ${show(entry.input)}`;
    }
  });
  return [...lines, `results ${results.map(show)}`].join("\n");
}

/** A hash of numbers (FNV-1a over their bytes). */
function digest(data: ArrayBufferView): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${bytes.length}:${hash >>> 0}`;
}
