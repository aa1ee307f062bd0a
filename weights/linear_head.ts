// A linear read-out that others trained on CLIP's features, such as UniversalFakeDetect's `fc`.

import { FormatError, NumericError, StateError } from "../errors.ts";
import type { Linear } from "../nn/linear.ts";
import { tensor } from "../tensor/create.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { type Shape, showShape } from "../tensor/shape.ts";
import type { TensorSource } from "./source.ts";

/** Options of {@linkcode loadLinearHead}. */
export interface LinearHeadOptions {
  /**
   * The encoder's projection to the space shared with texts, without bias, where the read-out was trained behind it: the
   * two become one layer.
   */
  readonly projection?: Linear;
}

/** What files put before the names of a read-out. */
const prefixes = ["fc.", "module.fc.", "model.fc.", "head.", "classifier.", ""];

function nameOf(source: TensorSource, part: "weight" | "bias"): string {
  const found = prefixes.map((prefix) => prefix + part).find((name) => source.shapes.has(name));
  if (found !== undefined) return found;
  throw new FormatError(
    `${source.title}: expected the ${part} of a linear read-out (${
      prefixes.map((prefix) => prefix + part).join(", ")
    }), but the file's tensors are [${[...source.shapes.keys()].slice(0, 8).join(", ")}]`,
  );
}

/**
 * Fills a detector's read-out with a linear layer that was trained elsewhere: `fc.weight` [1, features] and `fc.bias` [1]
 * (Ojha, Li and Lee, "Towards Universal Fake Image Detectors that Generalize Across Generative Models", CVPR 2023).
 *
 * That detector reads CLIP's features behind the projection, ours in front of it. With `projection` given, the weight
 * becomes fc.weight times the projection, so that the logits are the same.
 *
 * @param head Features to one logit, such as `detector.head`.
 * @throws {FormatError} The file has no such tensors.
 * @throws {StateError} Their shapes do not fit the read-out.
 * @throws {NumericError} A stored value is NaN or infinite.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { loadLinearHead, openSafetensors } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const stored = { "fc.weight": tensor([[1, -2]]), "fc.bias": tensor([0.5]) };
 * await Deno.writeFile(path, encodeSafetensors(stored));
 *
 * const head = new Linear(2, 1, { random: 0 });
 * {
 *   using source = await openSafetensors(path);
 *   await loadLinearHead(head, source);
 * }
 * assertEquals(head.forward(tensor([[3, 1]])).toArray(), [[1.5]]);
 * await Deno.remove(path);
 * ```
 */
export async function loadLinearHead(
  head: Linear,
  source: TensorSource,
  { projection }: LinearHeadOptions = {},
): Promise<void> {
  const names = [nameOf(source, "weight"), nameOf(source, "bias")];
  const [outputs, inputs] = head.weight.shape;
  const features = projection?.weight.shape[0] ?? inputs;
  const wanted: Shape[] = [[outputs, features], [outputs]];
  names.forEach((name, at) => {
    const shape = source.shapes.get(name)!;
    if (String(shape) === String(wanted[at])) return;
    throw new StateError(
      `${source.title}: ${name} is ${showShape(shape)}, but the read-out takes ` +
        `${showShape(wanted[at])}; one that was trained behind CLIP's projection needs projection`,
    );
  });
  if (projection && projection.weight.shape[1] !== inputs) {
    throw new StateError(
      `loadLinearHead: the projection reads ${projection.weight.shape[1]} features, but the ` +
        `read-out has ${inputs}`,
    );
  }
  const [weight, bias] = [await source.read(names[0]), await source.read(names[1])];
  for (const values of [weight, bias]) {
    if (!values.every(Number.isFinite)) {
      throw new NumericError(`${source.title}: the read-out holds NaN or infinity`);
    }
  }
  const { dtype } = head.weight.value;
  const { device } = head.weight.value;
  withoutRecording(() => {
    const stored = tensor(weight, { shape: wanted[0], dtype, device });
    head.weight.value = projection ? matmul(stored, projection.weight.value) : stored;
    head.bias!.value = tensor(bias, { shape: wanted[1], dtype, device });
  });
}
