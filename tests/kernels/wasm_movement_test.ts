// The WebAssembly kernels along an axis (gather, scatterAdd, sort, cumulativeSum, argReduce), sliding windows (unfold, fold)
// and findNonFinite, against plain loops.

import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError } from "../../errors.ts";
import type { AxisLayout, TypedArray, WindowLayout } from "../../kernels/kernel.ts";
import {
  assertClose,
  oddLengths,
  randomIntegers,
  randomNumbers,
  randomSource,
  runKernel,
  runOnThreads,
  wasmExecutor,
} from "./harness.ts";

/** Axis layouts of odd extents, and some large enough for every thread. */
const axisLayouts: readonly AxisLayout[] = [
  ...[1, 3, 65].flatMap((outer) =>
    [1, 3, 5, 65, 257].flatMap((length) =>
      [1, 3, 4, 5, 16, 33].map((inner) => ({ outer, length, inner }))
    )
  ).filter(({ outer, length, inner }) => outer * length * inner <= 100_000),
  { outer: 0, length: 3, inner: 4 },
  { outer: 3, length: 4, inner: 0 },
  { outer: 1, length: 5000, inner: 64 },
  { outer: 257, length: 257, inner: 1 },
];

/** Calls `visit` with the position of each element of `[outer, length, inner]`, `length` in order. */
function forEachColumn(
  { outer, length, inner }: AxisLayout,
  visit: (positions: number[]) => void,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      visit(Array.from({ length }, (_, l) => (o * length + l) * inner + i));
    }
  }
}

/** Numbers with many equal ones, both zeros, infinities and NaNs. */
function awkwardNumbers(count: number, seed: number): Float32Array {
  const next = randomSource(seed);
  const special = [0, -0, NaN, Infinity, -Infinity, 1e-45, -1e-45, 3.4e38];
  return Float32Array.from({ length: count }, () => {
    const draw = next();
    if (draw < 0.1) return special[Math.floor(next() * special.length)];
    return draw < 0.5 ? Math.floor(next() * 5) - 2 : next() * 4 - 2;
  });
}

Deno.test("gather: rows, single elements and indices shared along any axis", async () => {
  let seed = 0;
  for (const { outer, length, inner } of axisLayouts) {
    const count = [1, 3, 65][seed % 3];
    const layouts = [
      [0, 1, 0],
      [count, 1, 0],
      [count * inner, inner, 1],
      [0, inner, 1],
      [0, 1, count],
    ] as const;
    for (const indexStrides of layouts) {
      const indices = randomIntegers(outer * count * inner + count * inner + 1, ++seed, 0, length);
      const data = randomNumbers(outer * length * inner, seed);
      const expected = new Float32Array(outer * count * inner);
      for (let o = 0, at = 0; o < outer; o++) {
        for (let c = 0; c < count; c++) {
          for (let i = 0; i < inner; i++, at++) {
            const index = indices[o * indexStrides[0] + c * indexStrides[1] + i * indexStrides[2]];
            expected[at] = data[(o * length + index) * inner + i];
          }
        }
      }
      const parameters = { outer, length, inner, count, indexStrides };
      const operands = [{ data }, { data: indices, dtype: "int32" as const }];
      const [actual] = await runOnThreads("gather", parameters, operands, [{
        count: expected.length,
      }]);
      assertEquals(actual, expected, JSON.stringify(parameters));
    }
  }
});

Deno.test("scatterAdd: repeated indices add in order, whatever the split", async () => {
  let seed = 0;
  for (const { outer, length, inner } of axisLayouts) {
    const count = [1, 5, 257][seed % 3];
    for (const indexStrides of [[0, 1, 0], [count * inner, inner, 1], [count, 1, 0]] as const) {
      const indices = randomIntegers(outer * count * inner + count * inner, ++seed, 0, length);
      const data = randomNumbers(outer * count * inner, seed);
      const expected = new Float32Array(outer * length * inner);
      const integers = new Int32Array(outer * length * inner);
      for (let o = 0, at = 0; o < outer; o++) {
        for (let c = 0; c < count; c++) {
          for (let i = 0; i < inner; i++, at++) {
            const index = indices[o * indexStrides[0] + c * indexStrides[1] + i * indexStrides[2]];
            // Float32Array rounds after every addition, as the kernel must: the sums are equal to the bit.
            expected[(o * length + index) * inner + i] += data[at];
            integers[(o * length + index) * inner + i] += at;
          }
        }
      }
      const parameters = { outer, length, inner, count, indexStrides };
      const index = { data: indices, dtype: "int32" as const };
      const [actual] = await runOnThreads("scatterAdd", parameters, [{ data }, index], [{
        count: expected.length,
      }]);
      assertEquals(actual, expected, JSON.stringify(parameters));
      const whole = {
        data: Int32Array.from({ length: data.length }, (_, at) => at),
        dtype: "int32" as const,
      };
      const [sums] = await runOnThreads("scatterAdd", parameters, [whole, index], [{
        count: integers.length,
        dtype: "int32",
      }]);
      assertEquals(sums, integers, JSON.stringify(parameters));
    }
  }
});

Deno.test("scatterAdd: many values into one narrow tensor share the work by ranges of it", async () => {
  const count = 100_000, length = 37;
  const indices = randomIntegers(count, 5, 0, length), data = randomNumbers(count, 6);
  const expected = new Float32Array(length);
  indices.forEach((index, at) => expected[index] += data[at]);
  const parameters = { outer: 1, length, inner: 1, count, indexStrides: [0, 1, 0] as const };
  const operands = [{ data }, { data: indices, dtype: "int32" as const }];
  const [actual] = await runOnThreads("scatterAdd", parameters, operands, [{ count: length }]);
  assertEquals(actual, expected);
});

/** The stable order by a comparison of two numbers, NaN last. */
function plainOrder(values: ArrayLike<number>, descending: boolean): number[] {
  const order = Array.from({ length: values.length }, (_, index) => index);
  const numbers = order.filter((index) => !Number.isNaN(values[index]));
  const rest = order.filter((index) => Number.isNaN(values[index]));
  numbers.sort((a, b) => {
    if (values[a] === values[b]) return 0;
    return (values[a] < values[b]) === descending ? 1 : -1;
  });
  return [...numbers, ...rest];
}

async function checkSort(layout: AxisLayout, data: TypedArray, descending: boolean): Promise<void> {
  const expected = new Int32Array(data.length);
  forEachColumn(layout, (positions) => {
    const order = plainOrder(positions.map((position) => data[position]), descending);
    positions.forEach((position, l) => expected[position] = order[l]);
  });
  const dtype = data instanceof Int32Array ? "int32" : "float32";
  const [actual] = await runOnThreads("sort", { ...layout, descending }, [{ data, dtype }], [{
    count: data.length,
    dtype: "int32",
  }]);
  assertEquals(actual, expected, `${JSON.stringify(layout)} ${dtype} descending ${descending}`);
}

Deno.test("sort: stable in both directions, NaN last, zeros of either sign alike", async () => {
  for (const descending of [false, true]) {
    for (const length of [...oddLengths, 31, 32, 33]) {
      for (const [outer, inner] of [[1, 1], [3, 5], [17, 4]]) {
        const count = outer * length * inner;
        const layout = { outer, length, inner };
        await checkSort(layout, awkwardNumbers(count, length), descending);
        await checkSort(layout, randomIntegers(count, length, -50, 50), descending);
        await checkSort(layout, randomIntegers(count, length, -(2 ** 31), 2 ** 31), descending);
      }
    }
  }
});

Deno.test("sort: rows longer than a thread's own memory", async () => {
  await checkSort({ outer: 1, length: 70_001, inner: 2 }, awkwardNumbers(140_002, 9), true);
});

Deno.test("cumulativeSum: both directions, added one by one in float32", async () => {
  let seed = 0;
  for (const layout of axisLayouts) {
    for (const reverse of [false, true]) {
      const count = layout.outer * layout.length * layout.inner;
      const data = randomNumbers(count, ++seed);
      const integers = randomIntegers(count, seed, -1000, 1000);
      const expected = new Float32Array(count), wholes = new Int32Array(count);
      forEachColumn(layout, (positions) => {
        if (reverse) positions.reverse();
        let sum = 0, whole = 0;
        for (const position of positions) {
          expected[position] = sum = Math.fround(sum + data[position]);
          wholes[position] = whole += integers[position];
        }
      });
      const parameters = { ...layout, reverse };
      const [actual] = await runOnThreads("cumulativeSum", parameters, [{ data }], [{ count }]);
      assertEquals(actual, expected, JSON.stringify(parameters));
      const operand = { data: integers, dtype: "int32" as const };
      const [sums] = await runOnThreads("cumulativeSum", parameters, [operand], [{
        count,
        dtype: "int32",
      }]);
      assertEquals(sums, wholes, JSON.stringify(parameters));
    }
  }
});

Deno.test("cumulativeSum: refuses integers summed into numbers", async () => {
  const executor = await wasmExecutor(1);
  const parameters = { outer: 1, length: 2, inner: 1, reverse: false };
  assertThrows(
    () =>
      runKernel(executor, "cumulativeSum", parameters, [{
        data: Int32Array.of(1, 2),
        dtype: "int32",
      }], [{ count: 2 }]),
    DTypeError,
    "int32 and float32",
  );
});

Deno.test("argReduce: the first largest and smallest; the first NaN wins both", async () => {
  let seed = 0;
  for (const layout of axisLayouts) {
    for (const kind of ["max", "min"] as const) {
      const count = layout.outer * layout.length * layout.inner;
      for (
        const data of [
          awkwardNumbers(count, ++seed),
          randomIntegers(count, seed, -3, 4).map((x) => x * 16777217),
        ]
      ) {
        const expected: number[] = [];
        forEachColumn(layout, (positions) => {
          let best = 0;
          positions.forEach((position, l) => {
            const value = data[position], old = data[positions[best]];
            const wins = kind === "max" ? value > old : value < old;
            if (wins || (Number.isNaN(value) && !Number.isNaN(old))) best = l;
          });
          expected.push(best);
        });
        const dtype = data instanceof Int32Array ? "int32" : "float32";
        const [actual] = await runOnThreads("argReduce", { ...layout, kind }, [{ data, dtype }], [{
          count: layout.outer * layout.inner,
          dtype: "int32",
        }]);
        assertEquals([...actual], expected, `${JSON.stringify(layout)} ${kind} ${dtype}`);
      }
    }
  }
});

/** Windows along one axis. */
function windowsAlong(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: number,
): number {
  return Math.max(0, Math.floor((size + padding - dilation * (kernel - 1) - 1) / stride) + 1);
}

/** Random window geometries, uneven in every way. */
function windowLayouts(count: number): WindowLayout[] {
  const next = randomSource(11);
  const draw = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const pair = (low: number, high: number) => [draw(low, high), draw(low, high)] as const;
  return Array.from({ length: count }, () => {
    const [height, width] = pair(1, 19);
    const [kernel, stride, dilation] = [pair(1, 4), pair(1, 3), pair(1, 3)];
    const padding = [draw(0, 4), draw(0, 4), draw(0, 4), draw(0, 4)] as const;
    const outputHeight = windowsAlong(
      height,
      kernel[0],
      stride[0],
      dilation[0],
      padding[0] + padding[2],
    );
    const outputWidth = windowsAlong(
      width,
      kernel[1],
      stride[1],
      dilation[1],
      padding[1] + padding[3],
    );
    const [batch, channels] = pair(1, 3);
    return {
      ...{ batch, channels, height, width, kernel, stride, dilation, padding },
      ...{ outputHeight, outputWidth },
    };
  });
}

/** Pairs every element of the columns with its pixel, -1 outside the image, in order. */
function pixelsOfColumns(layout: WindowLayout): number[] {
  const { batch, channels, height, width, kernel, stride, dilation, padding } = layout;
  const pixels: number[] = [];
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let ky = 0; ky < kernel[0]; ky++) {
      for (let kx = 0; kx < kernel[1]; kx++) {
        for (let oy = 0; oy < layout.outputHeight; oy++) {
          for (let ox = 0; ox < layout.outputWidth; ox++) {
            const y = oy * stride[0] + ky * dilation[0] - padding[0];
            const x = ox * stride[1] + kx * dilation[1] - padding[1];
            const inside = y >= 0 && y < height && x >= 0 && x < width;
            pixels.push(inside ? (plane * height + y) * width + x : -1);
          }
        }
      }
    }
  }
  return pixels;
}

const largeWindows: WindowLayout = {
  ...{ batch: 2, channels: 3, height: 65, width: 67, kernel: [3, 5], stride: [1, 1] },
  ...{ dilation: [1, 1], padding: [1, 2, 1, 2], outputHeight: 65, outputWidth: 67 },
};

/** Windows side by side, as in a patch embedding; the second leaves pixels over. */
const patches: readonly WindowLayout[] = [[32, 48], [33, 50]].map(([height, width]) => ({
  ...{ batch: 3, channels: 3, height, width, kernel: [8, 16], stride: [8, 16] },
  ...{ dilation: [1, 1], padding: [0, 0, 0, 0], outputHeight: 4, outputWidth: 3 },
}));

Deno.test("unfold: stride, dilation, uneven padding and fill", async () => {
  for (const layout of [...windowLayouts(200), ...patches, largeWindows]) {
    const data = randomNumbers(layout.batch * layout.channels * layout.height * layout.width, 1);
    const pixels = pixelsOfColumns(layout);
    const expected = Float32Array.from(pixels, (pixel) => pixel < 0 ? -2.5 : data[pixel]);
    const [actual] = await runOnThreads("unfold", { ...layout, fill: -2.5 }, [{ data }], [{
      count: pixels.length,
    }]);
    assertEquals(actual, expected, JSON.stringify(layout));
  }
});

Deno.test("fold: overlaps add, what lies outside is dropped, pixels without a window are zero", async () => {
  for (const layout of [...windowLayouts(200), ...patches, largeWindows]) {
    const pixels = pixelsOfColumns(layout);
    const count = layout.batch * layout.channels * layout.height * layout.width;
    const data = randomNumbers(pixels.length, 2);
    const expected = new Float64Array(count);
    pixels.forEach((pixel, at) => {
      if (pixel >= 0) expected[pixel] += data[at];
    });
    const [actual] = await runOnThreads("fold", layout, [{ data }], [{ count }]);
    // At most 20 numbers below 2 are added: 19 roundings of at most 40 * 2^-25.
    assertClose(actual, expected, { absolute: 19 * 40 * 2 ** -25 }, JSON.stringify(layout));
  }
});

Deno.test("findNonFinite: the first NaN or infinity of either sign, wherever it is", async () => {
  const find = async (data: TypedArray, dtype: "float32" | "int32" = "float32") => {
    const results = [{ count: 1, dtype: "int32" as const, before: Int32Array.of(-7) }];
    return (await runOnThreads(
      "findNonFinite",
      { count: data.length },
      [{ data, dtype }],
      results,
    ))[
      0
    ][0];
  };
  for (const count of [...oddLengths, 15, 16, 17, 16384, 16385, 100_001]) {
    const data = randomNumbers(count, count, -3.4e38, 3.4e38);
    assertEquals(await find(data), -1);
    for (const place of [0, 1, 15, 16, 63, 16383, 16384, 16400, 50_000, count - 1]) {
      if (place < 0 || place >= count) continue;
      for (const value of [NaN, Infinity, -Infinity]) {
        const broken = data.slice();
        broken[place] = value;
        broken[count - 1] = NaN;
        assertEquals(await find(broken), place);
      }
    }
  }
  assertEquals(await find(new Int32Array(new Float32Array([NaN, Infinity]).buffer), "int32"), -1);
});
