// The project file and the tree agree, and the tree keeps the house's rules of form.

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { floors } from "../../tools/floors.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The project file, which has comments. */
const project = ts.parseConfigFileTextToJson(
  "deno.json",
  Deno.readTextFileSync(`${root}/deno.json`),
).config as { exports: Record<string, string>; imports: Record<string, string> };

/** Folders that hold nothing of the project's own. */
const foreign = new Set(["node_modules", "runs", "coverage"]);

/** The paths of all files below a folder, relative to the root. */
function* filesBelow(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${root}/${folder}`)) {
    if (entry.name.startsWith(".") || foreign.has(entry.name)) continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

const files = [...filesBelow("")];
const modules = files.filter((path) => path.endsWith(".ts"));
const textOf = (path: string): string => Deno.readTextFileSync(`${root}/${path}`);

Deno.test("the package exports the root and every library folder, each under its own name", () => {
  const rooms = floors.flat().filter((name) => files.includes(`${name}/mod.ts`));
  const wanted = Object.fromEntries(rooms.map((room) => [`./${room}`, `./${room}/mod.ts`]));
  assertEquals(project.exports, { ".": "./mod.ts", ...wanted });
});

Deno.test("every dependency has one exact version", () => {
  const loose = Object.entries(project.imports)
    .filter(([, target]) => !target.startsWith("./"))
    .filter(([name, target]) => !new RegExp(`^npm:${name}@\\d+\\.\\d+\\.\\d+$`).test(target));
  assertEquals(loose, []);
});

Deno.test("every dependency is used", () => {
  const code = modules.map(textOf).join("\n");
  const unused = Object.keys(project.imports).filter((name) => !code.includes(`"${name}`));
  assertEquals(unused, []);
});

Deno.test("no code imports a package past the project file, but peers name theirs exactly", () => {
  const past = modules
    .filter((path) => path !== "tests/project/imports_test.ts")
    .flatMap((path) =>
      [...textOf(path).matchAll(/(?:from|import\(|import)\s*"((?:npm|jsr|https?):[^"]+)"/g)]
        .map((match) => ({ path, address: match[1] }))
    );
  // In the project file they would be fetched with the first command that anybody runs.
  const isPeer = (path: string) => /^(bench\/peers|tests\/golden)\//.test(path);
  const exact = /^npm:(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+$/;
  assertEquals(past.filter(({ path, address }) => !isPeer(path) || !exact.test(address)), []);
});

Deno.test("every module begins by saying what it is for", () => {
  assertEquals(modules.filter((path) => !/^(\/\/ |\/\*\*\n)/.test(textOf(path))), []);
});

Deno.test("no module has more than 500 lines", () => {
  assertEquals(modules.filter((path) => textOf(path).trimEnd().split("\n").length > 500), []);
});

Deno.test("modules are named in snake case", () => {
  assertEquals(modules.filter((path) => !/^([a-z0-9_]+\/)*[a-z0-9_]+\.ts$/.test(path)), []);
});
