// Optimizers, SAM, clipping, averages and schedules against PyTorch, davda54/sam and timm.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  adamW,
  clipNorm,
  elementwise,
  ema,
  layerDecay,
  type Optimizer,
  type ParameterGroup,
  sam,
  sgd,
  trainStepSync,
  warmupCosine,
} from "../../optim/mod.ts";
import { type Device, matmul, mseLoss, type Tensor, tensor } from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import { allDevices } from "../conformance/devices.ts";
import {
  type GoldenCase,
  type GoldenTensor,
  placeGolden,
  readGolden,
} from "../conformance/golden.ts";
import { Bare, drive } from "./drive.ts";

interface Options {
  readonly learningRate: number;
  readonly weightDecay?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly base?: "sgd" | "adamW";
  readonly radius: number;
  readonly steps: number;
  readonly parameters: number;
  readonly limit: number;
  readonly decay: number;
  readonly depth: number;
  readonly names: readonly string[];
  readonly cosineSteps: number;
  readonly warmupSteps: number;
  readonly warmupStart: number;
  readonly finalRate: number;
  readonly warmupFirst: boolean;
}

const cases = readGolden("optimizer");
const optionsOf = (golden: GoldenCase) => golden.options as unknown as Options;
const casesOf = (operation: string) => cases.filter((golden) => golden.operation === operation);

/** PyTorch decays everything unless told otherwise, vectors too. */
function optimizerOf(kind: string, options: Options): Optimizer {
  const { learningRate, weightDecay = 0, momentum, nesterov, epsilon } = options;
  const groups: ParameterGroup[] = [{ match: () => true, weightDecay }];
  if (kind === "sgd") return sgd({ learningRate, momentum, nesterov, groups });
  const { beta1 = 0.9, beta2 = 0.999 } = options;
  return adamW({ learningRate, betas: [beta1, beta2], epsilon, groups });
}

function assertGolden(found: Tensor, expected: GoldenTensor, what: string): void {
  assertEquals(found.shape, expected.shape, what);
  const limits = found.dtype === "float64"
    ? { tolerance: 1e-10, floor: 1e-3 }
    : { tolerance: 5e-6, floor: magnitudeOf(expected.data) };
  assertClose(found.dataSync(), expected.data, limits, what);
}

const place = (tensors: readonly GoldenTensor[], device: Device): Tensor[] =>
  tensors.map((each) => placeGolden(each, device));

for (const device of allDevices) {
  for (const golden of [...casesOf("sgd"), ...casesOf("adamW")]) {
    Deno.test(`${golden.name} follows PyTorch on ${device}`, () => {
      const options = optionsOf(golden);
      const { parameters: count, steps } = options;
      const inputs = place(golden.inputs, device);
      const model = new Bare(inputs.slice(0, count));
      const optimizer = optimizerOf(golden.operation, options);
      const { step } = drive(model, optimizer);
      for (let at = 0; at < steps; at++) {
        step(...inputs.slice(count * (at + 1), count * (at + 2)));
        model.weights.forEach((weight, i) =>
          assertGolden(
            weight.value,
            golden.outputs[count * at + i],
            `step ${at + 1}, parameter ${i}`,
          )
        );
      }
      assertEquals(optimizer.steps, steps);
    });
  }

  for (const golden of casesOf("sam")) {
    Deno.test(`${golden.name} follows davda54/sam on ${device}`, () => {
      const options = optionsOf(golden);
      const [x, target, ...weights] = place(golden.inputs, device);
      const model = new Bare(weights);
      const optimizer = sam(optimizerOf(options.base!, options), options);
      const step = trainStepSync(model, optimizer, ({ weights: [w1, b1, w2, b2] }) => {
        const hidden = matmul(x, w1.value, {
          transposeB: true,
          bias: b1.value,
          activation: "tanh",
        });
        const prediction = matmul(hidden, w2.value, { transposeB: true, bias: b2.value });
        return mseLoss(prediction, target);
      });
      const each = golden.outputs.length / options.steps;
      for (let at = 0; at < options.steps; at++) {
        const { losses, gradientNorm } = step(undefined);
        const expected = golden.outputs.slice(each * at, each * (at + 1));
        const numbers = [...losses, gradientNorm];
        numbers.forEach((value, i) =>
          assertAlmostEquals(value, expected[i].data[0], device === "reference" ? 1e-10 : 1e-5)
        );
        model.weights.forEach((weight, i) =>
          assertGolden(weight.value, expected[3 + i], `step ${at + 1}, parameter ${i}`)
        );
      }
    });
  }

  for (const golden of casesOf("clipGlobalNorm")) {
    Deno.test(`${golden.name} clips as PyTorch does on ${device}`, () => {
      const gradients = place(golden.inputs, device);
      // A step at rate 1 from 0 leaves minus the clipped gradient.
      const model = new Bare(gradients.map((gradient) => gradient.mul(0).detach()));
      const optimizer = clipNorm(sgd({ learningRate: 1 }), optionsOf(golden).limit);
      drive(model, optimizer).step(...gradients);
      model.weights.forEach((weight, i) =>
        assertGolden(weight.value.neg(), golden.outputs[1 + i], `gradient ${i}`)
      );
    });
  }

  for (const golden of casesOf("exponentialAverage")) {
    Deno.test(`${golden.name} averages as PyTorch does on ${device}`, () => {
      const [first, ...series] = place(golden.inputs, device);
      const model = new Bare([first]);
      // A rule that writes its gradient as the weight: the next value of the series.
      const write = elementwise({
        name: "write",
        vectors: [],
        scalars: [],
        scalarsAt: () => ({}),
        formula: ({ gradient }) => ({ weight: gradient, vectors: {} }),
      }, { learningRate: 1 });
      const averaging = ema(write, { decay: optionsOf(golden).decay });
      const { step } = drive(model, averaging);
      series.forEach((value, at) => {
        step(value);
        assertGolden(averaging.averages()["weights.0"], golden.outputs[at], `average ${at + 1}`);
      });
    });
  }
}

for (const golden of casesOf("cosineSchedule")) {
  Deno.test(`${golden.name} is timm's`, () => {
    const options = optionsOf(golden);
    const { learningRate, cosineSteps, warmupSteps, warmupStart, finalRate, warmupFirst } = options;
    const rate = warmupCosine({
      learningRate,
      total: warmupFirst ? cosineSteps + warmupSteps : cosineSteps,
      warmup: warmupSteps,
      warmupStart,
      minimum: finalRate,
      warmupFirst,
    });
    golden.outputs[0].data.forEach((expected, step) =>
      assertAlmostEquals(rate(step), expected, 1e-15)
    );
  });
}

for (const golden of casesOf("layerDecay")) {
  Deno.test(`${golden.name} scales the learning rate as timm does`, () => {
    const { names, depth, decay } = optionsOf(golden);
    const scale = layerDecay({ depth, decay });
    names.forEach((name, at) =>
      assertAlmostEquals(scale(name), golden.outputs[0].data[at], 1e-14, name)
    );
    assertEquals(scale(`backbone.${names[0]}`), scale(names[0]));
  });
}

Deno.test("a rate that no schedule names is constant", () => {
  const optimizer = sgd({ learningRate: 0.25 });
  assertEquals(optimizer.learningRate, 0.25);
  const { step } = drive(new Bare([tensor([1], { device: "reference" })]), optimizer);
  step(tensor([0], { device: "reference" }));
  assertEquals([optimizer.steps, optimizer.learningRate], [1, 0.25]);
});
