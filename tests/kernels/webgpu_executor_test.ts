// The WebGPU executor's contract: types, buffers, errors, and what a replayed program makes.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError, DTypeError, ReleasedError, ValueError } from "../../errors.ts";
import { input } from "../../kernels/expression/expression.ts";
import { relu } from "../../kernels/expression/functions.ts";
import type { Binding, DType, KernelCall } from "../../kernels/kernel.ts";
import { sizeClass } from "../../kernels/webgpu/buffers.ts";
import { WebGpuExecutor, type WebGpuExecutorOptions } from "../../kernels/webgpu/executor.ts";
import {
  floatWord,
  gridOf,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
} from "../../kernels/webgpu/kernel.ts";
import { assertClose, randomNumbers } from "./harness.ts";
import { testOnWebGpu, webGpuExecutor } from "./webgpu_harness.ts";

/** A fresh buffer bound as a type. */
function bind(executor: WebGpuExecutor, count: number, dtype: DType = "float32"): Binding {
  return { buffer: executor.allocate(4 * count), byteOffset: 0, dtype };
}

/** An executor of the test's own. */
async function fresh(options: WebGpuExecutorOptions = {}): Promise<WebGpuExecutor> {
  const executor = await WebGpuExecutor.create(options);
  assert(executor);
  return executor;
}

testOnWebGpu("reads back what was written, as the binding's type", () => {
  const executor = webGpuExecutor();
  const numbers = bind(executor, 4);
  executor.write(numbers, Float32Array.of(1.5, -2, NaN, 0));
  assertEquals(executor.read(numbers, 4), Float32Array.of(1.5, -2, NaN, 0));
  executor.write(numbers, Float64Array.of(0.1));
  assertEquals(executor.read(numbers, 1), Float32Array.of(0.1));
  const integers = bind(executor, 6, "int32");
  executor.write(integers, Float32Array.of(1.9, -1.9, NaN, 3e9, -Infinity, 7));
  assertEquals(executor.read(integers, 6), Int32Array.of(1, -1, 0, 2147483647, -2147483648, 7));
  const mask = bind(executor, 3, "bool");
  executor.write(mask, Int32Array.of(0, 1, 5));
  assertEquals(executor.read(mask, 3), Float32Array.of(0, 1, 1));
  executor.write({ ...integers, byteOffset: 4 }, Int32Array.of(42));
  assertEquals(executor.read(integers, 3), Int32Array.of(1, 42, 0));
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared.set([3, 4]);
  executor.write(numbers, shared);
  assertEquals(executor.read(numbers, 2), Float32Array.of(3, 4));
});

testOnWebGpu("a buffer is written only after the commands that were to read it", () => {
  const executor = webGpuExecutor();
  const x = bind(executor, 1), y = bind(executor, 1);
  const parameters = { expressions: [input(0).mul(2)], shape: [1], inputStrides: [[1]] };
  executor.write(x, Float32Array.of(1));
  executor.run("pointwise", parameters, [x], [y]);
  executor.write(x, Float32Array.of(100));
  assertEquals(executor.read(y, 1), Float32Array.of(2));
  // Also where the pool hands the same memory out again.
  executor.run("pointwise", parameters, [x], [y]);
  executor.release(x.buffer);
  executor.write(bind(executor, 1), Float32Array.of(7));
  assertEquals(executor.read(y, 1), Float32Array.of(200));
});

testOnWebGpu("reading works without the synchronous path too", async () => {
  const executor = await fresh({ readSynchronously: false });
  assertEquals(executor.readsSynchronously, false);
  const x = bind(executor, 3);
  executor.write(x, Float32Array.of(1, 2, 3));
  assertThrows(() => executor.read(x, 3), DeviceError, "asynchronously only");
  assertEquals(await executor.readLater(x, 3), Float32Array.of(1, 2, 3));
  const [first, second] = await Promise.all([
    executor.readLater(x, 1),
    executor.readLater({ ...x, byteOffset: 4 }, 1),
  ]);
  assertEquals([first[0], second[0]], [1, 2]);
  executor.close();
});

testOnWebGpu("float64 is refused, naming who computes it", () => {
  const executor = webGpuExecutor();
  const doubles = bind(executor, 2, "float64"), numbers = bind(executor, 2);
  assertThrows(() => executor.write(doubles, Float64Array.of(1)), DTypeError, "reference executor");
  assertThrows(
    () => executor.run("convert", { count: 2 }, [doubles], [numbers]),
    DTypeError,
    "convert got float64",
  );
});

testOnWebGpu(
  "released and foreign buffers are refused, and what lies outside a buffer",
  async () => {
    const executor = webGpuExecutor(), other = await fresh();
    const numbers = bind(executor, 4);
    executor.release(numbers.buffer);
    assertThrows(() => executor.read(numbers, 1), ReleasedError, "16 bytes");
    assertThrows(() => executor.release(numbers.buffer), ReleasedError);
    const fill = { count: 1, value: 0 };
    assertThrows(() => executor.run("fill", fill, [], [numbers]), ReleasedError);
    const foreign = bind(other, 4);
    assertThrows(() => executor.read(foreign, 1), DeviceError, "another executor");
    assertThrows(() => other.read(foreign, 5), ValueError, "16 bytes");
    assertThrows(() => other.write(foreign, new Float32Array(5)), ValueError);
    assertThrows(() => other.read({ ...foreign, byteOffset: 2 }, 1), ValueError);
    other.close();
  },
);

testOnWebGpu("a closed device is a DeviceError at every later call", async () => {
  const executor = await fresh();
  const x = bind(executor, 4);
  executor.close();
  assertEquals(executor.isLost, true);
  for (let repeat = 0; repeat < 2; repeat++) {
    assertThrows(() => executor.read(x, 4), DeviceError, "closed");
    assertThrows(
      () => executor.run("fill", { count: 4, value: 1 }, [], [x]),
      DeviceError,
      "closed",
    );
    assertThrows(() => executor.allocate(16), DeviceError, "closed");
  }
});

testOnWebGpu(
  "memory: a limit of its own, the device's largest buffer, and idle buffers given up for others",
  async () => {
    const executor = await fresh({ maximumBytes: 1 << 20 });
    const half = executor.allocate(1 << 19);
    assertThrows(() => executor.allocate(1 << 20), DeviceError, `cannot reserve ${1 << 20} bytes`);
    executor.release(half);
    const all = executor.allocate((1 << 20) - 256); // only when the idle half is destroyed
    assertEquals(executor.memory().buffers, 1);
    assertEquals(executor.memory().bytes, (1 << 20) - 256);
    executor.release(all);
    assertThrows(() => executor.allocate(2 ** 50), DeviceError, "a buffer of");
    executor.close();
  },
);

testOnWebGpu(
  "a launch beyond the device's limits is a DeviceError naming kernel, shapes and bytes",
  async () => {
    const executor = await fresh();
    const x = bind(executor, 4), y = bind(executor, 4);
    const copy = {
      sourceOffset: 0,
      sourceStrides: [1],
      destinationOffset: 0,
      destinationStrides: [1],
    };
    const error = assertThrows(
      () => executor.run("copy", { shape: [5000], ...copy }, [x], [y]),
      DeviceError,
      "20000 bytes of a buffer where 256 are",
    );
    assert(error.message.includes("copy") && error.message.includes("[5000]"), error.message);
    executor.close();
  },
);

testOnWebGpu(
  "what the device refuses is a DeviceError at the next reading, naming the kernel",
  async () => {
    const executor = await fresh();
    const x = bind(executor, 4);
    const broken: WgslKernel = {
      key: "test broken",
      uniforms: 0,
      source: () => "this is not a shader",
    };
    executor.launch(broken, [{ binding: x, access: "read_write" }], [], [1, 1, 1]);
    assertThrows(() => executor.read(x, 4), DeviceError, "did not carry out a batch");
    const error = await assertRejects(() => executor.settled(), DeviceError);
    assert(error.message.includes("test broken does not compile"), error.message);
    // It goes on after that.
    executor.write(x, Float32Array.of(5));
    assertEquals(executor.read(x, 1), Float32Array.of(5));
    executor.close();
  },
);

/** y = scale * x on `count` elements. */
const scaleKernel: WgslKernel = {
  key: "test scale",
  uniforms: 2,
  source: () =>
    `\
${
      wgslBindings(
        [
          { name: "x", type: "f32", access: "read" },
          { name: "y", type: "f32", access: "read_write" },
        ],
        ["count: u32", "scale: f32"],
      )
    }
@compute @workgroup_size(64) fn main(${wgslEntryParameters}) {
  let index = ${wgslInvocationIndex(64)};
  if (index < parameters.count) { y[index] = parameters.scale * x[index]; }
}
`,
};

testOnWebGpu("a shader of one's own", () => {
  const executor = webGpuExecutor();
  const count = 1000;
  const x = bind(executor, count), y = bind(executor, count);
  const data = randomNumbers(count, 1);
  executor.write(x, data);
  const buffers = [{ binding: x, access: "read" }, { binding: y, access: "read_write" }] as const;
  executor.launch(scaleKernel, buffers, [count, floatWord(-2)], gridOf(Math.ceil(count / 64)));
  assertEquals(executor.read(y, count), data.map((value) => -2 * value));
  assertThrows(
    () => executor.launch(scaleKernel, buffers, [count, 0], [70_000, 1, 1]),
    DeviceError,
    "70000 x 1 x 1 workgroups",
  );
});

testOnWebGpu("a grid is folded where one axis is too short for it", () => {
  for (const count of [0, 1, 65535, 65536, 1e7]) {
    const [x, y, z] = gridOf(count);
    assert(x * y * z >= count && x * y * z < count + 65536 && Math.max(x, y, z) <= 65535);
  }
});

testOnWebGpu("size classes are at most a quarter larger, and multiples of 256", () => {
  for (let bytes = 1; bytes < 1e9; bytes = Math.ceil(bytes * 1.37)) {
    const size = sizeClass(bytes);
    assert(size >= bytes && size % 256 === 0 && size <= Math.max(256, bytes * 1.25 + 256));
    assertEquals(sizeClass(size), size);
  }
});

/** Calls of several kinds, some with temporary memory, whose result depends on what `x` holds. */
function someCalls(executor: WebGpuExecutor, count: number) {
  const x = bind(executor, count), y = bind(executor, count), sum = bind(executor, 1);
  const order = bind(executor, count, "int32");
  const pointwise = {
    name: "pointwise",
    parameters: { expressions: [relu(input(0))], shape: [count], inputStrides: [[1]] },
    ...{ inputs: [x], outputs: [y] },
  } as const;
  const reduce = {
    name: "reduce",
    parameters: { outer: 1, length: count, inner: 1, kind: "sum" },
    ...{ inputs: [y], outputs: [sum] },
  } as const;
  const sort = {
    name: "sort",
    parameters: { outer: 1, length: count, inner: 1, descending: false },
    ...{ inputs: [x], outputs: [order] },
  } as const;
  return { x, sum, order, calls: [pointwise, reduce, sort, pointwise] as KernelCall[] };
}

testOnWebGpu(
  "replayed programs make no buffer and no bind group, and one submit together",
  async () => {
    const executor = await fresh();
    const count = 10_000;
    const { x, sum, order, calls } = someCalls(executor, count);
    const program = executor.prepare(calls);
    // The sum takes two passes, sorting one and a merge for each doubling from 128 to 10,000.
    assertEquals(program.launches, 1 + 2 + (1 + 7) + 1);
    for (const seed of [1, 2, 3]) {
      const data = randomNumbers(count, seed);
      executor.write(x, data);
      const before = executor.counts;
      program.run();
      program.run();
      executor.flush();
      const { buffers, bindGroups, pipelines, submits } = executor.counts;
      assertEquals({ buffers, bindGroups, pipelines }, {
        buffers: before.buffers,
        bindGroups: before.bindGroups,
        pipelines: before.pipelines,
      });
      assertEquals(submits, before.submits + 1);
      const expected = data.reduce((total, value) => total + Math.max(0, value), 0);
      assertClose(executor.read(sum, 1), [expected], { relative: 1e-5 });
      const sorted = Array.from(executor.read(order, count), (index) => data[index]);
      assertEquals(sorted, [...data].sort((a, b) => a - b));
    }
    program.release();
    executor.close();
  },
);

testOnWebGpu(
  "memory is the same before and after 1,000 runs, and all of a program's goes back",
  async () => {
    const executor = await fresh();
    const { x, sum, calls } = someCalls(executor, 100);
    executor.write(x, randomNumbers(100, 1));
    const program = executor.prepare(calls);
    program.run();
    executor.read(sum, 1);
    const level = executor.memory(), { buffers } = executor.counts;
    for (let run = 0; run < 1000; run++) program.run();
    const [once] = executor.read(sum, 1);
    assertEquals(executor.memory(), level);
    program.release();
    const again = executor.prepare(calls);
    again.run();
    assertEquals(executor.read(sum, 1)[0], once);
    assertEquals(executor.counts.buffers, buffers);
    assertEquals(executor.memory(), level);
    executor.close();
  },
);

testOnWebGpu("live calls that repeat make no buffers and no bind groups either", async () => {
  const executor = await fresh();
  const { x, sum, calls } = someCalls(executor, 100);
  executor.write(x, randomNumbers(100, 1));
  const step = () => {
    for (const { name, parameters, inputs, outputs } of calls) {
      executor.run(name, parameters, inputs, outputs);
    }
    return executor.read(sum, 1)[0];
  };
  const first = step();
  step();
  const before = executor.counts;
  for (let repeat = 0; repeat < 20; repeat++) assertEquals(step(), first);
  const { buffers, bindGroups } = executor.counts;
  assertEquals([buffers, bindGroups], [before.buffers, before.bindGroups]);
  executor.close();
});

testOnWebGpu("numbers are written between two programs without a submit", async () => {
  const executor = await fresh();
  const x = bind(executor, 4), y = bind(executor, 4);
  const add = {
    name: "pointwise",
    parameters: {
      expressions: [input(0).add(input(1))],
      shape: [4],
      inputStrides: [[1], [1]],
    },
    ...{ inputs: [x, y], outputs: [y] },
  } as const;
  const program = executor.prepare([add]);
  executor.write(y, new Float32Array(4));
  executor.flush();
  const { submits } = executor.counts;
  for (let run = 1; run <= 3; run++) {
    executor.write(x, Float32Array.of(run, 10 * run, 0, 0));
    program.run();
  }
  assertEquals(executor.counts.submits, submits);
  assertEquals(executor.read(y, 4), Float32Array.of(6, 60, 0, 0));
  executor.close();
});

testOnWebGpu("indices that JavaScript wrote are read back without the device", async () => {
  const executor = await fresh();
  const index = bind(executor, 3, "int32"), copied = bind(executor, 3, "int32");
  executor.write(index, Int32Array.of(2, 0, 1));
  const layout = { sourceOffset: 0, destinationOffset: 0 };
  const parameters = { ...layout, shape: [3], sourceStrides: [1], destinationStrides: [1] };
  executor.run("copy", parameters, [index], [copied]);
  const { submits } = executor.counts;
  assertEquals(executor.read(copied, 3), Int32Array.of(2, 0, 1));
  assertEquals(executor.counts.submits, submits);
  // A kernel has changed them: what the device holds is read.
  executor.run("fill", { count: 2, value: 7 }, [], [copied]);
  assertEquals(executor.read(copied, 3), Int32Array.of(7, 7, 1));
  const program = executor.prepare([
    { name: "fill", parameters: { count: 1, value: 5 }, inputs: [], outputs: [index] },
  ]);
  assertEquals(executor.read(index, 3), Int32Array.of(2, 0, 1));
  program.run();
  assertEquals(executor.read(index, 3), Int32Array.of(5, 0, 1));
  executor.close();
});

testOnWebGpu(
  "more commands than fit into one batch, and more batches than the ledger holds",
  () => {
    const executor = webGpuExecutor();
    const x = bind(executor, 1);
    executor.write(x, Float32Array.of(0));
    const parameters = { expressions: [input(0).add(1)], shape: [1], inputStrides: [[1]] };
    for (let count = 1; count <= 2000; count++) {
      executor.run("pointwise", parameters, [x], [x]);
      if (count % 3 === 0) executor.flush();
    }
    assertEquals(executor.read(x, 1), Float32Array.of(2000));
  },
);
