// `deno task data PATH` prints what is in a data set, and ends with code 1 where files cannot be read.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder, run, writePictures } from "../end_to_end/command.ts";

Deno.test("the report as text and as JSON; broken files make code 1", () =>
  inFolder(async (folder) => {
    await writePictures(folder, 16);
    const text = await run("data", [folder]);
    assertEquals(text.code, 0, text.stderr);
    assertStringIncludes(text.stdout, "real and fake folders");
    await Deno.writeFile(`${folder}/fake/swap/broken.png`, new Uint8Array(7));
    const json = await run("data", [folder, "--json"]);
    assertEquals(json.code, 1);
    const { counts, problems } = JSON.parse(json.stdout);
    assertEquals(Object.keys(counts), ["real", "spectral", "swap"]);
    assertEquals(problems.length, 1);
    assertStringIncludes(json.stderr, "1 file cannot be read");
    const none = await run("data", []);
    assertStringIncludes(none.stderr, "data takes one path");
  }));
