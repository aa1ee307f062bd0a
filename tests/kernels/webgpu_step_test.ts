// What a replayed training step costs on WebGPU, counted: buffers, bind groups, submits, dispatches, memory.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { checkpoint } from "../../autograd/mod.ts";
import { Encoder, encoderMemory, type EncoderShape } from "../../bench/vit.ts";
import type { WebGpuExecutor } from "../../kernels/webgpu/mod.ts";
import { TransformerBlock } from "../../nn/mod.ts";
import { adamW, clipNorm, sam, sgd, trainStep } from "../../optim/mod.ts";
import type { Optimizer, StepResult } from "../../optim/mod.ts";
import {
  crossEntropy,
  defaultDevice,
  type Device,
  setDefaultDevice,
  startWebGpu,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { slice } from "../../tensor/operations/mod.ts";
import { randomNumbers } from "./harness.ts";
import { testOnWebGpu } from "./webgpu_harness.ts";

const device: Device = "webgpu";
const small: EncoderShape = { batch: 2, tokens: 5, width: 32, heads: 2, depth: 1, classes: 2 };

/** The encoder with blocks that keep nothing but their inputs. */
class CheckpointedEncoder extends Encoder {
  override forward(tokens: Tensor): Tensor {
    const blocks = Object.values(this.blocks).filter((each) => each instanceof TransformerBlock);
    const mixed = blocks.reduce((x, block) => {
      const captured = [...block.namedParameters().values()].map(({ value }) => value);
      return checkpoint((y) => block.forward(y), [x], captured);
    }, tokens);
    return this.head.forward(this.norm.forward(slice(mixed, undefined, 0)));
  }
}

/** A training step of an encoder with a fresh batch. */
function encoderStep(
  optimizer: Optimizer,
  { shape = small, Model = Encoder, readEvery = 1 }: {
    shape?: EncoderShape;
    Model?: typeof Encoder;
    readEvery?: number;
  } = {},
): { (): Promise<StepResult>; temporaryBytes: () => number } {
  const before = defaultDevice();
  setDefaultDevice(device);
  const model = new Model(shape);
  setDefaultDevice(before);
  const step = trainStep(
    model,
    optimizer,
    (model, batch: { x: Tensor; target: Tensor }) =>
      crossEntropy(model.forward(batch.x), batch.target),
    { readEvery },
  );
  const { batch, tokens, width } = shape;
  let seed = 0;
  const run = async (): Promise<StepResult> => {
    const numbers = randomNumbers(batch * tokens * width, seed++ % 3, -1, 1);
    using x = tensor(numbers, { shape: [batch, tokens, width], device });
    using target = tensor(Int32Array.from({ length: batch }, (_, i) => i % 2), { device });
    return await step({ x, target });
  };
  return Object.assign(run, { temporaryBytes: step.temporaryBytes });
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
    reads: after.reads - before.reads,
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

testOnWebGpu(
  "a training step reads nothing but its numbers, and those together if it is told to",
  async () => {
    const executor = await startWebGpu();
    const optimizers = [
      sgd({ learningRate: 0.01 }),
      clipNorm(adamW({ learningRate: 0.001 }), 1),
      sam(sgd({ learningRate: 0.01 }), { radius: 0.01 }),
    ];
    for (const optimizer of optimizers) {
      const step = encoderStep(optimizer, { readEvery: 10 });
      for (let i = 0; i < 20; i++) await step();
      const results: StepResult[] = [];
      const { buffers, bindGroups, submits, reads } = await counted(executor, async () => {
        for (let i = 0; i < 10; i++) results.push(await step());
      });
      assertEquals({ buffers, bindGroups, reads }, { buffers: 0, bindGroups: 0, reads: 1 });
      // One for each step, and one for the reading.
      assertEquals(submits, 11);
      const told = await counted(executor, () => Promise.resolve(results.map(({ loss }) => loss)));
      assertEquals(told.reads, 0);
      assert(results.every(({ loss }) => Number.isFinite(loss)));
    }
  },
);

testOnWebGpu("a transformer block takes at most 24 dispatches, forward and backward", async () => {
  const executor = await startWebGpu();
  const dispatches: number[] = [];
  for (const depth of [2, 4]) {
    const step = encoderStep(sgd({ learningRate: 0.01 }), { shape: { ...small, depth } });
    for (let i = 0; i < 4; i++) await step();
    dispatches.push((await counted(executor, step)).dispatches);
  }
  const [few, many] = dispatches;
  const perBlock = (many - few) / 2;
  assert(perBlock > 0 && perBlock <= 24, `${perBlock} dispatches`);
});

testOnWebGpu("device memory is little more than a step cannot do without", async () => {
  const before = defaultDevice();
  await startWebGpu();
  setDefaultDevice(device);
  const { peak, least } = await encoderMemory({
    ...{ batch: 8, tokens: 33, width: 96, heads: 3, depth: 2, classes: 2 },
  });
  setDefaultDevice(before);
  assert(peak <= 1.2 * least, `${peak} bytes, ${peak / least} times the least`);
});

testOnWebGpu("checkpointed blocks take less memory, and train the same", async () => {
  await startWebGpu();
  const large = { ...small, batch: 4, tokens: 17, depth: 4 };
  const [plain, checkpointed] = [Encoder, CheckpointedEncoder].map((Model) =>
    encoderStep(sgd({ learningRate: 0.01 }), { shape: large, Model })
  );
  for (let i = 0; i < 4; i++) {
    assertAlmostEquals((await checkpointed()).loss, (await plain()).loss, 1e-5);
  }
  const [more, less] = [plain, checkpointed].map((step) => step.temporaryBytes());
  assert(less < 0.8 * more, `${less} of ${more} bytes`);
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
