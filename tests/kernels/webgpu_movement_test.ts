// The WebGPU kernels along an axis (gather, scatterAdd, sort, cumulativeSum, argReduce), sliding windows (unfold, fold),
// findNonFinite and productMoments, against the reference executor.

import { assertEquals } from "@std/assert";
import type { AxisLayout, WindowLayout } from "../../kernels/kernel.ts";
import { oddLengths, randomIntegers, randomNumbers, randomSource } from "./harness.ts";
import { compareWithReference, runOnWebGpu, testOnWebGpu } from "./webgpu_harness.ts";

const axisLayouts: readonly AxisLayout[] = [
  ...[1, 3].flatMap((outer) =>
    [1, 3, 65, 257].flatMap((length) => [1, 5, 33].map((inner) => ({ outer, length, inner })))
  ),
  { outer: 0, length: 3, inner: 4 },
  { outer: 3, length: 4, inner: 0 },
  { outer: 1, length: 70_001, inner: 1 },
  { outer: 2, length: 5000, inner: 3 },
];

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

function sizeOf({ outer, length, inner }: AxisLayout): number {
  return outer * length * inner;
}

testOnWebGpu("gather: rows, single elements and indices shared along any axis", () => {
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
      const operands = [
        { data: randomNumbers(outer * length * inner, seed) },
        { data: indices, dtype: "int32" as const },
      ];
      const parameters = { outer, length, inner, count, indexStrides };
      compareWithReference("gather", parameters, operands, [{ count: outer * count * inner }]);
    }
  }
});

testOnWebGpu("scatterAdd: repeated indices add in order, few values and many", () => {
  let seed = 0;
  for (const { outer, length, inner } of axisLayouts) {
    for (const count of [5, 300]) {
      for (const indexStrides of [[0, 1, 0], [count * inner, inner, 1], [count, 1, 0]] as const) {
        const indices = randomIntegers(outer * count * inner + count * inner, ++seed, 0, length);
        const data = randomNumbers(outer * count * inner, seed);
        const expected = new Float32Array(outer * length * inner);
        for (let o = 0, at = 0; o < outer; o++) {
          for (let c = 0; c < count; c++) {
            for (let i = 0; i < inner; i++, at++) {
              const index =
                indices[o * indexStrides[0] + c * indexStrides[1] + i * indexStrides[2]];
              // Float32Array rounds after every addition, as the kernel must: the sums are equal to the bit.
              expected[(o * length + index) * inner + i] += data[at];
            }
          }
        }
        const parameters = { outer, length, inner, count, indexStrides };
        const operands = [{ data }, { data: indices, dtype: "int32" as const }];
        const results = [{ count: expected.length }];
        const [actual] = runOnWebGpu("scatterAdd", parameters, operands, results);
        assertEquals(actual, expected, JSON.stringify(parameters));
      }
    }
  }
});

testOnWebGpu("sort: stable in both directions, NaN last, zeros of either sign alike", () => {
  for (const descending of [false, true]) {
    for (const length of [...oddLengths, 128, 129, 1000]) {
      for (const [outer, inner] of [[1, 1], [3, 5]]) {
        const count = outer * length * inner;
        const parameters = { outer, length, inner, descending };
        const results = [{ count, dtype: "int32" as const }];
        compareWithReference(
          "sort",
          parameters,
          [{ data: awkwardNumbers(count, length) }],
          results,
        );
        for (const bound of [50, 2 ** 31]) {
          const data = randomIntegers(count, length, -bound, bound);
          compareWithReference("sort", parameters, [{ data, dtype: "int32" }], results);
        }
      }
    }
  }
});

testOnWebGpu("sort: long rows", () => {
  const parameters = { outer: 1, length: 70_001, inner: 2, descending: true };
  const results = [{ count: 140_002, dtype: "int32" as const }];
  compareWithReference("sort", parameters, [{ data: awkwardNumbers(140_002, 9) }], results);
});

testOnWebGpu("cumulativeSum: both directions, in segments where the axis is long", () => {
  let seed = 0;
  for (const layout of axisLayouts) {
    for (const reverse of [false, true]) {
      const count = sizeOf(layout);
      const parameters = { ...layout, reverse };
      const data = randomNumbers(count, ++seed);
      // Partial sums of numbers below 2 with mean 0 stay below about 2 sqrt(length) * 3.
      const absolute = 2e-6 * 10 * Math.sqrt(layout.length + 1);
      compareWithReference("cumulativeSum", parameters, [{ data }], [{ count }], { absolute });
      const integers = { data: randomIntegers(count, seed, -1000, 1000), dtype: "int32" as const };
      compareWithReference("cumulativeSum", parameters, [integers], [{ count, dtype: "int32" }]);
    }
  }
});

testOnWebGpu("argReduce: the first extreme, the first NaN before any number", () => {
  let seed = 0;
  for (const layout of axisLayouts) {
    for (const kind of ["max", "min"] as const) {
      const parameters = { ...layout, kind };
      const results = [{ count: layout.outer * layout.inner, dtype: "int32" as const }];
      const count = sizeOf(layout);
      // WGSL lets an adapter compare numbers this small as if they were 0.
      const data = awkwardNumbers(count, ++seed).map((x) => Math.abs(x) < 1e-38 ? 0 : x);
      compareWithReference(
        "argReduce",
        parameters,
        [{ data }],
        results,
      );
      compareWithReference(
        "argReduce",
        parameters,
        [{ data: randomNumbers(count, seed) }],
        results,
      );
      const integers = { data: randomIntegers(count, seed, -3, 3), dtype: "int32" as const };
      compareWithReference("argReduce", parameters, [integers], results);
    }
  }
});

/** Windows of any size, stride, dilation and padding over small images. */
function windowLayouts(count: number): WindowLayout[] {
  const next = randomSource(11);
  const draw = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return Array.from({ length: count }, () => {
    const kernel = [draw(1, 3), draw(1, 4)] as const;
    const stride = [draw(1, 3), draw(1, 3)] as const;
    const dilation = [draw(1, 2), draw(1, 2)] as const;
    const padding = [draw(0, 2), draw(0, 2), draw(0, 2), draw(0, 2)] as const;
    const [height, width] = [draw(6, 9), draw(7, 12)];
    const along = (axis: 0 | 1, length: number) =>
      Math.floor(
        (length + padding[axis] + padding[axis + 2] - dilation[axis] * (kernel[axis] - 1) - 1) /
          stride[axis],
      ) + 1;
    return {
      ...{ batch: draw(1, 2), channels: draw(1, 3), height, width, kernel, stride, dilation },
      ...{ padding, outputHeight: along(0, height), outputWidth: along(1, width) },
    };
  });
}

testOnWebGpu("unfold and fold: stride, dilation, uneven padding and fill", () => {
  for (const layout of windowLayouts(40)) {
    const { batch, channels, height, width, kernel, outputHeight, outputWidth } = layout;
    const pixels = batch * channels * height * width;
    const columns = batch * channels * kernel[0] * kernel[1] * outputHeight * outputWidth;
    const unfolded = { ...layout, fill: -2.5 };
    compareWithReference("unfold", unfolded, [{ data: randomNumbers(pixels, 1) }], [{
      count: columns,
    }]);
    // At most 12 numbers below 2 are added: 11 roundings of at most 24 * 2^-25.
    const absolute = 11 * 24 * 2 ** -25;
    compareWithReference(
      "fold",
      layout,
      [{ data: randomNumbers(columns, 2) }],
      [{ count: pixels }],
      {
        absolute,
      },
    );
  }
});

testOnWebGpu("findNonFinite: the first NaN or infinity of either sign, wherever it is", () => {
  const find = (data: Float32Array) => {
    const results = [{ count: 1, dtype: "int32" as const, before: Int32Array.of(-7) }];
    return runOnWebGpu("findNonFinite", { count: data.length }, [{ data }], results)[0][0];
  };
  for (const count of [...oddLengths, 16384, 16385]) {
    const data = randomNumbers(count, count, -3.4e38, 3.4e38);
    assertEquals(find(data), -1);
    for (const place of [0, 1, 63, 16383, count - 1]) {
      if (place < 0 || place >= count) continue;
      for (const value of [NaN, Infinity, -Infinity]) {
        const broken = data.slice();
        broken[place] = value;
        broken[count - 1] = NaN;
        assertEquals(find(broken), place);
      }
    }
  }
  const integers = {
    data: new Int32Array(new Float32Array([NaN, Infinity]).buffer),
    dtype: "int32" as const,
  };
  assertEquals(
    runOnWebGpu("findNonFinite", { count: 2 }, [integers], [{ count: 1, dtype: "int32" }])[0][0],
    -1,
  );
});

testOnWebGpu("productMoments: around the edges of tiles, without units and without rows", () => {
  for (
    const [units, rows, height, width] of [
      [1, 1, 1, 1],
      [3, 2, 5, 8],
      [4, 7, 6, 9],
      [2, 65, 41, 97],
      [5, 0, 3, 2],
      [0, 4, 3, 2],
      [2, 3, 0, 4],
    ]
  ) {
    const operands = [height, width].map((length, seed) => ({
      data: randomNumbers(units * rows * length, seed, -1, 1),
    }));
    const results = [{ count: height * width }, { count: height * width }];
    // Squares of sums of `rows` numbers below 1, added over units.
    const absolute = 1e-6 * units * Math.max(1, rows) ** 1.5;
    const parameters = { units, rows, height, width };
    compareWithReference("productMoments", parameters, operands, results, { absolute });
  }
});
