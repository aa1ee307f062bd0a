// What every forgery family takes and gives.

import type { Image } from "../data/image.ts";
import type { RandomStream } from "../tensor/random.ts";

/** A value that survives JSON. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | {
  readonly [key: string]: JsonValue;
};

/** How a picture was forged: the family and every number drawn, enough to make it again. */
export interface Recipe {
  /** The family's name. */
  readonly family: string;
  /** A number or choice that was drawn, by name. */
  readonly [drawn: string]: JsonValue;
}

/** A forged picture. */
export interface Forgery {
  /** The forged picture, of the original's size. */
  readonly image: Image;
  /** How much of each pixel is forged, 0 to 1, `[height, width]`; all ones when the whole frame is. */
  readonly mask: Float32Array;
  /** What was drawn. */
  readonly recipe: Recipe;
}

/** What a family forges from. */
export interface ForgeryInput {
  /** The real picture. */
  readonly image: Image;
  /** A second real picture of the same size; asked for by families that need one only. */
  readonly donor: () => Image;
  /** Trained networks, for the families that forge by one. */
  readonly generators?: Generators;
}

/** Trained networks that forgeries come from; `loadGenerators` makes them ready. */
export interface Generators {
  /** Makes a picture twice as long and wide. */
  readonly superResolution?: (image: Image) => Image;
  /** Makes a picture again from a few numbers. */
  readonly autoencoder?: (image: Image) => Image;
}

/** A forgery family: how it is counted and how it forges. */
export interface ForgeryFamily {
  /** Whether meaning changes (another face, another object) or only the trace of processing. */
  readonly kind: "semantic" | "non-semantic";
  /** Whether only a region is forged; the mask of a whole-frame forgery teaches no location. */
  readonly local: boolean;
  /** The network that it forges by, where it does. */
  readonly generator?: keyof Generators;
  /** Forges a picture; equal inputs and equal streams give equal bytes. */
  readonly forge: (input: ForgeryInput, random: RandomStream) => Forgery;
}

/** Rounds to a few decimals, so that recipes stay readable; draws are rounded before they are used. */
export function rounded(value: number, decimals = 2): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}

/** Blends `over` onto `under` by a mask, `[height, width]`; both are `[height, width, 3]`; rounds to bytes. */
export function blend(
  under: Uint8Array,
  over: ArrayLike<number>,
  mask: Float32Array,
): Uint8Array<ArrayBuffer> {
  const result = new Uint8ClampedArray(under.length);
  for (let pixel = 0; pixel < mask.length; pixel++) {
    const share = mask[pixel];
    for (let i = pixel * 3; i < pixel * 3 + 3; i++) {
      result[i] = under[i] + share * (over[i] - under[i]);
    }
  }
  return new Uint8Array(result.buffer);
}
