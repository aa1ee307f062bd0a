/**
 * `parseArgs` with the signature of `@std/cli/parse-args`, as far as this project uses it, over
 * the tokens of `node:util`.
 *
 * It stands in for the original where JSR cannot be reached; deno.json shows the line that switches.
 * Not here, because not used: dotted names, `stopEarly`, `boolean: true`, values glued to a letter.
 *
 * @module
 */

import { parseArgs as tokenize } from "node:util";

/** Which names are known, and what kind of value each takes. */
export interface ParseOptions {
  /** Whether what follows `--` goes into `"--"` instead of `_`. */
  "--"?: boolean;
  /** Other names of an option: `{ help: "h" }`. */
  alias?: Record<string, string | readonly string[]>;
  /** Options that take no value; `false` where absent and without default. */
  boolean?: string | readonly string[];
  /** Options that may be repeated, gathered in an array; `[]` where absent and without default. */
  collect?: string | readonly string[];
  /** Values of options that were not given. */
  default?: Record<string, unknown>;
  /** Options that `--no-name` sets to `false`. */
  negatable?: string | readonly string[];
  /** Options whose value stays text, even where it looks like a number. */
  string?: string | readonly string[];
  /** Called with every argument that is not declared; returning `false` leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What was parsed: positional arguments in `_`, options by their names. */
export interface Args {
  /** Arguments that belong to no option. */
  _: Array<string | number>;
  /** What follows `--`, where asked for. */
  "--"?: string[];
  /** The options by name. */
  [name: string]: unknown;
}

/** A decimal or hexadecimal number, as it may stand on a command line. */
const numberPattern = /^(?:0x[0-9a-f]+|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/i;

/** A text as a number where it looks like one. */
function toNumberIfNumeric(text: string): string | number {
  return numberPattern.test(text) ? Number(text) : text;
}

/** One name or several, as a list. */
function listOf(names: string | readonly string[] | undefined): readonly string[] {
  return names === undefined ? [] : typeof names === "string" ? [names] : names;
}

/** Every name of each option that has several: from any of its names to all of them. */
function aliasGroups(alias: ParseOptions["alias"] = {}): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, others] of Object.entries(alias)) {
    const all = [name, ...listOf(others)];
    for (const each of all) groups.set(each, all);
  }
  return groups;
}

/**
 * Parses command-line arguments: `--name value`, `--name=value`, `--flag`, `--no-flag`, `-abc`.
 *
 * A declared boolean takes no value except `--flag=false` or a following `true` or `false`; any
 * other option takes the next argument unless that starts with a dash. Of a repeated option the
 * last value counts, unless it is collected.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 * import { assertEquals } from "@std/assert";
 *
 * const args = parseArgs(["--seed", "3", "--no-sam", "photo.png"], {
 *   boolean: ["sam"],
 *   negatable: ["sam"],
 * });
 * assertEquals(args.seed, 3);
 * assertEquals(args.sam, false);
 * assertEquals(args._, ["photo.png"]);
 * ```
 */
export function parseArgs(args: string[], options: ParseOptions = {}): Args {
  const groups = aliasGroups(options.alias);
  const namesOf = (name: string): string[] => groups.get(name) ?? [name];
  const allNames = (names?: string | readonly string[]): Set<string> =>
    new Set(listOf(names).flatMap(namesOf));
  const booleans = allNames(options.boolean);
  const strings = allNames(options.string);
  const collected = allNames(options.collect);
  const negatable = allNames(options.negatable);
  const parsed: Args = { _: [] };

  const set = (name: string, value: string | boolean, argument: string): void => {
    const known = booleans.has(name) || strings.has(name) || groups.has(name);
    if (!known && options.unknown?.(argument, name, value) === false) return;
    const kept = typeof value === "string" && !strings.has(name) ? toNumberIfNumeric(value) : value;
    for (const each of namesOf(name)) {
      if (!collected.has(each) || value === false) parsed[each] = kept;
      else if (Array.isArray(parsed[each])) parsed[each].push(kept);
      else parsed[each] = [kept];
    }
  };

  const end = args.indexOf("--");
  const rest = end < 0 ? [] : args.slice(end + 1);
  const { tokens } = tokenize({
    args: end < 0 ? args : args.slice(0, end),
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {},
  });

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token.kind === "positional") {
      if (options.unknown?.(token.value) === false) continue;
      parsed._.push(strings.has("_") ? token.value : toNumberIfNumeric(token.value));
      continue;
    }
    if (token.kind !== "option") continue;
    const argument = args[token.index];
    const { name } = token;
    const negated = name.startsWith("no-") ? name.slice(3) : undefined;
    if (negated !== undefined && negatable.has(negated) && token.value === undefined) {
      set(negated, false, argument);
      continue;
    }
    if (token.value !== undefined) {
      set(name, booleans.has(name) ? token.value !== "false" : token.value, argument);
      continue;
    }
    const next = tokens[i + 1];
    const following = next?.kind === "positional" ? next.value : undefined;
    if (following === "true" || following === "false") {
      i++;
      set(name, strings.has(name) ? following : following === "true", argument);
    } else if (following !== undefined && !booleans.has(name)) {
      i++;
      set(name, following, argument);
    } else {
      set(name, strings.has(name) ? "" : true, argument);
    }
  }

  for (const [name, value] of Object.entries(options.default ?? {})) {
    for (const each of namesOf(name)) if (!Object.hasOwn(parsed, each)) parsed[each] = value;
  }
  for (const name of booleans) {
    if (!Object.hasOwn(parsed, name)) parsed[name] = collected.has(name) ? [] : false;
  }
  for (const name of strings) {
    if (collected.has(name) && !Object.hasOwn(parsed, name)) parsed[name] = [];
  }
  if (options["--"]) parsed["--"] = rest;
  else parsed._.push(...rest);
  return parsed;
}
