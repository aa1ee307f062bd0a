// The change of the loss in one SAM step, and the loss on a plane, against quadratics.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ShapeError, ValueError } from "../../errors.ts";
import {
  filterNormalizedDirection,
  localCriticalRadius,
  lossPlane,
  type LossSurface,
  planeAxes,
  stepChange,
} from "../../instruments/mod.ts";
import { tensor } from "../../tensor/mod.ts";

/** L = (a x^2 + b y^2) / 2 around a point. */
function quadratic(point: [number, number], [a, b]: [number, number]): LossSurface {
  return {
    parameters: [tensor(point, { device: "reference", dtype: "float64" })],
    loss: ([w]) =>
      w.square().mul(tensor([a, b], { device: "reference", dtype: "float64" })).sum().mul(0.5),
  };
}

Deno.test("the change of the loss in a step is the quadratic's, at every radius", () => {
  const [x, y, a, b, rate] = [1, -2, 0.5, 3, 0.2];
  const surface = quadratic([x, y], [a, b]);
  const g = [a * x, b * y], length = Math.hypot(...g);
  const radii = [0, 0.1, 1];
  const found = stepChange({ surface, batches: [surface], learningRate: rate, radii });
  found.forEach(({ radius, change, standardError }, at) => {
    assertEquals(radius, radii[at]);
    const h = [a * (x + radius * g[0] / length), b * (y + radius * g[1] / length)];
    const after = (a * (x - rate * h[0]) ** 2 + b * (y - rate * h[1]) ** 2) / 2;
    assertAlmostEquals(change, after - (a * x * x + b * y * y) / 2, 1e-9);
    assertEquals(standardError, NaN);
  });
});

Deno.test("the curve crosses zero at the local radius, with the spread over batches as its error", () => {
  const surface = quadratic([1, 1], [1, 1]);
  const options = { surface, batches: [surface], learningRate: 0.5 };
  const { radius } = localCriticalRadius({ ...options, tolerance: 1e-4 });
  const [below, above] = stepChange({ ...options, radii: [0.99 * radius, 1.01 * radius] });
  assertEquals([below.change < 0, above.change > 0], [true, true]);
  const batches = [quadratic([1, 1], [1, 1]), quadratic([1, 1], [3, 1])];
  const [both] = stepChange({ ...options, batches, radii: [0.1] });
  const each = batches.map((batch) =>
    stepChange({ ...options, batches: [batch], radii: [0.1] })[0].change
  );
  assertAlmostEquals(both.change, (each[0] + each[1]) / 2, 1e-12);
  assertAlmostEquals(both.standardError, Math.abs(each[0] - each[1]) / 2, 1e-12);
});

Deno.test("a plane's axes have length 1 and stand at right angles, and the loss on it is the quadratic's", () => {
  const surface = quadratic([1, 2], [2, 5]);
  const axes = planeAxes(Float64Array.of(3, 4), Float64Array.of(1, 0));
  assertAlmostEquals(axes.first[0], 0.6, 1e-12);
  assertAlmostEquals(axes.first[0] * axes.second[0] + axes.first[1] * axes.second[1], 0, 1e-12);
  assertAlmostEquals(Math.hypot(...axes.second), 1, 1e-12);
  const losses = lossPlane(surface, axes, [-1, 0, 2], [0, 1]);
  assertEquals([losses.length, losses[0].length], [2, 3]);
  const at = (x: number, y: number) => {
    const w = [0, 1].map((i) => [1, 2][i] + x * axes.first[i] + y * axes.second[i]);
    return (2 * w[0] ** 2 + 5 * w[1] ** 2) / 2;
  };
  assertAlmostEquals(losses[0][1], at(0, 0), 1e-9);
  assertAlmostEquals(losses[1][2], at(2, 1), 1e-9);
});

Deno.test("filters of a random direction are as long as the weights', biases do not move", () => {
  const weight = tensor([[3, 4, 0], [0, 0, 2]]), bias = tensor([1, 1]);
  const surface: LossSurface = { parameters: [weight, bias], loss: ([w]) => w.square().sum() };
  const direction = filterNormalizedDirection(surface, 1);
  assertEquals(direction.length, 8);
  assertAlmostEquals(Math.hypot(...direction.subarray(0, 3)), 5, 1e-5);
  assertAlmostEquals(Math.hypot(...direction.subarray(3, 6)), 2, 1e-5);
  assertEquals([...direction.subarray(6)], [0, 0]);
});

Deno.test("what spans no plane, or does not fit, is refused", () => {
  const surface = quadratic([1, 2], [1, 1]);
  assertThrows(() => planeAxes(Float64Array.of(1, 1), Float64Array.of(2, 2)), ValueError);
  assertThrows(() => planeAxes(Float64Array.of(0, 0), Float64Array.of(2, 2)), ValueError);
  const axes = planeAxes(Float64Array.of(1, 0, 0), Float64Array.of(0, 1, 0));
  assertThrows(() => lossPlane(surface, axes, [0], [0]), ShapeError);
  const options = { surface, learningRate: 0.1, radii: [0] };
  assertThrows(() => stepChange({ ...options, batches: [] }), ValueError, "no batches");
  assertThrows(() => stepChange({ ...options, batches: [surface], learningRate: 0 }), ValueError);
});
