// How a matrix product is carried out: which shader, which tile, how often the depth is split.

import type { KernelParameters } from "../kernel.ts";
import { type Axis, joinAxes } from "./axes.ts";
import type { LoadOrder } from "./matmul_operand.ts";
import { REGISTER_INVOCATIONS, type RegisterTile } from "./matmul_registers.ts";
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
}

/** Which shader, with its tile of the result. */
export type ProductTile =
  | { readonly kind: "registers"; readonly tile: RegisterTile }
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
/** Threads of a software adapter: more are seldom, and a finer cut costs little. */
const SOFTWARE_THREADS = 4;
/** What another launch costs there, in multiply-adds of one thread. */
const LAUNCH_COST = 25_000;
/** Parts of the depth that are tried, and the fewest steps of one. */
const splitCounts = [1, 2, 4, 8, 16];
const SOFTWARE_SPLIT_DEPTH = 64;

/** A GPU is kept busy by so many workgroups; parts of the depth have at least so many steps. */
const GPU_WORKGROUPS = 128;
const GPU_SPLIT_DEPTH = 256;

const tilesOf = (length: number, tile: number): number => Math.ceil(length / tile);

function loadCost(order: LoadOrder): number {
  return order === "strided" ? SINGLE_LOAD_COST : VECTOR_LOAD_COST;
}

/** The plan with the least estimated time of all tiles and splits, in multiply-adds of one thread. */
function planForSoftware(shape: ProductShape): ProductPlan {
  const { entries, rows, columns, depth, right, storesVectors } = shape;
  const work = entries * rows * columns * depth;
  let best: ProductPlan | undefined, bestCost = Infinity;
  for (const { worthwhile, ...size } of registerTiles) {
    const left = shape.left === "lines" && size.rows % 4 !== 0 ? "strided" : shape.left;
    const isStrided = left === "strided" || right === "strided" || !storesVectors;
    if (work < worthwhile || isStrided && size.rows * size.columns > LARGEST_STRIDED_TILE) continue;
    const rowTiles = tilesOf(rows, size.rows), columnTiles = tilesOf(columns, size.columns);
    const stepCost = size.rows * size.columns + loadCost(left) * size.rows +
      loadCost(right) * size.columns;
    const storeCost = SINGLE_LOAD_COST * size.rows * size.columns;
    for (const wantedSplits of splitCounts) {
      const splitDepth = Math.max(4, Math.ceil(depth / wantedSplits / 4) * 4);
      if (wantedSplits > 1 && splitDepth < SOFTWARE_SPLIT_DEPTH) break;
      const splits = Math.max(1, Math.ceil(depth / splitDepth));
      const workgroups = Math.ceil(
        entries * rowTiles * columnTiles * splits / REGISTER_INVOCATIONS,
      );
      const rounds = Math.ceil(workgroups / SOFTWARE_THREADS);
      const cost = rounds * (splitDepth * stepCost + storeCost) + (splits > 1 ? LAUNCH_COST : 0);
      if (cost >= bestCost) continue;
      bestCost = cost;
      const tile = { ...size, left, right, storesVectors };
      best = { kind: "registers", tile, rowTiles, columnTiles, splits, splitDepth };
    }
  }
  return best!;
}

/** The largest tile that gives enough workgroups; where none does, the depth is split. */
function planForGpu(shape: ProductShape): ProductPlan {
  const { entries, rows, columns, depth, rightAlongDepth } = shape;
  const planWith = (tile: ProductTile, tileRows: number, tileColumns: number): ProductPlan => {
    const rowTiles = tilesOf(rows, tileRows), columnTiles = tilesOf(columns, tileColumns);
    const workgroups = entries * rowTiles * columnTiles;
    const wanted = Math.min(
      Math.ceil(GPU_WORKGROUPS / workgroups),
      Math.floor(depth / GPU_SPLIT_DEPTH),
    );
    const splitDepth = Math.max(1, Math.ceil(depth / Math.max(1, wanted) / 16) * 16);
    const splits = Math.max(1, Math.ceil(depth / splitDepth));
    return { ...tile, rowTiles, columnTiles, splits, splitDepth };
  };
  if (rows <= VECTOR_ROWS) {
    return planWith({ kind: "vector" }, VECTOR_ROWS, vectorColumns(rightAlongDepth));
  }
  const { tile } = workgroupTiles.find(({ tile, workgroups }) => {
    const side = tileSide(tile);
    return entries * tilesOf(rows, side) * tilesOf(columns, side) >= workgroups;
  })!;
  const side = tileSide(tile);
  return planWith({ kind: "workgroup", tile }, side, side);
}

/** Chooses for a product, none of whose rows, columns and entries are 0. */
export function planProduct(shape: ProductShape, software: boolean): ProductPlan {
  return software ? planForSoftware(shape) : planForGpu(shape);
}
