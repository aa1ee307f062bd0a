// Training steps whose numbers are read together: the same training, and what happens where a number is not finite.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError, NumericError } from "../../errors.ts";
import { Linear } from "../../nn/mod.ts";
import {
  adamW,
  clipNorm,
  sam,
  sgd,
  type StepResult,
  trainStep,
  trainStepSync,
} from "../../optim/mod.ts";
import { crossEntropy, tensor } from "../../tensor/mod.ts";

interface Batch {
  readonly x: ReturnType<typeof tensor>;
  readonly target: ReturnType<typeof tensor>;
}

function batchOf(first: number): Batch {
  return { x: tensor([[first, 1], [0.5, -first]]), target: tensor(Int32Array.of(0, 1)) };
}

const lossOf = (model: Linear, { x, target }: Batch) => crossEntropy(model.forward(x), target);

const optimizers = {
  sgd: () => sgd({ learningRate: 0.1 }),
  "clipped adamW": () => clipNorm(adamW({ learningRate: 0.05 }), 0.1),
  sam: () => sam(sgd({ learningRate: 0.1 }), { radius: 0.05 }),
};

for (const [name, optimizer] of Object.entries(optimizers)) {
  Deno.test(`numbers that are read together are those that are read at once: ${name}`, async () => {
    const model = new Linear(2, 2, { random: 0 }), other = new Linear(2, 2, { random: 0 });
    const step = trainStep(model, optimizer(), lossOf);
    const deferred = trainStep(other, optimizer(), lossOf, { readEvery: 4 });
    const expected: StepResult[] = [], results: StepResult[] = [];
    for (let i = 0; i < 10; i++) {
      expected.push(await step(batchOf(i / 4)));
      results.push(await deferred(batchOf(i / 4)));
    }
    results.forEach((result, at) => {
      assertEquals(result.losses, expected[at].losses);
      assertEquals(result.gradientNorms, expected[at].gradientNorms);
      assertEquals([result.loss, result.step], [expected[at].loss, at + 1]);
    });
    assertEquals(deferred.arena.values.toArray(), step.arena.values.toArray());
  });

  Deno.test(`a number that is not finite is noticed later, the weights as before: ${name}`, async () => {
    const model = new Linear(2, 2, { random: 0 });
    const step = trainStep(model, optimizer(), lossOf, { readEvery: 5 });
    for (let i = 0; i < 2; i++) await step(batchOf(i));
    const before = step.arena.values.toArray();
    await step(batchOf(NaN));
    const after = await step(batchOf(1));
    const error = await assertRejects(() => step(batchOf(2)), NumericError);
    assert(error.message.startsWith("step 3: the loss is NaN"), error.message);
    assertEquals(step.arena.values.toArray(), before);
    assert(Number.isFinite(after.loss));
    await assertRejects(() => step.settle(), NumericError, "step 3");
  });
}

Deno.test("asking for a number reads it, and settle reads them all", async () => {
  const model = new Linear(2, 2, { random: 0 });
  const step = trainStepSync(model, sgd({ learningRate: 0.1 }), lossOf, { readEvery: 100 });
  const bad = step(batchOf(Infinity));
  const later = step(batchOf(1));
  assertThrows(() => later.loss, NumericError, "step 1");
  assert(!Number.isFinite(bad.gradientNorm) || !Number.isFinite(bad.loss));
  await assertRejects(() => step.settle(), NumericError, "step 1");
});

Deno.test("steps are read at least together with themselves", () => {
  const model = new Linear(2, 2, { random: 0 });
  assertThrows(
    () => trainStep(model, sgd({ learningRate: 0.1 }), lossOf, { readEvery: 0 }),
    ConfigError,
    "readEvery",
  );
});
