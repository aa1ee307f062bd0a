// A model's weights as a safetensors file under the names that others load.

import { ConfigError } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { narrow, reshape, transpose } from "../tensor/operations/layout.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { encodeSafetensors } from "../tensor/safetensors.ts";
import { scoped } from "../tensor/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { writeWhole } from "./files.ts";
import { type NamingName, namings, rowFor } from "./names.ts";

/** Options of {@linkcode encodeWeights}. */
export interface SaveWeightsOptions {
  /** Whose names; timm's by default. */
  readonly naming?: NamingName;
  /** Free texts for the header, besides `format: "pt"`, which Hugging Face's loaders ask for. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Tensors that a convention stores without the leading axes of length 1 that ours have. */
const flat: Readonly<Record<NamingName, readonly string[]>> = {
  "timm": [],
  "hugging-face-clip": ["cls_token", "pos_embed"],
  "openai-clip": ["cls_token", "pos_embed"],
  "hugging-face-dinov2": [],
};

/**
 * A model's tensors as the bytes of a safetensors file that `timm` or `transformers` loads, strictly: packed queries,
 * keys and values are taken apart where the convention has them apart.
 *
 * @throws {ConfigError} The convention has no name for some of the model's tensors; the message names every one.
 *
 * @example
 * ```ts
 * import { parseSafetensors } from "@corit/corit";
 * import { ClipImageEncoder } from "@corit/corit/nn";
 * import { encodeWeights } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const model = ClipImageEncoder.create({ imageSize: 32, width: 8, depth: 1, heads: 2, projection: 4 });
 * const bytes = encodeWeights(model, { naming: "hugging-face-clip" });
 * const { tensors } = parseSafetensors(bytes);
 * assertEquals(tensors["vision_model.encoder.layers.0.self_attn.k_proj.weight"].shape, [8, 8]);
 * assertEquals(tensors["vision_model.embeddings.class_embedding"].shape, [8]);
 * ```
 */
export function encodeWeights(
  model: Module,
  { naming = "timm", metadata = {} }: SaveWeightsOptions = {},
): Uint8Array<ArrayBuffer> {
  return withoutRecording(() =>
    scoped(() => {
      const tensors: Record<string, Tensor> = Object.create(null);
      const nameless: string[] = [];
      for (const [ours, value] of Object.entries(model.stateDict())) {
        const row = rowFor(namings[naming], ours);
        if (!row) {
          nameless.push(ours);
          continue;
        }
        const length = value.shape[0] / row.theirs.length;
        const prefix = namings[naming].prefixes[0];
        row.theirs.forEach((theirs, at) => {
          const part = row.theirs.length === 1 ? value : narrow(value, 0, at * length, length);
          const stored = row.transposed ? transpose(part) : part;
          tensors[prefix + theirs] = flat[naming].includes(ours)
            ? reshape(stored, stored.shape.slice(stored.shape.findIndex((size) => size !== 1)))
            : stored;
        });
      }
      if (nameless.length > 0) {
        throw new ConfigError(
          `encodeWeights: ${namings[naming].title} has no names for ${nameless.join(", ")}; ` +
            `choose another naming: ${Object.keys(namings).join(", ")}`,
        );
      }
      return encodeSafetensors(tensors, { format: "pt", ...metadata });
    })
  );
}

/**
 * Writes {@linkcode encodeWeights} into a file, as a whole or not at all.
 *
 * @param path Ends in `.safetensors` by custom.
 * @throws {ConfigError} As {@linkcode encodeWeights}.
 * @throws {FileError} The file cannot be written.
 */
export async function saveWeights(
  path: string,
  model: Module,
  options: SaveWeightsOptions = {},
): Promise<void> {
  await writeWhole(path, encodeWeights(model, options));
}
