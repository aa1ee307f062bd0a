// The help of a command, written from its table of options.

import { isComputed, type OptionDefinition, rowsOf, shapeOf } from "../training/options.ts";
import { flagOf } from "./options.ts";

/** How wide the help is laid out, in characters. */
const lineWidth = 100;

/** A line of the help: an option as it is typed, and what it is for. */
type HelpLine = [flag: string, text: string];

/** Writes a command's help: what it does, examples, and its options by group with their defaults. */
export function renderHelp<Values>(definition: OptionDefinition<Values>): string {
  const usage = ["deno task", definition.name, "[options]", definition.positional ?? ""];
  const groups = new Map<string, HelpLine[]>();
  for (const [name, { schema, initial, help, group }] of rowsOf(definition)) {
    const shape = shapeOf(schema);
    const flag = shape.kind === "switch"
      ? `--${flagOf(name)}`
      : `--${flagOf(name)} ${placeholders[shape.kind]}`;
    const allowed = shape.choices.length > 0 ? `: ${shape.choices.join(", ")}` : "";
    const otherwise = isComputed(initial) ? initial.shown : shown(initial);
    const lines = groups.get(group) ?? [];
    groups.set(group, [...lines, [flag, `${help}${allowed} [${otherwise}]`]]);
  }
  groups.set("Every command", [
    ["--config FILE", "read options from a .json or .toml file; flags override it"],
    ["--debug", "on an error, say where in the code it arose"],
    ["-h, --help", "show this"],
  ]);

  const column = Math.max(...[...groups.values()].flat().map(([flag]) => flag.length)) + 4;
  const parts = [
    definition.summary,
    `Usage: ${usage.join(" ").trim()}`,
    ["Examples", ...definition.examples.map(({ command, does }) => `  ${command}\n      ${does}`)]
      .join("\n"),
    ...[...groups].map(([group, lines]) =>
      [group, ...lines.map(([flag, text]) => `  ${flag}`.padEnd(column) + wrap(text, column))]
        .join("\n")
    ),
    "Defaults stand in brackets. A list is written with commas: --name a,b.\n" +
    "--no-name switches an option off, empties a list, or sets a number to 0.",
  ];
  return parts.join("\n\n");
}

/** What stands for a value. */
const placeholders = { number: "N", text: "X", list: "A,B" } as const;

/** A default as it would be typed. */
function shown(initial: unknown): string {
  if (typeof initial === "boolean") return initial ? "on" : "off";
  return String(initial) || "none";
}

/** Breaks a text into lines that fit right of a column. */
function wrap(text: string, column: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== "" && column + last.length + 1 + word.length > lineWidth) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join("\n" + " ".repeat(column));
}
