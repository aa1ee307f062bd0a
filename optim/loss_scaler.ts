// Loss scaling: small gradients are lifted out of what float16 rounds to zero, and steps that overflow are left out.

import { ConfigError, StateError } from "../errors.ts";

/** Options of a {@linkcode LossScaler}; the defaults are PyTorch's. */
export interface LossScalerOptions {
  /** What the loss is multiplied by at first; 65536 by default. */
  readonly initialScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without overflow; 2 by default. */
  readonly growthFactor?: number;
  /** What it is multiplied by after a step that overflowed; 0.5 by default. */
  readonly backoffFactor?: number;
  /** Steps in a row without overflow after which the scale grows; 2000 by default. */
  readonly growthInterval?: number;
}

/** Below this scale a gradient that is not finite is no overflow: something is wrong with the model. */
const SMALLEST_SCALE = 2 ** -16;

/**
 * The scale of a loss, by the rule of PyTorch's `GradScaler`: a step whose gradient is not finite is skipped and the scale
 * shrinks; after enough steps without that it grows. Give one to `trainStep`: gradients are divided by the scale before
 * anything sees them, so that clipping, SAM and the optimizer work on the true ones.
 *
 * @throws {ConfigError} A factor would not let the scale grow or shrink, or the scale or the interval is not positive.
 *
 * @example
 * ```ts
 * import { LossScaler } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const scaler = new LossScaler({ initialScale: 1024, growthInterval: 2 });
 * scaler.update(true);
 * assertEquals(scaler.scale, 512);
 * scaler.update(false);
 * scaler.update(false);
 * assertEquals(scaler.scale, 1024);
 * ```
 */
export class LossScaler {
  readonly #growthFactor: number;
  readonly #backoffFactor: number;
  readonly #growthInterval: number;
  #scale: number;
  #sinceOverflow = 0;
  #skipped = 0;

  /** A scaler at its initial scale. */
  constructor(options: LossScalerOptions = {}) {
    const { initialScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000 } =
      options;
    const isSound = initialScale > 0 && Number.isFinite(initialScale) && growthFactor > 1 &&
      backoffFactor > 0 && backoffFactor < 1 && Number.isInteger(growthInterval) &&
      growthInterval >= 1;
    if (!isSound) {
      throw new ConfigError(
        "LossScaler: initialScale must be above 0, growthFactor above 1, backoffFactor between 0 and 1, and " +
          `growthInterval a whole number from 1, but they are ${initialScale}, ${growthFactor}, ` +
          `${backoffFactor}, ${growthInterval}`,
      );
    }
    this.#scale = initialScale;
    this.#growthFactor = growthFactor;
    this.#backoffFactor = backoffFactor;
    this.#growthInterval = growthInterval;
  }

  /** What the loss of the next step is multiplied by. */
  get scale(): number {
    return this.#scale;
  }

  /** Steps that were left out so far. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Whether the scale has become so small that a smaller one cannot help. */
  get isExhausted(): boolean {
    return this.#scale < SMALLEST_SCALE;
  }

  /** Adjusts the scale after a step that was made, or left out since its gradient was not finite. */
  update(overflowed: boolean): void {
    if (overflowed) {
      this.#skipped++;
      this.#scale *= this.#backoffFactor;
      this.#sinceOverflow = 0;
      return;
    }
    this.#sinceOverflow++;
    if (this.#sinceOverflow < this.#growthInterval) return;
    this.#sinceOverflow = 0;
    const grown = Math.fround(this.#scale * this.#growthFactor);
    // A scale that is not finite would never come back.
    if (Number.isFinite(grown)) this.#scale = grown;
  }

  /** What it needs to go on from here. */
  state(): Readonly<Record<string, number>> {
    return {
      "lossScaler.scale": this.#scale,
      "lossScaler.sinceOverflow": this.#sinceOverflow,
      "lossScaler.skipped": this.#skipped,
    };
  }

  /**
   * Goes on from a saved state.
   *
   * @throws {StateError} A number is missing.
   */
  restore(numbers: Readonly<Record<string, number>>): void {
    for (const name of Object.keys(this.state())) {
      if (Number.isFinite(numbers[name])) continue;
      throw new StateError(
        `restore: the state has no number ${name}; it was saved without loss scaling`,
      );
    }
    this.#scale = numbers["lossScaler.scale"];
    this.#sinceOverflow = numbers["lossScaler.sinceOverflow"];
    this.#skipped = numbers["lossScaler.skipped"];
  }
}
