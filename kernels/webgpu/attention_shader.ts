// What attention's shaders share. An invocation owns a few tokens of one head (queries, or keys) and walks over the others
// block by block; scores live in registers only, sums along the head's width in the result itself.

import { exp, log } from "../expression/functions.ts";
import { input } from "../expression/expression.ts";
import { toWgslFunction, wgslPrelude } from "../expression/to_wgsl.ts";
import type { AttentionLayout } from "../kernel.ts";
import { lengthClass } from "./choices.ts";
import { floatWord, gridOf, type WebGpuBinding, type WebGpuLauncher } from "./kernel.ts";
import { indent, range } from "./printing.ts";

/** How attention is cut. */
export interface AttentionTile {
  /** Tokens that an invocation owns, and tokens of a block that it looks at together. */
  readonly owned: number;
  readonly block: number;
  /** Invocations of a workgroup. */
  readonly invocations: number;
  /** Whether a head's width is loaded four numbers at once. */
  readonly vectors: boolean;
  readonly causal: boolean;
}

/** The words of attention's shaders; `firsts` are the first elements of the buffers. */
export function attentionFields(buffers: readonly string[]): string[] {
  return [
    "tokens: u32",
    "heads: u32",
    "headWidth: u32",
    "tiles: u32",
    "items: u32",
    "scale: f32",
    ...buffers.map((name) => `first_${name}: u32`),
  ];
}

/** The words for {@linkcode attentionFields}. */
export function attentionWords(
  { batch, tokens, heads, headWidth, scale }: AttentionLayout,
  tile: AttentionTile,
  buffers: readonly WebGpuBinding[],
): number[] {
  const tiles = Math.ceil(tokens / tile.owned);
  const firsts = buffers.map(({ first }) => first);
  return [tokens, heads, headWidth, tiles, batch * heads * tiles, floatWord(scale), ...firsts];
}

/** The grid that covers all tiles of all heads. */
export function attentionGrid(
  { batch, tokens, heads }: AttentionLayout,
  { owned, invocations }: AttentionTile,
): [x: number, y: number, z: number] {
  return gridOf(Math.ceil(batch * heads * Math.ceil(tokens / owned) / invocations));
}

/** The multiply-adds of the scores from which on it pays to compile the largest tile. */
const WORTHWHILE = 5e6;

/** Tokens that an invocation owns, and those of a block, by the name of the way. */
const tileSizes = {
  "11x11": { owned: 11, block: 11 },
  "8x8": { owned: 8, block: 8 },
  "4x8": { owned: 4, block: 8 },
  "4x4": { owned: 4, block: 4 },
} as const;

/** How attention is cut for an adapter; `wide` are the buffers with rows as wide as a head. */
export function attentionTile(
  executor: WebGpuLauncher,
  operation: "attention" | "attentionBackward",
  { batch, tokens, heads, headWidth, causal }: AttentionLayout,
  wide: readonly WebGpuBinding[],
): AttentionTile {
  const { software, choices } = executor;
  const vectors = headWidth % 4 === 0 && wide.every(({ first }) => first % 4 === 0);
  // On a CPU loads decide, so tiles are large (8 x 8 is a fifth faster than 4 x 8, 11 x 11 twice as fast as that, but no faster
  // for the gradient, which keeps twice as many sums), but single loads make large tiles slow to compile. It computes eight
  // invocations as one vector.
  const isLarge = operation === "attention" && tokens > 8 &&
    batch * heads * tokens ** 2 * headWidth >= WORTHWHILE;
  const way = vectors
    ? choices.choose(
      operation,
      `${lengthClass(tokens)} tokens of ${lengthClass(headWidth)}`,
      ["11x11", "8x8", "4x8", "4x4"] as const,
      !software ? "4x4" : isLarge ? "11x11" : "8x8",
    )
    : "4x4";
  return { ...tileSizes[way], invocations: software ? 8 : 64, vectors, causal };
}

/** The functions `exponential` and `logarithm`. */
export const attentionFunctions: string = wgslPrelude +
  toWgslFunction("exponential", exp(input(0)), 1) + toWgslFunction("logarithm", log(input(0)), 1);

/** Printers that depend on how a head's width is loaded. */
export class WidthPrinter {
  /** The type of what is loaded at once. */
  readonly type: "vec4<f32>" | "f32";
  readonly #step: number;

  /** For loads of four numbers at once, or of one. */
  constructor(vectors: boolean) {
    this.type = vectors ? "vec4<f32>" : "f32";
    this.#step = vectors ? 4 : 1;
  }

  /** A loop along the width; `along` is the index in it, in units of what is loaded. */
  loop(lines: readonly string[], depth = 1): string {
    return indent([
      `for (var along = 0u; along < parameters.headWidth / ${this.#step}u; along++) {`,
      ...lines.map((line) => `  ${line}`),
      "}",
    ], depth);
  }

  /** `sum` plus the scalar product of two loads. */
  multiplyAdd(a: string, b: string, sum: string): string {
    return this.type === "f32" ? `fma(${a}, ${b}, ${sum})` : `${sum} + dot(${a}, ${b})`;
  }

  /** `sum` plus a load times a number. */
  scaleAdd(factor: string, value: string, sum: string): string {
    const wide = this.type === "f32" ? factor : `vec4<f32>(${factor})`;
    return `fma(${wide}, ${value}, ${sum})`;
  }

  /** Where a token's query (0), key (1) or value (2) begins in a packed buffer, in units of what is loaded. */
  packed(buffer: string, token: string, part: 0 | 1 | 2): string {
    return `(parameters.first_${buffer} + (((entry * parameters.tokens + ${token}) * 3u + ${part}u) * parameters.heads + head) * parameters.headWidth) / ${this.#step}u`;
  }

  /** Where a token's row begins in `[batch, tokens, heads, headWidth]`, in units of what is loaded. */
  unpacked(buffer: string, token: string): string {
    return `(parameters.first_${buffer} + ((entry * parameters.tokens + ${token}) * parameters.heads + head) * parameters.headWidth) / ${this.#step}u`;
  }
}

/** Statements that find the invocation's head and tokens: `own0` and so on, those beyond the last being the last. */
export function printOwnTokens({ owned }: AttentionTile, item: string): string {
  return indent([
    `let item = ${item};`,
    "if (item >= parameters.items) { return; }",
    "let row = item / parameters.tiles;",
    "let entry = row / parameters.heads;",
    "let head = row % parameters.heads;",
    `let firstOwn = (item % parameters.tiles) * ${owned}u;`,
    ...range(owned).map((i) => `let own${i} = min(firstOwn + ${i}u, parameters.tokens - 1u);`),
  ]);
}
