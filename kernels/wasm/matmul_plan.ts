// How a matrix product is cut into blocks: the cut that a small cost model finds cheapest.
//
// Cutting rows and columns changes speed only. Along the depth the cut, and with it the order of sums, depends on
// the depth alone: the same product has the same bits on any number of threads.

import { SCRATCH_BYTES } from "./kernel.ts";
import { EDGE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./tile.ts";

/** One matrix product, or a batch of equal ones. */
export interface ProductShape {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Where the right operand's panels come from. */
export type RightSource =
  /** A launch of its own packs the whole operand for all items. */
  | "shared"
  /** Each item packs what it needs into its scratch. */
  | "packed"
  /** Read in place: the columns of a panel lie side by side. */
  | "direct";

/** A cut. */
export interface ProductPlan {
  readonly right: RightSource;
  /** Rows, columns and depth of a block; the last ones may be smaller. */
  readonly blockRows: number;
  readonly blockColumns: number;
  readonly blockDepth: number;
  readonly rowBlocks: number;
  readonly columnBlocks: number;
  readonly depthBlocks: number;
  /** Whether the work is worth more than one thread. */
  readonly parallel: boolean;
}

/** Scratch before the packed blocks: an edge tile, then a row of zeros. */
export const ZEROS_OFFSET: number = EDGE_BYTES;
export const PACKED_OFFSET = 256;
/** Floats that the packed blocks of an item may take together. */
export const PACKED_FLOATS: number = (SCRATCH_BYTES - PACKED_OFFSET) / 4;

/** A right operand beyond 64 MiB is not copied as a whole. */
const MAXIMUM_SHARED_FLOATS = 1 << 24;

/** A right panel of this depth takes 12 KiB of the first-level cache; 256 and 512 were no better. */
const MAXIMUM_DEPTH = 384;

/** Block sizes that are tried. At full depth a left block of the most rows takes 310 KiB of the second-level cache. */
const ROWS_TRIED = [10, 15, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200];
const COLUMNS_TRIED = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];

/**
 * What things cost, in cycles, measured on Golden Cove. Only their ratios matter, and not much:
 * the model has to see that packing for few rows or columns is dear, and that idle threads are.
 */
const cost = {
  /** One step of a tile along the depth, when its operands are packed. */
  tileStep: 5.2,
  /** A tile's sums in and out, and the call. */
  tile: 45,
  /** A tile that is not whole passes through scratch. */
  edge: 120,
  /** Packing one element of the left operand: as it lies, transposed. */
  packLeft: 0.55,
  packLeftTransposed: 0.8,
  /** Packing one element of the right operand, and reading it once from a cache further away. */
  packRight: 0.55,
  readRight: 0.1,
  /** Reading right panels in place: little, until a block spans more pages than the first-level TLB holds. */
  directNear: 1.02,
  directFar: 1.16,
  directNearBytes: 256 << 10,
  /** ... or its rows fall on the same few cache sets. */
  directConflicting: 1.5,
  directConflictingBytes: 4096,
  /** A launch on the calling thread, and what waking others adds. */
  launch: 1_500,
  wake: 30_000,
} as const;

/** A length cut evenly into pieces of `size`, a multiple of a unit. */
interface Cut {
  readonly size: number;
  readonly count: number;
}

function evenly(length: number, maximum: number, unit: number): Cut {
  const count = Math.max(1, Math.ceil(length / maximum));
  const size = Math.max(1, Math.ceil(length / count / unit)) * unit;
  return { size, count: Math.max(1, Math.ceil(length / size)) };
}

/** The different cuts that come of the sizes tried. */
function cuts(length: number, tried: readonly number[], unit: number): Cut[] {
  const found = new Map<number, Cut>();
  for (const maximum of tried) {
    const cut = evenly(length, maximum, unit);
    found.set(cut.size, cut);
  }
  return [...found.values()];
}

/** How much longer a tile's step takes with the right operand in place. */
function directFactor(shape: ProductShape, blockDepth: number): number {
  const bytes = 4 * shape.columns;
  if (bytes * blockDepth <= cost.directNearBytes) return cost.directNear;
  return bytes % cost.directConflictingBytes === 0 ? cost.directConflicting : cost.directFar;
}

/** The time that one cut takes, in cycles. */
function estimate(
  shape: ProductShape,
  right: RightSource,
  rows: Cut,
  columns: Cut,
  depth: Cut,
  threads: number,
): number {
  const height = Math.min(rows.size, shape.rows), width = Math.min(columns.size, shape.columns);
  const tilesDown = Math.ceil(height / TILE_ROWS), tilesAcross = Math.ceil(width / TILE_COLUMNS);
  const edges = (height % TILE_ROWS === 0 ? 0 : tilesAcross) +
    (width % TILE_COLUMNS === 0 ? 0 : tilesDown);
  const step = cost.tileStep * (right === "direct" ? directFactor(shape, depth.size) : 1);
  const rightElement = right === "packed" ? cost.packRight : cost.readRight;
  const packLeft = shape.transposeA ? cost.packLeftTransposed : cost.packLeft;
  const item = tilesDown * tilesAcross * (step * shape.depth + cost.tile * depth.count) +
    edges * cost.edge * depth.count + packLeft * height * shape.depth +
    rightElement * width * shape.depth;
  const entries = right === "shared" ? 1 : shape.count;
  const items = entries * rows.count * columns.count;
  // Threads are disturbed: even where items divide evenly, part of one is waited for.
  const rounds = threads === 1
    ? items
    : Math.max(Math.ceil(items / threads), items / threads + 0.3);
  const packing = right === "shared"
    ? cost.packRight * shape.columns * shape.depth / threads + cost.launch
    : 0;
  const waking = threads === 1 ? 0 : cost.wake * (right === "shared" ? 2 : 1);
  return (item * rounds + packing + waking + cost.launch) * shape.count / entries;
}

/** Whether blocks fit the scratch, and a shared operand a sensible amount of memory. */
function fits(
  shape: ProductShape,
  right: RightSource,
  rows: Cut,
  columns: Cut,
  depth: Cut,
): boolean {
  if (right === "shared" && shape.columns * shape.depth > MAXIMUM_SHARED_FLOATS) return false;
  const rightColumns = right === "packed" ? columns.size : right === "direct" ? TILE_COLUMNS : 0;
  return (rows.size + rightColumns) * depth.size <= PACKED_FLOATS;
}

function search(shape: ProductShape, threads: number): ProductPlan {
  const depth = evenly(shape.depth, MAXIMUM_DEPTH, 4);
  const sources: RightSource[] = shape.transposeB
    ? ["shared", "packed"]
    : ["shared", "packed", "direct"];
  let best: ProductPlan | undefined;
  let least = Infinity;
  for (const used of threads === 1 ? [1] : [1, threads]) {
    for (const right of sources) {
      for (const rows of cuts(shape.rows, ROWS_TRIED, TILE_ROWS)) {
        for (const columns of cuts(shape.columns, COLUMNS_TRIED, TILE_COLUMNS)) {
          if (!fits(shape, right, rows, columns, depth)) continue;
          const cycles = estimate(shape, right, rows, columns, depth, used);
          if (cycles >= least) continue;
          least = cycles;
          best = {
            right,
            blockRows: rows.size,
            blockColumns: columns.size,
            blockDepth: depth.size,
            rowBlocks: rows.count,
            columnBlocks: columns.count,
            depthBlocks: depth.count,
            parallel: used > 1,
          };
        }
      }
    }
  }
  return best!;
}

/** Plans that were found; training repeats a few dozen shapes. */
const plans = new Map<string, ProductPlan>();
const MAXIMUM_PLANS = 4096;

/** The plan for a product on `threads` threads. */
export function planProduct(shape: ProductShape, threads: number): ProductPlan {
  const { count, rows, columns, depth, transposeA, transposeB } = shape;
  const key = `${count},${rows},${columns},${depth},${transposeA},${transposeB},${threads}`;
  let plan = plans.get(key);
  if (plan === undefined) {
    plan = search(shape, threads);
    if (plans.size >= MAXIMUM_PLANS) plans.clear();
    plans.set(key, plan);
  }
  return plan;
}
