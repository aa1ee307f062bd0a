// What the WebGPU executor makes of a list of calls: pairs that become one launch, and the table of choices.

import { assert, assertEquals } from "@std/assert";
import type { Binding, Executor, KernelCall, TypedArray } from "../../kernels/kernel.ts";
import { choiceKey, WebGpuExecutor } from "../../kernels/webgpu/mod.ts";
import { assertClose, bitsOf, randomNumbers } from "./harness.ts";
import { executorFor, reference } from "./webgpu_classes.ts";
import { testOnWebGpu } from "./webgpu_harness.ts";

/** The gradients of a linear layer's weight and bias: gradient^T x, and the gradient's sums over rows. */
function layerGradient(
  executor: Executor,
  [rows, inputs, outputs]: readonly [number, number, number],
): { calls: KernelCall[]; read: () => TypedArray[]; release: () => void } {
  const bind = (count: number): Binding => {
    return { buffer: executor.allocate(4 * count), byteOffset: 0, dtype: "float32" };
  };
  const x = bind(rows * inputs), gradient = bind(rows * outputs);
  const weight = bind(outputs * inputs), bias = bind(outputs);
  executor.write(x, randomNumbers(rows * inputs, 1, -1, 1));
  executor.write(gradient, randomNumbers(rows * outputs, 2, -1, 1));
  const layout = { batch: [], batchStridesA: [], batchStridesB: [], bias: false } as const;
  const sides = { rows: outputs, columns: inputs, depth: rows };
  const product = { ...layout, ...sides, transposeA: true, transposeB: false };
  const sums = { outer: 1, length: rows, inner: outputs, kind: "sum" } as const;
  return {
    calls: [
      { name: "matmul", parameters: product, inputs: [gradient, x], outputs: [weight] },
      { name: "reduce", parameters: sums, inputs: [gradient], outputs: [bias] },
    ],
    read: () => [executor.read(weight, outputs * inputs), executor.read(bias, outputs)],
    release: () => [x, gradient, weight, bias].forEach(({ buffer }) => executor.release(buffer)),
  };
}

/** Rows, inputs and outputs of layers. */
const layerShapes = [
  [130, 96, 64],
  [70, 52, 36],
  [68, 33, 45],
  [1041, 64, 40],
  [260, 192, 12],
] as const;

testOnWebGpu(
  "the gradients of weight and bias are one launch, with the bits that two have",
  () => {
    for (const shape of layerShapes) {
      const oracle = layerGradient(reference, shape);
      reference.prepare(oracle.calls).run();
      const expected = oracle.read();
      oracle.release();
      for (const adapterClass of ["software", "software without subgroups", "hardware"] as const) {
        const executor = executorFor(adapterClass);
        const { calls, read, release } = layerGradient(executor, shape);
        for (const { name, parameters, inputs, outputs } of calls) {
          executor.run(name, parameters, inputs, outputs);
        }
        const alone = read();
        const program = executor.prepare(calls);
        // A GPU splits a long depth, whose sums then take a launch of their own.
        const isJoined = adapterClass === "hardware" && shape[0] < 512 ||
          adapterClass === "software" && executor.subgroupLanes !== undefined;
        if (isJoined && shape[2] > 12) {
          assertEquals(program.launches, 1, `${shape} ${adapterClass}`);
        }
        program.run();
        read().forEach((actual, index) => {
          const tolerance = { absolute: 1e-7 * shape[0], relative: 2e-6 };
          assertClose(actual, expected[index], tolerance, `${shape} ${adapterClass}`);
          assertEquals(bitsOf(actual), bitsOf(alone[index]), `${shape} ${adapterClass}`);
        });
        program.release();
        release();
      }
    }
  },
);

testOnWebGpu("a table of choices is followed, and tells what was taken", async () => {
  const parameters = {
    ...{ batch: [], batchStridesA: [], batchStridesB: [] },
    ...{ rows: 64, columns: 64, depth: 64, transposeA: false, transposeB: false, bias: false },
  };
  const key = choiceKey("matmul", "depth lines 1 x 64 x 64 x 64", "software");
  const run = (executor: WebGpuExecutor): TypedArray => {
    const bind = (): Binding => {
      return { buffer: executor.allocate(4 * 64 ** 2), byteOffset: 0, dtype: "float32" };
    };
    const [a, b, c] = [bind(), bind(), bind()];
    executor.write(a, randomNumbers(64 ** 2, 1));
    executor.write(b, randomNumbers(64 ** 2, 2));
    executor.run("matmul", parameters, [a, b], [c]);
    return executor.read(c, 64 ** 2);
  };
  const standard = await WebGpuExecutor.create({ adapterClass: "software" });
  assert(standard);
  const expected = run(standard);
  const choice = standard.choices.used.find((each) => each.key === key);
  assert(choice, key);
  assertEquals(choice.taken, choice.standard);
  standard.close();
  for (const way of choice.ways) {
    const executor = await WebGpuExecutor.create({
      adapterClass: "software",
      choices: { [key]: way },
    });
    assert(executor);
    assertClose(run(executor), expected, { absolute: 1e-5, relative: 1e-5 }, way);
    assertEquals(executor.choices.used.map(({ key, taken }) => ({ key, taken })), [
      { key, taken: way },
    ]);
    executor.close();
  }
  // A way that does not exist, as from another version, is left out of account.
  const other = await WebGpuExecutor.create({
    adapterClass: "software",
    choices: { [key]: "stones" },
  });
  assert(other);
  run(other);
  assertEquals(other.choices.used[0].taken, choice.standard);
  other.close();
});
