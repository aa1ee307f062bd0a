// `deno task bench inference`: ViT-B/16 at 224 pixels, with random weights of the true shape.

import { VisionTransformer } from "../nn/mod.ts";
import { raceEncoder } from "./encoders.ts";
import type { BenchSettings } from "./settings.ts";
import type { Row } from "./row.ts";

/** The rows of the benchmark. */
export async function benchInference(settings: BenchSettings): Promise<Row[]> {
  const encoder = VisionTransformer.create({ preset: "base", classes: 1000 }).evaluate();
  const rows: Row[] = [];
  for (const batch of [4, 1]) {
    const what = "ViT-B/16 inference" + (batch === 1 ? ", one image at a time" : "") +
      (settings.threads === 1 ? ", 1 thread" : "");
    rows.push(...await raceEncoder(encoder, { ...settings, what, batch }));
  }
  return rows;
}
