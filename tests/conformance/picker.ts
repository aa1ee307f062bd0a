// Draws shapes and options from a fast-check generator, so that a failing example shrinks.

import fc from "fast-check";
import type { GeneratorValue } from "fast-check";

/** Lengths of axes on which devices are compared: none, one, odd, and beyond what a workgroup does at once. */
export const lengths: readonly number[] = [0, 1, 3, 5, 65, 257];

/** The most elements of a tensor there. */
export const limit = 4000;

/** Draws lengths, shapes and choices. */
export class Picker {
  readonly #generate: GeneratorValue;
  readonly #lengths: readonly number[];
  readonly #limit: number;

  /** Draws axis lengths from `lengths`, and shapes of at most `limit` elements. */
  constructor(generate: GeneratorValue, lengths: readonly number[], limit: number) {
    this.#generate = generate;
    this.#lengths = lengths;
    this.#limit = limit;
  }

  /** One of some values. */
  oneOf<Value>(...values: readonly Value[]): Value {
    return this.#generate(fc.constantFrom, ...values) as Value;
  }

  /** A whole number in low..high. */
  between(low: number, high: number): number {
    return this.#generate(fc.integer, { min: low, max: high });
  }

  /** True or false. */
  flag(): boolean {
    return this.#generate(fc.boolean);
  }

  /** The length of an axis, at most `atMost`. */
  length(atMost = Infinity): number {
    return this.oneOf(...this.#lengths.filter((length) => length <= atMost));
  }

  /** A length of at least 1. */
  positive(atMost = Infinity): number {
    return this.oneOf(...this.#lengths.filter((length) => length > 0 && length <= atMost));
  }

  /** A shape whose rank lies in least..most. The longest axes are cut where it would hold too many elements. */
  shape(least: number, most: number, positive = false): number[] {
    const rank = this.between(least, most);
    return this.cut(
      Array.from({ length: rank }, () => positive ? this.positive() : this.length()),
    );
  }

  /** A shape with its longest axes shortened until it holds at most as many elements as are allowed. */
  cut(shape: readonly number[]): number[] {
    const result = [...shape];
    while (result.reduce((product, length) => product * length, 1) > this.#limit) {
      const longest = result.indexOf(Math.max(...result));
      result[longest] = Math.max(...this.#lengths.filter((length) => length < result[longest]));
    }
    return result;
  }

  /** A shape that broadcasts to the given one: some axes are 1, some leading ones missing. */
  broadcasting(shape: readonly number[]): number[] {
    return shape
      .slice(this.oneOf(0, 0, this.between(0, shape.length)))
      .map((length) => this.oneOf(length, length, 1));
  }

  /** An axis of a shape, counted from the front or from the end. */
  axis(shape: readonly number[]): number {
    const axis = this.between(0, shape.length - 1);
    return this.flag() ? axis : axis - shape.length;
  }

  /** Some axes of a shape, or undefined for all of them. */
  axes(shape: readonly number[]): number[] | undefined {
    if (shape.length === 0 || this.between(0, 4) === 0) return undefined;
    const chosen = shape.map((_, axis) => axis).filter(() => this.flag());
    return chosen.length > 0 ? chosen : [this.axis(shape)];
  }

  /** 0..count-1 in some order. */
  order(count: number): number[] {
    const rest = Array.from({ length: count }, (_, axis) => axis);
    return Array.from({ length: count }, () => rest.splice(this.between(0, rest.length - 1), 1)[0]);
  }
}
