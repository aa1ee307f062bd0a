// Every shader that operations and training steps ask for is valid WGSL for Chromium too, whose compiler (Tint) is stricter
// than Deno's: it refuses barriers in control flow that may not be uniform.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { CoritDetector } from "../../corit/detector.ts";
import { adamW, clipNorm, sam, trainStepSync } from "../../optim/mod.ts";
import {
  RandomStream,
  scoped,
  setDefaultDevice,
  startWebGpu,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { chromiumPath, compileInChromium } from "../kernels/chromium.ts";
import { type RecordedShader, recordShaders } from "../kernels/recording_gpu.ts";
import { evaluate } from "./evaluate.ts";
import { rows } from "./operations.ts";
import { lengths, limit, Picker } from "./picker.ts";
import { drawAll } from "./values.ts";

const chromium = chromiumPath();
if (!chromium) {
  console.warn(
    "no Chromium: that shaders are valid for Tint is not tested (Debian's chromium, or CORIT_CHROMIUM)",
  );
}

/** Adapters for which other kernels are chosen. */
const adapters: readonly { readonly name: string; readonly features: readonly string[] }[] = [
  { name: "llvmpipe", features: [] },
  { name: "llvmpipe", features: ["subgroups"] },
  { name: "NVIDIA H100 80GB HBM3", features: [] },
];

/** Every row of the table, forward and gradient, as often as the devices are compared. */
function runRows(): void {
  for (const row of rows) {
    fc.assert(
      fc.property(fc.gen(), fc.nat(), (generate, seed) => {
        const example = row.draw(new Picker(generate, lengths, limit));
        scoped(() => evaluate(row, example, drawAll(example.inputs, seed), seed, "webgpu"));
      }),
      { seed: 1, numRuns: 12 },
    );
  }
}

/** Three steps of the detector under SAM, so that its passes are planned too. */
function trainDetector(): void {
  const detector = CoritDetector.create({ kind: "corit", preset: "starter", seed: 0 });
  const optimizer = sam(clipNorm(adamW({ learningRate: 1e-3, weightDecay: 0.05 }), 1), {
    radius: 0.01,
  });
  const random = new RandomStream(0);
  const images = tensor(Float32Array.from({ length: 4 * 3 * 64 * 64 }, () => random.uniform()), {
    shape: [4, 3, 64, 64],
  });
  const labels = tensor([0, 1, 0, 1]);
  const step = trainStepSync(
    detector,
    optimizer,
    (model, batch: { images: Tensor; labels: Tensor }) => model.losses(batch).total,
  );
  for (let i = 0; i < 3; i++) step({ images, labels });
}

/** The shaders of everything above, for each class of adapters. */
async function allShaders(): Promise<RecordedShader[]> {
  const shaders = new Map<string, RecordedShader>();
  for (const { name, features } of adapters) {
    const recorded = await recordShaders(name, features, async () => {
      const executor = await startWebGpu();
      setDefaultDevice("webgpu");
      try {
        runRows();
        trainDetector();
      } finally {
        setDefaultDevice("wasm");
        executor.close();
      }
    });
    for (const shader of recorded) shaders.set(shader.label, shader);
  }
  return [...shaders.values()];
}

Deno.test({
  name: "Chromium's compiler refuses a barrier in control flow that may not be uniform",
  ignore: !chromium,
  fn: async () => {
    const code = `@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) local: u32) { if (local < 3u) { workgroupBarrier(); } }`;
    const { errors, compiled } = await compileInChromium(chromium!, [{ label: "torn", code }]);
    assertEquals([compiled, errors.length], [1, 1]);
    assertStringIncludes(errors[0].messages[0], "uniform control flow");
  },
});

Deno.test({
  name:
    "every shader of the operations, forward and gradient, and of a training step compiles under Chromium",
  ignore: !chromium,
  fn: async () => {
    const shaders = await allShaders();
    // Kernels of every family, each for both classes of adapters.
    assert(shaders.length > 200, `${shaders.length} shaders`);
    assert(shaders.some(({ code }) => code.startsWith("enable subgroups;")), "no subgroups");
    const { errors, compiled } = await compileInChromium(chromium!, shaders);
    assertEquals(errors, []);
    assertEquals(compiled, shaders.length);
  },
});
