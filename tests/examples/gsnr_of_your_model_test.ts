// The example runs as it stands, and leaves a page with the ratios of every parameter.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { inFolder } from "../end_to_end/command.ts";

const root = new URL("../../", import.meta.url).pathname;
const example = `${root}examples/gsnr_of_your_model.ts`;

Deno.test("the GSNR of a model of characters becomes a page, by less than 40 lines", () =>
  inFolder(async (folder) => {
    const lines = (await Deno.readTextFile(example)).trimEnd().split("\n");
    assert(lines.length < 40, `${lines.length} lines`);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--no-check",
        "--config",
        `${root}deno.json`,
        example,
        `${root}LICENSE`,
        `${folder}/page.html`,
      ],
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    assert(success);
    const page = await Deno.readTextFile(`${folder}/page.html`);
    assertMatch(page, /<svg/);
    for (const name of ["letters", "hidden.weight", "hidden.bias", "output.weight"]) {
      // Step, parameter, and three finite numbers.
      assertMatch(page, new RegExp(`80 +${name.replace(".", "\\.")}( +-?\\d\\.[\\de-]+){3}`));
    }
  }));
