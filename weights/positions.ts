// Stored position embeddings into an encoder for images of another size.

import { interpolatePositions } from "../nn/position_embedding.ts";
import type { VisionTransformer } from "../nn/vision_transformer.ts";
import { tensor } from "../tensor/create.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import { copyInto } from "../tensor/update.ts";
import { recognizeNaming, rowFor } from "./names.ts";
import type { TensorSource } from "./source.ts";

/** What the stored position embeddings are called. */
function nameOf(source: TensorSource): string {
  const { naming, prefix } = recognizeNaming(source.shapes.keys());
  return prefix + rowFor(naming, "pos_embed")!.theirs[0];
}

/** How many position embeddings are stored; 0 where there are none. */
export function storedPositions(source: TensorSource): number {
  return source.shapes.get(nameOf(source))?.at(-2) ?? 0;
}

/**
 * Fills an encoder's position embeddings with stored ones for another image size, interpolated as the encoder's
 * configuration says.
 *
 * @throws {ShapeError} The stored grid is not square.
 */
export async function loadPositions(
  encoder: VisionTransformer,
  source: TensorSource,
): Promise<void> {
  const name = nameOf(source);
  const shape = source.shapes.get(name)!;
  const values = await source.read(name);
  const { classToken, classPosition, imageSize, patchSize, positionInterpolation } = encoder.config;
  const side = imageSize / patchSize;
  const target = encoder.posEmbed.value;
  withoutRecording(() =>
    scoped(() => {
      const stored = tensor(values, {
        shape: [1, ...shape.slice(-2)],
        dtype: target.dtype,
        device: target.device,
      });
      const before = classToken && classPosition ? 1 : 0;
      copyInto(target, interpolatePositions(stored, [side, side], before, positionInterpolation));
    })
  );
}
