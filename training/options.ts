// Tables of options: one row gives an option's type, default, validation and help. Reading a plain
// object through a table yields typed values, or a ConfigError that says what would have been right.

import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import { ConfigError } from "../errors.ts";

/** A default that follows from other options, and how the help says so. */
export interface ComputedDefault<Value> {
  /** Computes the default from the options given and the fixed defaults of the others. */
  compute: (values: Readonly<Record<string, unknown>>) => Value;
  /** What the help shows in its place. */
  shown: string;
}

/** One option: what it may be, what it is when not given, and one line of help. */
export interface OptionRow<Value> {
  /** Validates a value and gives its type. */
  schema: z.ZodType<Value>;
  /** The value when none is given. */
  initial: Value | ComputedDefault<Value>;
  /** One line of help, without its default. */
  help: string;
  /** The heading under which the help lists it. */
  group: string;
}

/** A row for every field of `Values`, no more and no fewer. */
export type OptionRows<Values> = { [Name in keyof Values]: OptionRow<Values[Name]> };

/** A command line shown in the help, and what it does. */
export interface Example {
  /** The whole line to type. */
  command: string;
  /** What it does, in a few words. */
  does: string;
}

/** A command's options, and what its help says around them. */
export interface OptionDefinition<Values> {
  /** The task's name: `train`. */
  name: string;
  /** What the command does, in one or two sentences. */
  summary: string;
  /** What stands after the options: `RUN IMAGE...`; absent where nothing may. */
  positional?: string;
  /** The options. */
  rows: OptionRows<Values>;
  /** Command lines worth copying. */
  examples: readonly Example[];
  /** Checks what one row alone cannot; throws a ConfigError. */
  check?: (values: Values) => void;
}

/** What an option accepts, read off its schema. */
export interface ValueShape {
  /** How it is written: a switch takes no value, a list takes several between commas. */
  kind: "switch" | "number" | "text" | "list";
  /** The only values allowed, where they can be listed. */
  choices: readonly string[];
  /** The shape of a list's elements. */
  element?: ValueShape;
  /** In words: `a whole number, at least 1`. */
  words: string;
}

/** A default that follows from other options. */
export function computed<Value>(
  shown: string,
  compute: ComputedDefault<Value>["compute"],
): ComputedDefault<Value> {
  return { compute, shown };
}

/** One row of a table, still without its group. */
export function row<Value>(
  schema: z.ZodType<Value>,
  initial: Value | ComputedDefault<Value>,
  help: string,
): Omit<OptionRow<Value>, "group"> {
  return { schema, initial, help };
}

/** Puts rows under one heading of the help. */
export function group<Rows extends Record<string, Omit<OptionRow<unknown>, "group">>>(
  name: string,
  rows: Rows,
): { [Name in keyof Rows]: Rows[Name] & { group: string } } {
  const grouped = Object.entries(rows).map(([key, each]) => [key, { ...each, group: name }]);
  return Object.fromEntries(grouped);
}

/** Declares a command's options, so that the compiler ties every row to its field. */
export function defineOptions<Values>(
  definition: OptionDefinition<Values>,
): OptionDefinition<Values> {
  return definition;
}

/** Whether a default is computed from other options. */
export function isComputed(initial: unknown): initial is ComputedDefault<unknown> {
  return typeof initial === "object" && initial !== null && "compute" in initial;
}

/** The rows of a table, in order, with their values' types set aside. */
export function rowsOf<Values>(
  definition: OptionDefinition<Values>,
): [name: string, row: OptionRow<unknown>][] {
  return Object.entries(definition.rows);
}

/** The allowed word nearest to a mistyped one, unless none is near. */
export function nearest(word: string, allowed: readonly string[]): string | undefined {
  if (allowed.length === 0) return undefined;
  const best = closest(word, [...allowed]);
  return distance(word, best) <= Math.max(2, word.length * 0.4) ? best : undefined;
}

/** `; did you mean "swap"?`, or nothing where no allowed word is near. */
export function hint(word: string, allowed: readonly string[], quote = '"'): string {
  const best = nearest(word, allowed);
  return best === undefined ? "" : `; did you mean ${quote}${best}${quote}?`;
}

/** The parts of a JSON schema that zod writes for the kinds of values options have. */
interface JsonSchema {
  type?: string;
  enum?: readonly string[];
  items?: JsonSchema;
  prefixItems?: readonly JsonSchema[];
  minItems?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/** What a schema accepts, for parsing, help and messages. */
export function shapeOf(schema: z.ZodType): ValueShape {
  return shapeOfJson(z.toJSONSchema(schema, { io: "input" }) as JsonSchema);
}

function shapeOfJson(json: JsonSchema): ValueShape {
  switch (json.type) {
    case "boolean":
      return { kind: "switch", choices: [], words: "true or false" };
    case "integer":
    case "number": {
      const kind = json.type === "integer" ? "a whole number" : "a number";
      return { kind: "number", choices: [], words: kind + boundsOf(json) };
    }
    case "array": {
      const element = shapeOfJson(json.prefixItems?.[0] ?? json.items ?? {});
      const least = json.minItems ? ` of at least ${json.minItems}` : "";
      const count = json.prefixItems ? `${json.prefixItems.length} values` : `a list${least}`;
      const words = `${count}, each ${element.words}`;
      return { kind: "list", choices: element.choices, element, words };
    }
    default: {
      const choices = json.enum ?? [];
      const words = choices.length > 0 ? `one of ${choices.join(", ")}` : "a text";
      return { kind: "text", choices, words };
    }
  }
}

/** A number's bounds in words; the bounds of safe integers go without saying. */
function boundsOf(json: JsonSchema): string {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum, exclusiveMaximum } = json;
  const least = exclusiveMinimum !== undefined
    ? `above ${exclusiveMinimum}`
    : minimum > -Number.MAX_SAFE_INTEGER
    ? `at least ${minimum}`
    : "";
  const most = exclusiveMaximum !== undefined
    ? `below ${exclusiveMaximum}`
    : maximum < Number.MAX_SAFE_INTEGER
    ? `at most ${maximum}`
    : "";
  return [least, most].filter(Boolean).map((bound) => `, ${bound}`).join("");
}

/**
 * Reads a plain object through a table: unknown names and bad values are refused, what is missing
 * takes its default.
 *
 * @param nameOf How messages call a field: `--learning-rate` for a flag, `learningRate` in a file.
 * @throws {ConfigError} naming the field, the value that came and the values allowed.
 */
export function readOptions<Values>(
  definition: OptionDefinition<Values>,
  given: Readonly<Record<string, unknown>>,
  nameOf: (field: string) => string = (field) => field,
): Values {
  const rows = rowsOf(definition);
  const names = rows.map(([name]) => name);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const near = hint(name, names, "") || `: there are ${names.join(", ")}`;
    throw new ConfigError(`unknown option ${nameOf(name)}${near}`);
  }
  const values: Record<string, unknown> = {};
  for (const [name, { schema, initial }] of rows) {
    if (given[name] !== undefined) values[name] = readValue(schema, given[name], nameOf(name));
    else if (!isComputed(initial)) values[name] = structuredClone(initial);
  }
  for (const [name, { schema, initial }] of rows) {
    if (name in values || !isComputed(initial)) continue;
    values[name] = readValue(schema, initial.compute(values), nameOf(name));
  }
  // Every field has been read through its own row just above, which the compiler cannot follow.
  const complete = Object.fromEntries(names.map((name) => [name, values[name]])) as Values;
  definition.check?.(complete);
  return complete;
}

/** One value through its schema. */
function readValue(schema: z.ZodType, value: unknown, name: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { choices, words } = shapeOf(schema);
  const { path } = result.error.issues[0];
  const culprit = path.length && Array.isArray(value) ? value[Number(path[0])] : value;
  const near = typeof culprit === "string" ? hint(culprit, choices) : "";
  const got = typeof culprit === "number" ? String(culprit) : JSON.stringify(culprit);
  throw new ConfigError(`${name}: got ${got}, expected ${words}${near}`);
}
