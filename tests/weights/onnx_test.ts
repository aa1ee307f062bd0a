// Weights out of ONNX files are those that NumPy finds in them; files from onnx_golden.py.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileError, FormatError } from "../../errors.ts";
import { ClipImageEncoder } from "../../nn/mod.ts";
import { loadWeights, openOnnx, readOnnx } from "../../weights/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import type { GoldenTensor } from "../conformance/golden.ts";

/** A file and what it holds. */
interface OnnxCase {
  readonly name: string;
  readonly file: string;
  readonly weights: Readonly<Record<string, GoldenTensor>>;
}

const cases = JSON.parse(
  await Deno.readTextFile(new URL("../golden/onnx_weights.json", import.meta.url)),
) as OnnxCase[];
const bytesOf = ({ file }: OnnxCase) => Uint8Array.fromBase64(file);

for (const golden of cases) {
  Deno.test(`${golden.name}: every weight has PyTorch's name, shape and values`, async () => {
    using source = readOnnx(bytesOf(golden), golden.name);
    const expected = Object.entries(golden.weights);
    assertEquals([...source.shapes.keys()].sort(), expected.map(([name]) => name).sort());
    for (const [name, { shape, data }] of expected) {
      assertEquals(source.shapes.get(name), shape, name);
      const floor = magnitudeOf(data);
      assertClose(await source.read(name), data, { tolerance: 1e-7, floor }, name);
    }
  });
}

Deno.test("what a graph computes with is told apart from weights, and what is quantized is told", () => {
  using source = readOnnx(bytesOf(cases[3]), "by hand");
  assertEquals(new Map(source.constants), new Map([["three", [1]], ["factor", []]]));
  assertEquals([...source.quantized].sort(), ["blocks.0.fc.weight", "rows"]);
});

Deno.test("an exported and quantized CLIP tower fills an encoder", async () => {
  const encoder = ClipImageEncoder.create({
    ...{ imageSize: 8, patchSize: 4, width: 8, depth: 1, heads: 2, mlpRatio: 2, projection: 6 },
  });
  for (const golden of cases.slice(0, 3)) {
    using source = readOnnx(bytesOf(golden), golden.name);
    const { naming, unused } = await loadWeights(encoder, source);
    assertEquals([naming, unused], ["hugging-face-clip", []]);
    const { data } = golden.weights["vision_model.encoder.layers.0.self_attn.k_proj.weight"];
    const packed = encoder.blocks[0].attn.qkv.weight.value.dataSync();
    assertClose(packed.slice(64, 128), data, { tolerance: 1e-7, floor: 1 }, "keys");
  }
});

Deno.test("files that are damaged or no ONNX are a FormatError, a missing one a FileError", async () => {
  const whole = bytesOf(cases[1]);
  assertThrows(() => readOnnx(new Uint8Array(), "empty"), FormatError, "no graph");
  assertThrows(() => readOnnx(new TextEncoder().encode("{}"), "text"), FormatError);
  assertThrows(() => readOnnx(whole.subarray(0, whole.length - 9), "cut"), FormatError);
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, whole.subarray(0, 1000));
  await assertRejects(() => openOnnx(path), FormatError, path);
  await Deno.remove(path);
  await assertRejects(() => openOnnx(path), FileError, path);
});

Deno.test("3,000 bit-flipped files are read or refused, never anything else", async () => {
  const whole = bytesOf(cases[3]);
  let refused = 0;
  let state = 1;
  const draw = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  for (let round = 0; round < 3000; round++) {
    const bytes = whole.slice();
    for (let flips = 1 + draw(3); flips > 0; flips--) bytes[draw(bytes.length)] ^= 1 << draw(8);
    try {
      using source = readOnnx(bytes, "flipped");
      for (const name of source.shapes.keys()) await source.read(name);
    } catch (error) {
      assert(error instanceof FormatError, `round ${round}: ${error}`);
      refused++;
    }
  }
  assert(refused > 300, `${refused} were refused`);
});
