// The kernels pointwise, reduce, fill, convert and copy on WebGPU against the reference executor.

import { input } from "../../kernels/expression/expression.ts";
import {
  equal,
  exp,
  gelu,
  lessThan,
  maximum,
  relu,
  sigmoid,
  where,
} from "../../kernels/expression/functions.ts";
import type { DType } from "../../kernels/kernel.ts";
import { assertEquals } from "@std/assert";
import { assertClose, oddLengths, randomIntegers, randomNumbers, randomSource } from "./harness.ts";
import {
  compareWithReference,
  runOnWebGpu,
  testOnWebGpu,
  webGpuExecutor,
} from "./webgpu_harness.ts";

const [x, y, z] = [input(0), input(1), input(2)];
const tolerance = { relative: 2e-6, absolute: 2e-6 };

/** Row-major strides of an input of shape `own` read in the larger `shape`; axes of size 1 repeat. */
function broadcastStrides(own: readonly number[], shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (let axis = own.length - 1; axis >= 0; axis--) {
    strides[shape.length - own.length + axis] = own[axis] === 1 ? 0 : step;
    step *= own[axis];
  }
  return strides;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

testOnWebGpu("pointwise: flat runs of every odd length, several outputs", () => {
  for (const count of [...oddLengths, 4096, 4097, 50_001]) {
    const operands = [{ data: randomNumbers(count, 1) }, { data: randomNumbers(count, 2) }];
    const parameters = {
      expressions: [x.mul(y).add(1), gelu(x)],
      ...{ shape: [count], inputStrides: [[1], [1]] },
    };
    compareWithReference("pointwise", parameters, operands, [{ count }, { count }], tolerance);
  }
});

testOnWebGpu("pointwise: broadcasts of every kind", () => {
  const cases: (readonly number[])[][] = [
    [[5, 7], [7], []],
    [[5, 7], [5, 1], [1]],
    [[3, 1, 65], [1, 5, 1], [3, 5, 65]],
    [[2, 3, 4, 5], [3, 1, 5], [2, 1, 4, 1]],
    [[257], [], [257]],
    [[4, 8], [8], [4, 8]],
  ];
  for (const shapes of cases) {
    const rank = Math.max(...shapes.map(({ length }) => length));
    const shape = Array.from(
      { length: rank },
      (_, axis) => Math.max(...shapes.map((each) => each[axis - rank + each.length] ?? 1)),
    );
    const expressions = [x.mul(y).sub(maximum(z, 0.3))];
    const inputStrides = shapes.map((each) => broadcastStrides(each, shape));
    const operands = shapes.map((each, seed) => ({ data: randomNumbers(sizeOf(each), seed) }));
    const results = [{ count: sizeOf(shape) }];
    compareWithReference(
      "pointwise",
      { expressions, shape, inputStrides },
      operands,
      results,
      tolerance,
    );
  }
});

testOnWebGpu("pointwise: transposed and backward reads", () => {
  const operands = [{ data: randomNumbers(35, 1) }, { data: randomNumbers(35, 2) }];
  const parameters = { expressions: [x.add(y)], shape: [5, 7], inputStrides: [[1, 5], [7, 1]] };
  compareWithReference("pointwise", parameters, operands, [{ count: 35 }], tolerance);
});

testOnWebGpu("pointwise: integers and masks in, integers and masks out", () => {
  const count = 65;
  const types: DType[] = ["float32", "int32", "bool"];
  for (const from of types) {
    for (const to of types) {
      const data = from === "int32" ? randomIntegers(count, 3, -5, 5) : randomNumbers(count, 4);
      const mask = Float32Array.from(data, (value) => value > 0 ? 1 : 0);
      const operand = { data: from === "bool" ? mask : data, dtype: from };
      const parameters = { expressions: [x.mul(2)], shape: [count], inputStrides: [[1]] };
      compareWithReference("pointwise", parameters, [operand], [{ count, dtype: to }]);
    }
  }
});

testOnWebGpu("pointwise: numbers too large for int32 saturate, NaN becomes 0", () => {
  const data = Float32Array.of(
    3e9,
    -3e9,
    NaN,
    Infinity,
    -Infinity,
    2147483648,
    -2147483648,
    1.9,
    -1.9,
    -0,
  );
  const parameters = { expressions: [x], shape: [10], inputStrides: [[1]] };
  compareWithReference("pointwise", parameters, [{ data }], [{ count: 10, dtype: "int32" }]);
  compareWithReference("pointwise", parameters, [{ data }], [{ count: 10, dtype: "bool" }]);
});

testOnWebGpu("pointwise: NaN, infinities and zeros of either sign", () => {
  const data = Float32Array.of(NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -2);
  const expressions = [
    relu(x),
    exp(x),
    sigmoid(x),
    x.neg(),
    equal(x, x),
    where(lessThan(x, 0), x, 1),
    maximum(x, 0.5),
  ];
  const parameters = { expressions, shape: [9], inputStrides: [[1]] };
  const results = expressions.map(() => ({ count: 9 }));
  compareWithReference("pointwise", parameters, [{ data }], results, tolerance);
});

testOnWebGpu("pointwise: an output may be an input's memory, of another type too", () => {
  const executor = webGpuExecutor();
  const count = 257;
  const a = { buffer: executor.allocate(4 * count), byteOffset: 0, dtype: "float32" } as const;
  const b = { ...a, buffer: executor.allocate(4 * count) };
  const [first, second] = [randomNumbers(count, 1), randomNumbers(count, 2)];
  executor.write(a, first);
  executor.write(b, second);
  const parameters = {
    expressions: [x.mul(3).add(y), y.sub(x)],
    ...{ shape: [count], inputStrides: [[1], [1]] },
  };
  executor.run("pointwise", parameters, [a, b], [a, { ...b, dtype: "int32" }]);
  assertClose(executor.read(a, count), first.map((value, at) => 3 * value + second[at]), tolerance);
  assertEquals(
    executor.read({ ...b, dtype: "int32" }, count),
    Int32Array.from(second, (value, at) => Math.trunc(Math.fround(value - first[at]))),
  );
  executor.release(a.buffer);
  executor.release(b.buffer);
});

testOnWebGpu(
  "pointwise: views at any element of one buffer, read and written by the same launch",
  () => {
    const executor = webGpuExecutor();
    const count = 100;
    const buffer = executor.allocate(4 * 1000);
    const at = (element: number) =>
      ({ buffer, byteOffset: 4 * element, dtype: "float32" }) as const;
    const data = randomNumbers(1000, 5);
    for (const [from, to] of [[0, 500], [3, 201], [64, 321], [130, 0], [1, 102], [4, 708]]) {
      executor.write(at(0), data);
      const parameters = { expressions: [x.mul(2)], shape: [count], inputStrides: [[1]] };
      executor.run("pointwise", parameters, [at(from)], [at(to)]);
      const expected = data.slice();
      for (let i = 0; i < count; i++) expected[to + i] = 2 * data[from + i];
      assertEquals(executor.read(at(0), 1000), expected, `from ${from} to ${to}`);
    }
    executor.release(buffer);
  },
);

testOnWebGpu("pointwise: numbers in an expression change without a new shader", () => {
  const executor = webGpuExecutor();
  const run = (scale: number) => {
    const parameters = { expressions: [x.mul(scale)], shape: [5], inputStrides: [[1]] };
    const [result] = runOnWebGpu("pointwise", parameters, [{
      data: Float32Array.of(1, 2, 3, 4, 5),
    }], [{ count: 5 }]);
    assertClose(result, [1, 2, 3, 4, 5].map((value) => Math.fround(scale) * value), {
      relative: 1e-7,
    });
  };
  run(0.1);
  const { pipelines } = executor.counts;
  for (const scale of [0.2, -1.7, 3e-20, 12345.678]) run(scale);
  assertEquals(executor.counts.pipelines, pipelines);
});

testOnWebGpu("reduce: rows and columns of every odd length, all kinds", () => {
  for (const kind of ["sum", "max", "min"] as const) {
    for (const outer of [1, 3, 65]) {
      for (const length of [...oddLengths, 64, 300]) {
        for (const inner of [1, 3, 65]) {
          if (outer === 65 && inner === 65) continue;
          const operands = [{ data: randomNumbers(outer * length * inner, length) }];
          const results = [{ count: outer * inner }];
          // 300 numbers below 2.
          compareWithReference("reduce", { outer, length, inner, kind }, operands, results, {
            absolute: 2e-5,
          });
        }
      }
    }
  }
});

testOnWebGpu("reduce: long axes in passes, with a map of several inputs", () => {
  const map = x.mul(y).add(0.125);
  for (
    const [outer, length, inner] of [[1, 100_003, 1], [3, 10_000, 1], [1, 5_000, 7], [2, 4097, 1]]
  ) {
    const count = outer * length * inner;
    const operands = [{ data: randomNumbers(count, 1, 0, 1) }, {
      data: randomNumbers(count, 2, 0, 1),
    }];
    const results = [{ count: outer * inner }];
    compareWithReference("reduce", { outer, length, inner, kind: "sum", map }, operands, results, {
      relative: 3e-6,
    });
    compareWithReference("reduce", { outer, length, inner, kind: "max", map }, operands, results, {
      relative: 1e-6,
    });
  }
});

testOnWebGpu("reduce: NaN wins an extreme, integers and masks count as numbers", () => {
  const data = Float32Array.of(1, NaN, 3, -Infinity, 5, 6);
  for (const kind of ["max", "min", "sum"] as const) {
    compareWithReference("reduce", { outer: 2, length: 3, inner: 1, kind }, [{ data }], [{
      count: 2,
    }]);
  }
  const integers = { data: randomIntegers(300, 7, -9, 9), dtype: "int32" as const };
  const results = [{ count: 3, dtype: "int32" as const }];
  compareWithReference(
    "reduce",
    { outer: 3, length: 100, inner: 1, kind: "sum" },
    [integers],
    results,
  );
  compareWithReference(
    "reduce",
    { outer: 3, length: 100, inner: 1, kind: "max" },
    [integers],
    results,
  );
});

testOnWebGpu("fill and convert: every type, every odd length", () => {
  const types: DType[] = ["float32", "int32", "bool"];
  for (const count of oddLengths) {
    for (const to of types) {
      for (const value of [0, 1.75, -3.5, 3e9, NaN]) {
        compareWithReference("fill", { count, value }, [], [{ count, dtype: to }]);
      }
      for (const from of types) {
        const data = from === "int32"
          ? randomIntegers(count, 3, -(2 ** 31), 2 ** 31)
          : randomNumbers(count, 4);
        compareWithReference("convert", { count }, [{ data, dtype: from }], [{ count, dtype: to }]);
      }
    }
  }
});

testOnWebGpu("copy: random shapes with gaps, repeats, backward and permuted axes", () => {
  const next = randomSource(3);
  const sizes = [1, 1, 2, 3, 4, 5, 7, 16, 33];
  for (let trial = 0; trial < 60; trial++) {
    const shape = Array.from(
      { length: 1 + Math.floor(next() * 4) },
      () => sizes[Math.floor(next() * sizes.length)],
    );
    if (sizeOf(shape) > 20_000) continue;
    const order = shape.map((_, axis) => axis).sort(() => next() - 0.5);
    const sourceStrides = new Array<number>(shape.length).fill(0);
    let step = 1;
    for (const axis of order) {
      if (next() < 0.15) continue;
      sourceStrides[axis] = step * (next() < 0.2 ? -1 : 1);
      step *= shape[axis];
    }
    const sourceOffset = sourceStrides.reduce(
      (sum, stride, axis) => sum + Math.max(0, -stride) * (shape[axis] - 1),
      0,
    );
    const gap = 1 + Math.floor(next() * 3);
    const destinationStrides = new Array<number>(shape.length).fill(0);
    let extent = gap;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      destinationStrides[axis] = extent;
      extent *= shape[axis];
    }
    const destinationOffset = Math.floor(next() * 5);
    const count = destinationOffset + extent;
    const parameters = {
      shape,
      sourceOffset,
      sourceStrides,
      destinationOffset,
      destinationStrides,
    };
    const before = randomNumbers(count, trial, 10, 20);
    compareWithReference(
      "copy",
      parameters,
      [{ data: randomNumbers(step + sourceOffset, trial) }],
      [{ count, before }],
    );
  }
});

testOnWebGpu("copy: a scalar, a backward destination, and a place written again and again", () => {
  const data = randomNumbers(35, 1);
  const copy = (
    shape: number[],
    sourceStrides: number[],
    destinationStrides: number[],
    destinationOffset = 0,
  ) => {
    const parameters = {
      shape,
      sourceOffset: 0,
      sourceStrides,
      destinationOffset,
      destinationStrides,
    };
    compareWithReference("copy", parameters, [{ data }], [{
      count: 35,
      before: randomNumbers(35, 2),
    }]);
  };
  copy([], [], []);
  copy([5, 7], [7, 1], [-7, 1], 28);
  copy([5, 7], [7, 1], [0, 1]);
  copy([0, 7], [7, 1], [7, 1]);
});

testOnWebGpu("copy: rows from and to any element, nothing beside them touched", () => {
  for (const shape of [[1], [2], [3], [4], [5], [7], [64], [257]]) {
    for (const sourceOffset of [0, 1, 4]) {
      for (const destinationOffset of [0, 3, 8]) {
        const layout = { sourceStrides: [1], destinationStrides: [1] };
        const parameters = { shape, sourceOffset, destinationOffset, ...layout };
        const operands = [{ data: randomNumbers(300, 1) }];
        const results = [{ count: 300, before: randomNumbers(300, 2) }];
        compareWithReference("copy", parameters, operands, results);
      }
    }
  }
});
