// The trained attention blocks inside a text reader's ONNX file compute here what onnxruntime computes with them.

import { assertEquals, assertThrows } from "@std/assert";
import { runOnce } from "../../bench/run_once.ts";
import { readTextReader } from "../../bench/text_reader.ts";
import { FormatError } from "../../errors.ts";
import { Linear } from "../../nn/mod.ts";
import { type Tensor, tensor, withoutRecording } from "../../tensor/mod.ts";
import { encodeOnnx, readOnnxBlocks, withOutputs } from "../../weights/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";

Deno.test("trained pre-norm blocks are found in a graph and compute as in onnxruntime", async () => {
  const bytes = await readTextReader();
  const { blocks, input, output } = readOnnxBlocks(bytes);
  assertEquals(blocks.map(({ attn }) => [attn.width, attn.heads]), [[120, 8], [120, 8]]);
  assertEquals(blocks[0].mlp.activation, "silu");
  const shape = [1, 3, 48, 64];
  const drawn = Float32Array.from(
    { length: 3 * 48 * 64 },
    (_, i) => Math.sin(0.31 * (i % 64)) * Math.cos(0.2 * Math.floor(i / 64)),
  );
  const model = withOutputs(bytes, [input, output]);
  const [found] = await runOnce("onnx_run.ts", [{ model, input: drawn, shape }]);
  const tokens = tensor(found[input].data, { shape: found[input].shape });
  assertEquals(tokens.shape, [1, 8, 120]);
  const given = withoutRecording(() =>
    blocks.reduce((x: Tensor, block) => block.forward(x), tokens)
  );
  const { data } = found[output];
  assertClose(given.dataSync(), data, { tolerance: 2e-6, floor: magnitudeOf(data) }, "blocks");
});

Deno.test("a graph without attention, or with a norm written otherwise, is a FormatError", () => {
  const layer = new Linear(3, 2, { random: 0 });
  const plain = encodeOnnx((x) => layer.forward(x), { shape: [1, 3] });
  assertThrows(() => readOnnxBlocks(plain), FormatError, "no packed attention");
});
