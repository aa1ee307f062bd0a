// Prototypes: class means that training alone moves.

import { assertEquals, assertThrows } from "@std/assert";
import { Prototypes } from "../../corit/mod.ts";
import { ConfigError } from "../../errors.ts";
import {
  assertClose,
  exact,
  normal,
  normalized,
  scaled,
  type Vector,
  type Vectors,
  vectors,
} from "./oracle.ts";

const grid = [2, 2] as const;
const width = 5;
const depths = [normal(1, [3, 5, width], 2), normal(2, [3, 5, width], 7)];
/** Masks of 4x4 pixels whose patches are forged by 1, 1/2, 0, 1/4. */
const partly = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]];
const nowhere = Array(4).fill([0, 0, 0, 0]);
const truth = {
  labels: exact([0, 1, 1]),
  masks: exact([nowhere, partly, nowhere]),
  hasMask: exact([1, 1, 0]),
};
const fresh = () => new Prototypes(2, width, { device: "reference" });
const means = (prototypes: Prototypes) => vectors(prototypes.directions.value);

/** The weighted mean of the patches of all images after one block, normalized. */
function weightedMean(images: Vectors, weights: number[][]): Vector {
  const total = weights.flat().reduce((sum, weight) => sum + weight, 0);
  return images.flatMap((image, b) =>
    image.slice(1).map((token, patch) => scaled(normalized(token), weights[b][patch] / total))
  ).reduce((sum, each) => sum.map((x, i) => x + each[i]));
}

Deno.test("the first update sets the class means: real patches, and forged ones by their share or all of the image", () => {
  const prototypes = fresh();
  prototypes.update(depths, grid, truth);
  const [none, all] = [[0, 0, 0, 0], [1, 1, 1, 1]];
  const expected = depths.map((tokens) => [
    weightedMean(vectors(tokens), [all, none, none]),
    weightedMean(vectors(tokens), [none, [1, 0.5, 0, 0.25], all]),
  ]);
  assertClose(means(prototypes), expected, 1e-12);
  assertClose(prototypes.at(1).toArray(), expected[1], 1e-12);
});

Deno.test("without masks every patch of a forged image counts, and soft labels count by their parts", () => {
  const prototypes = fresh();
  prototypes.update(depths, grid, { labels: exact([0, 0.25, 1]) });
  const part = (share: number) => Array(4).fill(share);
  const expected = depths.map((tokens) => [
    weightedMean(vectors(tokens), [part(1), part(0.75), part(0)]),
    weightedMean(vectors(tokens), [part(0), part(0.25), part(1)]),
  ]);
  assertClose(means(prototypes), expected, 1e-12);
});

Deno.test("later updates are the exponential mean, corrected for its beginning", () => {
  const prototypes = fresh();
  const other = depths.map((tokens) => tokens.add(normal(8, [3, 5, width])));
  prototypes.update(depths, grid, truth);
  const first = means(prototypes);
  const once = fresh();
  once.update(other, grid, truth);
  const second = means(once);
  prototypes.update(other, grid, truth);
  // Weights 0.1 * 0.9 and 0.1, over their sum.
  const expected = first.map((classes, tap) =>
    classes.map((mean, k) => mean.map((x, i) => (0.09 * x + 0.1 * second[tap][k][i]) / 0.19))
  );
  assertClose(means(prototypes), expected, 1e-12);
});

Deno.test("a class that a batch lacks keeps its mean and its weight", () => {
  const prototypes = fresh();
  prototypes.update(depths, grid, truth);
  const before = means(prototypes);
  prototypes.update(depths.map((tokens) => tokens.mul(-1)), grid, { labels: exact([1, 1, 1]) });
  const after = means(prototypes);
  assertClose(after.map(([real]) => real), before.map(([real]) => real), 1e-12);
  const weights = prototypes.weights.value.toArray();
  assertClose(weights, [[[0.1], [0.19]], [[0.1], [0.19]]], 1e-12);
});

Deno.test("directions from outside hold for every block and stay", () => {
  const given = normal(3, [2, width]);
  const prototypes = new Prototypes(2, width, { device: "reference", given });
  prototypes.update(depths, grid, truth);
  assertEquals(prototypes.at(0).toArray(), given.toArray());
  assertEquals(prototypes.at(1).toArray(), given.toArray());
  assertThrows(
    () => new Prototypes(1, 4, { device: "reference", given }),
    ConfigError,
    "[2, 4]",
  );
});
