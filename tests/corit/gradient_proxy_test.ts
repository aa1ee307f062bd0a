// Gradient proxies against their definitions, computed directly.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { gradientProxy, proxySources, withoutFineDetail } from "../../corit/mod.ts";
import { ConfigError, ShapeError } from "../../errors.ts";
import {
  div,
  layerNorm,
  logSoftmax,
  matmul,
  neg,
  recordingOn,
  slice,
  sum,
  zeros,
} from "../../tensor/mod.ts";
import {
  assertClose,
  average,
  dot,
  length,
  minus,
  normal,
  normalized,
  scaled,
  vectors,
} from "./oracle.ts";

const grid = [3, 4] as const;
const [batch, width] = [2, 6];
const tokens = normal(1, [batch, 13, width], 3);
const directions = normal(2, [2, width]);
const reading = normal(3, [batch, 13]).abs();
/** The normalized patches by the oracle. */
const patches = vectors(tokens).map((image) => image.slice(1).map(normalized));

Deno.test("prototype is the softmax's own formula, sum over k of (pi_k - [k = forged]) p_k / t", () => {
  const temperature = 1.7;
  const [real, forged] = vectors(directions) as unknown as number[][];
  const expected = patches.map((image) =>
    image.map((z) => {
      const weights = [real, forged].map((p) => Math.exp(dot(z, p) / temperature));
      const posterior = weights.map((weight) => weight / (weights[0] + weights[1]));
      return real.map((_, i) =>
        (posterior[0] * real[i] + (posterior[1] - 1) * forged[i]) / temperature
      );
    })
  );
  const found = gradientProxy("prototype", { tokens, grid, directions, temperature });
  assertClose(found.toArray(), expected, 1e-12);
  const text = gradientProxy("text", { tokens, grid, directions, temperature });
  assertEquals(text.toArray(), found.toArray());
});

Deno.test("prototype is the gradient of -log softmax_forged by the normalized token, as autodiff finds it", () => {
  const temperature = 2.5;
  const normalizedPatches = slice(layerNorm(tokens), undefined, [1]);
  const loss = recordingOn(() => {
    const similarities = div(
      matmul(normalizedPatches, directions, { transposeB: true }),
      temperature,
    );
    return neg(sum(slice(logSoftmax(similarities), undefined, undefined, 1)));
  });
  const [expected] = gradients(loss, [normalizedPatches]);
  const found = gradientProxy("prototype", { tokens, grid, directions, temperature });
  assertClose(found.toArray(), expected.toArray(), 1e-12);
});

Deno.test("attention has the reading's size and the direction from forged to real", () => {
  const [real, forged] = vectors(directions) as unknown as number[][];
  const contrast = minus(real, forged);
  const unit = scaled(contrast, 1 / length(contrast));
  const sizes = reading.toArray() as number[][];
  const expected = sizes.map((image) => image.slice(1).map((size) => scaled(unit, size)));
  const found = gradientProxy("attention", { tokens, grid, directions, reading });
  assertClose(found.toArray(), expected, 1e-12);
});

Deno.test("neighbour is the token less the mean of its 3, 5 or 8 neighbours", () => {
  const [rows, columns] = grid;
  const expected = patches.map((image) =>
    image.map((z, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns];
      const around = image.filter((_, other) => {
        const [down, right] = [Math.floor(other / columns) - row, other % columns - column];
        return other !== at && Math.abs(down) <= 1 && Math.abs(right) <= 1;
      });
      assert([3, 5, 8].includes(around.length) && rows === 3);
      return minus(z, average(around));
    })
  );
  assertClose(gradientProxy("neighbour", { tokens, grid }).toArray(), expected, 1e-12);
});

Deno.test("neighbour of a patch without neighbours is the token itself", () => {
  const one = slice(tokens, undefined, [0, 2]);
  const found = gradientProxy("neighbour", { tokens: one, grid: [1, 1] });
  assertClose(found.toArray(), patches.map((image) => [image[0]]), 1e-12);
});

Deno.test("view is the token less the same token of the other view", () => {
  const otherView = normal(4, [batch, 13, width]);
  const other = vectors(otherView).map((image) => image.slice(1).map(normalized));
  const expected = patches.map((image, b) => image.map((z, at) => minus(z, other[b][at])));
  assertClose(gradientProxy("view", { tokens, grid, otherView }).toArray(), expected, 1e-12);
});

Deno.test("the other view is the mean over 3x3 pixels, edges repeated", () => {
  const images = normal(5, [2, 3, 4, 5]);
  const values = images.toArray() as number[][][][];
  const clamp = (position: number, end: number) => Math.min(end - 1, Math.max(0, position));
  const expected = values.map((image) =>
    image.map((channel) =>
      channel.map((line, row) =>
        line.map((_, column) => {
          let total = 0;
          for (const down of [-1, 0, 1]) {
            for (const right of [-1, 0, 1]) {
              total += channel[clamp(row + down, 4)][clamp(column + right, 5)];
            }
          }
          return total / 9;
        })
      )
    )
  );
  assertClose(withoutFineDetail(images).toArray(), expected, 1e-12);
});

Deno.test("without class directions yet, the sources that need them give zero", () => {
  const none = zeros([2, width], { device: "reference" });
  for (const source of ["prototype", "text", "attention"] as const) {
    const q = gradientProxy(source, { tokens, grid, directions: none, reading });
    assertEquals(q.abs().max().item(), 0);
  }
});

Deno.test("a proxy is a constant to differentiation, and each image's depends on that image alone", () => {
  const otherView = normal(6, [batch, 13, width]);
  for (const source of proxySources) {
    const inputs = { tokens, grid, directions, reading, otherView };
    const q = recordingOn(() => gradientProxy(source, inputs));
    assertEquals(q.origin, undefined);
    const second = gradientProxy(source, {
      tokens: slice(tokens, [1]),
      grid,
      directions,
      reading: slice(reading, [1]),
      otherView: slice(otherView, [1]),
    });
    assertEquals(second.toArray(), slice(q, [1]).toArray());
  }
});

Deno.test("a missing input and a wrong grid are refused by name", () => {
  for (
    const [source, missing] of [
      ["prototype", "directions"],
      ["text", "directions"],
      ["attention", "directions"],
      ["view", "otherView"],
    ] as const
  ) {
    assertThrows(() => gradientProxy(source, { tokens, grid }), ConfigError, missing);
  }
  assertThrows(
    () => gradientProxy("attention", { tokens, grid, directions }),
    ConfigError,
    "reading",
  );
  assertThrows(
    () => gradientProxy("neighbour", { tokens, grid: [4, 4] }),
    ShapeError,
    "whose last 16 tokens are 4 x 4 patches",
  );
  assertThrows(
    () => gradientProxy("prototype", { tokens, grid, directions: normal(7, [2, 5]) }),
    ShapeError,
    "directions [2, 6]",
  );
  // deno-lint-ignore no-explicit-any -- what a caller without types can pass
  assertThrows(() => gradientProxy("gradient" as any, { tokens, grid }), ConfigError, "attention");
});
