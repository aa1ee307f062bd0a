// The region mask: which patches it keeps, and what that does to the variance.

import { assert, assertEquals } from "@std/assert";
import { regionMask, regionMean } from "../../corit/mod.ts";
import { RandomStream, recordingOn, slice, type Tensor, tensor } from "../../tensor/mod.ts";
import { average, dot, exact, length, normal, spread, type Vector, vectors } from "./oracle.ts";

const grid = [6, 6] as const;
const masksOf = (mask: Tensor) => mask.toArray() as number[][];

/** The sum over the 3x3 neighbourhood on the grid. */
function box(map: readonly number[], [rows, columns]: readonly [number, number]): number[] {
  return map.map((_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let total = 0;
    for (let other = 0; other < rows * columns; other++) {
      const [down, right] = [Math.floor(other / columns) - row, other % columns - column];
      if (Math.abs(down) <= 1 && Math.abs(right) <= 1) total += map[other];
    }
    return total;
  });
}

/** The region by its definition: try every k, compare |mean|^2 / tr Var, drop lone patches. */
function direct(q: readonly Vector[], smallest: number): number[] {
  const smooth = box(q.map(length), grid);
  const order = q.map((_, at) => at).sort((a, b) => smooth[b] - smooth[a] || a - b);
  let best = { k: 0, ratio: -1 };
  for (let k = smallest; k <= q.length / 2; k++) {
    const inside = order.slice(0, k).map((at) => q[at]);
    const mean = average(inside);
    const ratio = dot(mean, mean) / spread(inside);
    if (ratio > best.ratio) best = { k, ratio };
  }
  const region = q.map((_, at) => order.indexOf(at) < best.k ? 1 : 0);
  const around = box(region, grid);
  const connected = region.map((inside, at) => inside && around[at] > 1 ? 1 : 0);
  return connected.some((inside) => inside) ? connected : region;
}

Deno.test("the region is what trying every size by the definition finds", () => {
  for (let seed = 0; seed < 20; seed++) {
    // A common direction of varying strength makes regions of all sizes win.
    const q = normal(seed, [1, 36, 5]).add(normal(seed + 100, [1, 36, 1]).mul(seed / 5));
    for (const smallest of [2, 4, 9]) {
      const found = masksOf(regionMask(q, { grid, smallest }))[0];
      assertEquals(found, direct(vectors(q)[0], smallest), `seed ${seed}, smallest ${smallest}`);
    }
  }
});

Deno.test("the region's size stays between the smallest and half of the patches, less lone patches", () => {
  const q = normal(5, [50, 36, 4]);
  for (const smallest of [1, 4, 18, 100]) {
    for (const mask of masksOf(regionMask(q, { grid, smallest }))) {
      const size = mask.reduce((sum, inside) => sum + inside, 0);
      assert(mask.every((inside) => inside === 0 || inside === 1));
      assert(size >= 1 && size <= 18);
    }
  }
});

Deno.test("lone patches are dropped, and a region of nothing else stays whole", () => {
  // Equal proxies at four places; all others far below, so that exactly these four are ranked first.
  const at = (places: number[]) =>
    exact([Array.from({ length: 36 }, (_, patch) => [places.includes(patch) ? 1 : 1e-6, 0])]);
  const islands = { grid, smallest: 4 };
  // A square of four, whose smoothed magnitude is 4 at each of them and at most 4 elsewhere.
  const square = masksOf(regionMask(at([14, 15, 20, 21]), islands))[0];
  assertEquals(square.flatMap((inside, patch) => inside ? [patch] : []), [14, 15, 20, 21]);
  const mask = masksOf(regionMask(at([0, 1, 35, 33]), islands))[0];
  const around = box(mask, grid);
  assert(mask.every((inside, patch) => inside === 0 || around[patch] > 1));
  // A region of one patch, the only one with a proxy, is nothing else.
  const line = exact([[[9, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]]);
  const lonely = masksOf(regionMask(line, { grid: [1, 6], smallest: 1 }))[0];
  assertEquals(lonely, [1, 0, 0, 0, 0, 0]);
});

Deno.test("where every proxy is zero, the region is the whole image", () => {
  const zero = normal(1, [1, 36, 3]).mul(0);
  assertEquals(masksOf(regionMask(zero, { grid }))[0], Array(36).fill(1));
});

Deno.test("the mask's shape is static, it is no subject of differentiation, and images do not mix", () => {
  const q = normal(2, [3, 36, 4]);
  const mask = recordingOn(() => regionMask(q, { grid }));
  assertEquals([mask.shape, mask.origin], [[3, 36], undefined]);
  assertEquals(masksOf(regionMask(slice(q, [1, 2]), { grid })), [masksOf(mask)[1]]);
});

Deno.test("scaling a proxy does not move its region, down to the smallest numbers", () => {
  const q = normal(3, [4, 36, 4]);
  const expected = masksOf(regionMask(q, { grid }));
  for (const scale of [1e-9, 1e9]) {
    assertEquals(masksOf(regionMask(q.mul(scale), { grid })), expected);
  }
});

Deno.test("the regional mean varies less over images than the mean over all patches", () => {
  // A signal of one direction in a block of 3x3 patches that wanders, on a background that each image draws anew and
  // that all of its patches share: what an image shows, rather than how it was made.
  const random = new RandomStream(7);
  const signal = [3, 0, 0, 0, 0, 0];
  const images = Array.from({ length: 200 }, () => {
    const [top, left] = [random.integer(4), random.integer(4)];
    const background = signal.map(() => random.normal(0, 0.5));
    return Array.from({ length: 36 }, (_, patch) => {
      const [row, column] = [Math.floor(patch / 6) - top, patch % 6 - left];
      const inside = row >= 0 && row < 3 && column >= 0 && column < 3;
      return (inside ? signal : background).map((x) => x + random.normal(0, 0.3));
    });
  });
  const q = tensor(images, { device: "reference" });
  const mask = regionMask(q, { grid, smallest: 4 });
  const regional = regionMean(q, mask).toArray() as number[][];
  const whole = images.map((image) => average(image));
  // By construction: noise of a mean over k patches 6 * 0.09 / k, background 6 * 0.25 * (27 / 36)^2.
  const expectedWhole = 6 * 0.09 / 36 + 6 * 0.25 * (27 / 36) ** 2;
  assert(Math.abs(spread(whole) / expectedWhole - 1) < 0.25);
  assert(spread(regional) < 0.35 * spread(whole), `${spread(regional)} of ${spread(whole)}`);
  // The signal, |mean|^2, rises at the same time: from (9 / 36)^2 of the planted to nearly all of it.
  const strength = (all: Vector[]) => dot(average(all), average(all)) / dot(signal, signal);
  assert(strength(whole) < 0.1 && strength(regional) > 0.6, `${strength(regional)}`);
});

Deno.test("the regional mean is the mean of the patches inside", () => {
  const patches = exact([[[1, 2], [3, 4], [5, 6]], [[1, 1], [2, 2], [3, 3]]]);
  const mask = exact([[1, 0, 1], [0, 1, 0]]);
  assertEquals(regionMean(patches, mask).toArray(), [[3, 4], [2, 2]]);
});
