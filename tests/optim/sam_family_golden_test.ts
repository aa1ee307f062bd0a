// SAM's relatives against PyTorch, by their authors' rules, planned and as written.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  adamW,
  corGuidedSam,
  esam,
  type EsamOptimizer,
  friendlySam,
  globalNorm,
  gsam,
  lookSam,
  type Optimizer,
  radiusFollowingRate,
  sam,
  sgd,
  trainStepSync,
  warmStart,
} from "../../optim/mod.ts";
import { matmul, mean, mseLoss, narrow, reshape, type Tensor } from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import { allDevices } from "../conformance/devices.ts";
import { type GoldenCase, placeGolden, readGolden } from "../conformance/golden.ts";
import { Bare } from "./drive.ts";

interface Options {
  readonly base: "sgd" | "adamW";
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly momentum?: number;
  readonly steps: number;
  readonly radius: number;
  readonly adaptive?: boolean;
  readonly perturbed?: readonly string[];
  readonly start: number;
  readonly alpha: number;
  readonly every: number;
  readonly sigma: number;
  readonly decay: number;
  readonly beta: number;
  readonly gamma: number;
  readonly masks: readonly (readonly boolean[])[];
  readonly fraction: number;
  readonly maximum: number;
  readonly groups: readonly string[];
  readonly radii: readonly [number, number];
  readonly rates: readonly [number, number];
}

interface Batch {
  readonly x: Tensor;
  readonly target: Tensor;
}

const indexOf = (name: string): number => Number(name.split(".")[1]);

function optimizerOf(kind: string, options: Options): Optimizer {
  const { learningRate, weightDecay, momentum, radius, perturbed, alpha, every } = options;
  const groups = [{ match: () => true, weightDecay }];
  const base = options.base === "sgd"
    ? sgd({ learningRate, momentum, groups })
    : adamW({ learningRate, groups });
  switch (kind) {
    case "sam":
      return sam(base, {
        radius,
        adaptive: options.adaptive,
        perturb: perturbed && ((name) => perturbed.includes(name)),
      });
    case "warmStart":
      return sam(base, { radius: warmStart(radius, options.start) });
    case "gsam":
      return gsam(base, { radius, alpha });
    case "lookSam":
      return lookSam(base, { radius, alpha, every });
    case "friendlySam":
      return friendlySam(base, options);
    case "esam":
      return esam(base, {
        ...options,
        climbs: (name, step) => options.masks[step][indexOf(name)],
      });
    case "corGuidedSam":
      return corGuidedSam(base, {
        fraction: options.fraction,
        every,
        maximum: options.maximum,
        groupOf: (name) => options.groups[indexOf(name)],
        criticalRadius: ({ arena, gradient }, { entries }) =>
          Math.hypot(
            ...entries.map((entry) =>
              globalNorm(reshape(arena.view(gradient, entry), [-1])).item()
            ),
          ),
      });
  }
  throw new Error(`no optimizer for ${kind}`);
}

/** [samples]: the squared error of each sample, averaged over its outputs. */
function sampleLosses({ weights: [w1, b1, w2, b2] }: Bare, { x, target }: Batch): Tensor {
  const hidden = matmul(x, w1.value, { transposeB: true, bias: b1.value, activation: "tanh" });
  const prediction = matmul(hidden, w2.value, { transposeB: true, bias: b2.value });
  return mean(mseLoss(prediction, target, { reduction: "none" }), 1);
}

function follow(
  golden: GoldenCase,
  device: (typeof allDevices)[number],
  plan: boolean,
): number[][] {
  const options = golden.options as unknown as Options;
  const [xs, targets, ...weights] = golden.inputs.map((each) => placeGolden(each, device));
  const model = new Bare(weights);
  const optimizer = optimizerOf(golden.operation, options);
  const loss = golden.operation === "esam"
    ? (optimizer as EsamOptimizer).lossOf(sampleLosses)
    : (model: Bare, batch: Batch) => mean(sampleLosses(model, batch));
  const step = trainStepSync(model, optimizer, loss, { plan });
  const bits: number[][] = [];
  for (let at = 0; at < options.steps; at++) {
    const [x, target] = [xs, targets].map((all) => {
      const row = narrow(all, 0, at, 1);
      return reshape(row, row.shape.slice(1)).detach();
    });
    const result = step({ x, target });
    const [expectedLoss, ...expected] = golden.outputs.slice(5 * at, 5 * (at + 1));
    const exact = device === "reference";
    assertAlmostEquals(result.loss, expectedLoss.data[0], exact ? 1e-10 : 1e-5);
    model.weights.forEach(({ value }, i) => {
      assertEquals(value.shape, expected[i].shape);
      const found = value.dataSync();
      const limits = exact
        ? { tolerance: 1e-9, floor: 1e-3 }
        : { tolerance: 2e-5, floor: magnitudeOf(expected[i].data) };
      assertClose(found, expected[i].data, limits, `step ${at + 1}, parameter ${i}`);
      bits.push([...found]);
    });
  }
  assertEquals(optimizer.steps, options.steps);
  return bits;
}

const cases = readGolden("sam_family");

for (const device of allDevices) {
  for (const golden of cases.filter(({ operation }) => operation !== "radiusFollowingRate")) {
    Deno.test(`${golden.name} follows its authors' rule on ${device}, planned to the same bits`, () => {
      assertEquals(follow(golden, device, true), follow(golden, device, false));
    });
  }
}

Deno.test("a radius that follows the learning rate is GSAM's", () => {
  const golden = cases.find(({ operation }) => operation === "radiusFollowingRate")!;
  const { radii, rates } = golden.options as unknown as Options;
  const radius = radiusFollowingRate({ radius: radii, rate: rates });
  const context = {} as Parameters<typeof radius>[0];
  golden.inputs[0].data.forEach((learningRate, at) =>
    assertAlmostEquals(radius({ ...context, learningRate }), golden.outputs[0].data[at], 1e-15)
  );
  assert(golden.inputs[0].data.length > 10);
});
