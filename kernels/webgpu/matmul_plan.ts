// How a matrix product is carried out: which shader, which tile, how often the depth is split.
//
// The ways to carry it out are estimated here and chosen from in the table of choices.ts.

import type { KernelParameters } from "../kernel.ts";
import { type Axis, joinAxes } from "./axes.ts";
import type { LoadOrder } from "./matmul_operand.ts";
import { type ChoiceTable, lengthClass } from "./choices.ts";
import { REGISTER_INVOCATIONS, type RegisterTile } from "./matmul_registers.ts";
import type { SubgroupTile } from "./matmul_subgroups.ts";
import { tileSide, type WorkgroupTile } from "./matmul_workgroup.ts";
import { VECTOR_ROWS, vectorColumns } from "./matmul_vector.ts";

/** A product as shaders see it. Strides are in elements. */
export interface Product {
  /** Whether left is b and right is a: then the result is seen transposed too. */
  readonly swapped: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly leftLineStride: number;
  readonly leftDepthStride: number;
  readonly rightLineStride: number;
  readonly rightDepthStride: number;
  readonly resultRowStride: number;
  readonly resultColumnStride: number;
  readonly biasRowStride: number;
  readonly biasColumnStride: number;
  /** The batch, with the strides of left and right. */
  readonly axes: readonly Axis[];
}

/** A batch of left matrices that lie one after the other, times one right matrix, is one taller product. */
function foldBatch(
  axes: readonly Axis[],
  { rows, depth, transposeA }: KernelParameters["matmul"],
): { axes: readonly Axis[]; rows: number } {
  const inner = axes.at(-1);
  if (!inner || transposeA || inner.strides[1] !== 0 || inner.strides[0] !== rows * depth) {
    return { axes, rows };
  }
  return { axes: axes.slice(0, -1), rows: rows * inner.size };
}

/** The product made simple: few axes, and at least as many columns as rows where there are few of either. */
export function simplifyProduct(parameters: KernelParameters["matmul"]): Product {
  const { batch, batchStridesA, batchStridesB, columns, depth, transposeA, transposeB } =
    parameters;
  const { axes, rows } = foldBatch(joinAxes(batch, [batchStridesA, batchStridesB]), parameters);
  const left = transposeA ? { line: 1, step: parameters.rows } : { line: depth, step: 1 };
  const right = transposeB ? { line: depth, step: 1 } : { line: 1, step: columns };
  const swapped = columns < rows && columns <= VECTOR_ROWS;
  const common = { swapped, depth };
  if (!swapped) {
    return {
      ...common,
      rows,
      columns,
      leftLineStride: left.line,
      leftDepthStride: left.step,
      rightLineStride: right.line,
      rightDepthStride: right.step,
      resultRowStride: columns,
      resultColumnStride: 1,
      biasRowStride: 0,
      biasColumnStride: 1,
      axes,
    };
  }
  return {
    ...common,
    rows: columns,
    columns: rows,
    leftLineStride: right.line,
    leftDepthStride: right.step,
    rightLineStride: left.line,
    rightDepthStride: left.step,
    resultRowStride: 1,
    resultColumnStride: columns,
    biasRowStride: 1,
    biasColumnStride: 0,
    axes: axes.map(({ size, strides: [a, b] }) => ({ size, strides: [b, a] })),
  };
}

/** How an operand can be loaded: its lines, their stride and the depth's, and all that is added to find an element. */
export function loadOrderOf(
  lines: number,
  lineStride: number,
  depth: number,
  depthStride: number,
  starts: readonly number[],
): LoadOrder {
  const areMultiples = (...numbers: readonly number[]) => numbers.every((each) => each % 4 === 0);
  if (!areMultiples(...starts)) return "strided";
  if (depthStride === 1 && areMultiples(lineStride, depth)) return "depth";
  if (lineStride === 1 && areMultiples(depthStride, lines)) return "lines";
  return "strided";
}

/** What decides how a product is carried out. */
export interface ProductShape {
  readonly entries: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Whether the steps of a column of the right operand are neighbours in memory. */
  readonly rightAlongDepth: boolean;
  /** How four elements of an operand at once can be loaded, if at all, and whether results can be stored so. */
  readonly left: LoadOrder;
  readonly right: LoadOrder;
  readonly storesVectors: boolean;
  /** Whether it is a^T b of two matrices, as a weight's gradient is: the sums of a's columns may be wanted too. */
  readonly isGradient: boolean;
}

/** Which shader, with its tile of the result. */
export type ProductTile =
  | { readonly kind: "registers"; readonly tile: RegisterTile }
  | { readonly kind: "subgroups"; readonly tile: SubgroupTile }
  | { readonly kind: "workgroup"; readonly tile: WorkgroupTile }
  | { readonly kind: "vector" };

/** How a product is carried out. */
export type ProductPlan = ProductTile & {
  /** Tiles from top to bottom and from left to right. */
  readonly rowTiles: number;
  readonly columnTiles: number;
  /** Parts of the depth, each of `splitDepth` steps but for the last. */
  readonly splits: number;
  readonly splitDepth: number;
};

/** A way to carry a product out: the name by which the table of choices knows it, and its estimated time where there is one. */
interface Way {
  readonly name: string;
  readonly plan: ProductPlan;
  readonly cost: number;
}

/** Tiles of the result that one invocation computes. */
interface TileSize {
  readonly rows: number;
  readonly columns: number;
  /** The multiply-adds of a product from which on it pays to compile it: the largest takes about half a second. */
  readonly worthwhile: number;
}

/** Register tiles, largest first. */
const registerTiles: readonly TileSize[] = [
  { rows: 16, columns: 16, worthwhile: 30e6 },
  { rows: 8, columns: 16, worthwhile: 2e6 },
  { rows: 8, columns: 8, worthwhile: 200e3 },
  { rows: 4, columns: 8, worthwhile: 0 },
  { rows: 4, columns: 4, worthwhile: 0 },
  { rows: 2, columns: 8, worthwhile: 0 },
  { rows: 1, columns: 8, worthwhile: 0 },
  { rows: 1, columns: 4, worthwhile: 0 },
];

/** The same for lanes that share the left operand; more sums than 256 do not stay in the nearest cache. */
const subgroupTiles: readonly TileSize[] = [
  { rows: 32, columns: 8, worthwhile: 30e6 },
  { rows: 16, columns: 8, worthwhile: 2e6 },
  { rows: 8, columns: 8, worthwhile: 200e3 },
  { rows: 8, columns: 4, worthwhile: 0 },
];

/** The largest tile where some operand is loaded, or the result stored, element by element: more takes minutes to compile. */
const LARGEST_STRIDED_TILE = 32;

/** Workgroup tiles, largest first, with the workgroups from which on each keeps a GPU busy. */
const workgroupTiles: readonly { readonly tile: WorkgroupTile; readonly workgroups: number }[] = [
  { tile: { side: 16, groups: 2, depth: 8 }, workgroups: 256 },
  { tile: { side: 16, groups: 1, depth: 16 }, workgroups: 128 },
  { tile: { side: 8, groups: 1, depth: 16 }, workgroups: 0 },
];

/**
 * What loading a number costs on a software adapter, in multiply-adds (measured: rates of tiles from 4 x 4 to 16 x 16), where
 * it is one of four at once, and alone.
 */
const VECTOR_LOAD_COST = 10;
const SINGLE_LOAD_COST = 25;
/** What bringing a number from another lane costs. */
const BROADCAST_COST = 2;
/** Threads of a software adapter: more are seldom, and a finer cut costs little. */
const SOFTWARE_THREADS = 4;
/** What another launch costs there, in multiply-adds of one thread. */
const LAUNCH_COST = 25_000;
/** Parts of the depth that are tried, and the fewest steps of one. */
const allSplitCounts = [1, 2, 4, 8, 16];
const SOFTWARE_SPLIT_DEPTH = 64;

/** A GPU is kept busy by so many workgroups; parts of the depth have at least so many steps. */
const GPU_WORKGROUPS = 128;
const GPU_SPLIT_DEPTH = 256;

const tilesOf = (length: number, tile: number): number => Math.ceil(length / tile);

function loadCost(order: LoadOrder): number {
  return order === "strided" ? SINGLE_LOAD_COST : VECTOR_LOAD_COST;
}

/** Multiply-adds of one thread for the sums of a product whose depth is split: every part is stored and loaded again. */
function splitCost({ entries, rows, columns }: ProductShape, splits: number): number {
  if (splits === 1) return 0;
  const numbers = entries * rows * columns * (2 * splits + 1);
  return LAUNCH_COST + numbers * SINGLE_LOAD_COST / REGISTER_INVOCATIONS / SOFTWARE_THREADS;
}

/** A tile of a software adapter: the multiply-adds of a step and of its stores, and the result that a workgroup covers. */
interface SoftwareTile {
  readonly name: string;
  readonly tile: ProductTile;
  readonly stepCost: number;
  readonly storeCost: number;
  readonly rows: number;
  readonly columns: number;
  /** Such tiles that a workgroup computes. */
  readonly perWorkgroup: number;
}

/** The tiles that a product of this size and layout may use. */
function softwareTiles(shape: ProductShape, lanes: number | undefined): SoftwareTile[] {
  const { entries, rows, columns, depth, right, storesVectors } = shape;
  const work = entries * rows * columns * depth;
  const tiles: SoftwareTile[] = [];
  const consider = (size: TileSize, sharing: number | undefined): void => {
    const left = shape.left === "lines" && size.rows % 4 !== 0 ? "strided" : shape.left;
    const isStrided = left === "strided" || right === "strided" || !storesVectors;
    const sums = size.rows * size.columns;
    if (work < size.worthwhile || isStrided && sums > LARGEST_STRIDED_TILE) return;
    const tile = { rows: size.rows, columns: size.columns, left, right, storesVectors };
    const loadsLeft = loadCost(left) * size.rows, loadsRight = loadCost(right) * size.columns;
    const name = `${size.rows}x${size.columns}`;
    const storeCost = SINGLE_LOAD_COST * sums;
    tiles.push(
      sharing === undefined
        ? {
          ...{ name: `registers ${name}`, tile: { kind: "registers", tile }, storeCost },
          stepCost: sums + loadsLeft + loadsRight,
          ...{ rows: size.rows, columns: size.columns, perWorkgroup: REGISTER_INVOCATIONS },
        }
        : {
          name: `subgroups ${name}`,
          ...{ tile: { kind: "subgroups", tile: { ...tile, lanes: sharing } }, storeCost },
          stepCost: sums + loadsLeft / sharing + BROADCAST_COST * size.rows + loadsRight,
          ...{ rows: size.rows, columns: size.columns * sharing, perWorkgroup: 1 },
        },
    );
  };
  if (lanes !== undefined) { for (const size of subgroupTiles) consider(size, lanes); }
  for (const size of registerTiles) consider(size, undefined);
  return tiles;
}

/** All tiles with the split of the depth that suits each best, by estimated time in multiply-adds of one thread. */
function waysOfSoftware(
  shape: ProductShape,
  lanes: number | undefined,
  splitCounts: readonly number[],
): Way[] {
  const { entries, rows, columns, depth } = shape;
  return softwareTiles(shape, lanes).map((each): Way => {
    const rowTiles = tilesOf(rows, each.rows), columnTiles = tilesOf(columns, each.columns);
    let best: Way | undefined;
    for (const wantedSplits of splitCounts) {
      const splitDepth = Math.max(4, Math.ceil(depth / wantedSplits / 4) * 4);
      if (wantedSplits > 1 && splitDepth < SOFTWARE_SPLIT_DEPTH) break;
      const splits = Math.max(1, Math.ceil(depth / splitDepth));
      const tiles = entries * rowTiles * columnTiles * splits;
      const rounds = Math.ceil(Math.ceil(tiles / each.perWorkgroup) / SOFTWARE_THREADS);
      const cost = rounds * (splitDepth * each.stepCost + each.storeCost) +
        splitCost(shape, splits);
      if (best && cost >= best.cost) continue;
      const plan = { ...each.tile, rowTiles, columnTiles, splits, splitDepth };
      best = { name: each.name, plan, cost };
    }
    return best!;
  });
}

/** The tiles for a GPU, largest first; where a tile gives few workgroups, the depth is split. */
function waysOfGpu(shape: ProductShape): Way[] {
  const { entries, rows, columns, depth, rightAlongDepth } = shape;
  const way = (name: string, tile: ProductTile, tileRows: number, tileColumns: number): Way => {
    const rowTiles = tilesOf(rows, tileRows), columnTiles = tilesOf(columns, tileColumns);
    const workgroups = entries * rowTiles * columnTiles;
    const wanted = Math.min(
      Math.ceil(GPU_WORKGROUPS / workgroups),
      Math.floor(depth / GPU_SPLIT_DEPTH),
    );
    const splitDepth = Math.max(1, Math.ceil(depth / Math.max(1, wanted) / 16) * 16);
    const splits = Math.max(1, Math.ceil(depth / splitDepth));
    return { name, plan: { ...tile, rowTiles, columnTiles, splits, splitDepth }, cost: workgroups };
  };
  if (rows <= VECTOR_ROWS) {
    return [way("vector", { kind: "vector" }, VECTOR_ROWS, vectorColumns(rightAlongDepth))];
  }
  return workgroupTiles.map(({ tile, workgroups }) => {
    const side = tileSide(tile);
    const made = way(`workgroup ${side}x${tile.depth}`, { kind: "workgroup", tile }, side, side);
    // The first tile that keeps a GPU busy is the one to take.
    return { ...made, cost: made.cost >= workgroups ? 0 : 1 };
  });
}

/** Whether the shader of a plan can sum the left operand's lines too. */
export function canSumLines({ kind, splits }: ProductPlan): boolean {
  return splits === 1 && (kind === "subgroups" || kind === "workgroup");
}

/** Chooses for a product, none of whose rows, columns and entries are 0; `lanes` are those of a subgroup. */
export function planProduct(
  shape: ProductShape,
  choices: ChoiceTable,
  lanes: number | undefined,
): ProductPlan {
  const { entries, rows, columns, depth, left, right, isGradient } = shape;
  const isSoftware = choices.adapterClass === "software";
  let ways = isSoftware
    ? waysOfSoftware(shape, lanes, isGradient ? [1] : allSplitCounts)
    : waysOfGpu(shape);
  // A CPU gains little by a split; a GPU that wants one is not kept busy without.
  if (isGradient && isSoftware && ways.some(({ plan }) => canSumLines(plan))) {
    ways = ways.filter(({ plan }) => canSumLines(plan));
  }
  const standard = ways.reduce((best, each) => each.cost < best.cost ? each : best);
  const shapeClass = `${left} ${right} ${lengthClass(entries)} x ${lengthClass(rows)} x ` +
    `${lengthClass(columns)} x ${lengthClass(depth)}`;
  const name = choices.choose("matmul", shapeClass, ways.map((way) => way.name), standard.name);
  return ways.find((way) => way.name === name)!.plan;
}
