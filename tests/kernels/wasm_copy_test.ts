// The WebAssembly kernels copy, fill and convert against plain loops.

import { assertEquals } from "@std/assert";
import type { KernelParameters } from "../../kernels/kernel.ts";
import { oddLengths, randomNumbers, randomSource, runOnThreads } from "./harness.ts";

/** One side of a copy: where each element is, and how many elements the tensor has. */
interface Side {
  readonly offset: number;
  readonly strides: readonly number[];
  readonly extent: number;
}

/** A random layout of a shape: axes in any order, gaps, backward axes, repeated ones where allowed. */
function randomSide(shape: readonly number[], next: () => number, repeats: boolean): Side {
  const order = shape.map((_, axis) => ({ axis, key: next() })).sort((a, b) => a.key - b.key);
  const strides = shape.map(() => 0);
  let stride = next() < 0.3 ? 2 : 1;
  let offset = Math.floor(next() * 5);
  for (const { axis } of order) {
    if (repeats && next() < 0.15) continue;
    strides[axis] = stride;
    stride *= shape[axis] + (next() < 0.2 ? 1 : 0);
  }
  const extent = offset + stride;
  shape.forEach((size, axis) => {
    if (next() < 0.2) {
      offset += (size - 1) * strides[axis];
      strides[axis] = -strides[axis];
    }
  });
  return { offset, strides, extent };
}

/** Copies element by element, the last axis fastest. */
function plainCopy(
  { shape, sourceOffset, sourceStrides, destinationOffset, destinationStrides }:
    KernelParameters["copy"],
  source: Float32Array,
  destination: Float32Array,
): void {
  const walk = (axis: number, from: number, to: number): void => {
    if (axis === shape.length) destination[to] = source[from];
    else {
      for (let i = 0; i < shape[axis]; i++) {
        walk(axis + 1, from + i * sourceStrides[axis], to + i * destinationStrides[axis]);
      }
    }
  };
  walk(0, sourceOffset, destinationOffset);
}

/** Runs a copy on 1 to 3 threads and requires what the plain loop gives, untouched elements included. */
async function checkCopy(shape: readonly number[], source: Side, destination: Side): Promise<void> {
  const parameters = {
    shape,
    sourceOffset: source.offset,
    sourceStrides: source.strides,
    destinationOffset: destination.offset,
    destinationStrides: destination.strides,
  };
  const data = randomNumbers(source.extent, 1);
  const before = randomNumbers(destination.extent, 2, 10, 20);
  const expected = before.slice();
  plainCopy(parameters, data, expected);
  const results = [{ count: destination.extent, before }];
  const [actual] = await runOnThreads("copy", parameters, [{ data }], results);
  assertEquals(actual, expected, JSON.stringify(parameters));
}

Deno.test("copy: random shapes of rank 1 to 5 with gaps, repeats, backward and permuted axes", async () => {
  const next = randomSource(3);
  const sizes = [1, 1, 2, 3, 4, 5, 7, 8, 16, 33, 65];
  for (let trial = 0; trial < 300; trial++) {
    const rank = 1 + Math.floor(next() * 5);
    const shape = Array.from({ length: rank }, () => sizes[Math.floor(next() * sizes.length)]);
    while (shape.reduce((product, size) => product * size, 1) > 60_000) {
      const axis = Math.floor(next() * rank);
      shape[axis] = Math.ceil(shape[axis] / 2);
    }
    await checkCopy(shape, randomSide(shape, next, true), randomSide(shape, next, false));
  }
});

Deno.test("copy: matrices transposed, of every odd height and width", async () => {
  for (const rows of oddLengths) {
    for (const columns of oddLengths) {
      const extent = rows * columns;
      const source = { offset: 0, strides: [columns, 1], extent };
      await checkCopy([rows, columns], source, { offset: 0, strides: [1, rows], extent });
    }
  }
});

Deno.test("copy: rows long enough for every thread, whole, repeated, strided and reversed", async () => {
  const length = 100_003;
  for (const sourceStride of [1, 0, 3, -1]) {
    for (const stride of [1, 2, -1]) {
      const side = (step: number) => ({
        offset: step < 0 ? -step * (length - 1) : 0,
        strides: [step],
        extent: Math.max(1, Math.abs(step) * length),
      });
      await checkCopy([length], side(sourceStride), side(stride));
    }
  }
});

Deno.test("copy: a scalar, and an axis of the destination with stride 0, where the last one stays", async () => {
  await checkCopy([], { offset: 2, strides: [], extent: 3 }, {
    offset: 1,
    strides: [],
    extent: 3,
  });
  await checkCopy([3, 5], { offset: 0, strides: [5, 1], extent: 15 }, {
    offset: 0,
    strides: [0, 1],
    extent: 5,
  });
});

Deno.test("fill: every type, counts around chunks, nothing beyond", async () => {
  const cases = [["float32", 1.1, Math.fround(1.1)], ["int32", -7.9, -7], ["bool", 3, 1]] as const;
  for (const count of [...oddLengths, 4096, 4097, 200_001]) {
    for (const [dtype, value, stored] of cases) {
      const [result] = await runOnThreads("fill", { count, value }, [], [{
        count: count + 5,
        dtype,
        before: (dtype === "int32" ? new Int32Array(count + 5) : new Float32Array(count + 5))
          .fill(9),
      }]);
      assertEquals([...result.subarray(0, count)], new Array(count).fill(stored));
      assertEquals([...result.subarray(count)], new Array(5).fill(9));
    }
  }
});

Deno.test("convert: numbers to integers toward zero, saturated, NaN as 0", async () => {
  const data = Float32Array.of(1.9, -1.9, 0, -0, NaN, Infinity, -Infinity, 3e9, -3e9);
  const [result] = await runOnThreads("convert", { count: 9 }, [{ data }], [{
    count: 9,
    dtype: "int32",
  }]);
  assertEquals([...result], [1, -1, 0, 0, 0, 2147483647, -2147483648, 2147483647, -2147483648]);
});

Deno.test("convert: what is not zero is true, NaN included", async () => {
  const data = Float32Array.of(0, -0, 0.5, NaN, -Infinity);
  const [fromNumbers] = await runOnThreads("convert", { count: 5 }, [{ data }], [{
    count: 5,
    dtype: "bool",
  }]);
  assertEquals([...fromNumbers], [0, 0, 1, 1, 1]);
  const [fromIntegers] = await runOnThreads(
    "convert",
    { count: 5 },
    [{ data: Int32Array.of(0, 1, -1, 2147483647, -2147483648), dtype: "int32" }],
    [{ count: 5, dtype: "bool" }],
  );
  assertEquals([...fromIntegers], [0, 1, 1, 1, 1]);
});

Deno.test("convert: integers and masks to numbers, masks to integers, counts around chunks", async () => {
  for (const count of [...oddLengths, 4097, 150_001]) {
    const integers = Int32Array.from({ length: count }, (_, i) => (i - 3) * 7919);
    const [numbers] = await runOnThreads("convert", { count }, [{
      data: integers,
      dtype: "int32",
    }], [{ count }]);
    assertEquals(numbers, Float32Array.from(integers));
    const mask = Float32Array.from({ length: count }, (_, i) => i % 3 === 0 ? 1 : 0);
    const [asNumbers] = await runOnThreads("convert", { count }, [{
      data: mask,
      dtype: "bool",
    }], [{ count }]);
    assertEquals(asNumbers, mask);
    const [asIntegers] = await runOnThreads("convert", { count }, [{
      data: mask,
      dtype: "bool",
    }], [{ count, dtype: "int32" }]);
    assertEquals(asIntegers, Int32Array.from(mask));
  }
});
