// From stored tensors into a model, one tensor at a time.

import { NumericError } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { tensor } from "../tensor/create.ts";
import { transpose } from "../tensor/operations/layout.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { copyInto } from "../tensor/update.ts";
import { matchNames, type Unused } from "./match.ts";
import { type NamingName, recognizeNaming } from "./names.ts";
import type { StoredValues, TensorSource } from "./source.ts";

/** Options of {@linkcode loadWeights}. */
export interface LoadWeightsOptions {
  /** The convention of the stored names; told by their patch embedding where absent. */
  readonly naming?: NamingName;
  /** Which of the model's tensors keep their values, such as those of a new read-out; none by default. */
  readonly keep?: (name: string) => boolean;
}

/** What was loaded. */
export interface LoadedWeights {
  /** Where from. */
  readonly source: string;
  /** The convention of the stored names. */
  readonly naming: NamingName;
  /** The model's tensors that were filled. */
  readonly loaded: readonly string[];
  /** The model's tensors that kept their values, as asked. */
  readonly kept: readonly string[];
  /** Stored tensors that were left aside, and why. */
  readonly unused: readonly Unused[];
}

function checkFinite(source: string, name: string, values: StoredValues): void {
  let at = 0;
  while (at < values.length && Number.isFinite(values[at])) at++;
  if (at === values.length) return;
  throw new NumericError(
    `${source}: ${name} holds ${values[at]} at element ${at}; weights must be finite, so the ` +
      "file is damaged or its training had failed",
  );
}

/**
 * Fills a model with the tensors of a file, whatever their convention of naming.
 *
 * All names and shapes are checked before anything is written. Tensors are read piece by piece into the model's own, so
 * that loading takes a few megabytes beside the model (and beside the file's bytes where it is ONNX).
 *
 * @throws {FormatError} No convention fits the names, or the file is damaged.
 * @throws {StateError} Tensors are missing, left over, or of other shapes; the message names every one.
 * @throws {NumericError} A stored value is NaN or infinite; what was read before stays written.
 *
 * @example
 * ```ts
 * import { VisionTransformer } from "@corit/corit/nn";
 * import { loadWeights, openSafetensors, saveWeights } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { imageSize: 8, patchSize: 4, width: 8, depth: 1, heads: 2, inputs: ["rgb"] } as const;
 * const trained = VisionTransformer.create({ ...options, seed: 1 });
 * const folder = await Deno.makeTempDir();
 * await saveWeights(`${folder}/model.safetensors`, trained);
 *
 * const model = VisionTransformer.create({ ...options, seed: 2 });
 * {
 *   using source = await openSafetensors(folder);
 *   const { naming, unused } = await loadWeights(model, source);
 *   assertEquals([naming, unused], ["timm", []]);
 * }
 * assertEquals(model.posEmbed.value.toArray(), trained.posEmbed.value.toArray());
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function loadWeights(
  model: Module,
  source: TensorSource,
  options: LoadWeightsOptions = {},
): Promise<LoadedWeights> {
  const recognized = recognizeNaming(source.shapes.keys(), options.naming);
  const state = model.stateDict();
  const { matches, kept, unused } = matchNames({
    source: source.title,
    ours: new Map(Object.entries(state).map(([name, { shape }]) => [name, shape])),
    theirs: source.shapes,
    recognized,
    keep: options.keep,
  });
  for (const { ours, theirs, transposed } of matches) {
    let offset = 0;
    for (const name of theirs) {
      // A transposed one is needed whole.
      const pieces = transposed ? [await source.read(name)] : source.pieces(name);
      for await (const values of pieces) {
        checkFinite(source.title, name, values);
        const shape = transposed ? source.shapes.get(name)! : [values.length];
        fill(state[ours], offset, values, shape, transposed);
        offset += values.length;
      }
    }
  }
  const loaded = matches.map(({ ours }) => ours);
  return { source: source.title, naming: recognized.name, loaded, kept, unused };
}

/** Writes values into a tensor from element `offset` on. */
function fill(
  target: Tensor,
  offset: number,
  values: StoredValues,
  shape: readonly number[],
  transposed: boolean,
): void {
  const { dtype, device } = target;
  withoutRecording(() =>
    scoped(() => {
      const stored = tensor(values, { shape, dtype, device });
      copyInto(target, transposed ? transpose(stored) : stored, offset);
    })
  );
}
