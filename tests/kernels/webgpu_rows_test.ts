// WebGPU softmax and layer normalization, and their gradients, against the reference executor.

import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError } from "../../errors.ts";
import { oddLengths, randomNumbers, runKernel } from "./harness.ts";
import { compareClasses, reference, runOnClasses } from "./webgpu_classes.ts";
import { runOnWebGpu, testOnWebGpu } from "./webgpu_harness.ts";

const shapes = oddLengths.flatMap((rows) => oddLengths.map((length) => ({ rows, length })))
  .concat([{ rows: 700, length: 12 }, { rows: 2, length: 3000 }, { rows: 130, length: 192 }]);

testOnWebGpu("softmax and its logarithm agree with the reference", () => {
  for (const { rows, length } of shapes) {
    const data = randomNumbers(rows * length, length, -6, 6);
    for (const logarithm of [false, true]) {
      const tolerance = { relative: 2e-6, absolute: logarithm ? 3e-6 : 0 };
      const results = [{ count: data.length }];
      compareClasses("softmax", { rows, length, logarithm }, [{ data }], results, tolerance);
    }
  }
});

testOnWebGpu("softmax holds for large, distant and infinite scores", () => {
  const data = Float32Array.from([
    [1e4, 1e4 - 1, -1e4, 0],
    [3e38, -1e37, 3e38, 1],
    [-Infinity, 0, -Infinity, 1],
    [-200, -100, -100, -300],
    [0, -86, -87, -95],
  ].flat());
  for (const logarithm of [false, true]) {
    // Weights below 1e-38, the smallest normal number, may be 0.
    const tolerance = { relative: 2e-6, absolute: 1e-37 };
    const results = [{ count: data.length }];
    compareClasses("softmax", { rows: 5, length: 4, logarithm }, [{ data }], results, tolerance);
  }
});

testOnWebGpu("softmax gives NaN for a row with a NaN or an infinity, and for that row only", () => {
  const data = Float32Array.of(1, NaN, 2, 3, 4, 5, Infinity, 6, 7, 8, 9, 1);
  for (const logarithm of [false, true]) {
    const parameters = { rows: 4, length: 3, logarithm };
    for (
      const { actual: [y] } of runOnClasses("softmax", parameters, [{ data }], [{ count: 12 }])
    ) {
      const isNaNRow = [0, 1, 2, 3].map((row) =>
        y.subarray(3 * row, 3 * row + 3).some(Number.isNaN)
      );
      assertEquals(isNaNRow, [true, false, true, false]);
    }
  }
});

testOnWebGpu("the gradients of softmax and its logarithm agree with the reference", () => {
  for (const { rows, length } of shapes) {
    const x = randomNumbers(rows * length, length + 1, -5, 5);
    const gradient = randomNumbers(rows * length, length + 2);
    for (const logarithm of [false, true]) {
      const parameters = { rows, length, logarithm };
      const results = [{ count: x.length }];
      const [y] = runKernel(reference, "softmax", parameters, [{ data: x }], results);
      // Sums of up to `length` numbers of about 1 are subtracted.
      const tolerance = { relative: 1e-5, absolute: 1e-6 * (3 + (logarithm ? length / 8 : 0)) };
      const operands = [{ data: y }, { data: gradient }];
      compareClasses("softmaxBackward", parameters, operands, results, tolerance);
    }
  }
});

testOnWebGpu("layer normalization agrees with the reference", () => {
  for (const { rows, length } of shapes) {
    const operands = [
      { data: randomNumbers(rows * length, length, -1, 5) },
      { data: randomNumbers(length, 2) },
      { data: randomNumbers(length, 3) },
    ];
    const tolerance = { relative: 1e-5, absolute: 1e-5 };
    const results = [{ count: rows * length }];
    compareClasses("layerNorm", { rows, length, epsilon: 1e-5 }, operands, results, tolerance);
  }
});

testOnWebGpu("layer normalization keeps a small variance beside a large mean", () => {
  const data = randomNumbers(4 * 65, 1, -0.5, 0.5).map((x) => 1000 + x);
  const operands = [{ data }, { data: new Float32Array(65).fill(1) }, {
    data: new Float32Array(65),
  }];
  // The numbers themselves are only known to 3e-5.
  const tolerance = { absolute: 1e-3 };
  const parameters = { rows: 4, length: 65, epsilon: 1e-5 };
  compareClasses("layerNorm", parameters, operands, [{ count: data.length }], tolerance);
});

testOnWebGpu("the gradients of layer normalization agree with the reference", () => {
  for (
    const { rows, length } of shapes.concat({ rows: 5000, length: 7 }, { rows: 3000, length: 8 })
  ) {
    const operands = [
      { data: randomNumbers(rows * length, length, -1, 5) },
      { data: randomNumbers(length, 2) },
      { data: randomNumbers(rows * length, 3) },
    ];
    const results = [{ count: rows * length }, { count: length }, { count: length }];
    // Rows of one element have no variance: their reciprocal deviation is 316 with this epsilon.
    const tolerance = { relative: 1e-5, absolute: 1e-5 * (2 + Math.sqrt(rows)) };
    const parameters = { rows, length, epsilon: 1e-3 };
    compareClasses("layerNormBackward", parameters, operands, results, tolerance);
    const added = [...operands, { data: randomNumbers(rows * length, 4) }];
    const onto = { ...parameters, residual: true };
    compareClasses("layerNormBackward", onto, added, results, tolerance);
  }
});

testOnWebGpu("kernels along rows refuse integers by name", () => {
  const integers = { data: new Int32Array(4), dtype: "int32" as const };
  const parameters = { rows: 2, length: 2, logarithm: false };
  assertThrows(
    () => runOnWebGpu("softmax", parameters, [integers], [{ count: 4 }]),
    DTypeError,
    "softmax: computes in float32",
  );
});

testOnWebGpu(
  "sums and extremes of columns agree for few and many of either, by one launch or more",
  () => {
    for (
      const [outer, length, inner] of [
        [1, 1040, 192],
        [3, 70, 45],
        [1, 9000, 33],
        [40, 300, 2],
        [1, 0, 64],
      ]
    ) {
      const data = randomNumbers(outer * length * inner, length + inner, -1, 1);
      for (const kind of ["sum", "max"] as const) {
        const results = [{ count: outer * inner }];
        compareClasses("reduce", { outer, length, inner, kind }, [{ data }], results, {
          relative: 1e-5,
          absolute: kind === "sum" ? 5e-5 : 0,
        });
      }
    }
  },
);
