// How well a gradient proxy stands for the true gradient.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { gradientProxy, measureFidelity, proxyFidelity } from "../../corit/mod.ts";
import { ConfigError } from "../../errors.ts";
import { recordingOn } from "../../tensor/mod.ts";
import { dot, exact, length, normal, vectors } from "./oracle.ts";
import { seasoned, smallBatch, smallDetector } from "./small.ts";

/** Spearman's correlation from its definition: Pearson's of the mean ranks. */
function spearman(a: number[], b: number[]): number {
  const ranks = (all: number[]) =>
    all.map((x) =>
      all.filter((y) => y < x).length + (all.filter((y) => y === x).length - 1) / 2 -
      (all.length - 1) / 2
    );
  const [p, q] = [ranks(a), ranks(b)];
  return dot(p, q) / (length(p) * length(q));
}

Deno.test("fidelity is the mean |cosine| and the mean rank correlation, ties at their mean rank", () => {
  const q = normal(1, [3, 9, 4]), g = normal(2, [3, 9, 4]).add(q);
  const [proxies, truth] = [vectors(q), vectors(g)];
  // Two of equal length.
  proxies[0][1] = proxies[0][0].map((x) => -x);
  let cosine = 0, rank = 0;
  proxies.forEach((image, b) => {
    image.forEach((v, i) => {
      cosine += Math.abs(dot(v, truth[b][i])) / (length(v) * length(truth[b][i])) / 27;
    });
    rank += spearman(image.map(length), truth[b].map(length)) / 3;
  });
  const found = proxyFidelity(exact(proxies), exact(truth));
  assertAlmostEquals(found.cosine, cosine, 1e-12);
  assertAlmostEquals(found.rankCorrelation, rank, 1e-12);
  const same = proxyFidelity(g, g.mul(-2));
  assertAlmostEquals(same.cosine, 1, 1e-12);
  assertAlmostEquals(same.rankCorrelation, 1, 1e-12);
  assertEquals(proxyFidelity(g.mul(0), g), { cosine: 0, rankCorrelation: 0 });
});

Deno.test("a detector's fidelity compares its proxy with the gradient by the very tokens", () => {
  const detector = seasoned({ proxy: "neighbour", hri: true, rrm: true });
  const { images, labels } = smallBatch();
  const [first, second] = measureFidelity(detector, smallBatch());
  assertEquals([first.block, second.block], [1, 2]);
  const { loss, taps } = recordingOn(() => detector.lossWithTaps({ images, labels }));
  const [, truth] = gradients(loss, taps.map(({ tokens }) => tokens));
  const q = gradientProxy("neighbour", { tokens: taps[1].tokens, grid: [4, 4] });
  const expected = proxyFidelity(q, truth.slice(undefined, [1]));
  assertEquals({ cosine: second.cosine, rankCorrelation: second.rankCorrelation }, expected);
  assert(first.cosine > 0 && first.cosine < 1);
  assertThrows(
    () => measureFidelity(smallDetector({ kind: "vit" }), smallBatch()),
    ConfigError,
    "no gradient proxy",
  );
});
