// The reference kernels that work on rows (softmax, layer norm, attention) against closed forms and slopes.

import { assertAlmostEquals } from "@std/assert";
import { assertClose, float64, run } from "./reference_harness.ts";

Deno.test("softmax is exp over its sum, also of large numbers", () => {
  const row = { rows: 1, length: 2 };
  const logarithm = true;
  const [softmax] = run("softmax", { ...row, logarithm: false }, [
    float64(1000, 1000 + Math.log(3)),
  ], [
    { count: 2 },
  ]);
  assertClose(softmax, [0.25, 0.75]);
  assertClose(
    run("softmax", { ...row, logarithm }, [float64(-1000, Math.log(3) - 1000)], [{ count: 2 }])[0],
    [Math.log(0.25), Math.log(0.75)],
  );
});

Deno.test("softmaxBackward multiplies by the Jacobian", () => {
  // The Jacobian of softmax is diag(y) - y y^T; that of log-softmax is I - 1 y^T.
  const y = [0.2, 0.3, 0.5];
  const g = [1, -2, 3];
  const jacobian = y.map((yi, i) => y.map((yj, j) => (i === j ? yi : 0) - yi * yj));
  const expected = g.map((_, i) => g.reduce((sum, gj, j) => sum + jacobian[j][i] * gj, 0));
  const row = { rows: 1, length: 3 };
  assertClose(
    run("softmaxBackward", { ...row, logarithm: false }, [float64(...y), float64(...g)], [{
      count: 3,
    }])[0],
    expected,
  );
  assertClose(
    run("softmaxBackward", { ...row, logarithm: true }, [
      float64(...y.map(Math.log)),
      float64(...g),
    ], [{ count: 3 }])[0],
    g.map((gi, i) => gi - y[i] * 2),
  );
});

Deno.test("layerNorm makes mean 0 and variance 1, then scales and shifts", () => {
  const [y] = run(
    "layerNorm",
    { rows: 2, length: 2, epsilon: 0 },
    [float64(1, 3, 10, -10), float64(2, 3), float64(0.5, 0)],
    [{ count: 4 }],
  );
  assertClose(y, [-1.5, 3, 2.5, -3]);
});

Deno.test("layerNormBackward is the slope of layerNorm", () => {
  const parameters = { rows: 2, length: 3, epsilon: 0.01 };
  const inputs = [[0.3, -1, 2, 1.5, 0.2, -0.4], [1.2, -0.7, 0.4], [0.1, 0.2, 0.3]];
  const g = [0.5, -1, 0.25, 2, 0.75, -0.3];
  const loss = (values: number[][]) =>
    run("layerNorm", parameters, values.map((v) => float64(...v)), [{ count: 6 }])[0]
      .reduce((sum, y, i) => sum + y * g[i], 0);
  const [x, scale] = inputs;
  const gradients = run("layerNormBackward", parameters, [
    float64(...x),
    float64(...scale),
    float64(...g),
  ], [{ count: 6 }, { count: 3 }, { count: 3 }]);
  assertSlope(loss, inputs, gradients);
});

/** Compares gradients with central differences of a loss. */
function assertSlope(
  loss: (values: number[][]) => number,
  inputs: number[][],
  gradients: number[][],
): void {
  const step = 1e-5;
  inputs.forEach((input, k) =>
    input.forEach((value, i) => {
      const at = (x: number) => loss(inputs.map((other, l) => l === k ? other.with(i, x) : other));
      const slope = (at(value + step) - at(value - step)) / (2 * step);
      assertAlmostEquals(gradients[k][i], slope, 1e-8);
    })
  );
}

Deno.test("attention averages values by softmax of the scores", () => {
  // One head of width 1; token 0: q 1, k 0, v 10; token 1: q 2, k ln 3, v 20.
  const packed = float64(1, 0, 10, 2, Math.log(3), 20);
  const layout = { batch: 1, tokens: 2, heads: 1, headWidth: 1, scale: 1, causal: false };
  const [y, logSumExp] = run("attention", layout, [packed], [{ count: 2 }, { count: 2 }]);
  assertClose(y, [(10 + 3 * 20) / 4, (10 + 9 * 20) / 10]);
  assertClose(logSumExp, [Math.log(4), Math.log(10)]);
  const causal = { ...layout, causal: true };
  assertClose(run("attention", causal, [packed], [{ count: 2 }, { count: 2 }])[0], [10, 19]);
});

for (const causal of [false, true]) {
  Deno.test(`attentionBackward is the slope of attention${causal ? ", causal" : ""}`, () => {
    const layout = { batch: 2, tokens: 3, heads: 2, headWidth: 2, scale: 0.7, causal };
    const count = 2 * 3 * 2 * 2;
    const x = Array.from({ length: 3 * count }, (_, i) => Math.sin(3 * i + 1));
    const g = Array.from({ length: count }, (_, i) => Math.cos(2 * i));
    const forward = (values: number[]) =>
      run("attention", layout, [float64(...values)], [{ count }, { count: 12 }]);
    const loss = ([values]: number[][]) =>
      forward(values)[0].reduce((sum, y, i) => sum + y * g[i], 0);
    const [y, logSumExp] = forward(x);
    const gradients = run(
      "attentionBackward",
      layout,
      [x, y, logSumExp, g].map((values) => float64(...values)),
      [{ count: 3 * count }],
    );
    assertSlope(loss, [x], gradients);
  });
}
