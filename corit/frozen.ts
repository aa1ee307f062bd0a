// What the frozen blocks of a detector make of images: it never changes while the rest learns, so that it is computed
// once and gone on from.

import type { VisionTransformer } from "../nn/mod.ts";
import { concat, mean, ones, reshape, stack, type Tensor, unsqueeze } from "../tensor/mod.ts";
import type { Grid } from "./grid.ts";
import type { BatchTruth } from "./prototypes.ts";
import { classTokenOf, patchTokensOf } from "./tokens.ts";

/** What is known of images when the frozen blocks are done. */
export interface FrozenFeatures {
  /** [batch, taps, 2, width]: class token and mean of the patches after each frozen block that the head reads, if any. */
  readonly pooled?: Tensor;
  /** [batch, tokens, width] after the last frozen block, where anything reads them. */
  readonly tokens?: Tensor;
}

/** A batch whose images have passed the frozen blocks. Its masks may be as coarse as the grid of patches. */
export interface FrozenBatch extends BatchTruth, FrozenFeatures {}

/** What of a detector is frozen, and what is kept of it. */
export interface FrozenPart {
  /** The last block that is frozen with everything before it. */
  readonly block: number;
  /** The blocks up to there whose class token and mean of patches are kept. */
  readonly taps: readonly number[];
  /** Whether all tokens after the last frozen block are kept. */
  readonly tokens: boolean;
}

/** The grid of pooled tokens: one cell, which stands for all patches. */
export const oneCell: Grid = [1, 1];

/** Tokens [batch, tokens, width] as a class token and the mean of the patches: [batch, 2, width]. */
export function poolTokens(tokens: Tensor, grid: Grid): Tensor {
  return stack([classTokenOf(tokens), mean(patchTokensOf(tokens, grid), 1)], 1);
}

/** Each patch by itself beside its image's class token: [batch * patches, 2, width]. */
export function singlePatches(tokens: Tensor, grid: Grid): Tensor {
  const patches = patchTokensOf(tokens, grid);
  const [batch, count, width] = patches.shape;
  const shape = [batch * count, 1, width];
  const classTokens = unsqueeze(classTokenOf(tokens), 1).add(patches.mul(0));
  return concat([reshape(classTokens, shape), reshape(patches, shape)], 1);
}

/** A region of one cell that is the whole image, [batch, 1]. */
export function wholeCell({ shape: [batch], dtype, device }: Tensor): Tensor {
  return ones([batch, 1], { dtype, device });
}

/** The frozen part of images' pass: images [batch, 3, height, width], 0..255. */
export function passFrozen(
  encoder: VisionTransformer,
  images: Tensor,
  { block, taps, tokens: all }: FrozenPart,
): FrozenFeatures {
  const { tokens, taps: found, grid } = encoder.forwardTokens(images, { taps, until: block });
  const pooled = taps.map((tap) => poolTokens(found.get(tap)!, grid));
  return {
    ...(pooled.length > 0 ? { pooled: stack(pooled, 1) } : {}),
    ...(all ? { tokens } : {}),
  };
}
