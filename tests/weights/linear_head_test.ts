// A read-out trained behind CLIP's projection gives the same logits in front of it.

import { assertAlmostEquals, assertRejects } from "@std/assert";
import { FormatError, StateError } from "../../errors.ts";
import { ClipImageEncoder, Linear } from "../../nn/mod.ts";
import { encodeSafetensors, RandomStream, tensor, withoutRecording } from "../../tensor/mod.ts";
import { loadLinearHead, openSafetensors } from "../../weights/mod.ts";

/** A file with a read-out of 6 features. */
async function stored(names: { weight: string; bias: string }, features = 6): Promise<string> {
  const random = new RandomStream(2);
  const weight = new Float32Array(features);
  random.fillNormal(weight);
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  await Deno.writeFile(
    path,
    encodeSafetensors({
      [names.weight]: tensor(weight, { shape: [1, features] }),
      [names.bias]: tensor([0.25]),
    }),
  );
  return path;
}

const encoder = ClipImageEncoder.create({
  ...{ imageSize: 16, patchSize: 8, width: 12, depth: 1, heads: 2, projection: 6, seed: 3 },
}).evaluate();
const images = tensor(
  Float32Array.from({ length: 3 * 256 }, (_, i) => 255 * (i * 37 % 101) / 101),
  { shape: [1, 3, 16, 16] },
);

Deno.test("fc.weight and fc.bias behind the projection become a read-out in front of it", async () => {
  for (const prefix of ["fc.", "module.fc."]) {
    using source = await openSafetensors(
      await stored({ weight: `${prefix}weight`, bias: `${prefix}bias` }),
    );
    const head = new Linear(12, 1, { random: 0 });
    await loadLinearHead(head, source, { projection: encoder.visualProjection });
    const { ours, projected } = withoutRecording(() => {
      const features = encoder.forward(images);
      return {
        ours: head.forward(features).item(),
        projected: encoder.project(features).dataSync(),
      };
    });
    const weight = await source.read(`${prefix}weight`);
    const theirs = Array.from(weight).reduce((sum, value, i) => sum + value * projected[i], 0.25);
    assertAlmostEquals(ours, theirs, 1e-5 * Math.abs(theirs) + 1e-5);
  }
});

Deno.test("a read-out of other features, or none, is refused", async () => {
  const head = new Linear(12, 1, { random: 0 });
  using source = await openSafetensors(await stored({ weight: "fc.weight", bias: "fc.bias" }));
  await assertRejects(() => loadLinearHead(head, source), StateError, "projection");
  using other = await openSafetensors(await stored({ weight: "a.weight", bias: "fc.bias" }));
  await assertRejects(() => loadLinearHead(head, other), FormatError, "fc.weight");
});
