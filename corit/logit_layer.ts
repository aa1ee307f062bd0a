// The layer that makes a logit of features.

import { constantValues, Linear, truncatedNormalValues } from "../nn/mod.ts";
import type { Device, RandomStream } from "../tensor/mod.ts";

/** A linear layer to one logit, started as a transformer's head is. */
export function logitLayer(
  inputs: number,
  random: RandomStream,
  device: Device | undefined,
): Linear {
  return new Linear(inputs, 1, {
    random,
    device,
    initialWeight: truncatedNormalValues(),
    initialBias: constantValues(0),
  });
}
