// The devices under test; a new executor joins here.

import type { Device } from "../../tensor/mod.ts";

/** The devices that are compared with the reference. */
export const comparedDevices: readonly Device[] = ["wasm"];

/** Those and the reference itself, for comparisons with values from outside. */
export const allDevices: readonly Device[] = ["reference", ...comparedDevices];
