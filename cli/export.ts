// deno task export RUN: a trained detector in a file that other runtimes load.

import { join } from "node:path";
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { mergeTuned } from "../nn/mod.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { loadTrained, type TrainedDetector } from "../training/trained.ts";
import { type NamingName, saveOnnx, saveWeights } from "../weights/mod.ts";
import { runCommand } from "./command.ts";

/** What the command is told. */
interface ExportOptions {
  format: "onnx" | "safetensors";
  naming: NamingName;
  batch: number;
  output: string;
}

const exportOptions = defineOptions<ExportOptions>({
  name: "export",
  summary: [
    "Writes a trained detector as a file that others load.",
    "",
    "onnx         the whole detector, as onnxruntime runs it: `images`, float32 0..255,",
    "             [batch, 3, size, size], in; `probabilities` of being forged, [batch], out",
    "safetensors  its encoder alone, under the names of timm, transformers or OpenCLIP",
  ].join("\n"),
  positional: "RUN",
  examples: [
    { command: "deno task export runs/first", does: "writes runs/first/detector.onnx" },
    {
      command: "deno task export runs/first --format safetensors",
      does: "writes the encoder with timm's names",
    },
  ],
  rows: group("Output", {
    format: row(z.enum(["onnx", "safetensors"]), "onnx", "what is written"),
    naming: row(
      z.enum(["timm", "hugging-face-clip", "openai-clip", "hugging-face-dinov2"]),
      "timm",
      "whose names the tensors of a safetensors file have",
    ),
    batch: row(z.number().int().min(1), 1, "images that the ONNX file takes at once"),
    output: row(z.string(), "", "the file; RUN/detector.onnx or RUN/encoder.safetensors"),
  }),
});

/** What a reader of the file must know of the detector. */
function metadataOf({ best, folder }: TrainedDetector): Record<string, string> {
  const { config } = folder;
  return {
    trained_on: config.data === "starter"
      ? `starter: ${config.families.join(", ")}`
      : `${config.data}: ${config.families.join(", ") || "all families"}`,
    threshold: String(best.threshold),
    note: "A score ranks images; it is no proof, least of all against a person.",
  };
}

await runCommand(exportOptions, async ({ values, positional }) => {
  const [run, ...more] = positional;
  if (run === undefined || more.length > 0) {
    throw new ConfigError("export takes one run: deno task export RUN");
  }
  const trained = await loadTrained(run, { device: "wasm" });
  const { detector, folder } = trained;
  // What was learned beside a layer's weight becomes part of it: others know no such names.
  mergeTuned(detector);
  const metadata = metadataOf(trained);
  if (values.format === "safetensors") {
    const path = values.output || join(folder.path, "encoder.safetensors");
    await saveWeights(path, detector.backbone, { naming: values.naming, metadata });
    console.log(`the encoder, ${detector.backbone.parameterCount()} numbers: ${path}`);
    return;
  }
  const path = values.output || join(folder.path, "detector.onnx");
  const { imageSize } = detector.backbone.config;
  const shape = [values.batch, 3, imageSize, imageSize];
  const output = "probabilities";
  await saveOnnx(path, (images) => detector.probabilities(images), { shape, output, metadata });
  console.log(`the detector, images [${shape.join(", ")}] to ${output}: ${path}`);
});
