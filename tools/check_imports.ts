// Checks that imports run one way only: down the floors, never in a circle, never between rooms of
// one floor, and out of the core to nothing at all. Type-only imports do not count.
//
// Usage: deno task check:imports [FOLDER]

import { cruise, type ICruiseResult, type IForbiddenRuleType } from "dependency-cruiser";
// dependency-cruiser reads TypeScript only where this package is loaded beside it.
import ts from "typescript";
import { compat, core, floors, outside } from "./floors.ts";

/** The parts of deno.json that say what an import's name stands for. */
interface Names {
  name?: string;
  exports?: Record<string, string>;
  imports?: Record<string, string>;
}

/** A pattern for paths inside any of these rooms, or equal to any of these root files. */
function within(names: readonly string[]): string {
  return `^(${names.map((name) => name.replace(/\.ts$/, "\\.ts$") + "(/|$)").join("|")})`
    .replaceAll("$(/|$)", "$");
}

/** One rule for each room: which others it must not import. */
function rulesOf(): IForbiddenRuleType[] {
  const everything = [...floors.flat(), ...outside, compat];
  const rules: IForbiddenRuleType[] = [
    { name: "imports in a circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no such file",
      severity: "error",
      from: {},
      to: { path: "^\\.", couldNotResolve: true },
    },
  ];
  floors.forEach((floor, height) => {
    const below = floors.slice(0, height).flat();
    for (const room of floor) {
      const closed = core.includes(room) || room.endsWith(".ts");
      const allowed = room === "mod.ts" ? ["errors.ts", ...core] : [room, ...below];
      const forbidden = everything.filter((name) => !allowed.includes(name) && name !== compat);
      rules.push({
        name: `${room} imports only what lies below it`,
        severity: "error",
        from: { path: within([room]) },
        to: { path: within(forbidden) },
      });
      if (!closed) continue;
      rules.push({
        name: `${room} belongs to the core, which depends on nothing`,
        severity: "error",
        from: { path: within([room]) },
        to: { pathNot: [within(floors.flat()), "^\\."] },
      });
    }
  });
  rules.push({
    name: `${compat} stands alone`,
    severity: "error",
    from: { path: within([compat]) },
    to: { path: within([...floors.flat(), ...outside]) },
  });
  return rules;
}

/** The import map of deno.json, and the package's own names, as aliases of paths. */
async function aliasesOf(root: string): Promise<Record<string, string>> {
  const path = `${root}/deno.json`;
  const parsed = ts.parseConfigFileTextToJson(path, await Deno.readTextFile(path));
  if (parsed.error) throw new Error(`${path}: ${parsed.error.messageText}`);
  const { name, exports = {}, imports = {} } = parsed.config as Names;
  const aliases: Record<string, string> = {};
  for (const [alias, target] of Object.entries(imports)) {
    if (target.startsWith("./")) aliases[`${alias}$`] = `${root}/${target.slice(2)}`;
  }
  for (const [entry, target] of Object.entries(exports)) {
    aliases[`${name}${entry.slice(1)}$`] = `${root}/${target.slice(2)}`;
  }
  return aliases;
}

/** Every folder and file of the repository's top that holds TypeScript. */
async function topLevel(root: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(root)) {
    if (entry.name.startsWith(".") || entry.name === "node_modules" || entry.name === "runs") {
      continue;
    }
    if (entry.isDirectory || entry.name.endsWith(".ts")) found.push(entry.name);
  }
  return found.sort();
}

/** Lines of a source text, counted from 1, whose code (not its comments) names `Deno`. */
function linesNamingDeno(path: string, text: string): number[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lines: number[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === "Deno") {
      lines.push(source.getLineAndCharacterOfPosition(node.getStart()).line + 1);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return lines;
}

/** Everything that breaks the rules under a folder, one line each. */
async function violationsUnder(root: string): Promise<{ modules: number; violations: string[] }> {
  const violations: string[] = [];
  const present = await topLevel(root);
  for (const name of present) {
    if (floors.flat().includes(name) || outside.includes(name) || name === compat) continue;
    violations.push(`${name}: stands on no floor; give it one in tools/floors.ts`);
  }
  const result = await cruise(
    present,
    { baseDir: root, validate: true, ruleSet: { forbidden: rulesOf() } },
    { alias: await aliasesOf(root) },
  );
  const { modules, summary } = result.output as ICruiseResult;
  const sources = modules.map((module) => module.source)
    .filter((source) => present.includes(source.split("/")[0]) && source.endsWith(".ts"));
  for (const { from, to, rule, cycle } of summary.violations) {
    const path = cycle ? cycle.map((step) => step.name).join(" -> ") : to;
    violations.push(`${from} -> ${path}: ${rule.name}`);
  }
  for (const source of sources) {
    if (!core.some((room) => source.startsWith(`${room}/`))) continue;
    for (const line of linesNamingDeno(source, await Deno.readTextFile(`${root}/${source}`))) {
      violations.push(`${source}:${line}: the core runs in a browser, where there is no Deno`);
    }
  }
  return { modules: sources.length, violations };
}

if (import.meta.main) {
  const root = await Deno.realPath(Deno.args[0] ?? new URL("..", import.meta.url));
  const { modules, violations } = await violationsUnder(root);
  for (const violation of violations) console.error(violation);
  console.log(`${modules} modules, ${violations.length} imports that do not run down`);
  if (modules === 0) console.error(`nothing to check under ${root}`);
  Deno.exit(violations.length > 0 || modules === 0 ? 1 : 0);
}
