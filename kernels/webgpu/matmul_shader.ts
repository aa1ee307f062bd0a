// What the matrix product's shaders share: their operands, how a tile of the result finds its place, and what is done to
// sums before they are stored.

import type { Expression } from "../expression/expression.ts";
import { toWgslFunction, wgslPrelude } from "../expression/to_wgsl.ts";
import {
  type BoundBuffer,
  type BufferDeclaration,
  type WebGpuBinding,
  wgslBindings,
} from "./kernel.ts";
import { range } from "./printing.ts";

/** Axes of a batch that a shader walks; a batch of more is launched in parts. */
export const BATCH_AXES = 3;

/** What becomes of a sum. */
export interface Epilogue {
  readonly bias: boolean;
  /** One for each result, of sum + bias and of what the further operands hold in its place. */
  readonly expressions?: readonly Expression[];
  /** Further operands. */
  readonly more: number;
  /** Whether factors are rounded to float16 as they are loaded. Sums are float32 all the same. */
  readonly half?: boolean;
}

/** A product as it is. */
export const plainEpilogue: Epilogue = { bias: false, more: 0 };

/** Results beyond the first. */
function furtherResults({ expressions }: Epilogue): number {
  return expressions ? expressions.length - 1 : 0;
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
export function printDeclarations(
  epilogue: Epilogue,
  types = numbers,
  sumsLines = false,
): string {
  const buffers: BufferDeclaration[] = [
    { name: "left", type: types.left, access: "read" },
    { name: "right", type: types.right, access: "read" },
    ...epilogueBuffers(epilogue, types),
  ];
  const fields = [...productFields, ...epilogueFields(epilogue)];
  if (sumsLines) {
    buffers.push({ name: "lineSums", type: "f32", access: "read_write" });
    fields.push("firstLineSums");
  }
  return (epilogue.half ? "enable f16;\n" : "") +
    wgslBindings(buffers, fields.map((field) => `${field}: u32`)) + printFunctions(epilogue);
}

/** The buffers that follow the operands of the product. */
export function epilogueBuffers(
  epilogue: Epilogue,
  types: Pick<ElementTypes, "bias" | "result"> = numbers,
): BufferDeclaration[] {
  const buffers: BufferDeclaration[] = [];
  if (epilogue.bias) buffers.push({ name: "bias", type: types.bias, access: "read" });
  for (const index of range(epilogue.more)) {
    buffers.push({ name: `more${index}`, type: "f32", access: "read" });
  }
  buffers.push({ name: "result", type: types.result, access: "read_write" });
  for (const index of range(furtherResults(epilogue))) {
    buffers.push({ name: `output${index + 1}`, type: "f32", access: "read_write" });
  }
  return buffers;
}

/** The words that say where further operands and results begin; they follow all others. */
export function epilogueFields(epilogue: Epilogue): string[] {
  return [
    ...range(epilogue.more).map((index) => `firstMore${index}`),
    ...range(furtherResults(epilogue)).map((index) => `firstOutput${index + 1}`),
  ];
}

/** The functions `finish0`, `finish1`, ... that give the results. */
export function printFunctions({ expressions, more }: Epilogue): string {
  if (!expressions) return "";
  const functions = expressions.map((expression, index) =>
    toWgslFunction(`finish${index}`, expression, 1 + more)
  );
  return wgslPrelude + functions.join("");
}

/**
 * What the results become in one place.
 *
 * @param at Elements from the first result's beginning to the place.
 * @param sum sum + bias.
 * @returns The first result, and statements that store the others.
 */
export function printFinish(
  { expressions, more }: Epilogue,
  at: string,
  sum: string,
): { value: string; stores: string[] } {
  if (!expressions) return { value: sum, stores: [] };
  const operands = [
    sum,
    ...range(more).map((index) => `more${index}[parameters.firstMore${index} + ${at}]`),
  ].join(", ");
  const [value, ...others] = expressions.map((_, index) => `finish${index}(${operands})`);
  const stores = others.map((other, index) =>
    `output${index + 1}[parameters.firstOutput${index + 1} + ${at}] = ${other};`
  );
  return { value, stores };
}

/** What the part of a kernel's key says that its epilogue decides. */
export function epilogueKey({ bias, expressions = [], more, half }: Epilogue): string {
  return `${half ? " half" : ""}${bias ? " bias" : ""} ${more} ${
    expressions.map(({ key }) => key).join(" ")
  }`;
}

/** Further operands and results of a product. */
export interface FurtherOperands {
  readonly more: readonly WebGpuBinding[];
  /** The first result and the others. */
  readonly results: readonly WebGpuBinding[];
}

/** The buffers of {@linkcode epilogueBuffers} in their order; each holds `elements` from its start. */
export function bindEpilogue(
  bias: WebGpuBinding | undefined,
  { more, results }: FurtherOperands,
  elements: number,
): BoundBuffer[] {
  return [
    ...(bias ? [{ binding: bias, access: "read" } as const] : []),
    ...more.map((binding) => ({ binding, access: "read", elements }) as const),
    ...results.map((binding) => ({ binding, access: "read_write", elements }) as const),
  ];
}

/** The words of {@linkcode epilogueFields}, all shifted by `start` elements. */
export function epilogueWords({ more, results }: FurtherOperands, start: number): number[] {
  return [...more, ...results.slice(1)].map(({ first }) => first + start);
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
