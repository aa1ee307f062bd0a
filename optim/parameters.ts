// The arena: a model's trained parameters as named views into one flat tensor.

import { ConfigError, DeviceError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import type { Module } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";
import { tensor, zeros, zerosLike } from "../tensor/create.ts";
import { scoped } from "../tensor/scoped.ts";
import { type Shape, sizeOf } from "../tensor/shape.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";
import { copyInto, update } from "../tensor/update.ts";

/** Views start at multiples of this many elements: 256 bytes of float32, what WebGPU asks of a binding. */
export const arenaAlignment = 64;

/** Where one trained parameter lies. */
export interface ArenaEntry {
  /** Its first name in the model. */
  readonly name: string;
  /** The parameter, whose value is the view. */
  readonly parameter: Parameter;
  /** Lengths of its axes. */
  readonly shape: Shape;
  /** Elements before it in the flat tensor. */
  readonly offset: number;
  /** Elements of its own. */
  readonly size: number;
}

const share = input(0).mul(input(1));
const shareAdded = input(2).add(share);

function layOut(model: Module): { entries: ArenaEntry[]; length: number } {
  const entries: ArenaEntry[] = [];
  const seen = new Set<Parameter>();
  let offset = 0;
  for (const [name, parameter] of model.namedParameters()) {
    if (!parameter.trained || seen.has(parameter)) continue;
    seen.add(parameter);
    const { shape } = parameter;
    const size = sizeOf(shape);
    entries.push({ name, parameter, shape, offset, size });
    offset += Math.ceil(size / arenaAlignment) * arenaAlignment;
  }
  if (entries.length === 0) {
    throw new ConfigError("ParameterArena: nothing is trained; unfreeze some parameters");
  }
  return { entries, length: offset };
}

/**
 * The trained parameters of a model in one flat tensor, so that an optimizer's step, a norm, an average or an
 * all-reduce is one kernel. Every parameter's value becomes a view; the padding between views stays zero. A tied
 * parameter has one view.
 *
 * @example
 * ```ts
 * import { Linear } from "@corit/corit/nn";
 * import { ParameterArena } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const arena = new ParameterArena(new Linear(2, 3, { random: 0 }));
 * assertEquals(arena.entries.map(({ name, offset }) => [name, offset]), [["weight", 0], ["bias", 64]]);
 * assertEquals(arena.values.shape, [128]);
 * ```
 */
export class ParameterArena {
  #entries: readonly ArenaEntry[] = [];
  #views: readonly Tensor[] = [];
  #gradientViews: readonly Tensor[] = [];
  #values: Tensor | undefined;
  #gradient: Tensor | undefined;

  /**
   * Moves a model's trained parameters into a new arena.
   *
   * @throws {ConfigError} Nothing is trained.
   * @throws {DeviceError} The parameters differ in device or type.
   */
  constructor(
    /** The model whose parameters these are. */
    readonly model: Module,
  ) {
    const { entries, length } = layOut(model);
    this.#build(entries, length);
  }

  /** Where each trained parameter lies, in the model's order. */
  get entries(): readonly ArenaEntry[] {
    return this.#entries;
  }

  /** The flat weights. */
  get values(): Tensor {
    return this.#values!;
  }

  /** The flat gradient that {@linkcode gatherGradients} wrote last; zero in the padding. */
  get gradient(): Tensor {
    return this.#gradient!;
  }

  /** The views in the order of `entries`: what a loss is differentiated by. */
  get parameters(): readonly Tensor[] {
    return this.#views;
  }

  /** The part of a flat tensor of this layout that belongs to one entry, sharing its memory. */
  view(flat: Tensor, entry: ArenaEntry): Tensor {
    return flat.view(entry.shape, entry.offset);
  }

  /**
   * Writes gradients, in the order of `parameters`, into {@linkcode gradient}.
   *
   * @param options `share` multiplies them; `add` adds them to what is there, else they replace it.
   */
  gatherGradients(
    gradients: readonly Tensor[],
    options: { readonly share?: number; readonly add?: boolean } = {},
  ): void {
    const { share: factor = 1, add = false } = options;
    if (factor === 1 && !add) {
      gradients.forEach((each, at) => copyInto(this.gradient, each, this.#entries[at].offset));
      return;
    }
    scoped(() => {
      const scale = tensor(factor, { device: this.gradient.device, dtype: this.gradient.dtype });
      gradients.forEach((each, at) => {
        const view = this.#gradientViews[at];
        update([view], [add ? shareAdded : share], [each, scale, view]);
      });
    });
  }

  /**
   * One number for each trained element, laid out as the weights (0 in the padding), or a scalar where all are equal.
   * It belongs to the caller, who releases it.
   */
  perElement(valueOf: (entry: ArenaEntry) => number): Tensor {
    const { device, dtype } = this.values;
    const numbers = this.#entries.map(valueOf);
    if (numbers.every((number) => number === numbers[0])) {
      return keep(tensor(numbers[0], { device, dtype }));
    }
    const flat = new Float64Array(this.values.size);
    this.#entries.forEach(({ offset, size }, at) => flat.fill(numbers[at], offset, offset + size));
    return keep(tensor(flat, { device, dtype }));
  }

  /**
   * Follows what happened to the model: takes in values that were set from outside, and lays the arena out anew when
   * other parameters are trained than before.
   *
   * @returns Whether the layout changed, so that what is laid out alike must follow.
   */
  refresh(): boolean {
    const { entries, length } = layOut(this.model);
    const same = entries.length === this.#entries.length &&
      entries.every(({ parameter }, at) => parameter === this.#entries[at].parameter);
    const bound = same && entries.every(({ parameter }, at) => parameter.value === this.#views[at]);
    if (bound) return false;
    this.#build(entries, length);
    return !same;
  }

  #build(entries: readonly ArenaEntry[], length: number): void {
    const [{ parameter: { value: like } }] = entries;
    for (const { name, parameter: { value } } of entries) {
      if (value.device !== like.device || value.dtype !== like.dtype) {
        throw new DeviceError(
          `ParameterArena: all parameters lie on one device in one type, but ${name} is ` +
            `${value.dtype} on ${value.device} and ${entries[0].name} is ${like.dtype} on ` +
            like.device,
        );
      }
    }
    const values = keep(zeros([length], like));
    for (const { parameter, offset } of entries) copyInto(values, parameter.value, offset);
    const staying = new Set(entries.map((entry) => entry.parameter));
    this.#entries.forEach(({ parameter }, at) => {
      // A parameter that is trained no more leaves with a copy, so that the old arena can go.
      if (staying.has(parameter) || parameter.value !== this.#views[at]) return;
      const own = zerosLike(parameter.value);
      copyInto(own, parameter.value);
      parameter.value = own;
    });
    const views = entries.map((entry) => this.view(values, entry));
    entries.forEach(({ parameter }, at) => parameter.value = views[at]);
    this.#gradientViews.forEach((view) => view.release());
    this.#gradient?.release();
    this.#values?.release();
    const gradient = keep(zeros([length], values));
    this.#gradient = gradient;
    this.#gradientViews = entries.map((entry) => keep(this.view(gradient, entry)));
    this.#values = values;
    this.#views = views;
    this.#entries = entries;
  }
}
