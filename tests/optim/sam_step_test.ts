// SAM inside a training step: its radius, and where it climbs to.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../errors.ts";
import { sam, type SamOptions, sgd, trainStepSync } from "../../optim/mod.ts";
import { tensor } from "../../tensor/mod.ts";
import { bare } from "./drive.ts";
import { assertNear, device, square } from "./network.ts";

Deno.test("SAM's radius may follow the step, and zero leaves the climb out", () => {
  const contexts: unknown[] = [];
  const model = bare(device, [3, 4]);
  const optimizer = sam(sgd({ learningRate: 0.1 }), {
    radius: ({ step, loss, gradientNorm, learningRate }) => {
      contexts.push([step, loss, gradientNorm, learningRate]);
      return step === 0 ? 0 : 5;
    },
  });
  const step = trainStepSync(model, optimizer, square);
  assertEquals(step(undefined).losses, [25]);
  assertEquals(optimizer.lastRadius, 0);
  const { losses } = step(undefined);
  // From |w| = 4 five further out along w.
  assertEquals(losses.map((value) => Math.round(value)), [16, 81]);
  assertEquals(contexts.map((context) => (context as number[]).map(Math.round)), [
    [0, 25, 10, 0],
    [1, 16, 8, 0],
  ]);
  assertThrows(() => sam(sgd({ learningRate: 1 }), { radius: -1 }), ConfigError, "not negative");
  const wild = sam(sgd({ learningRate: 1 }), { radius: () => NaN });
  const stuck = trainStepSync(bare(device, [1]), wild, square);
  assertThrows(() => stuck(undefined), ConfigError, "radius");
});

/** Where SAM looks: the weights at the top of its climb. */
function topOf(options: SamOptions): number[] {
  const model = bare(device, [3, -4], [2]);
  const tops: number[][] = [];
  const step = trainStepSync(model, sam(sgd({ learningRate: 0 }), options), ({ weights }) => {
    tops.push(weights.flatMap(({ value }) => [...value.dataSync()]));
    const [a, b] = weights.map(({ value }) => value);
    return a.mul(tensor([1, 2], { device })).sum().add(b.mul(2).sum());
  });
  step(undefined);
  return tops[1];
}

Deno.test("SAM climbs along the gradient, over some parameters only, or in units of the weights", () => {
  // The gradient is (1, 2 | 2), of length 3.
  assertNear(topOf({ radius: 3 }), [4, -2, 4]);
  assertNear(topOf({ radius: 3, perturb: (name) => name === "weights.1" }), [3, -4, 5]);
  // ASAM: w^2 g = (9, 32 | 8), | |w| g | = |(3, 8 | 4)| = sqrt(89).
  const reach = 3 / Math.sqrt(89);
  assertNear(topOf({ radius: 3, adaptive: true }), [3 + 9 * reach, -4 + 32 * reach, 2 + 8 * reach]);
  assertThrows(
    () => topOf({ radius: 3, perturb: (name) => name === "typo" }),
    ConfigError,
    "matches none",
  );
});
