// The sums of products and of their squares, on the reference and the WebAssembly executor, against float64 loops.

import { assertEquals } from "@std/assert";
import type { KernelParameters } from "../../kernels/kernel.ts";
import { assertClose, randomNumbers, runOnThreads } from "./harness.ts";
import { float64, run } from "./reference_harness.ts";

type Parameters = KernelParameters["productMoments"];

/** Both results in float64, and the magnitudes that bound their rounding errors. */
function expected({ units, rows, height, width }: Parameters, left: number[], right: number[]) {
  const sums: number[] = [], squares: number[] = [], magnitudes: number[] = [];
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const products = Array.from({ length: units }, (_, unit) => {
        const terms = Array.from(
          { length: rows },
          (_, row) =>
            left[(unit * rows + row) * height + i] * right[(unit * rows + row) * width + j],
        );
        return [terms.reduce((a, b) => a + b, 0), terms.reduce((a, b) => a + Math.abs(b), 0)];
      });
      sums.push(products.reduce((total, [product]) => total + product, 0));
      squares.push(products.reduce((total, [product]) => total + product ** 2, 0));
      magnitudes.push(products.reduce((total, [, magnitude]) => total + magnitude ** 2, 0));
    }
  }
  return { sums, squares, magnitudes };
}

/** Around the edges of tiles (5 x 8) and blocks (40 x 96), and of the rows that fit the scratch. */
const shapes: readonly Parameters[] = [
  { units: 1, rows: 1, height: 1, width: 1 },
  { units: 3, rows: 2, height: 5, width: 8 },
  { units: 4, rows: 7, height: 6, width: 9 },
  { units: 2, rows: 65, height: 41, width: 97 },
  { units: 3, rows: 9, height: 83, width: 200 },
  { units: 5, rows: 0, height: 3, width: 2 },
  { units: 0, rows: 4, height: 3, width: 2 },
  { units: 2, rows: 3, height: 0, width: 4 },
  { units: 2, rows: 2100, height: 3, width: 5 },
];

Deno.test("productMoments agrees with float64 loops on 1, 2 and 3 threads", async () => {
  for (const [index, shape] of shapes.entries()) {
    const { units, rows, height, width } = shape;
    const left = randomNumbers(units * rows * height, index, -1, 1);
    const right = randomNumbers(units * rows * width, index + 50, -1, 1);
    const { sums, squares, magnitudes } = expected(shape, [...left], [...right]);
    const results = [{ count: height * width }, { count: height * width }];
    const operands = [{ data: left }, { data: right }];
    const [actualSums, actualSquares] = await runOnThreads(
      "productMoments",
      shape,
      operands,
      results,
    );
    const largest = magnitudes.reduce((a, b) => Math.max(a, b), 0);
    const what = JSON.stringify(shape);
    assertClose(actualSums, sums, { absolute: 1e-5 * Math.sqrt(largest * units) }, what);
    assertClose(actualSquares, squares, { relative: 1e-5, absolute: 1e-5 * largest }, what);
  }
});

Deno.test("the reference's productMoments is the definition", () => {
  // P_1 = [1, 2]' [3] + [0, 1]' [4], P_2 = [2, 0]' [1] + [1, 1]' [-1].
  const [sums, squares] = run(
    "productMoments",
    { units: 2, rows: 2, height: 2, width: 1 },
    [float64(1, 2, 0, 1, 2, 0, 1, 1), float64(3, 4, 1, -1)],
    [{ count: 2 }, { count: 2 }],
  );
  assertEquals(sums, [3 + 1, 10 - 1]);
  assertEquals(squares, [9 + 1, 100 + 1]);
});
