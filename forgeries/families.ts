// The registry of forgery families: one row each.

import { ConfigError } from "../errors.ts";
import type { ForgeryFamily } from "./forgery.ts";
import { autoencoder } from "./autoencoder.ts";
import { upsample } from "./resample.ts";
import { selfBlend } from "./self_blend.ts";
import { spectral } from "./spectral.ts";
import { splice } from "./splice.ts";
import { superResolution } from "./super_resolution.ts";
import { swap } from "./swap.ts";

/** The name of a forgery family. */
export type ForgeryFamilyName =
  | "swap"
  | "self-blend"
  | "upsample"
  | "spectral"
  | "splice"
  | "super-resolution"
  | "autoencoder";

/** Every forgery family by name. */
export const forgeryFamilies: Readonly<Record<ForgeryFamilyName, ForgeryFamily>> = {
  "swap": { kind: "semantic", local: true, forge: swap },
  "self-blend": { kind: "non-semantic", local: true, forge: selfBlend },
  "upsample": { kind: "non-semantic", local: false, forge: upsample },
  "spectral": { kind: "non-semantic", local: false, forge: spectral },
  "splice": { kind: "semantic", local: true, forge: splice },
  "super-resolution": {
    kind: "non-semantic",
    local: false,
    generator: "superResolution",
    forge: superResolution,
  },
  "autoencoder": {
    kind: "non-semantic",
    local: false,
    generator: "autoencoder",
    forge: autoencoder,
  },
};

/** The families of the starter benchmark where none are named: they need nothing but photographs. */
export const starterFamilyNames: readonly ForgeryFamilyName[] = [
  "swap",
  "self-blend",
  "upsample",
  "spectral",
];

/** All family names, in the order in which reports list them. */
export const forgeryFamilyNames: readonly ForgeryFamilyName[] = [
  ...starterFamilyNames,
  "splice",
  "super-resolution",
  "autoencoder",
];

/**
 * Checks a list of family names and puts it in the registry's order, each once.
 *
 * @throws {ConfigError} naming the families there are, when one is unknown or none is given.
 *
 * @example
 * ```ts
 * import { parseFamilies } from "@corit/corit/forgeries";
 * import { assertEquals } from "@std/assert";
 * assertEquals(parseFamilies(["upsample", "swap"]), ["swap", "upsample"]);
 * ```
 */
export function parseFamilies(names: readonly string[]): ForgeryFamilyName[] {
  const unknown = names.filter((name) => !Object.hasOwn(forgeryFamilies, name));
  if (unknown.length > 0 || names.length === 0) {
    throw new ConfigError(
      `forgery families: expected one or more of ${forgeryFamilyNames.join(", ")}, but found ${
        unknown.length > 0 ? unknown.map((name) => `"${name}"`).join(", ") : "none"
      }`,
    );
  }
  return forgeryFamilyNames.filter((name) => names.includes(name));
}
