// Training steps have the same bits on one, two and three threads.

import { assert, assertEquals } from "@std/assert";
import { WasmExecutor } from "../../kernels/wasm/mod.ts";
import { VisionTransformer } from "../../nn/mod.ts";
import { adamW, clipNorm, type Optimizer, sam, sgd, trainStep } from "../../optim/mod.ts";
import {
  crossEntropy,
  executorOf,
  randomNormal,
  RandomStream,
  setThreads,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { crc32 } from "node:zlib";

interface Batch {
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** Some steps of a vision transformer; the weights' and losses' bits afterwards. */
async function train(optimizer: Optimizer, threads: number): Promise<unknown> {
  setThreads(threads);
  const executor = executorOf("wasm");
  assert(executor instanceof WasmExecutor);
  await executor.ready();
  assertEquals(executor.threads, threads);
  const shape = { imageSize: 32, patchSize: 4, width: 48, depth: 2, heads: 3, classes: 2 };
  const model = VisionTransformer.create({ preset: "tiny", ...shape });
  const step = trainStep(
    model,
    optimizer,
    (model, { images, labels }: Batch) => crossEntropy(model.forward(images), labels),
  );
  const random = new RandomStream(1);
  const losses: number[] = [];
  for (let at = 0; at < 5; at++) {
    const images = randomNormal([8, 3, 32, 32], { random });
    const labels = tensor(Int32Array.from({ length: 8 }, (_, i) => i % 2));
    losses.push((await step({ images, labels })).loss);
  }
  const weights = step.arena.values.dataSync();
  return { losses, weights: crc32(new Uint8Array(weights.buffer.slice(0))) };
}

const optimizers: Readonly<Record<string, () => Optimizer>> = {
  "sgd": () => sgd({ learningRate: 0.01, momentum: 0.9 }),
  "adamW, clipped": () => clipNorm(adamW({ learningRate: 1e-3 }), 1),
  "sam": () => sam(adamW({ learningRate: 1e-3 }), { radius: 0.02 }),
};

for (const [name, make] of Object.entries(optimizers)) {
  Deno.test(`${name} trains a vision transformer to the same bits on 1, 2 and 3 threads`, async () => {
    try {
      const [one, two, three] = [
        await train(make(), 1),
        await train(make(), 2),
        await train(make(), 3),
      ];
      assertEquals(two, one);
      assertEquals(three, one);
    } finally {
      setThreads(1);
    }
  });
}
