// The directions of the classes real and forged at each tapped block: running means, saved but not trained.

import { ConfigError } from "../errors.ts";
import { Module, StateBuffer } from "../nn/mod.ts";
import {
  add,
  copyInto,
  type Device,
  div,
  expand,
  matmul,
  maximum,
  minimum,
  mul,
  scoped,
  showShape,
  slice,
  stack,
  sub,
  sum,
  type Tensor,
  unsqueeze,
  withoutRecording,
  zeros,
} from "../tensor/mod.ts";
import { type Grid, patchShare } from "./grid.ts";
import { normalizeTokens, patchTokensOf } from "./tokens.ts";

/** What is known of a batch's images: the labels that training has, and where the forged pixels are. */
export interface BatchTruth {
  /** [batch], 0 real to 1 forged. */
  readonly labels: Tensor;
  /** [batch, height, width], 1 where forged. */
  readonly masks?: Tensor;
  /** [batch], 1 where the image's mask counts; all count where absent. */
  readonly hasMask?: Tensor;
}

/** How much of each running mean a step keeps. */
const kept = 0.9;

/**
 * Exponential means of normalized patch tokens: of real images, and of what was forged (by the share of each patch
 * that is, where the mask is known; else every patch of a forged image).
 *
 * Like the running statistics of batch normalization they are state buffers: saved, never trained, and updated by
 * training alone. The first update of a class sets its mean (as Adam corrects its moments); before it, it is 0.
 */
export class Prototypes extends Module {
  /** [taps, 2, width]: for each tapped block real, then forged. */
  readonly directions: StateBuffer;
  /** [taps, 2, 1]: how much has gone into each mean, 0 at first and near 1 later. */
  readonly weights: StateBuffer;
  /** Whether the directions were given from outside and stay. */
  readonly fixed: boolean;

  /**
   * Zero means for `taps` blocks of `width` features, or fixed directions [2, width] for all of them.
   *
   * @throws {ConfigError} The given directions have another shape.
   */
  constructor(taps: number, width: number, options: { device?: Device; given?: Tensor } = {}) {
    super();
    const { given, device } = options;
    if (given && !(given.rank === 2 && given.shape[0] === 2 && given.shape[1] === width)) {
      throw new ConfigError(
        `textDirections: expected [2, ${width}], real then forged, of the tokens' width, but ` +
          `found ${showShape(given.shape)}`,
      );
    }
    this.fixed = given !== undefined;
    this.directions = new StateBuffer(
      given ? add(zeros([taps, 2, width], { device }), given) : zeros([taps, 2, width], { device }),
    );
    this.weights = new StateBuffer(zeros([taps, 2, 1], { device }));
  }

  /** Directions at one of the tapped blocks (counted from 0): [2, width], real then forged. */
  at(tap: number): Tensor {
    return slice(this.directions.value, tap);
  }

  /**
   * Moves the means towards those of a batch. A class that the batch lacks stays.
   *
   * @param depths Tokens [batch, 1 + patches, width] after each tapped block.
   */
  update(depths: readonly Tensor[], grid: Grid, truth: BatchTruth): void {
    if (this.fixed) return;
    withoutRecording(() =>
      scoped(() => {
        const membership = classMembership(truth, grid);
        // [taps, 2, width]: sums over all patches of the batch, weighted by their membership.
        const sums = stack(depths.map((tokens) => {
          const patches = patchTokensOf(normalizeTokens(tokens), grid);
          return sum(matmul(membership, patches), 0);
        }));
        const counts = unsqueeze(sum(membership, [0, 2]), 1);
        const means = div(sums, maximum(counts, 1e-12));
        // 1 - kept where the class is there (a fraction of a patch counts as little), else 0.
        const rate = mul(minimum(counts, 1), 1 - kept);
        const { directions, weights } = this;
        const weight = add(weights.value, mul(rate, sub(1, weights.value)));
        const step = div(expand(rate, weight.shape), maximum(weight, 1e-12));
        const moved = add(directions.value, mul(step, sub(means, directions.value)));
        copyInto(directions.value, moved);
        copyInto(weights.value, weight);
      })
    );
  }
}

/** How much each patch belongs to the classes real and forged: [batch, 2, patches]. */
function classMembership({ labels, masks, hasMask }: BatchTruth, grid: Grid): Tensor {
  const forgedImage = unsqueeze(labels, 1);
  const shape = [labels.shape[0], grid[0] * grid[1]];
  const real = expand(sub(1, forgedImage), shape);
  if (!masks) return stack([real, expand(forgedImage, shape)], 1);
  const share = patchShare(masks, grid);
  // Where no mask is known, every patch of a forged image counts.
  const known = hasMask ? unsqueeze(hasMask, 1) : 1;
  const where = add(mul(known, share), sub(1, known));
  return stack([real, mul(forgedImage, where)], 1);
}
