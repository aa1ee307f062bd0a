// From a tape to a schedule: what must run at every replay, without what nobody uses and without doing anything twice.

import type { Storage } from "../storage.ts";
import type { CheckEntry, DrawEntry, KernelEntry, TapeEntry, ValuesEntry, View } from "../tape.ts";

/** An entry that runs at every replay; values are written again where something overwrites them. */
export type ScheduledEntry = KernelEntry | DrawEntry | CheckEntry | ValuesEntry;

/** What a tape comes down to. */
export interface Schedule {
  /** What runs, in order. */
  readonly entries: readonly ScheduledEntry[];
  /** The same places, where a repeated entry gave way to an earlier one. */
  readonly results: readonly View[];
  /** Memory that the entries make: it holds nothing between replays. */
  readonly temporaries: ReadonlySet<Storage>;
  /** Entries that were left out because nobody uses what they make. */
  readonly dead: number;
  /** Entries that were left out because an equal one came before. */
  readonly repeated: number;
}

/**
 * Makes a schedule.
 *
 * @param entries A tape.
 * @param results What is wanted after a replay.
 */
export function makeSchedule(entries: readonly TapeEntry[], results: readonly View[]): Schedule {
  const temporaries = new Set<Storage>();
  const overwritten = new Set<Storage>();
  for (const entry of entries) {
    if (entry.kind === "draw") temporaries.add(entry.output.storage);
    else if (entry.kind === "kernels") {
      for (const { storage } of entry.outputs) {
        if (entry.overwrites) overwritten.add(storage);
        else temporaries.add(storage);
      }
    }
  }
  const unique = withoutRepeats(entries, overwritten);
  const settled = results.map(unique.settle);
  const live = withoutDead(unique.entries, settled, temporaries);
  return {
    entries: live,
    results: settled,
    temporaries,
    dead: unique.entries.length - live.length,
    repeated: unique.repeated,
  };
}

function placeOf(view: View, names: Map<Storage, number>): string {
  let name = names.get(view.storage);
  if (name === undefined) names.set(view.storage, name = names.size);
  return `${name}@${view.byteOffset}:${view.shape.join("x")}:${view.dtype}`;
}

/** Replaces an entry that equals an earlier one by that one's result. Memory that is overwritten is left alone. */
function withoutRepeats(
  entries: readonly TapeEntry[],
  overwritten: ReadonlySet<Storage>,
): { entries: ScheduledEntry[]; repeated: number; settle: (view: View) => View } {
  const names = new Map<Storage, number>();
  const seen = new Map<string, readonly View[]>();
  const same = new Map<Storage, Storage>();
  const kept: ScheduledEntry[] = [];
  let repeated = 0;
  const settle = (view: View): View => {
    const storage = same.get(view.storage);
    return storage ? { ...view, storage } : view;
  };
  for (const entry of entries) {
    if (entry.kind === "read") continue;
    if (entry.kind === "values") {
      if (overwritten.has(entry.output.storage)) kept.push(entry);
      continue;
    }
    if (entry.kind === "draw") {
      kept.push(entry);
      continue;
    }
    if (entry.kind === "check") {
      kept.push({ ...entry, input: settle(entry.input) });
      continue;
    }
    const inputs = entry.inputs.map(settle);
    const steady = !entry.overwrites &&
      [...inputs, ...entry.outputs].every(({ storage }) => !overwritten.has(storage));
    if (steady) {
      const key = `${entry.name} ${entry.key} ${
        inputs.map((view) => placeOf(view, names)).join(" ")
      } -> ${entry.outputs.map(({ shape, dtype }) => `${shape.join("x")}:${dtype}`).join(" ")}`;
      const before = seen.get(key);
      if (before) {
        entry.outputs.forEach(({ storage }, at) => same.set(storage, before[at].storage));
        repeated++;
        continue;
      }
      seen.set(key, entry.outputs);
    }
    kept.push({ ...entry, inputs });
  }
  return { entries: kept, repeated, settle };
}

/** Drops entries that make only what is neither read later nor wanted. */
function withoutDead(
  entries: readonly ScheduledEntry[],
  results: readonly View[],
  temporaries: ReadonlySet<Storage>,
): ScheduledEntry[] {
  const needed = new Set(results.map(({ storage }) => storage));
  const kept: ScheduledEntry[] = [];
  for (const entry of entries.toReversed()) {
    if (entry.kind === "check") {
      needed.add(entry.input.storage);
      kept.push(entry);
      continue;
    }
    if (entry.kind === "draw" || entry.kind === "values") {
      // Even an unused draw moves its stream on.
      kept.push(entry);
      continue;
    }
    const wanted = entry.outputs.some(({ storage }) =>
      needed.has(storage) || !temporaries.has(storage)
    );
    if (!wanted) continue;
    for (const { storage } of entry.inputs) needed.add(storage);
    // What is written in part keeps the rest of its content.
    if (entry.overwrites) { for (const { storage } of entry.outputs) needed.add(storage); }
    kept.push(entry);
  }
  return kept.reverse();
}
