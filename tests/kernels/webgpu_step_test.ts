// What a replayed training step costs on WebGPU, counted: buffers, bind groups, submits, dispatches, memory.

import { assert, assertEquals } from "@std/assert";
import { Encoder, type EncoderShape } from "../../bench/vit.ts";
import type { WebGpuExecutor } from "../../kernels/webgpu/mod.ts";
import { adamW, sam, sgd, trainStep } from "../../optim/mod.ts";
import type { Optimizer } from "../../optim/mod.ts";
import {
  crossEntropy,
  defaultDevice,
  type Device,
  setDefaultDevice,
  startWebGpu,
  tensor,
} from "../../tensor/mod.ts";
import { randomNumbers } from "./harness.ts";
import { testOnWebGpu } from "./webgpu_harness.ts";

const device: Device = "webgpu";
const shape: EncoderShape = { batch: 2, tokens: 5, width: 32, heads: 2, depth: 1, classes: 2 };

/** A training step of an encoder, and a fresh batch for it. */
function encoderStep(optimizer: Optimizer, { depth = 1 } = {}) {
  const before = defaultDevice();
  setDefaultDevice(device);
  const model = new Encoder({ ...shape, depth });
  setDefaultDevice(before);
  const step = trainStep(
    model,
    optimizer,
    (model, batch: { x: ReturnType<typeof tensor>; target: ReturnType<typeof tensor> }) =>
      crossEntropy(model.forward(batch.x), batch.target),
  );
  const { batch, tokens, width } = shape;
  let seed = 0;
  return async (): Promise<number> => {
    const numbers = randomNumbers(batch * tokens * width, seed++ % 3, -1, 1);
    using x = tensor(numbers, { shape: [batch, tokens, width], device });
    using target = tensor(Int32Array.from({ length: batch }, (_, i) => i % 2), { device });
    const { loss } = await step({ x, target });
    return loss;
  };
}

/** What `body` adds to the executor's counts. */
async function counted(executor: WebGpuExecutor, body: () => Promise<unknown>) {
  const before = executor.counts;
  await body();
  const after = executor.counts;
  return {
    buffers: after.buffers - before.buffers,
    bindGroups: after.bindGroups - before.bindGroups,
    dispatches: after.dispatches - before.dispatches,
    submits: after.submits - before.submits,
  };
}

testOnWebGpu(
  "a replayed step makes no buffer and no bind group, and one submit a pass",
  async () => {
    const executor = await startWebGpu();
    for (
      const { optimizer, passes } of [
        { optimizer: sgd({ learningRate: 0.01 }), passes: 1 },
        { optimizer: adamW({ learningRate: 0.001 }), passes: 1 },
        { optimizer: sam(sgd({ learningRate: 0.01 }), { radius: 0.01 }), passes: 2 },
      ]
    ) {
      const step = encoderStep(optimizer);
      for (let i = 0; i < 5; i++) await step();
      const { buffers, bindGroups, submits } = await counted(executor, step);
      assertEquals({ buffers, bindGroups, submits }, {
        buffers: 0,
        bindGroups: 0,
        submits: passes,
      });
    }
  },
);

testOnWebGpu("a transformer block takes at most 24 dispatches, forward and backward", async () => {
  const executor = await startWebGpu();
  const dispatches: number[] = [];
  for (const depth of [2, 4]) {
    const step = encoderStep(sgd({ learningRate: 0.01 }), { depth });
    for (let i = 0; i < 4; i++) await step();
    dispatches.push((await counted(executor, step)).dispatches);
  }
  const [few, many] = dispatches;
  const perBlock = (many - few) / 2;
  assert(perBlock > 0 && perBlock <= 24, `${perBlock} dispatches`);
});

testOnWebGpu("memory is the same before and after 1,000 steps", async () => {
  const executor = await startWebGpu();
  const step = encoderStep(sgd({ learningRate: 0.001 }));
  for (let i = 0; i < 5; i++) await step();
  const level = executor.memory(), { buffers } = executor.counts;
  for (let i = 0; i < 1000; i++) await step();
  assertEquals(executor.memory(), level);
  assertEquals(executor.counts.buffers, buffers);
});
