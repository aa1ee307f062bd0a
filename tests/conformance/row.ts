// What a row of the conformance table is: how an operation is called, on which inputs, how closely devices must agree.

import type { Tensor } from "../../tensor/mod.ts";
import type { Picker } from "./picker.ts";

/** Random numbers in low..high, every one representable in float32. */
export interface FloatInput {
  readonly kind: "float";
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
  /** Points that no element comes closer to than 0.02: kinks and poles. */
  readonly avoid?: readonly number[];
  /** No two elements are equal: they are evenly spaced, in random order. */
  readonly distinct?: boolean;
  /** Elements are multiples of this, so that equal ones occur. */
  readonly step?: number;
}

/** Random int32 numbers in 0..below-1. */
export interface IndexInput {
  readonly kind: "index";
  readonly shape: readonly number[];
  readonly below: number;
}

/** Random truth values. */
export interface MaskInput {
  readonly kind: "mask";
  readonly shape: readonly number[];
  /** The first element of each row of the last axis is true. */
  readonly firstTrue?: boolean;
}

/** One drawn input. */
export type Input = FloatInput | IndexInput | MaskInput;

/** The inputs and options of one call. */
export interface Example<Options> {
  readonly inputs: readonly Input[];
  readonly options: Options;
}

/** An operation under test. */
export interface Row {
  /** Its name, as golden files have it. */
  readonly name: string;
  /** Calls it; several outputs come as a list. */
  call(inputs: readonly Tensor[], options: unknown): Tensor | readonly Tensor[];
  /** Draws inputs and options. */
  draw(pick: Picker): Example<unknown>;
  /**
   * Largest difference between float32 and float64, relative to |expected| + a floor. The floor is the largest
   * magnitude of the expected tensor where `relativeTo` is `tensor`, and a thousandth where it is `element`.
   */
  readonly tolerance: number;
  readonly relativeTo: "element" | "tensor";
  /** The size of the terms whose sum a result is, where they may cancel: the least floor of outputs. */
  readonly terms: number;
  /** The same for gradients. */
  readonly gradientTerms: number;
  /** How often its gradient is checked against differences: 0 where there is none. */
  readonly order: 0 | 1 | 2;
}

/** What a family's file says of an operation; the rest has defaults. */
export interface RowDefinition<Options> {
  readonly name: string;
  readonly call: (
    inputs: readonly Tensor[],
    options: Options,
  ) => Tensor | readonly Tensor[];
  readonly draw: (pick: Picker) => Example<Options>;
  /** 2e-6 by default, 16 units in the last place. */
  readonly tolerance?: number;
  /** `tensor` by default. */
  readonly relativeTo?: "element" | "tensor";
  /** A thousandth by default. */
  readonly terms?: number;
  /** That of `terms` by default. */
  readonly gradientTerms?: number;
  /** 2 by default. */
  readonly order?: 0 | 1 | 2;
}

/** A row of the table. Golden files give options as JSON, so their type is settled here, in one place. */
export function row<Options>(definition: RowDefinition<Options>): Row {
  return {
    tolerance: 2e-6,
    relativeTo: "tensor",
    terms: 1e-3,
    gradientTerms: definition.terms ?? 1e-3,
    order: 2,
    ...definition,
    call: (inputs, options) => definition.call(inputs, options as Options),
  };
}

/** Random numbers in low..high. */
export function floats(
  shape: readonly number[],
  low = -2,
  high = 2,
  more: Partial<FloatInput> = {},
): FloatInput {
  return { kind: "float", shape, low, high, ...more };
}

/** Random indices. */
export function indices(shape: readonly number[], below: number): IndexInput {
  return { kind: "index", shape, below };
}

/** Random truth values. */
export function mask(shape: readonly number[], firstTrue = false): MaskInput {
  return { kind: "mask", shape, firstTrue };
}
