// The training step: what it reports, when it refuses, accumulation, random numbers, hooks, memory, resuming.

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError, GradientError, NumericError, ShapeError } from "../../errors.ts";
import { gradients } from "../../autograd/mod.ts";
import { BatchNorm2d, Linear, Module, VisionTransformer } from "../../nn/mod.ts";
import {
  adamW,
  clipNorm,
  ema,
  type Optimizer,
  sam,
  sgd,
  trainStep,
  trainStepSync,
} from "../../optim/mod.ts";
import {
  crossEntropy,
  decodeSafetensors,
  encodeSafetensors,
  executorOf,
  RandomStream,
  randomUniform,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { allDevices } from "../conformance/devices.ts";
import { type Bare, bare } from "./drive.ts";
import { assertNear, type Batch, batchOf, bits, device, loss, Network, square } from "./network.ts";

Deno.test("a step tells the loss, the norm and the rate from before it, and lowers the loss", async () => {
  const model = bare(device, [3, 4]);
  const step = trainStep(model, sgd({ learningRate: 0.1 }), square);
  assertEquals(await step(undefined), {
    step: 1,
    loss: 25,
    gradientNorm: 10,
    learningRate: 0.1,
    losses: [25],
    gradientNorms: [10],
  });
  assertAlmostEquals((await step(undefined)).loss, 16);
});

for (const where of allDevices) {
  Deno.test(`SAM's climb leaves no trace when the base does not move, on ${where}`, () => {
    const model = new Network(1, where);
    const before = bits(model);
    const step = trainStepSync(model, sam(sgd({ learningRate: 0 }), { radius: 3.7 }), loss);
    const { losses } = step(batchOf(2, where));
    assert(losses[1] > losses[0]);
    assertEquals(bits(model), before);
  });

  Deno.test(`SAM's second pass drops the same values as its first, on ${where}`, () => {
    const seen: number[][] = [];
    const model = new Network(1, where);
    const watched = (network: Network, { x, y }: Batch): Tensor => {
      const hidden = network.drop.forward(x.mul(0).add(1));
      seen.push([...hidden.dataSync()]);
      return crossEntropy(network.second.forward(network.first.forward(x).mul(hidden.mean())), y);
    };
    const step = trainStepSync(model, sam(sgd({ learningRate: 0.1 }), { radius: 0.1 }), watched);
    step(batchOf(2, where));
    step(batchOf(3, where));
    assertEquals(seen[0], seen[1]);
    assertEquals(seen[2], seen[3]);
    assert(seen[0].some((value, at) => value !== seen[2][at]));
  });

  Deno.test(`accumulating parts is the step of the whole batch, under SAM too, on ${where}`, () => {
    const run = (accumulate: number, optimizer: Optimizer) => {
      const model = new Network(1, where, 0);
      const step = trainStepSync(model, optimizer, loss, { accumulate });
      const results = [4, 5].map((seed) => step(batchOf(seed, where)));
      return { weights: Object.values(bits(model)).flat(), results };
    };
    const around = (radius: number) => sam(adamW({ learningRate: 0.01 }), { radius });
    for (const optimizer of [() => sgd({ learningRate: 0.1 }), () => around(0.05)]) {
      const whole = run(1, optimizer());
      // Five parts of twelve rows: the last is smaller.
      for (const parts of [3, 5]) {
        const cut = run(parts, optimizer());
        const tolerance = where === "reference" ? 1e-12 : 2e-6;
        cut.weights.forEach((value, at) => assertAlmostEquals(value, whole.weights[at], tolerance));
        cut.results.forEach(({ losses }, at) =>
          losses.forEach((value, pass) =>
            assertAlmostEquals(value, whole.results[at].losses[pass], tolerance)
          )
        );
      }
    }
  });

  Deno.test(`a run saved in the middle goes on to the same bits, on ${where}`, async () => {
    const make = (seed: number) => {
      const model = new Network(seed, where);
      const schedule = (step: number) => 0.01 * 0.9 ** step;
      const base = clipNorm(adamW({ learningRate: schedule, weightDecay: 0.1 }), 0.5);
      const optimizer = ema(sam(base, { radius: 0.05 }), { decay: 0.8 });
      return { model, optimizer, step: trainStep(model, optimizer, loss) };
    };
    const straight = make(1);
    const first = make(1);
    for (let at = 0; at < 3; at++) {
      await straight.step(batchOf(at, where));
      await first.step(batchOf(at, where));
    }
    const state = first.optimizer.state();
    const files = {
      model: encodeSafetensors(first.model.stateDict()),
      optimizer: encodeSafetensors(state.tensors),
      numbers: JSON.stringify(state.numbers),
      random: JSON.stringify(first.model.randomStates()),
    };

    const second = make(99);
    second.model.loadStateDict(decodeSafetensors(files.model, { device: where }).tensors);
    second.optimizer.restore({
      tensors: decodeSafetensors(files.optimizer, { device: where }).tensors,
      numbers: JSON.parse(files.numbers),
    });
    second.model.restoreRandomStates(JSON.parse(files.random));
    for (let at = 3; at < 6; at++) {
      const batch = batchOf(at, where);
      assertEquals(await second.step(batch), await straight.step(batch));
    }
    assertEquals(bits(second.model), bits(straight.model));
    straight.optimizer.exchange();
    second.optimizer.exchange();
    assertEquals(bits(second.model), bits(straight.model));
  });

  Deno.test(`no memory is lost over steps of every kind, on ${where}`, () => {
    const model = new Network(1, where);
    const optimizer = ema(sam(clipNorm(adamW({ learningRate: 0.01 }), 1), { radius: 0.1 }));
    const step = trainStepSync(model, optimizer, loss, { accumulate: 2 });
    const batch = batchOf(2, where);
    const level = () => {
      step(batch);
      return executorOf(where).memory();
    };
    level();
    const { buffers, bytes } = level();
    for (let at = 0; at < 20; at++) level();
    const after = level();
    assertEquals([after.buffers, after.bytes], [buffers, bytes]);
  });
}

Deno.test("optimizer state restored before the first step waits for its arena", () => {
  const gradient = (model: Bare) => model.weights[0].value.mul(tensor([1, 2], { device })).sum();
  const saved = adamW({ learningRate: 0.1 });
  const original = bare(device, [1, 2]);
  const go = trainStepSync(original, saved, gradient);
  go(undefined);
  const copy = bare(device, [...original.weights[0].value.dataSync()]);
  const restored = adamW({ learningRate: 0.1 });
  restored.restore(saved.state());
  const goOn = trainStepSync(copy, restored, gradient);
  go(undefined);
  goOn(undefined);
  assertEquals(bits(copy), bits(original));
});

Deno.test("a NaN stops the step, names step and parameter, and leaves the weights alone", async () => {
  const model = bare(device, [1, 2], [3]);
  const step = trainStep(
    model,
    adamW({ learningRate: 0.1 }),
    ({ weights: [a, b] }, bad: number) => a.value.sum().add(b.value.mul(bad).sum()),
  );
  await step(1);
  const before = bits(model);
  for (const bad of [NaN, Infinity]) {
    const error = await assertRejects(() => step(bad), NumericError, "step 2");
    assert(error.message.includes("the gradient of weights.1 [1]"), error.message);
    assertEquals(bits(model), before);
  }
  assertEquals((await step(1)).step, 2);
});

Deno.test("a NaN at the top of SAM's climb puts the weights back", () => {
  const model = bare(device, [1, -2]);
  let calls = 0;
  const step = trainStepSync(model, sam(sgd({ learningRate: 1 }), { radius: 1 }), (m) => {
    calls++;
    return square(m).mul(calls === 2 ? NaN : 1);
  });
  assertThrows(() => step(undefined), NumericError, "step 1, pass 2: the loss is NaN");
  assertEquals(bits(model)["weights.0"], [1, -2]);
});

Deno.test("a weight that is not finite is named as such", () => {
  const model = bare(device, [1, NaN]);
  const step = trainStepSync(model, sgd({ learningRate: 1 }), square);
  assertThrows(() => step(undefined), NumericError, "the weight weights.0 [2] has its first NaN");
});

Deno.test("an error in the loss at the top of SAM's climb puts the weights back and goes out", () => {
  const model = bare(device, [1, -2]);
  let calls = 0;
  const step = trainStepSync(model, sam(sgd({ learningRate: 1 }), { radius: 1 }), (m) => {
    if (++calls === 2) throw new RangeError("mine");
    return square(m);
  });
  assertThrows(() => step(undefined), RangeError, "mine");
  assertEquals(bits(model)["weights.0"], [1, -2]);
  assertEquals(step(undefined).step, 1);
});

Deno.test("a loss that is no scalar is refused", () => {
  const step = trainStepSync(
    bare(device, [1, 2]),
    sgd({ learningRate: 1 }),
    (m) => m.weights[0].value.square(),
  );
  assertThrows(() => step(undefined), GradientError, "must be a scalar");
});

Deno.test("modules are told of first passes only, once for each part of a batch", () => {
  class Counting extends Module {
    calls = 0;
    readonly inner = new Linear(4, 2, { random: 0, device });
    override afterFirstPass(): void {
      this.calls++;
    }
  }
  const model = new Counting();
  const optimizer = sam(sgd({ learningRate: 0.1 }), { radius: 0.1 });
  const step = trainStepSync(
    model,
    optimizer,
    (m, { x, y }: Batch) => crossEntropy(m.inner.forward(x), y),
    { accumulate: 3 },
  );
  step(batchOf(1));
  assertEquals(model.calls, 3);
});

Deno.test("batch norm's averages do not see the top of SAM's climb", () => {
  class Normed extends Module {
    readonly scale = new Linear(1, 1, { random: 0, device });
    readonly norm = new BatchNorm2d(1, { device });
    forward(x: Tensor): Tensor {
      return this.norm.forward(this.scale.forward(x).reshape([4, 1, 1, 1]));
    }
  }
  const x = tensor([[1], [2], [3], [6]], { device });
  const averages = (radius: number) => {
    const model = new Normed();
    const optimizer = sam(sgd({ learningRate: 0 }), { radius });
    trainStepSync(model, optimizer, (m, x) => m.forward(x).sum().add(m.scale.forward(x).sum()))(x);
    return model.norm.runningMean.value.item();
  };
  assertEquals(averages(0), averages(10));
});

Deno.test("the model is put into training, and what was evaluated inside stays so", () => {
  const model = new Network(1);
  model.evaluate();
  const step = trainStepSync(model, sgd({ learningRate: 0.1 }), loss);
  step(batchOf(1));
  assert(model.training && model.drop.training);
  model.drop.evaluate();
  step(batchOf(1));
  assert(!model.drop.training);
});

Deno.test("what is frozen between steps stays as it is", () => {
  const model = new Network(1);
  const optimizer = sam(adamW({ learningRate: 0.1, weightDecay: 0.1 }), { radius: 0.05 });
  const step = trainStepSync(model, optimizer, loss);
  step(batchOf(1));
  model.freeze((name) => name.startsWith("first"));
  const before = bits(model);
  step(batchOf(2));
  const after = bits(model);
  assertEquals(after["first.weight"], before["first.weight"]);
  assert(after["second.weight"].some((value, at) => value !== before["second.weight"][at]));
  model.unfreeze();
  step(batchOf(3));
  assert(bits(model)["first.weight"].some((value, at) => value !== before["first.weight"][at]));
});

Deno.test("groups learn at their own rate and decay; biases do not decay by default", () => {
  const train = (groups: Parameters<typeof sgd>[0]["groups"]) => {
    const model = new Linear(1, 1, { random: 0, device });
    model.loadStateDict({ weight: tensor([[2]], { device }), bias: tensor([2], { device }) });
    const optimizer = sgd({ learningRate: 0.5, weightDecay: 0.1, groups });
    // The weight's gradient is 1, the bias's 0.
    trainStepSync(model, optimizer, (m, x) => m.forward(x).sub(m.bias!.value).sum())(
      tensor([[1]], { device }),
    );
    return [model.weight.value.item(), model.bias!.value.item()];
  };
  assertNear(train([]), [2 - 0.5 * (1 + 0.2), 2]);
  assertNear(train([{ match: (name) => name === "weight", learningRateScale: 0.1 }]), [
    2 - 0.05 * 1.2,
    2,
  ]);
  assertNear(train([{ match: () => true, weightDecay: 1 }]), [2 - 0.5 * 3, 2 - 0.5 * 2]);
  // The last group that names a value wins; other values stay.
  assertNear(
    train([
      { match: () => true, learningRateScale: () => 2, weightDecay: 1 },
      { match: (_, shape) => shape.length === 2, learningRateScale: 0.5 },
    ]),
    [2 - 0.25 * 3, 2 - 1 * 2],
  );
});

Deno.test("gradients pass through one named point before their norm is taken", async () => {
  const model = bare(device, [3, 4]);
  const passes: number[] = [];
  const reduceGradients = (gradient: Tensor, pass: number): Promise<void> => {
    passes.push(pass);
    const { executor } = gradient.storage;
    const half = gradient.mul(0.5);
    executor.write(gradient.binding, half.dataSync());
    return Promise.resolve();
  };
  const options = { reduceGradients };
  const optimizer = sam(sgd({ learningRate: 0.1 }), { radius: 0.1 });
  const { gradientNorm } = await trainStep(model, optimizer, square, options)(undefined);
  assertEquals([gradientNorm, passes], [5, [0, 1]]);
  const sync = trainStepSync(bare(device, [3, 4]), sgd({ learningRate: 1 }), square, options);
  assertThrows(() => sync(undefined), ConfigError, "promise");
});

Deno.test("steps wait for each other", async () => {
  const step = trainStep(bare(device, [3, 4]), sgd({ learningRate: 0.1 }), square);
  const first = step(undefined);
  await assertRejects(() => step(undefined), ConfigError, "await it first");
  assertEquals((await first).step, 1);
  assertEquals((await step(undefined)).step, 2);
});

Deno.test("batches that cannot be split evenly along one axis are refused", () => {
  const model = new Network(1);
  const step = trainStepSync(model, sgd({ learningRate: 1 }), loss, { accumulate: 2 });
  const { x } = batchOf(1);
  assertThrows(() => step({ x, y: batchOf(1, device, 11).y }), ShapeError, "[12, 4], [11]");
  const numbers = trainStepSync(bare(device, [1]), sgd({ learningRate: 1 }), square, {
    accumulate: 2,
  });
  assertThrows(() => numbers(5), ConfigError, "give a function");
  assertThrows(
    () => trainStepSync(model, sgd({ learningRate: 1 }), loss, { accumulate: 0 }),
    ConfigError,
    "at least 1",
  );
});

Deno.test("a function may split a batch into parts of equal weight", () => {
  const model = bare(device, [1]);
  const step = trainStepSync(
    model,
    sgd({ learningRate: 1 }),
    (m, batch: readonly number[]) => m.weights[0].value.mul(batch[0]).sum(),
    { accumulate: (batch) => batch.map((each) => [each]) },
  );
  const { loss, gradientNorm } = step([2, 4]);
  assertEquals([loss, gradientNorm], [3, 3]);
});

Deno.test("averages can be looked through for an evaluation, and the weights come back", async () => {
  const model = bare(device, [8]);
  const optimizer = ema(sgd({ learningRate: 0.25 }), { decay: 0.5 });
  const step = trainStepSync(model, optimizer, square);
  step(undefined);
  const value = () => model.weights[0].value.item();
  // 8 -> 4; the average goes half way.
  assertEquals(await optimizer.withAverages(value), 6);
  assertEquals(value(), 4);
  await assertRejects(() =>
    optimizer.withAverages(() => {
      throw new RangeError("inside");
    }), RangeError);
  assertEquals(value(), 4);
  assertThrows(() => ema(sgd({ learningRate: 1 }), { decay: 1 }), ConfigError, "[0, 1)");
});

Deno.test("a whole transformer trains under SAM to the same bits twice", () => {
  const train = () => {
    const model = VisionTransformer.create({
      preset: "starter",
      imageSize: 16,
      width: 12,
      depth: 2,
      dropPath: 0.2,
      dropout: 0.1,
      seed: 5,
      device,
    });
    const optimizer = sam(clipNorm(adamW({ learningRate: 2e-3, weightDecay: 0.05 }), 1), {
      radius: 0.01,
    });
    const images = randomUniform([4, 3, 16, 16], {
      random: new RandomStream(1),
      high: 255,
      device,
    });
    const labels = tensor(Int32Array.of(0, 1, 0, 1), { device });
    const step = trainStepSync(model, optimizer, (m, x) => crossEntropy(m.forward(x), labels));
    const losses = Array.from({ length: 4 }, () => step(images).loss);
    return { losses, weights: bits(model) };
  };
  const once = train();
  assert(once.losses.every(Number.isFinite));
  assertEquals(train(), once);
});

Deno.test("gradients still reach a model whose weights lie in an arena", () => {
  const model = bare(device, [1, 2]);
  const step = trainStepSync(model, sgd({ learningRate: 0 }), square);
  step(undefined);
  assertEquals(gradients(square(model), step.arena.parameters)[0].toArray(), [2, 4]);
});
