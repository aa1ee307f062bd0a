// Where temporary memory lies: one block, in which tensors that do not live at the same time share places.

import type { Storage } from "../storage.ts";
import type { ScheduledEntry } from "./schedule.ts";

/** Places start at multiples of this many bytes. */
const ALIGNMENT = 64;

/** Where each temporary lies in the block. */
export interface MemoryLayout {
  /** Byte offsets. */
  readonly offsets: ReadonlyMap<Storage, number>;
  /** Bytes of the block. */
  readonly byteLength: number;
}

/** A temporary from its first to its last use. */
interface Lifetime {
  readonly storage: Storage;
  readonly first: number;
  readonly last: number;
  readonly size: number;
}

function lifetimesOf(
  entries: readonly ScheduledEntry[],
  temporaries: ReadonlySet<Storage>,
  results: ReadonlySet<Storage>,
): Lifetime[] {
  const uses = new Map<Storage, { first: number; last: number }>();
  entries.forEach((entry, at) => {
    const views = entry.kind === "kernels"
      ? [...entry.inputs, ...entry.outputs]
      : [entry.kind === "check" ? entry.input : entry.output];
    for (const { storage } of views) {
      if (!temporaries.has(storage)) continue;
      const known = uses.get(storage);
      if (known) known.last = at;
      else uses.set(storage, { first: at, last: at });
    }
  });
  return [...uses].map(([storage, { first, last }]) => ({
    storage,
    first,
    last: results.has(storage) ? Infinity : last,
    size: Math.max(ALIGNMENT, Math.ceil(storage.byteLength / ALIGNMENT) * ALIGNMENT),
  }));
}

/**
 * Gives every temporary a place, largest first, each as low as the ones that live at the same time allow.
 *
 * @param results Temporaries whose content is wanted at the end.
 */
export function layOutMemory(
  entries: readonly ScheduledEntry[],
  temporaries: ReadonlySet<Storage>,
  results: ReadonlySet<Storage>,
): MemoryLayout {
  const lifetimes = lifetimesOf(entries, temporaries, results)
    .sort((a, b) => b.size - a.size || a.first - b.first);
  const placed: (Lifetime & { offset: number })[] = [];
  const offsets = new Map<Storage, number>();
  let byteLength = 0;
  for (const lifetime of lifetimes) {
    let offset = 0;
    for (const other of placed) {
      // `placed` is in order of offsets: the first gap that is wide enough is the lowest.
      if (other.last < lifetime.first || lifetime.last < other.first) continue;
      if (offset + lifetime.size <= other.offset) break;
      offset = Math.max(offset, other.offset + other.size);
    }
    const at = placed.findIndex((other) => other.offset > offset);
    placed.splice(at < 0 ? placed.length : at, 0, { ...lifetime, offset });
    offsets.set(lifetime.storage, offset);
    byteLength = Math.max(byteLength, offset + lifetime.size);
  }
  return { offsets, byteLength };
}
