// What the matrix product's shaders share: their operands, how a tile of the result finds its place, and what is done to
// sums before they are stored.

import type { Expression } from "../expression/expression.ts";
import { toWgslFunction, wgslPrelude } from "../expression/to_wgsl.ts";
import { type BufferDeclaration, wgslBindings } from "./kernel.ts";

/** Axes of a batch that a shader walks; a batch of more is launched in parts. */
export const BATCH_AXES = 3;

/** What becomes of a sum: activation(sum + bias). */
export interface Epilogue {
  readonly bias: boolean;
  readonly activation?: Expression;
}

/** The words of a product, by name: all are u32. */
export const productFields = [
  "firstLeft",
  "firstRight",
  "firstBias",
  "firstResult",
  "rows",
  "columns",
  "depth",
  // Elements from a line (a row of the left, a column of the right), or a step of the depth, to the next.
  "leftLineStride",
  "leftDepthStride",
  "rightLineStride",
  "rightDepthStride",
  "resultRowStride",
  "resultColumnStride",
  "biasRowStride",
  "biasColumnStride",
  // The depth may be split into parts, each with a result of its own.
  "splits",
  "splitDepth",
  "rowTiles",
  "columnTiles",
  "tiles",
  // Entries of the batch: sizes of its inner axes, and elements from one to the next.
  "batchSize1",
  "batchSize2",
  "leftStride0",
  "leftStride1",
  "leftStride2",
  "rightStride0",
  "rightStride1",
  "rightStride2",
] as const;

/** The words of a product. */
export type ProductWords = Readonly<Record<typeof productFields[number], number>>;

/** The words in the order of {@linkcode productFields}. */
export function layOutWords(words: ProductWords): number[] {
  return productFields.map((field) => words[field]);
}

/** The types of the elements of a product's buffers. */
export type ElementTypes = Readonly<
  Record<"left" | "right" | "bias" | "result", BufferDeclaration["type"]>
>;

/** Single numbers everywhere. */
const numbers: ElementTypes = { left: "f32", right: "f32", bias: "f32", result: "f32" };

/** The declarations of a product's shader. */
export function printDeclarations({ bias, activation }: Epilogue, types = numbers): string {
  const buffers: BufferDeclaration[] = [
    { name: "left", type: types.left, access: "read" },
    { name: "right", type: types.right, access: "read" },
  ];
  if (bias) buffers.push({ name: "bias", type: types.bias, access: "read" });
  buffers.push({ name: "result", type: types.result, access: "read_write" });
  return wgslBindings(buffers, productFields.map((field) => `${field}: u32`)) +
    printActivation(activation);
}

/** The function `activate`, where there is an activation. */
export function printActivation(activation: Expression | undefined): string {
  return activation ? wgslPrelude + toWgslFunction("activate", activation, 1) : "";
}

/** What the part of a kernel's key says that its epilogue decides. */
export function epilogueKey({ bias, activation }: Epilogue): string {
  return `${bias ? " bias" : ""}${activation ? ` ${activation.key}` : ""}`;
}

/**
 * Statements that find the place of tile number `tile`: `rowTile` and `columnTile` in the result, the steps of the depth from
 * `depthBegin` to `depthEnd`, and where the matrices begin: `leftStart`, `rightStart`, `resultStart`.
 */
export const placeOfTile = `\
  let columnTile = tile % parameters.columnTiles;
  let tileRest = tile / parameters.columnTiles;
  let rowTile = tileRest % parameters.rowTiles;
  let part = tileRest / parameters.rowTiles;
  let depthBegin = (part % parameters.splits) * parameters.splitDepth;
  let depthEnd = min(depthBegin + parameters.splitDepth, parameters.depth);
  let entry = part / parameters.splits;
  let entry2 = entry % parameters.batchSize2;
  let entryRest = entry / parameters.batchSize2;
  let entry1 = entryRest % parameters.batchSize1;
  let entry0 = entryRest / parameters.batchSize1;
  let leftStart = parameters.firstLeft + entry0 * parameters.leftStride0 +
    entry1 * parameters.leftStride1 + entry2 * parameters.leftStride2;
  let rightStart = parameters.firstRight + entry0 * parameters.rightStride0 +
    entry1 * parameters.rightStride1 + entry2 * parameters.rightStride2;
  let resultStart = parameters.firstResult + part * parameters.rows * parameters.columns;
`;
