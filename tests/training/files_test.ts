// What is written atomically is there as a whole or not at all, whatever goes wrong.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { FileError } from "../../errors.ts";
import {
  removeUnfinished,
  writeFileAtomically,
  writeFolderAtomically,
} from "../../training/files.ts";

/** Runs a test in a folder of its own and removes it. */
async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The names in a folder, sorted. */
function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

/** Mounts a file system of 64 KiB, where this process may. */
async function mount(folder: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder],
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

/** Gives a mounted file system back. */
async function unmount(folder: string): Promise<void> {
  await new Deno.Command("umount", { args: [folder] }).output();
}

/** Whether a small file system can be mounted here; a disk is filled only where it can. */
const canMount = await (async () => {
  const folder = await Deno.makeTempDir();
  const mounted = await mount(folder);
  if (mounted) await unmount(folder);
  await Deno.remove(folder);
  return mounted;
})();

Deno.test("a file's new contents replace the old ones and nothing else is left", () =>
  inFolder(async (folder) => {
    const path = `${folder}/weights.bin`;
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), async (bytes) => {
      await writeFileAtomically(path, bytes);
      assertEquals(new Uint8Array(await Deno.readFile(path)), bytes);
    }));
    await writeFileAtomically(path, "größer");
    assertEquals(await Deno.readTextFile(path), "größer");
    assertEquals(namesIn(folder), ["weights.bin"]);
  }));

Deno.test("a file in a folder that does not exist is refused, and the path named", () =>
  inFolder(async (folder) => {
    const path = `${folder}/missing/config.json`;
    const error = await assertRejects(() => writeFileAtomically(path, "{}"), FileError);
    assertEquals(
      error.message,
      `cannot write ${path}: the folder it belongs in does not exist`,
    );
  }));

Deno.test("a file over a folder is refused, and the folder stays", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/run/inner`, { recursive: true });
    await assertRejects(() => writeFileAtomically(`${folder}/run`, "text"), FileError);
    assertEquals(namesIn(folder), ["run"]);
    assertEquals(namesIn(`${folder}/run`), ["inner"]);
  }));

Deno.test({
  name: "a full disk is one clear error, keeps a file's old contents and leaves nothing behind",
  ignore: !canMount,
  fn: () =>
    inFolder(async (folder) => {
      assert(await mount(folder));
      try {
        const path = `${folder}/weights.bin`;
        await writeFileAtomically(path, "the old contents");
        const error = await assertRejects(
          () => writeFileAtomically(path, new Uint8Array(1 << 20)),
          FileError,
        );
        assertStringIncludes(error.message, `cannot write ${path}: the disk is full`);
        assertEquals(await Deno.readTextFile(path), "the old contents");
        await assertRejects(
          () =>
            writeFolderAtomically(
              `${folder}/step-100`,
              (temporary) => Deno.writeFile(`${temporary}/weights.bin`, new Uint8Array(1 << 20)),
            ),
          FileError,
          "the disk is full",
        );
        assertEquals(namesIn(folder), ["weights.bin"]);
      } finally {
        await unmount(folder);
      }
    }),
});

Deno.test({
  name: "a device without space, met while a folder is filled, leaves no folder behind",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      const error = await assertRejects(
        () =>
          writeFolderAtomically(`${folder}/step-100`, async (temporary) => {
            await Deno.writeTextFile(`${temporary}/state.json`, "{}");
            await Deno.writeFile("/dev/full", new Uint8Array(16));
          }),
        FileError,
      );
      assertStringIncludes(error.message, "the disk is full");
      assertEquals(namesIn(folder), []);
    }),
});

Deno.test("a folder appears only when it is complete, with folders inside it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/step-100`;
    await writeFolderAtomically(path, async (temporary) => {
      await Deno.mkdir(`${temporary}/optimizer`);
      await Deno.writeTextFile(`${temporary}/optimizer/moments.bin`, "moments");
      await Deno.writeTextFile(`${temporary}/state.json`, "{}");
      assert(!namesIn(folder).includes("step-100"));
    });
    assertEquals(namesIn(folder), ["step-100"]);
    assertEquals(namesIn(path), ["optimizer", "state.json"]);
    assertEquals(await Deno.readTextFile(`${path}/optimizer/moments.bin`), "moments");
  }));

Deno.test("a folder is never replaced", () =>
  inFolder(async (folder) => {
    const path = `${folder}/step-100`;
    await writeFolderAtomically(path, (temporary) => Deno.writeTextFile(`${temporary}/a`, "old"));
    await assertRejects(
      () => writeFolderAtomically(path, (temporary) => Deno.writeTextFile(`${temporary}/a`, "new")),
      FileError,
      "it is there already",
    );
    assertEquals(await Deno.readTextFile(`${path}/a`), "old");
    assertEquals(namesIn(folder), ["step-100"]);
  }));

Deno.test("an error of the code that fills a folder comes through unchanged", () =>
  inFolder(async (folder) => {
    const reason = new RangeError("the caller's own");
    const rejected = await assertRejects(() =>
      writeFolderAtomically(`${folder}/step-1`, () => Promise.reject(reason))
    );
    assertEquals(rejected, reason);
    assertEquals(namesIn(folder), []);
  }));

Deno.test("what a killed process left half-written is recognized and removed", () =>
  inFolder(async (folder) => {
    // The process dies inside the write: the only trace may be a name that marks it unfinished.
    const script = `
      import { writeFolderAtomically } from ${
      JSON.stringify(import.meta.resolve("../../training/files.ts"))
    };
      await writeFolderAtomically(Deno.args[0] + "/step-100", async (temporary) => {
        await Deno.writeTextFile(temporary + "/half", "half");
        Deno.kill(Deno.pid, "SIGKILL");
        await new Promise(() => setTimeout(() => {}, 60_000));
      });`;
    await Deno.writeTextFile(`${folder}/kept.txt`, "kept");
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--ext=ts", script, folder],
    }).output();
    assert(!success);
    const left = namesIn(folder).filter((name) => name !== "kept.txt");
    assertEquals(left.length, 1);
    assertEquals(await removeUnfinished(folder), left);
    assertEquals(namesIn(folder), ["kept.txt"]);
  }));

Deno.test("cleaning a folder that does not exist is an error", () =>
  inFolder(async (folder) => {
    await assertRejects(() => removeUnfinished(`${folder}/none`), FileError, "cannot clean");
  }));
