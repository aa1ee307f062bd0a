// Loss scaling follows PyTorch's GradScaler: scales, skipped steps and weights; under SAM and plans too.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, NumericError, StateError } from "../../errors.ts";
import {
  adamW,
  LossScaler,
  type LossScalerOptions,
  sam,
  sgd,
  trainStepSync,
} from "../../optim/mod.ts";
import { type Tensor, tensor } from "../../tensor/mod.ts";
import { type Bare, bare } from "./drive.ts";

/** A model whose gradient is its input. */
type Line = Bare;
const line = (): Line => bare("wasm", [0.5, -0.25]);
const weightOf = ({ weights: [weight] }: Line): Tensor => weight.value;
const slope = (model: Line, gradient: Tensor) => weightOf(model).mul(gradient).sum();
const inputOf = (gradient: number): Tensor => tensor([gradient, 0.5 * gradient]);

/** A case of the golden file. */
interface Golden extends Required<LossScalerOptions> {
  readonly gradients: readonly number[];
  readonly scales: readonly number[];
  readonly weights: readonly (readonly number[])[];
}

const goldens: readonly Golden[] = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/loss_scaler.json", import.meta.url)),
);

for (const plan of [true, false]) {
  Deno.test(`scales, skipped steps and weights are those of PyTorch's GradScaler${plan ? ", planned" : ""}`, () => {
    for (const { gradients, scales, weights, ...options } of goldens) {
      const model = line();
      const lossScaler = new LossScaler(options);
      const step = trainStepSync(model, sgd({ learningRate: 1e-20 }), slope, { lossScaler, plan });
      gradients.forEach((gradient, at) => {
        const { skipped } = step(inputOf(gradient));
        assertEquals(lossScaler.scale, scales[at], `step ${at + 1}`);
        const found = Array.from(weightOf(model).dataSync());
        found.forEach((value, i) => assert(Math.abs(value - weights[at][i]) < 1e-7, `${found}`));
        const stays = at > 0 && weights[at][0] === weights[at - 1][0];
        assertEquals(skipped === true, at === 0 ? weights[0][0] === 0.5 : stays, `step ${at + 1}`);
      });
      assertEquals(
        lossScaler.skipped,
        weights.filter((row, at) => row[0] === (weights[at - 1]?.[0] ?? 0.5)).length,
      );
    }
  });
}

Deno.test("a scaled step is the plain one: gradients are unscaled before SAM, AdamW and the result see them", () => {
  const run = (lossScaler?: LossScaler) => {
    const model = line();
    const optimizer = sam(adamW({ learningRate: 0.1 }), { radius: 0.05 });
    const step = trainStepSync(
      model,
      optimizer,
      (model: Line, x: Tensor) => slope(model, x).square(),
      {
        lossScaler,
      },
    );
    const results = [1, 2, 3, 4].map((gradient) => step(inputOf(gradient)));
    return { results, weights: Array.from(weightOf(model).dataSync()) };
  };
  // Powers of two change no digit.
  assertEquals(run(new LossScaler()), run());
});

Deno.test("a skipped step of SAM leaves weights and the number of steps as they were", () => {
  const model = line();
  const optimizer = sam(sgd({ learningRate: 0.1 }), { radius: 0.05 });
  const lossScaler = new LossScaler({ initialScale: 2 ** 100 });
  const step = trainStepSync(model, optimizer, slope, { lossScaler });
  const result = step(inputOf(1e9));
  assertEquals([result.skipped, result.step, optimizer.steps], [true, 1, 0]);
  assertEquals(Array.from(weightOf(model).dataSync()), [0.5, -0.25]);
  let skipped = 1;
  while (step(inputOf(1e9)).skipped) skipped++;
  assertEquals([lossScaler.skipped, optimizer.steps], [skipped, 1]);
  // 1e9 * 2^97 is finite in float32, 1e9 * 2^98 is too; the largest scale whose product is below 2^128 remains.
  assertEquals(lossScaler.scale, 2 ** 98);
});

Deno.test("what no scale can mend is an error: a loss that is not finite, a gradient that never is", () => {
  const model = line();
  const lossScaler = new LossScaler({ initialScale: 2 ** -10 });
  const step = trainStepSync(model, sgd({ learningRate: 0.1 }), slope, { lossScaler });
  assertThrows(() => step(inputOf(Infinity)), NumericError, "the loss is");
  // The root's slope at 0 is infinite, whatever it is multiplied by.
  const steep = trainStepSync(
    model,
    sgd({ learningRate: 0.1 }),
    (model: Line, x: Tensor) => weightOf(model).mul(x).sum().sqrt(),
    { lossScaler },
  );
  assertThrows(
    () => {
      for (let attempt = 0; attempt < 20; attempt++) steep(tensor([0, 0]));
    },
    NumericError,
    "the gradient's norm",
  );
});

Deno.test("a scaler's state goes on where it was, and what is wrong is refused", () => {
  const first = new LossScaler({ growthInterval: 3 });
  [true, false, false].forEach((overflowed) => first.update(overflowed));
  const second = new LossScaler({ growthInterval: 3 });
  second.restore(first.state());
  [first, second].forEach((scaler) => scaler.update(false));
  assertEquals(second.state(), first.state());
  assertEquals(second.scale, 65536);
  assertThrows(() => second.restore({}), StateError, "lossScaler.scale");
  for (
    const options of [{ initialScale: 0 }, { growthFactor: 1 }, { backoffFactor: 1 }, {
      growthInterval: 0,
    }]
  ) {
    assertThrows(() => new LossScaler(options), ConfigError, "LossScaler");
  }
});
