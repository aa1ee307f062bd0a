// Curvature of functions whose Hessian is known.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, ValueError } from "../../errors.ts";
import {
  hessianEigenvalues,
  hessianTrace,
  type LossSurface,
  lossSurface,
  samSharpness,
  smoothnessAlong,
} from "../../instruments/mod.ts";
import { Linear } from "../../nn/mod.ts";
import { RandomStream, type Tensor, tensor } from "../../tensor/mod.ts";

const device = "reference";

/** w'Hw / 2 + g.w at 0, with H = Q diag(eigenvalues) Q' for a reflection Q. */
function quadratic(eigenvalues: readonly number[], g: readonly number[]): LossSurface {
  const size = eigenvalues.length;
  const axis = new Float32Array(size);
  new RandomStream(5).fillNormal(axis);
  const length = axis.reduce((total, value) => total + value * value, 0);
  const q = (i: number, j: number) => (i === j ? 1 : 0) - 2 * axis[i] * axis[j] / length;
  const hessian = tensor(
    eigenvalues.map((_, i) =>
      eigenvalues.map((_, j) =>
        eigenvalues.reduce((total, value, k) => total + q(i, k) * value * q(j, k), 0)
      )
    ),
    { device },
  );
  const slope = tensor([...g], { device });
  return {
    parameters: [tensor(new Float64Array(size), { device })],
    loss: ([w]) => w.matmul(hessian).mul(w).sum().mul(0.5).add(w.mul(slope).sum()),
  };
}

Deno.test("Lanczos finds both ends of a known spectrum", () => {
  const eigenvalues = Array.from({ length: 40 }, (_, at) => Math.cos(at) * 3).concat([9, -7]);
  const surface = quadratic(eigenvalues, eigenvalues);
  const found = hessianEigenvalues(surface);
  assert(found.converged && found.iterations < 42);
  assertAlmostEquals(found.largest, 9, 9e-4);
  assertAlmostEquals(found.smallest, -7, 9e-4);
  assertEquals(hessianEigenvalues(surface, { iterations: 2 }).converged, false);
});

Deno.test("a spectrum of few values ends the search at once", () => {
  const found = hessianEigenvalues(quadratic([2, 2, 2, -1, -1], [1, 0, 0, 0, 0]));
  assertEquals(found.iterations, 2);
  assertAlmostEquals(found.largest, 2, 1e-9);
  assertAlmostEquals(found.smallest, -1, 1e-9);
});

Deno.test("Hutchinson's trace is within its error of the sum of the eigenvalues", () => {
  const surface = quadratic([5, 1, -2, 0.5, 3], [0, 0, 0, 0, 0]);
  const { trace, standardError } = hessianTrace(surface, { probes: 200 });
  assert(standardError > 0 && standardError < 1);
  assertAlmostEquals(trace, 7.5, 4 * standardError);
});

Deno.test("SAM's sharpness of a convex bowl is its closed form, found by climbing on", () => {
  // Along the eigenvector of 8 the rise is rho^2 4 at least; the gradient at 0 points elsewhere.
  const surface = quadratic([8, 1], [0.1, 0.1]);
  const { sharpness, atSamPoint } = samSharpness(surface, 0.5, { steps: 50 });
  assert(sharpness >= 4 * 0.25 && sharpness <= 4 * 0.25 + 0.5 * Math.hypot(0.1, 0.1));
  assert(sharpness >= atSamPoint);
  // One dimension: L(rho) - L(0) exactly.
  const line = samSharpness(quadratic([3], [-2]), 0.1);
  assertAlmostEquals(line.sharpness, 3 * 0.01 / 2 + 2 * 0.1, 1e-12);
  assertThrows(() => samSharpness(surface, 0), ValueError, "above 0");
});

Deno.test("smoothness between two points is the curvature along them", () => {
  assertAlmostEquals(smoothnessAlong(quadratic([3], [1]), Float64Array.of(0.2)), 3, 1e-9);
});

Deno.test("a model's surface is its loss over trained parameters, and leaves the model alone", () => {
  const model = new Linear(2, 2, { random: 0, device });
  model.freeze((name) => name === "bias");
  const x = tensor([[1, 2], [0, 1]], { device });
  const loss = (): Tensor => model.forward(x).square().sum();
  const before = [...model.weight.value.dataSync()];
  // The Hessian by each row of the weight is 2 x'x = [[2, 4], [4, 10]].
  const { largest } = hessianEigenvalues(lossSurface(model, loss));
  assertAlmostEquals(largest, 6 + Math.sqrt(32), 1e-6);
  assertEquals([...model.weight.value.dataSync()], before);
  model.freeze();
  assertThrows(() => lossSurface(model, loss), ConfigError, "nothing is trained");
});
