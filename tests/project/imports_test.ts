// The import check accepts a house whose imports run down, and fails on every kind that does not.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";

const tool = fileURLToPath(new URL("../../tools/check_imports.ts", import.meta.url));
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A house that keeps the rules, with every kind of import that is allowed. */
const sound: Record<string, string> = {
  "deno.json": `{
    // A comment, as the real one has.
    "name": "@corit/corit",
    "exports": { ".": "./mod.ts", "./tensor": "./tensor/mod.ts", "./cli": "./cli/mod.ts" },
    "imports": { "@std/cli/parse-args": "./compat/parse_args.ts", "zod": "npm:zod@4.6.7" }
  }`,
  "errors.ts": `export class CoritError extends Error {}`,
  "mod.ts": `export * from "./tensor/mod.ts";`,
  "compat/parse_args.ts": `import { parseArgs } from "node:util"; export { parseArgs };`,
  "kernels/mod.ts": `import { CoritError } from "../errors.ts"; export const kernel = CoritError;`,
  "tensor/mod.ts": `
    // A tensor never touches Deno.
    import { kernel } from "../kernels/mod.ts";
    import type { Gradient } from "../autograd/mod.ts";
    import { type Other } from "../autograd/mod.ts";
    export const tensor = (gradient: Gradient | Other) => [kernel, gradient];`,
  "autograd/mod.ts": `
    import { tensor } from "../tensor/mod.ts";
    export type Gradient = number; export type Other = string;
    export const gradients = () => tensor(1);`,
  "data/mod.ts": `
    import { z } from "zod"; import { tensor } from "../tensor/mod.ts";
    export const read = () => [z, tensor, Deno.args];`,
  "cli/mod.ts": `
    import { parseArgs } from "@std/cli/parse-args"; import { read } from "../data/mod.ts";
    import { tensor } from "@corit/corit/tensor"; export const main = () => [parseArgs, read, tensor];`,
  "tests/tensor_test.ts": `import { main } from "../cli/mod.ts"; main();`,
};

/** Writes a house into a temporary folder, checks it, and says how the check ended. */
async function check(house: Record<string, string>): Promise<{ code: number; text: string }> {
  const root = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(house)) {
      await Deno.mkdir(`${root}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${root}/${path}`, text);
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", tool, root],
      cwd: repository,
    }).output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** One planted violation each: what is changed in the sound house, and what the check must say. */
const violations: [name: string, change: Record<string, string>, says: string][] = [
  [
    "an import that goes up",
    { "kernels/up.ts": `import { tensor } from "../tensor/mod.ts"; tensor(1);` },
    "kernels/up.ts -> tensor/mod.ts: kernels imports only what lies below it",
  ],
  [
    "an import that goes up through the package's own name",
    { "kernels/up.ts": `import { tensor } from "@corit/corit/tensor"; tensor(1);` },
    "kernels/up.ts -> tensor/mod.ts",
  ],
  [
    "a dynamic import that goes up",
    { "data/up.ts": `export const late = () => import("../cli/mod.ts");` },
    "data/up.ts -> cli/mod.ts: data imports only what lies below it",
  ],
  [
    "an import of a neighbour on the same floor",
    { "data/beside.ts": `export { gradients } from "../autograd/mod.ts";` },
    "data/beside.ts -> autograd/mod.ts: data imports only what lies below it",
  ],
  [
    "a circle inside one room",
    {
      "data/a.ts": `import { b } from "./b.ts"; export const a = () => b;`,
      "data/b.ts": `import { a } from "./a.ts"; export const b = () => a;`,
    },
    "imports in a circle",
  ],
  [
    "a package in the core",
    { "tensor/parse.ts": `import { z } from "zod"; export const schema = z;` },
    "tensor/parse.ts -> zod: tensor belongs to the core, which depends on nothing",
  ],
  [
    "a package named in place in the core",
    { "tensor/parse.ts": `import { z } from "npm:zod@4.6.7"; export const schema = z;` },
    "tensor belongs to the core, which depends on nothing",
  ],
  [
    "a Node module in the core",
    { "autograd/file.ts": `import { readFile } from "node:fs"; export const read = readFile;` },
    "autograd belongs to the core, which depends on nothing",
  ],
  [
    "Deno in the core",
    { "tensor/file.ts": `// Reads.\nexport const read = () => Deno.readFile("a");` },
    "tensor/file.ts:2: the core runs in a browser",
  ],
  [
    "the public face reaching past the core",
    { "mod.ts": `export { read } from "./data/mod.ts";` },
    "mod.ts -> data/mod.ts: mod.ts imports only what lies below it",
  ],
  [
    "a room that uses the tests",
    { "cli/odd.ts": `import "../tests/tensor_test.ts";` },
    "cli/odd.ts -> tests/tensor_test.ts",
  ],
  [
    "a room without a floor",
    { "attic/mod.ts": `export const attic = 1;` },
    "attic: stands on no floor",
  ],
  [
    "an import of a file that is not there",
    { "cli/odd.ts": `import { gone } from "../data/gone.ts"; gone();` },
    "cli/odd.ts -> ../data/gone.ts: no such file",
  ],
];

Deno.test("a house whose imports run down passes", async () => {
  const { code, text } = await check(sound);
  assertEquals(text.trim(), "9 modules, 0 imports that do not run down");
  assertEquals(code, 0);
});

Deno.test("an empty folder does not pass as sound", async () => {
  const { code } = await check({ "deno.json": sound["deno.json"] });
  assertEquals(code, 1);
});

for (const [name, change, says] of violations) {
  Deno.test(`the import check fails on ${name}`, async () => {
    const { code, text } = await check({ ...sound, ...change });
    assertStringIncludes(text, says);
    assertEquals(code, 1);
  });
}
