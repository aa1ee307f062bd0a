// A sealed folder tells every change of its files.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { FileError, FormatError } from "../../errors.ts";
import { readSealedFolder, writeSealedFolder } from "../../training/sealed_folder.ts";
import { inFolder } from "../end_to_end/command.ts";

const names = ["weights.bin", "state.json"] as const;

Deno.test("files come back as they were written", () =>
  inFolder(async (folder) => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.uint8Array(), async (weights, state) => {
        const path = `${folder}/step-${count++}`;
        await writeSealedFolder(path, { "weights.bin": weights, "state.json": state });
        const files = await readSealedFolder(path, names);
        assertEquals(new Uint8Array(files["weights.bin"]), weights);
        assertEquals(new Uint8Array(files["state.json"]), state);
      }),
      { numRuns: 20 },
    );
  }));

Deno.test("a flipped bit or a cut in any file, the checksums included, is refused by name", () =>
  inFolder(async (folder) => {
    const path = `${folder}/step-1`;
    await writeSealedFolder(path, {
      "weights.bin": Uint8Array.from({ length: 200 }, (_, i) => i),
      "state.json": new TextEncoder().encode(`{ "step": 1 }`),
    });
    for (const name of [...names, "checksums.json"]) {
      const file = `${path}/${name}`;
      const whole = await Deno.readFile(file);
      const refused = async (bytes: Uint8Array): Promise<void> => {
        await Deno.writeFile(file, bytes);
        const error = await assertRejects(() => readSealedFolder(path, names));
        // A name changed in the list of checksums makes the file of that name the one that does not fit.
        assert(error instanceof FormatError, String(error));
        assert(error.message.startsWith(path), error.message);
      };
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (at, bit) => {
          const bytes = whole.slice();
          bytes[at] ^= 1 << bit;
          const meaning = (text: Uint8Array): string => {
            try {
              return JSON.stringify(
                JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text)),
              );
            } catch {
              return "";
            }
          };
          // White space between the checksums carries no meaning.
          fc.pre(name !== "checksums.json" || meaning(bytes) !== meaning(whole));
          await refused(bytes);
        }),
        { numRuns: 60 },
      );
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 3), (length) => refused(whole.slice(0, length))),
        { numRuns: 20 },
      );
      await Deno.writeFile(file, whole);
    }
    await readSealedFolder(path, names);
  }));

Deno.test("a missing file is named", () =>
  inFolder(async (folder) => {
    const path = `${folder}/step-1`;
    await writeSealedFolder(path, {
      "weights.bin": new Uint8Array(3),
      "state.json": new Uint8Array(2),
    });
    await Deno.remove(`${path}/weights.bin`);
    const error = await assertRejects(() => readSealedFolder(path, names), FileError);
    assertStringIncludes(error.message, `${path}/weights.bin is missing`);
  }));
