// What passes measure on the device: told at once, or gathered there over some steps and read together.

import { NumericError } from "../errors.ts";
import { zeros } from "../tensor/create.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";
import { copyInto } from "../tensor/update.ts";

/** What one pass measured. */
export interface Measured {
  /** The loss. */
  readonly loss: number;
  /** The gradient's global norm. */
  readonly gradientNorm: number;
}

/** Passes for each step that room is made for; where a step has more, it is read sooner. */
const PASSES = 2;

/** A pass whose numbers may not have been read yet. */
class Deferred implements Measured {
  numbers: { readonly loss: number; readonly gradientNorm: number } | undefined;

  constructor(readonly owner: Measurements, readonly step: number, readonly pass: number) {}

  get loss(): number {
    if (!this.numbers) this.owner.readSync();
    return this.numbers!.loss;
  }

  get gradientNorm(): number {
    if (!this.numbers) this.owner.readSync();
    return this.numbers!.gradientNorm;
  }
}

/** Measurements that wait in device memory until somebody asks, or there are many. */
export class Measurements {
  #rows: Tensor | undefined;
  /** Numbers of a pass, the loss and the norm first. */
  #length = 0;
  #waiting: Deferred[] = [];
  #firstBad: NumericError | undefined;

  /** For the passes of so many steps. */
  constructor(readonly steps: number) {}

  /** Makes room for tensors like the one with a pass's numbers; reads what waits elsewhere. */
  attach(like: Tensor): void {
    if (this.#rows?.device === like.device && this.#rows.dtype === like.dtype) return;
    this.#length = like.size;
    if (this.#waiting.length > 0) this.readSync();
    this.#rows?.release();
    this.#rows = keep(zeros([this.steps * PASSES * like.size], like));
  }

  /** Notes a pass, the first being 1, whose numbers a tensor holds until the next. */
  note(numbers: Tensor, step: number, pass: number): Measured {
    if (this.#waiting.length === this.steps * PASSES) this.readSync();
    copyInto(this.#rows!, numbers, this.#waiting.length * this.#length);
    const deferred = new Deferred(this, step, pass);
    this.#waiting.push(deferred);
    return deferred;
  }

  /** Whether as many steps wait as may; `step` is the last of them. */
  isFull(step: number): boolean {
    const [first] = this.#waiting;
    return first !== undefined && step - first.step + 1 >= this.steps;
  }

  /**
   * Reads what waits, in the same turn.
   *
   * @throws {NumericError} A loss or a norm is not finite, or one was before.
   */
  readSync(): void {
    if (this.#waiting.length > 0) this.#tell(this.#rows!.dataSync());
    if (this.#firstBad) throw this.#firstBad;
  }

  /**
   * Reads what waits.
   *
   * @throws {NumericError} A loss or a norm is not finite, or one was before.
   */
  async read(): Promise<void> {
    if (this.#waiting.length > 0) this.#tell(await this.#rows!.data());
    if (this.#firstBad) throw this.#firstBad;
  }

  #tell(numbers: ArrayLike<number>): void {
    this.#waiting.forEach((deferred, at) => {
      const [loss, gradientNorm] = [numbers[at * this.#length], numbers[at * this.#length + 1]];
      deferred.numbers = { loss, gradientNorm };
      if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
      const { step, pass } = deferred;
      this.#firstBad ??= new NumericError(
        `step ${step}${pass === 1 ? "" : `, pass ${pass}`}: ${
          Number.isFinite(loss) ? `the gradient's norm is ${gradientNorm}` : `the loss is ${loss}`
        }; the weights are as before the step`,
      );
    });
    this.#waiting = [];
  }
}
