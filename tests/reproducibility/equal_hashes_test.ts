// Equal configurations train to equal bits, in fresh processes and whatever the number of threads.

import { assertEquals, assertNotEquals } from "@std/assert";
import { bitsOf } from "../end_to_end/bits.ts";
import { inFolder, run, writePictures } from "../end_to_end/command.ts";

Deno.test("two fresh runs of a short training end in equal weights, losses and scores", () =>
  inFolder(async (folder) => {
    await writePictures(`${folder}/pictures`);
    const train = async (name: string, ...changes: string[]): Promise<Record<string, unknown>> => {
      const { code, stderr } = await run("train", [
        `--data=${folder}/pictures`,
        `--out=${folder}/${name}`,
        "--image-size=32",
        "--batch-pairs=6",
        "--steps=25",
        "--evaluate-every=10",
        "--gsnr-every=20",
        "--gsnr-pairs=6",
        "--dropout=0.1",
        "--colour=0.5",
        "--blur=0.3",
        "--jpeg=0.3",
        ...changes,
      ]);
      assertEquals(code, 0, stderr);
      return await bitsOf(`${folder}/${name}`);
    };
    const first = await train("first", "--threads=1");
    assertEquals(await train("second", "--threads=1"), first);
    assertEquals(await train("threads", "--threads=2"), first);
    const other = await train("other", "--threads=1", "--seed=1");
    assertNotEquals(other.weights, first.weights);
    assertNotEquals(other.metrics, first.metrics);
  }));
