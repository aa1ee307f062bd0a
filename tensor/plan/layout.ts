// Where temporary memory lies: tensors that do not live at the same time share places, in one block, or, on devices
// where what is read and what is written must be different buffers, in a block for each place.

import type { Storage } from "../storage.ts";
import { type PlanStep, readsOf, writesOf } from "./calls.ts";

/** Places start at multiples of this many bytes. */
const ALIGNMENT = 64;

/** Where a temporary lies. */
export interface Place {
  /** The index of its block. */
  readonly block: number;
  /** Bytes from the block's beginning. */
  readonly byteOffset: number;
}

/** Where each temporary lies. */
export interface MemoryLayout {
  /** The places. */
  readonly places: ReadonlyMap<Storage, Place>;
  /** Bytes of each block. */
  readonly blocks: readonly number[];
}

/** A temporary from its first to its last use. */
interface Lifetime {
  readonly storage: Storage;
  readonly first: number;
  readonly last: number;
  readonly size: number;
}

function lifetimesOf(
  steps: readonly PlanStep[],
  temporaries: ReadonlySet<Storage>,
  results: ReadonlySet<Storage>,
): Lifetime[] {
  const uses = new Map<Storage, { first: number; last: number }>();
  steps.forEach((step, at) => {
    for (const { storage } of [...readsOf(step), ...writesOf(step)]) {
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
 * Gives every temporary a place.
 *
 * @param results Temporaries whose content is wanted at the end.
 * @param separate Whether every place is a block of its own.
 */
export function layOutMemory(
  steps: readonly PlanStep[],
  temporaries: ReadonlySet<Storage>,
  results: ReadonlySet<Storage>,
  separate: boolean,
): MemoryLayout {
  const lifetimes = lifetimesOf(steps, temporaries, results)
    .sort((a, b) => b.size - a.size || a.first - b.first);
  return separate ? inBlocks(lifetimes) : inOneBlock(lifetimes);
}

/** Each in the first block where nothing else lives at the same time; with the largest first, blocks do not grow. */
function inBlocks(lifetimes: readonly Lifetime[]): MemoryLayout {
  const blocks: { size: number; tenants: Lifetime[] }[] = [];
  const places = new Map<Storage, Place>();
  for (const lifetime of lifetimes) {
    let block = blocks.findIndex(({ tenants }) =>
      tenants.every((other) => other.last < lifetime.first || lifetime.last < other.first)
    );
    if (block < 0) block = blocks.push({ size: lifetime.size, tenants: [] }) - 1;
    blocks[block].tenants.push(lifetime);
    places.set(lifetime.storage, { block, byteOffset: 0 });
  }
  return { places, blocks: blocks.map(({ size }) => size) };
}

/** All in one block, each as low as the ones that live at the same time allow. */
function inOneBlock(lifetimes: readonly Lifetime[]): MemoryLayout {
  const placed: (Lifetime & { offset: number })[] = [];
  const places = new Map<Storage, Place>();
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
    places.set(lifetime.storage, { block: 0, byteOffset: offset });
    byteLength = Math.max(byteLength, offset + lifetime.size);
  }
  return { places, blocks: [byteLength] };
}
