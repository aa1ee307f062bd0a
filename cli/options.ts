// From a command line to typed values: flags over a configuration file over defaults, all through
// one table of options.

import { extname } from "node:path";
import { parseArgs } from "@std/cli/parse-args";
import { parse as parseToml, TomlError } from "smol-toml";
import { ConfigError, FileError, FormatError } from "../errors.ts";
import { hint, type OptionDefinition, readOptions, rowsOf, shapeOf } from "../training/options.ts";
import type { ValueShape } from "../training/options.ts";

/** What a command line says. */
export interface ParsedOptions<Values> {
  /** Every option's value. */
  values: Values;
  /** Names of the options that the command line or the configuration file set. */
  given: ReadonlySet<string>;
  /** What stands beside the options: runs, images, names. */
  positional: string[];
}

/** Switches that every command has; they are no part of the values. */
const commonSwitches = ["help", "debug"];

/** What `--no-name` sets, for every option that allows it. */
const emptyValues = { switch: false, number: 0, text: "", list: [] } as const;

/** The flag of an option: `learningRate` is `learning-rate`. */
export function flagOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * Reads a command's options from its arguments and from the file that `--config` names.
 *
 * @throws {ConfigError} on an unknown option (with the nearest one), a missing or bad value, or
 * positional arguments where the command takes none.
 * @throws {FileError} where the configuration file cannot be read.
 * @throws {FormatError} where it is not JSON or TOML.
 */
export function parseOptions<Values>(
  definition: OptionDefinition<Values>,
  args: readonly string[],
): ParsedOptions<Values> {
  const rows = rowsOf(definition);
  const shapes = new Map(rows.map(([name, row]) => [name, shapeOf(row.schema)]));
  const names = new Map([...shapes.keys()].map((name) => [flagOf(name), name]));
  const flags = [...names.keys()];
  const kindOf = (flag: string): ValueShape["kind"] => shapes.get(names.get(flag)!)!.kind;
  const switches = flags.filter((flag) => kindOf(flag) === "switch");
  const negatable = rows
    .filter(([name, row]) => row.schema.safeParse(emptyValues[shapes.get(name)!.kind]).success)
    .map(([name]) => flagOf(name));
  const known = [...flags, ...commonSwitches, "config", ...negatable.map((flag) => `no-${flag}`)];

  const parsed = parseArgs([...args], {
    boolean: [...switches, ...commonSwitches],
    negatable,
    string: ["_", "config", ...flags.filter((flag) => kindOf(flag) !== "switch")],
    collect: flags.filter((flag) => kindOf(flag) === "list"),
    alias: { help: "h" },
    // A switch that was not given must not look like one that was given as false.
    default: Object.fromEntries(switches.map((flag) => [flag, null])),
    unknown: (argument, flag) => {
      if (flag === undefined) return true;
      const typed = argument.startsWith("--") ? argument.split("=", 1)[0] : `-${flag}`;
      const switchedOff = flag.startsWith("no-") ? names.get(flag.slice(3)) : undefined;
      if (switchedOff !== undefined) {
        const { words } = shapes.get(switchedOff)!;
        throw new ConfigError(`${typed}: this option cannot be left empty, expected ${words}`);
      }
      const near = hint(flag, known, "").replace("you mean ", "you mean --");
      throw new ConfigError(
        `unknown option ${typed}${near || `: deno task ${definition.name} --help lists them`}`,
      );
    },
  });

  const positional = parsed._.map(String);
  if (positional.length > 0 && definition.positional === undefined) {
    throw new ConfigError(
      `unexpected ${JSON.stringify(positional[0])}: ${definition.name} takes options only, ` +
        `each with two dashes${hint(positional[0], flags, "").replace("mean ", "mean --")}`,
    );
  }

  const fromFlags: Record<string, unknown> = {};
  for (const [flag, name] of names) {
    const value = parsed[flag];
    if (value === undefined || value === null) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    fromFlags[name] = valueOf(value, shapes.get(name)!, `--${flag}`);
  }
  const file = parsed.config as string | undefined;
  if (file === "") throw new ConfigError("--config needs a value: a .json or .toml file");
  const fromFile = file === undefined ? {} : readConfigFile(file);
  // The file is checked for itself first, so that a message says where a bad value stands.
  const alone = { ...definition, check: undefined };
  readOptions(alone, fromFile, (name) => `${name} in ${file}`);
  const merged = { ...fromFile, ...fromFlags };
  const values = readOptions(definition, merged, (name) => `--${flagOf(name)}`);
  return { values, given: new Set(Object.keys(merged)), positional };
}

/** The words of a command line as the value its option's shape asks for. */
function valueOf(value: unknown, shape: ValueShape, flag: string): unknown {
  if (value === false) return emptyValues[shape.kind];
  if (shape.kind === "switch") return value;
  if (shape.kind === "list") {
    const words = (value as string[]).flatMap((part) => part.split(","));
    return words.map((word) => valueOf(word.trim(), shape.element!, flag));
  }
  if (value === "") throw new ConfigError(`${flag} needs a value: ${shape.words}`);
  if (shape.kind === "text") return value;
  // What is no number stays text, for the schema to refuse with all it knows.
  const number = Number(value);
  return Number.isNaN(number) ? value : number;
}

/** The contents of a JSON or TOML file. */
function readConfigFile(path: string): Record<string, unknown> {
  const format = extname(path).toLowerCase();
  if (format !== ".json" && format !== ".toml") {
    throw new ConfigError(
      `--config: got ${JSON.stringify(path)}, expected a .json or .toml file`,
    );
  }
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new FileError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  let parsed: unknown;
  try {
    parsed = format === ".json" ? JSON.parse(text) : parseToml(text);
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n", 1)[0];
    throw new FormatError(`${path} is not valid ${format.slice(1).toUpperCase()}: ${reason}`, {
      cause: error,
    });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new FormatError(`${path} holds no options: expected an object of names and values`);
  }
  return parsed as Record<string, unknown>;
}
