// Colour maps for heat maps: from a value in [0, 1] to a colour, as bytes and as CSS text.

import { ValueError } from "../errors.ts";
// @ts-types="@types/d3-scale-chromatic"
import { interpolateInferno, interpolateTurbo, interpolateViridis } from "d3-scale-chromatic";

/** The colour maps at hand: inferno and viridis are perceptually even, turbo tells more levels apart. */
export type ColourMapName = "inferno" | "turbo" | "viridis";

const interpolators: Readonly<Record<ColourMapName, (value: number) => string>> = {
  inferno: interpolateInferno,
  turbo: interpolateTurbo,
  viridis: interpolateViridis,
};

/**
 * The colour of `value` in [0, 1] as red, green and blue bytes; values outside take the nearer end.
 *
 * Source: maps by van der Walt and Smith (inferno, viridis), Mikhailov (turbo), as shipped by d3-scale-chromatic.
 *
 * @throws {ValueError} for NaN.
 *
 * @example
 * ```ts
 * import { colourOf } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(colourOf("viridis", 0), [68, 1, 84]);
 * ```
 */
export function colourOf(map: ColourMapName, value: number): [number, number, number] {
  if (Number.isNaN(value)) throw new ValueError("colourOf: expected a number, but found NaN");
  const text = interpolators[map](Math.min(Math.max(value, 0), 1));
  const parts = text.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16))
    : (text.match(/\d+/g) ?? []).map(Number);
  return [parts[0], parts[1], parts[2]];
}

/**
 * `count` evenly spaced colours of a map from 0 to 1, as `#rrggbb`, for legends and chart scales.
 *
 * @example
 * ```ts
 * import { colourStops } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(colourStops("viridis", 2), ["#440154", "#fde725"]);
 * ```
 */
export function colourStops(map: ColourMapName, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = colourOf(map, count === 1 ? 0 : i / (count - 1));
    return "#" + bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  });
}

/** The map as a table of 256 colours, `[256, 3]` bytes: what a pixel loop reads. */
export function colourTable(map: ColourMapName): Uint8Array {
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) table.set(colourOf(map, i / 255), 3 * i);
  return table;
}
