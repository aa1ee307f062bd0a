// The fixed inputs of patches against their definitions, by plain loops.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, ShapeError } from "../../errors.ts";
import { PatchEmbedding, type PatchInput, patchInput, toPatches } from "../../nn/mod.ts";
import {
  arange,
  full,
  RandomStream,
  randomUniform,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { assertClose } from "../conformance/compare.ts";
import { allDevices } from "../conformance/devices.ts";

const device = "reference";
const normalization = { mean: 120, deviation: 60 };

function photograph(size: number, where: "reference" | "wasm" | "webgpu" = device): Tensor {
  return randomUniform([2, 3, size, size], {
    random: new RandomStream(8),
    high: 255,
    device: where,
  });
}

Deno.test("patches come row by row, each with its channels one after another", () => {
  const x = arange(0, 2 * 16, 1, { device }).reshape([1, 2, 4, 4]);
  assertEquals(toPatches(x, 2).toArray(), [[
    [0, 1, 4, 5, 16, 17, 20, 21],
    [2, 3, 6, 7, 18, 19, 22, 23],
    [8, 9, 12, 13, 24, 25, 28, 29],
    [10, 11, 14, 15, 26, 27, 30, 31],
  ]]);
});

Deno.test("colours are standardised by one number or one a channel", () => {
  const x = tensor([[[[10]], [[20]], [[30]]]], { device });
  const read = (mean: number | [number, number, number], deviation: number) =>
    patchInput("rgb", x, 1, { mean, deviation }).toArray();
  assertEquals(read(10, 10), [[[0, 1, 2]]]);
  assertEquals(read([10, 20, 20], 2), [[[0, 0, 5]]]);
});

for (const where of allDevices) {
  Deno.test(`the log-DCT is JPEG's transform of each block in YCbCr on ${where}`, () => {
    const size = 8;
    const x = photograph(16, where);
    const found = patchInput("log-dct", x, size, normalization);
    assertEquals(found.shape, [2, 4, 192]);
    const pixels = x.toArray() as number[][][][];
    const expected: number[] = [];
    for (const [red, green, blue] of pixels) {
      for (const [top, left] of [[0, 0], [0, 8], [8, 0], [8, 8]]) {
        const colours = (row: number, column: number): number[] => {
          const [r, g, b] = [red, green, blue].map((plane) => plane[top + row][left + column]);
          const y = 0.299 * r + 0.587 * g + 0.114 * b;
          return [y - 128, (b - y) / 1.772, (r - y) / 1.402];
        };
        for (let channel = 0; channel < 3; channel++) {
          for (let u = 0; u < size; u++) {
            for (let v = 0; v < size; v++) {
              let total = 0;
              for (let i = 0; i < size; i++) {
                for (let j = 0; j < size; j++) {
                  total += colours(i, j)[channel] * Math.cos((2 * i + 1) * u * Math.PI / 16) *
                    Math.cos((2 * j + 1) * v * Math.PI / 16);
                }
              }
              const weight = (u === 0 ? Math.SQRT1_2 : 1) * (v === 0 ? Math.SQRT1_2 : 1);
              expected.push((Math.log(Math.abs(weight * total / 4) + 1) - 1) / 1.2);
            }
          }
        }
      }
    }
    // The standard's coefficients are rounded to nine decimals.
    const tolerance = where === "reference" ? 1e-6 : 1e-4;
    assertClose(found.dataSync(), expected, { tolerance, floor: 1 }, "log-DCT");
  });

  Deno.test(`high-pass residuals see noise and no ramps on ${where}`, () => {
    const ramp = Float64Array.from({ length: 3 * 64 }, (_, at) => {
      const column = at % 8, row = Math.floor(at / 8) % 8;
      return 10 + 7 * column + 3 * row;
    });
    const flat = patchInput(
      "high-pass",
      tensor(ramp, { shape: [1, 3, 8, 8], device: where }),
      8,
      normalization,
    );
    assertClose(flat.dataSync(), new Float64Array(192), { tolerance: 1e-5, floor: 1 }, "a ramp");
    // One bright pixel of 24 levels: the 3x3 residual times 24 over 4 over 3, cut at 4.
    const point = new Float64Array(3 * 64);
    point[3 * 8 + 4] = 24;
    const seen = patchInput(
      "high-pass",
      tensor(point, { shape: [1, 3, 8, 8], device: where }),
      8,
      normalization,
    ).dataSync();
    const around = [2, 3, 4].map((row) => [3, 4, 5].map((column) => seen[row * 8 + column]));
    const rounded = around.map((row) => row.map((value) => Math.round(value * 1e5) / 1e5 + 0));
    assertEquals(rounded, [[2, -4, 2], [-4, 4, -4], [2, -4, 2]]);
    assertEquals(seen.filter((value) => value !== 0).length, 9);
  });
}

Deno.test("a grey image has no spectrum but its mean", () => {
  const found = patchInput("log-dct", full([1, 3, 8, 8], 128 + 16, { device }), 8, normalization)
    .dataSync();
  assertAlmostEquals(found[0], (Math.log(8 * 16 + 1) - 1) / 1.2, 1e-9);
  found.slice(1).forEach((value) => assertAlmostEquals(value, -1 / 1.2, 1e-6));
});

Deno.test("inputs stand side by side, and the layer reads them as channels", () => {
  const embedding = new PatchEmbedding(8, 10, {
    inputs: ["rgb", "log-dct", "high-pass"],
    normalization,
    random: 0,
    device,
  });
  assertEquals(embedding.proj.weight.shape, [10, 9, 8, 8]);
  const x = photograph(16);
  const read = embedding.read(x);
  assertEquals(read.shape, [2, 4, 3 * 192]);
  (["rgb", "log-dct", "high-pass"] as const).forEach((kind, at) => {
    const part = read.slice(undefined, undefined, [192 * at, 192 * (at + 1)]);
    assertEquals(part.toArray(), patchInput(kind, x, 8, normalization).toArray());
  });
  assertEquals(embedding.forward(x).shape, [2, 4, 10]);
});

Deno.test("images without three channels or whole patches, and unknown inputs, are refused", () => {
  const embedding = new PatchEmbedding(8, 4, { random: 0, device });
  for (const shape of [[1, 1, 8, 8], [1, 3, 12, 8], [3, 8, 8]]) {
    assertThrows(() => embedding.forward(full(shape, 0, { device })), ShapeError, "whole patches");
  }
  const inputs = ["rgb", "depth"] as unknown as PatchInput[];
  assertThrows(() => new PatchEmbedding(8, 4, { random: 0, inputs }), ConfigError, "high-pass");
});
