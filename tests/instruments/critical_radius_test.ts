// The critical radius on quadratics, where it is known in closed form.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fastCheck from "fast-check";
import { ValueError } from "../../errors.ts";
import { corBound, localCriticalRadius, type LossSurface } from "../../instruments/mod.ts";
import { RandomStream, type Tensor, tensor } from "../../tensor/mod.ts";

const device = "reference";

/** sum of h_j w_j^2 / 2 at a point, plus a slope: a batch's noise. */
function quadratic(h: readonly number[], at: readonly number[], noise?: readonly number[]) {
  const [curvature, point] = [h, at].map((each) => tensor([...each], { device }));
  const slope = tensor([...noise ?? h.map(() => 0)], { device });
  return {
    parameters: [point],
    loss: ([w]: readonly Tensor[]) =>
      w.square().mul(curvature).sum().mul(0.5).add(w.mul(slope).sum()),
  } satisfies LossSurface;
}

/** Smallest root above 0 of a + b x + c x^2. */
function firstRoot(a: number, b: number, c: number): number {
  const root = Math.sqrt(b * b - 4 * a * c);
  return Math.min(...[(-b + root) / (2 * c), (-b - root) / (2 * c)].filter((x) => x > 0));
}

/** The radius at which one noiseless step on the quadratic stops descending: h = g + rho H u, u = g / |g|. */
function closedForm(h: readonly number[], at: readonly number[], eta: number): number {
  const g = h.map((value, j) => value * at[j]);
  const norm = Math.hypot(...g);
  /** u' H^power u. */
  const moment = (power: number) =>
    g.reduce((total, value, j) => total + value * value * h[j] ** power, 0) / (norm * norm);
  return firstRoot(
    -eta * norm ** 2 + eta ** 2 / 2 * norm ** 2 * moment(1),
    -eta * norm * moment(1) + eta ** 2 * norm * moment(2),
    eta ** 2 / 2 * moment(3),
  );
}

const convex: [number[], number[]] = [[1, 3, 0.5], [1, -0.5, 2]];
const indefinite: [number[], number[]] = [[1, -3, 0.5], [0.4, -0.9, 0.3]];

Deno.test("the local radius is the closed form on convex and indefinite quadratics, within 1 %", () => {
  for (const [h, at] of [convex, indefinite]) {
    const surface = quadratic(h, at);
    for (const learningRate of [0.05, 0.3]) {
      const expected = closedForm(h, at, learningRate);
      const { radius } = localCriticalRadius({ surface, batches: [surface], learningRate });
      assertAlmostEquals(radius / expected, 1, 0.01);
    }
  }
});

Deno.test("the inner product turns at |g| / |u'Hu| where the curvature is negative, else nowhere", () => {
  const [h, at] = indefinite;
  const g = h.map((value, j) => value * at[j]);
  const norm = Math.hypot(...g);
  const along = g.reduce((total, value, j) => total + value * value * h[j], 0) / norm ** 2;
  assert(along < 0);
  const criterion = "innerProduct";
  const options = { learningRate: 0.1, criterion } as const;
  const surface = quadratic(h, at), bowl = quadratic(...convex);
  const { radius } = localCriticalRadius({ surface, batches: [surface], ...options });
  assertAlmostEquals(radius / (norm / Math.abs(along)), 1, 0.01);
  const never = localCriticalRadius({ surface: bowl, batches: [bowl], ...options });
  assertEquals(never.radius, Infinity);
  assert(never.innerProduct > 0);
});

Deno.test("a step that does not descend without climbing has radius 0", () => {
  const surface = quadratic([1], [1]);
  const found = localCriticalRadius({ surface, batches: [surface], learningRate: 2.5 });
  assertEquals(found.radius, 0);
  assert(found.changeAtZero > 0);
});

Deno.test("a block's own radius perturbs the block alone", () => {
  // Two parameters of one coordinate: climbing in the first alone leaves the second's gradient as it is.
  const surface: LossSurface = {
    parameters: [tensor([1], { device }), tensor([1], { device })],
    loss: ([a, b]) => a.square().mul(2).add(b.square().mul(0.5)).sum(),
  };
  const eta = 0.2;
  const found = localCriticalRadius({
    surface,
    batches: [surface],
    learningRate: eta,
    perturb: (parameter) => parameter === 0,
  });
  // a goes to 1 - eta 4 (1 + rho), b to 1 - eta: 2 a^2 + b^2 / 2 = 2.5 at the radius.
  const expected = (1 + Math.sqrt((2.5 - 0.5 * (1 - eta) ** 2) / 2)) / (4 * eta) - 1;
  assertAlmostEquals(found.radius / expected, 1, 0.01);
});

Deno.test("with noise the interval over batches holds the radius of the expectation", () => {
  const [h, at] = convex;
  const random = new RandomStream(3);
  const batches = Array.from(
    { length: 40 },
    () => quadratic(h, at, h.map(() => 0.3 * random.normal())),
  );
  const surface = quadratic(h, at);
  const found = localCriticalRadius({ surface, batches, learningRate: 0.2 });
  const [low, high] = found.interval;
  assert(low < found.radius && found.radius < high);
  assert(high / low < 1.5);
  assert(found.evaluations < 80);
  assertThrows(
    () => localCriticalRadius({ surface, batches: [], learningRate: 0.1 }),
    ValueError,
    "no batches",
  );
});

const positive = (low: number, high: number) =>
  fastCheck.double({ min: Math.log(low), max: Math.log(high), noNaN: true }).map(Math.exp);
const step = fastCheck.record({
  batch: fastCheck.integer({ min: 1, max: 512 }),
  learningRate: positive(1e-4, 1),
  smoothness: positive(1e-2, 1e2),
  gradientNorm: positive(1e-3, 1e2),
});

Deno.test("the bound solves its equation and rises strictly with GSNR", () => {
  fastCheck.assert(
    fastCheck.property(step, positive(1e-4, 10), (options, r) => {
      const { relative: u, radius } = corBound(r, options);
      const c = options.smoothness * options.learningRate;
      const room = 1 - c * (1 + 1 / (options.batch * r));
      assertAlmostEquals(radius, u * options.gradientNorm / options.smoothness, 1e-12 * radius);
      if (room <= 0) {
        assertEquals(u, 0);
        return;
      }
      assertAlmostEquals(u + c * u * u, room, 1e-9);
      const more = corBound(2 * r, options).relative;
      // Where 1 / (B r) is lost in rounding beside 1 there is nothing left to gain.
      if (c / (options.batch * r) > 1e-12) assert(more > u);
      else assert(more >= u);
    }),
    { numRuns: 2000, seed: 1 },
  );
  assertEquals(corBound(-0.1, { ...sample }).radius, 0);
  assertThrows(() => corBound(1, { ...sample, smoothness: 0 }), ValueError, "smoothness");
});

const sample = { batch: 8, learningRate: 0.1, smoothness: 1, gradientNorm: 1 };

/**
 * Mean and standard error, over draws of the noise, of one step's change of the loss h_j w_j^2 / 2, per eta |g|^2. Any
 * quadratic is one of these after a rotation. The noise of a batch's gradient is normal of total variance sigma^2 / B.
 */
function meanChange(
  h: readonly number[],
  g: readonly number[],
  { eta, rho, deviation, draws }: { eta: number; rho: number; deviation: number; draws: number },
  random: RandomStream,
): { mean: number; standardError: number } {
  const size = h.length;
  const noise = new Float32Array(draws * size);
  random.fillNormal(noise, 0, deviation / Math.sqrt(size));
  const unit = eta * g.reduce((total, value) => total + value * value, 0);
  let sum = 0, squares = 0;
  for (let draw = 0; draw < draws; draw++) {
    let norm = 0;
    for (let j = 0; j < size; j++) norm += (g[j] + noise[draw * size + j]) ** 2;
    const climb = rho / Math.sqrt(norm);
    let change = 0;
    for (let j = 0; j < size; j++) {
      const top = (g[j] + noise[draw * size + j]) * (1 + climb * h[j]);
      change += -eta * g[j] * top + eta * eta / 2 * h[j] * top * top;
    }
    sum += change / unit;
    squares += (change / unit) ** 2;
  }
  const mean = sum / draws;
  return { mean, standardError: Math.sqrt((squares / draws - mean * mean) / draws) };
}

Deno.test("below the bound no random quadratic with gradient noise rises in one step", () => {
  const random = new RandomStream(11);
  let tested = 0, risenBeyond = 0;
  while (tested < 10_000) {
    const size = 1 + Math.floor(random.uniform(0, 6));
    const h = Array.from({ length: size }, () => random.uniform(-1, 1));
    const smoothness = Math.max(...h.map(Math.abs));
    const g = h.map(() => random.normal());
    const gradientNorm = Math.hypot(...g);
    const batch = 1 + Math.floor(random.uniform(0, 64));
    const gsnr = Math.exp(random.uniform(-5, 2));
    const eta = Math.exp(random.uniform(-5, 0)) / smoothness;
    const bound = corBound(gsnr, { batch, learningRate: eta, smoothness, gradientNorm });
    if (bound.radius === 0) continue;
    tested++;
    const deviation = gradientNorm / Math.sqrt(gsnr * batch);
    const noise = { eta, deviation, draws: 50 };
    const share = random.uniform(0, 1);
    const inside = meanChange(h, g, { ...noise, rho: share * bound.radius }, random);
    assert(
      inside.mean <= 5 * inside.standardError,
      `rises by ${inside.mean} +- ${inside.standardError} at ${share} of the bound`,
    );
    if (tested % 10 !== 0) continue;
    const beyond = meanChange(h, g, { ...noise, rho: 20 * bound.radius }, random);
    if (beyond.mean > 5 * beyond.standardError) risenBeyond++;
  }
  assert(risenBeyond > 50, "far beyond the bound the test sees steps that rise");
});
