// The commands around WebGPU, as a user types them: the doctor's verdict on the adapter, and the tuner's findings.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { testOnWebGpu } from "../kernels/webgpu_harness.ts";
import { inFolder, run } from "./command.ts";

testOnWebGpu("the doctor finds the adapter and every kernel on it right", async () => {
  const { code, stdout, stderr } = await run("doctor", []);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /WebGPU +adapter: /);
  assertMatch(stdout, /self-test, webgpu +\d+ kernels in \d+ examples agree with the reference/);
});

testOnWebGpu(
  "the tuner times the kernels of a detector's step and keeps what it found",
  () =>
    inFolder(async (folder) => {
      const size = ["--image-size", "16", "--patch-size", "8", "--batch-pairs", "1"];
      const { code, stdout, stderr } = await run(
        "tune",
        [...size, "--milliseconds", "1", "--all"],
        { CORIT_CACHE: folder },
      );
      assertEquals(code, 0, stderr);
      assertStringIncludes(stdout, "matmul / ");
      assertMatch(stdout, /\d+ of \d+ choices changed; kept in .*tuned/);
      const [file] = [...Deno.readDirSync(`${folder}/tuned`)];
      const kept = JSON.parse(await Deno.readTextFile(`${folder}/tuned/${file.name}`));
      assertStringIncludes(stdout, kept.adapter);
      assert(Object.keys(kept.milliseconds).length > 3);
      for (const [key, way] of Object.entries(kept.choices)) {
        assert(String(way) in kept.milliseconds[key], key);
      }
    }),
);
