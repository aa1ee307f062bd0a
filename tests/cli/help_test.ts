// The help names every option once, under its heading, with what it accepts and its default.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderHelp } from "../../cli/help.ts";
import { flagOf, parseOptions } from "../../cli/options.ts";
import { trainingOptions } from "../../training/config_table.ts";
import { rowsOf, shapeOf } from "../../training/options.ts";

const help = renderHelp(trainingOptions);
const lines = help.split("\n");

Deno.test("the help lists every option of training exactly once", () => {
  for (const [name] of rowsOf(trainingOptions)) {
    const found = lines.filter((line) => new RegExp(`^  --${flagOf(name)}( |$)`).test(line));
    assertEquals(found.length, 1, name);
  }
});

Deno.test("the help says what it is for, how to begin and what the defaults are", () => {
  assertStringIncludes(help, "Usage: deno task train [options]");
  assertStringIncludes(help, "--learning-rate N");
  assertStringIncludes(help, "peak learning rate [0.001; of a probe 0.01]");
  assertStringIncludes(help, "corit, vit [corit]");
  assertStringIncludes(help, "each step [on]");
  assertStringIncludes(help, "[the rest]");
  assert(trainingOptions.examples.length >= 3);
});

Deno.test("the help's own examples are accepted", () => {
  for (const { command } of trainingOptions.examples) {
    const words = command.split(" ");
    assertEquals(words.slice(0, 3), ["deno", "task", "train"]);
    parseOptions(trainingOptions, words.slice(3));
  }
});

Deno.test("every allowed word stands in the help", () => {
  const words = new Set(help.split(/[\s,[\]]+/));
  for (const [name, { schema }] of rowsOf(trainingOptions)) {
    for (const choice of shapeOf(schema).choices) assert(words.has(choice), `${name}: ${choice}`);
  }
});

Deno.test("no line of the help is wider than 100 characters", () => {
  for (const line of lines) assert(line.length <= 100, line);
});
