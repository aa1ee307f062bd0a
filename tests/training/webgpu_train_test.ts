// Training on a WebGPU device is the training of the CPU, and what is lost with a device is gone on with.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConfigError, DeviceError } from "../../errors.ts";
import { parseTrainingConfig, type TrainingConfig } from "../../training/config.ts";
import { readMetrics } from "../../training/metrics_log.ts";
import { resume, train } from "../../training/train.ts";
import { inFolder } from "../end_to_end/command.ts";
import { startWebGpu } from "../../tensor/mod.ts";
import { testOnWebGpu } from "../kernels/webgpu_harness.ts";
import { syntheticSplits } from "./synthetic.ts";

const splits = syntheticSplits({
  size: 32,
  families: ["spectral", "swap"],
  pairs: { train: 16, validation: 8, test: 8 },
});

/** A small run of 32-pixel crops in 4 patches. */
function small(out: string, changes: Partial<TrainingConfig>): TrainingConfig {
  return parseTrainingConfig({
    imageSize: 32,
    patchSize: 16,
    families: ["spectral", "swap"],
    testFamilies: [],
    batchPairs: 4,
    evaluateEvery: 20,
    checkpointEvery: 20,
    gsnrEvery: 0,
    threads: 1,
    out,
    ...changes,
  });
}

/** The loss of every step of a run. */
async function lossesOf(path: string): Promise<number[]> {
  return (await readMetrics(`${path}/metrics.jsonl`)).map(({ loss }) => loss);
}

testOnWebGpu(
  "the first 20 losses under SAM are those of the CPU, and so is the AUC",
  () =>
    inFolder(async (folder) => {
      const aucs: number[] = [];
      for (const device of ["wasm", "webgpu"] as const) {
        const config = small(`${folder}/${device}`, { steps: 20, device });
        aucs.push((await train(config, { splits })).summary.best.auc);
      }
      const expected = await lossesOf(`${folder}/wasm`);
      const actual = await lossesOf(`${folder}/webgpu`);
      assertEquals(expected.length, 20);
      actual.forEach((loss, step) => {
        assert(
          Math.abs(loss - expected[step]) < 1e-3,
          `step ${step + 1}: ${loss}, ${expected[step]}`,
        );
      });
      // 8 pairs: one pair more or less in the right order is 1/64.
      assert(Math.abs(aucs[0] - aucs[1]) <= 2 / 64, `${aucs}`);
    }),
);

/** Devices that are opened while the function runs. */
async function watchingDevices<Result>(
  body: (devices: readonly GPUDevice[]) => Promise<Result>,
): Promise<Result> {
  const devices: GPUDevice[] = [];
  const { prototype } = GPUAdapter;
  const requestDevice = prototype.requestDevice;
  prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    devices.push(device);
    return device;
  };
  try {
    return await body(devices);
  } finally {
    prototype.requestDevice = requestDevice;
  }
}

testOnWebGpu(
  "a device that is lost ends training with its last checkpoint, from which it goes on",
  () =>
    inFolder(async (folder) => {
      const out = `${folder}/run`;
      const config = small(out, { steps: 5, checkpointEvery: 2, device: "webgpu" });
      await watchingDevices(async (devices) => {
        // The device of earlier runs would not be among those that are watched.
        (await startWebGpu()).close();
        const error = await assertRejects(
          () =>
            train(config, {
              splits,
              onEvent: (event) => {
                if (event.kind === "step" && event.row.step === 3) devices.at(-1)!.destroy();
              },
            }),
          DeviceError,
        );
        assertStringIncludes(error.message, "the device was lost");
        assertStringIncludes(error.message, `${out}/checkpoints/step-2`);
        assertStringIncludes(error.message, `--resume ${out}`);
      });
      const { summary } = await resume(out, { splits });
      assertEquals(summary.steps, 5);
      const whole = await train(small(`${folder}/whole`, { steps: 5, device: "webgpu" }), {
        splits,
      });
      assertEquals(await lossesOf(out), await lossesOf(whole.folder.path));
    }),
);

testOnWebGpu(
  "mixed precision trains as float32 does, with the scale of the loss in its record",
  () =>
    inFolder(async (folder) => {
      if (!(await navigator.gpu.requestAdapter())?.features.has("shader-f16")) {
        return console.warn("the adapter has no shader-f16: mixed precision is not tested");
      }
      const options = { steps: 6, device: "webgpu" } as const;
      await train(small(`${folder}/full`, options), { splits });
      const mixed = small(`${folder}/mixed`, {
        ...options,
        precision: "mixed",
        checkpointEvery: 3,
      });
      await train(mixed, { splits });
      const rows = await readMetrics(`${folder}/mixed/metrics.jsonl`);
      const expected = await lossesOf(`${folder}/full`);
      assert(rows.some(({ loss }, step) => loss !== expected[step]), "nothing was rounded");
      rows.forEach(({ loss, lossScale }, step) => {
        // Factors keep 11 bits.
        assert(
          Math.abs(loss - expected[step]) < 0.02,
          `step ${step + 1}: ${loss}, ${expected[step]}`,
        );
        assert(lossScale! > 1, `${lossScale}`);
      });
      const state = JSON.parse(
        await Deno.readTextFile(`${folder}/mixed/checkpoints/step-6/state.json`),
      );
      assertEquals(typeof state.optimizer["lossScaler.scale"], "number");
    }),
);

Deno.test("mixed precision is refused where products of float16 cannot be computed", () =>
  inFolder(async (folder) => {
    const config = small(`${folder}/run`, { steps: 2, device: "wasm", precision: "mixed" });
    const error = await assertRejects(() => train(config, { splits }), ConfigError);
    assertStringIncludes(error.message, "--precision full");
  }));
