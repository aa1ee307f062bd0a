// What the tuner finds is kept for its adapter, used by later runs on it, and named in the folders of runs.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FormatError } from "../../errors.ts";
import { tuneKernels } from "../../kernels/mod.ts";
import { useDevice } from "../../training/device.ts";
import {
  readTuned,
  recordedChoices,
  recordKernels,
  tunedPath,
  writeTuned,
} from "../../training/tuned_choices.ts";
import { setDefaultDevice, startWebGpu } from "../../tensor/mod.ts";
import { inFolder } from "../end_to_end/command.ts";
import { testOnWebGpu, webGpuExecutor } from "../kernels/webgpu_harness.ts";

const changed = {
  key: "matmul / a / software",
  milliseconds: { slow: 2, fast: 1 },
  standard: "slow",
  best: "fast",
};
const same = {
  key: "matmul / b / software",
  milliseconds: { one: 1, other: 1.5 },
  standard: "one",
  best: "one",
};

Deno.test("what was tuned is kept by adapter, added to what was known, and taken back", () =>
  inFolder(async (folder) => {
    const path = tunedPath("NVIDIA H100 (80 GB)", folder);
    assertEquals(path, `${folder}/tuned/nvidia-h100-80-gb.json`);
    assertEquals((await readTuned("NVIDIA H100 (80 GB)", path)).choices, {});
    await writeTuned("NVIDIA H100 (80 GB)", [changed], path);
    await writeTuned("NVIDIA H100 (80 GB)", [same], path);
    const known = await readTuned("NVIDIA H100 (80 GB)", path);
    assertEquals(known.choices, { "matmul / a / software": "fast" });
    assertEquals(Object.keys(known.milliseconds), [changed.key, same.key]);
    // Another adapter whose file it would be has nothing of it.
    assertEquals((await readTuned("nvidia h100 80 gb", path)).choices, {});
    await writeTuned("NVIDIA H100 (80 GB)", [{ ...changed, best: "slow" }], path);
    assertEquals((await readTuned("NVIDIA H100 (80 GB)", path)).choices, {});
  }));

Deno.test("a damaged file of the tuner is refused by name, and says what to do", () =>
  inFolder(async (folder) => {
    for (const text of ["{", "{}", '{"version": 2, "choices": {}, "milliseconds": {}}']) {
      await Deno.writeTextFile(`${folder}/x.json`, text);
      const error = await assertRejects(() => readTuned("x", `${folder}/x.json`), FormatError);
      assertStringIncludes(error.message, `${folder}/x.json`);
      assertStringIncludes(error.message, "deno task tune");
    }
  }));

testOnWebGpu(
  "the tuner times all ways of a product, and takes another only where it is clearly faster",
  () => {
    const executor = webGpuExecutor();
    const bind = (count: number) => ({
      buffer: executor.allocate(4 * count),
      byteOffset: 0,
      dtype: "float32" as const,
    });
    const [a, b, product] = [bind(64 * 96), bind(96 * 32), bind(64 * 32)];
    const before = executor.memory();
    const none = { batch: [], batchStridesA: [], batchStridesB: [] };
    const sizes = { rows: 64, columns: 32, depth: 96 };
    const parameters = { ...none, ...sizes, transposeA: false, transposeB: false, bias: false };
    executor.choices.override({ other: "kept" });
    const tuned = tuneKernels(
      executor,
      () => executor.run("matmul", parameters, [a, b], [product]),
      { milliseconds: 5, margin: 0.05 },
    );
    assertEquals(tuned.length, 1);
    const { key, milliseconds, standard, best } = tuned[0];
    assertStringIncludes(key, "matmul / ");
    assert(Object.keys(milliseconds).length > 1);
    assert(Object.values(milliseconds).every((time) => time > 0 && Number.isFinite(time)));
    const fastest = Math.min(...Object.values(milliseconds));
    assertEquals(
      best,
      fastest < 0.95 * milliseconds[standard]
        ? Object.keys(milliseconds).find((way) => milliseconds[way] === fastest)
        : standard,
    );
    assertEquals(executor.choices.overrides, { other: "kept" });
    assertEquals(executor.memory().buffers, before.buffers);
    executor.choices.override({});
    [a, b, product].forEach(({ buffer }) => executor.release(buffer));
  },
);

testOnWebGpu(
  "a run takes what was tuned on its adapter, and its record names what it used",
  () =>
    inFolder(async (folder) => {
      const cache = Deno.env.get("CORIT_CACHE");
      Deno.env.set("CORIT_CACHE", folder);
      const executor = await startWebGpu();
      try {
        await writeTuned(executor.description, [changed]);
        await useDevice({ device: "webgpu", threads: 1 });
        assertEquals(executor.choices.overrides, { [changed.key]: "fast" });
        executor.choices.forgetUsed();
        assertEquals(
          executor.choices.choose("layerNorm", "4", ["plain", "vectors"], "plain"),
          "plain",
        );
        await recordKernels(`${folder}/kernels.json`, executor);
        const record = JSON.parse(await Deno.readTextFile(`${folder}/kernels.json`));
        assertEquals(record.adapter, executor.description);
        assertEquals(Object.values(record.used), ["plain"]);
        assertEquals(await recordedChoices(`${folder}/kernels.json`), { [changed.key]: "fast" });
        assertEquals(await recordedChoices(`${folder}/none.json`), undefined);
      } finally {
        executor.close();
        setDefaultDevice("wasm");
        if (cache === undefined) Deno.env.delete("CORIT_CACHE");
        else Deno.env.set("CORIT_CACHE", cache);
      }
    }),
);
