// A small network and its batches, for the tests of training steps.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Dropout, Linear, Module } from "../../nn/mod.ts";
import {
  crossEntropy,
  RandomStream,
  randomUniform,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import type { Bare } from "./drive.ts";

export const device = "reference";

/** A network with dropout, so that random numbers matter. */
export class Network extends Module {
  readonly first: Linear;
  readonly drop: Dropout;
  readonly second: Linear;

  constructor(seed: number, where: "reference" | "wasm" | "webgpu" = device, rate = 0.5) {
    super();
    const random = new RandomStream(seed);
    this.first = new Linear(4, 16, { random: random.fork("first"), device: where });
    this.drop = new Dropout(rate, random.fork("drop"));
    this.second = new Linear(16, 2, { random: random.fork("second"), device: where });
  }

  forward(x: Tensor): Tensor {
    return this.second.forward(this.drop.forward(this.first.forward(x, "tanh")));
  }
}

export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

export function batchOf(
  seed: number,
  where: "reference" | "wasm" | "webgpu" = device,
  rows = 12,
): Batch {
  const random = new RandomStream(seed);
  return {
    x: randomUniform([rows, 4], { random, low: -1, device: where }),
    y: tensor(Int32Array.from({ length: rows }, () => random.integer(2)), { device: where }),
  };
}

export const loss = (model: Network, { x, y }: Batch): Tensor => crossEntropy(model.forward(x), y);

export function bits(model: Module): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(model.stateDict()).map(([name, value]) => [name, [...value.dataSync()]]),
  );
}

export const square = (model: Bare): Tensor => model.weights[0].value.square().sum();

/** Throws unless numbers agree to within what float64 allows. */
export function assertNear(found: number[], expected: number[]): void {
  assertEquals(found.length, expected.length);
  found.forEach((value, at) => assertAlmostEquals(value, expected[at], 1e-10));
}
