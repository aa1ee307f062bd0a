// Products of float16: factors are rounded, sums are float32, for every kernel that there is; refused where there is no
// float16.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../errors.ts";
import { ReferenceExecutor } from "../../kernels/reference/mod.ts";
import { WebGpuExecutor } from "../../kernels/webgpu/executor.ts";
import { assertClose, randomNumbers, runKernel } from "./harness.ts";
import { recordShaders } from "./recording_gpu.ts";
import { testOnWebGpu } from "./webgpu_harness.ts";

/** Sizes and transpositions that take every kind of kernel: tiles, split depths, vectors, batches, odd ones. */
const products = [
  { batch: 1, rows: 130, columns: 96, depth: 64, transposeA: false, transposeB: true },
  { batch: 1, rows: 96, columns: 64, depth: 1040, transposeA: true, transposeB: false },
  { batch: 3, rows: 33, columns: 21, depth: 50, transposeA: false, transposeB: false },
  { batch: 1, rows: 1, columns: 70, depth: 257, transposeA: false, transposeB: false },
];

/** Numbers rounded to float16, as the kernels are to round them. */
const rounded = (values: Float32Array): Float32Array => Float32Array.from(values, Math.f16round);

/** Whether the adapter has float16 at all. */
async function hasHalf(): Promise<boolean> {
  return (await navigator.gpu.requestAdapter())?.features.has("shader-f16") ?? false;
}

for (const adapterClass of ["software", "hardware"] as const) {
  testOnWebGpu(
    `half products on kernels for ${adapterClass} round their factors and nothing else`,
    async () => {
      if (!await hasHalf()) {
        return console.warn("the adapter has no shader-f16: half products are not tested");
      }
      const executor = (await WebGpuExecutor.create({ adapterClass }))!;
      executor.halfProducts = true;
      try {
        for (const sizes of products) {
          const { batch, rows, columns, depth } = sizes;
          const parameters = {
            ...sizes,
            batch: [batch],
            batchStridesA: [rows * depth],
            batchStridesB: [columns * depth],
            bias: true,
          };
          const a = randomNumbers(batch * rows * depth, 1);
          const b = randomNumbers(batch * columns * depth, 2);
          const bias = { data: randomNumbers(columns, 3) };
          const results = [{ count: batch * rows * columns }];
          const [actual] = runKernel(executor, "matmul", parameters, [
            { data: a },
            { data: b },
            bias,
          ], results);
          const [expected] = runKernel(
            new ReferenceExecutor(),
            "matmul",
            parameters,
            [{ data: rounded(a) }, { data: rounded(b) }, bias],
            results,
          );
          // Products of float16 are exact in float32, so only sums round.
          assertClose(actual, expected, { absolute: 1e-6 * depth }, JSON.stringify(sizes));
          const [full] = runKernel(
            new ReferenceExecutor(),
            "matmul",
            parameters,
            [{ data: a }, { data: b }, bias],
            results,
          );
          assert(
            actual.some((value, at) => Math.abs(value - full[at]) > 1e-5 * depth),
            "not rounded",
          );
        }
      } finally {
        executor.close();
      }
    },
  );
}

testOnWebGpu(
  "a factor beyond float16 becomes infinite, so that the loss is scaled down",
  async () => {
    if (!await hasHalf()) {
      return console.warn(
        "the adapter has no shader-f16: half products are not tested",
      );
    }
    const executor = (await WebGpuExecutor.create())!;
    executor.halfProducts = true;
    const parameters = {
      ...{ batch: [], batchStridesA: [], batchStridesB: [], rows: 4, columns: 4, depth: 4 },
      ...{ transposeA: false, transposeB: false, bias: false },
    };
    const a = new Float32Array(16).fill(70_000), b = new Float32Array(16).fill(1);
    const [product] = runKernel(executor, "matmul", parameters, [{ data: a }, { data: b }], [{
      count: 16,
    }]);
    assert(product.every((value) => !Number.isFinite(value)), `${product}`);
    executor.halfProducts = false;
    const [full] = runKernel(executor, "matmul", parameters, [{ data: a }, { data: b }], [{
      count: 16,
    }]);
    assertEquals(full[0], 280_000);
    executor.close();
  },
);

Deno.test("half products are refused by name where the adapter has no float16", async () => {
  await recordShaders("NVIDIA GeForce GTX 980", [], async () => {
    const executor = (await WebGpuExecutor.create())!;
    const { message } = assertThrows(() => executor.halfProducts = true, DeviceError);
    for (const wanted of ["shader-f16", "GTX 980", "--precision full"]) {
      assert(message.includes(wanted), message);
    }
    assertEquals(executor.halfProducts, false);
  });
});
