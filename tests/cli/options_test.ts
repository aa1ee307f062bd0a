// Flags go over the file, the file over defaults; what is mistyped is answered with what was meant.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { z } from "zod";
import { flagOf, parseOptions } from "../../cli/options.ts";
import { ConfigError, CoritError, FileError, FormatError } from "../../errors.ts";
import { defineOptions, group, nearest, row } from "../../training/options.ts";

interface Options {
  preset: "starter" | "small";
  learningRate: number;
  steps: number;
  families: string[];
  taps: number[];
  sam: boolean;
  json: boolean;
  out: string;
  resume: string;
}

const definition = defineOptions<Options>({
  name: "train",
  summary: "Trains.",
  examples: [],
  rows: group("All", {
    preset: row(z.enum(["starter", "small"]), "starter", "size"),
    learningRate: row(z.number().positive(), 0.001, "rate"),
    steps: row(z.int().min(0), 700, "steps"),
    families: row(z.array(z.string()).min(1), ["swap"], "families"),
    taps: row(z.array(z.int()), [2, 3], "taps"),
    sam: row(z.boolean(), true, "climb"),
    json: row(z.boolean(), false, "JSON"),
    out: row(z.string().min(1), "runs/a", "folder"),
    resume: row(z.string(), "b", "run"),
  }),
  check: ({ steps }) => {
    if (steps === 13) throw new ConfigError("13 brings bad luck");
  },
});

const withPositional = { ...definition, positional: "RUN IMAGE..." };

/** What a command line gives that differs from the defaults. */
function given(...args: string[]): Partial<Options> {
  const { values, given } = parseOptions(definition, args);
  return Object.fromEntries(Object.entries(values).filter(([name]) => given.has(name)));
}

/** The message with which a command line is refused. */
function refusal(...args: string[]): string {
  return assertThrows(() => parseOptions(definition, args), ConfigError).message;
}

/** Runs a test with a configuration file of these contents. */
function withFile(name: string, text: string, test: (path: string) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/${name}`, text);
    test(`${folder}/${name}`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("without arguments everything has its default and nothing counts as given", () => {
  const { values, given, positional } = parseOptions(definition, []);
  assertEquals(values, {
    preset: "starter",
    learningRate: 0.001,
    steps: 700,
    families: ["swap"],
    taps: [2, 3],
    sam: true,
    json: false,
    out: "runs/a",
    resume: "b",
  });
  assertEquals(given, new Set());
  assertEquals(positional, []);
});

Deno.test("each kind of option is read from its flag", () => {
  assertEquals(
    given("--preset", "small", "--learning-rate=1e-4", "--json", "--out", "5", "--steps", "0"),
    { preset: "small", learningRate: 1e-4, json: true, out: "5", steps: 0 },
  );
});

Deno.test("a list is written with commas, repeated, or both", () => {
  assertEquals(given("--families", "swap,upsample", "--families", "spectral", "--taps", "1, 2"), {
    families: ["swap", "upsample", "spectral"],
    taps: [1, 2],
  });
});

Deno.test("--no-name switches off, empties or sets to zero what allows it", () => {
  assertEquals(given("--no-sam", "--no-taps", "--no-steps", "--no-resume"), {
    sam: false,
    taps: [],
    steps: 0,
    resume: "",
  });
  assertEquals(
    refusal("--no-learning-rate"),
    "--no-learning-rate: this option cannot be left empty, expected a number, above 0",
  );
});

Deno.test("an explicit default counts as given", () => {
  assertEquals(given("--sam", "--steps", "700"), { sam: true, steps: 700 });
});

Deno.test("a JSON or TOML file sets options and flags override it", () => {
  for (
    const [name, text] of [
      ["run.json", `{ "steps": 50, "sam": false, "families": ["swap", "upsample"] }`],
      ["run.toml", `steps = 50\nsam = false\nfamilies = ["swap", "upsample"]\n`],
    ]
  ) {
    withFile(name, text, (path) => {
      const families = ["swap", "upsample"];
      assertEquals(given("--config", path), { steps: 50, sam: false, families });
      assertEquals(given("--sam", "--steps", "7", "--config", path), {
        steps: 7,
        sam: true,
        families,
      });
    });
  }
});

const refused: [args: string[], message: string][] = [
  [["--familes", "swap"], "unknown option --familes; did you mean --families?"],
  [["--families=swap", "--stesp=3"], "unknown option --stesp; did you mean --steps?"],
  [["--learningRate", "1"], "unknown option --learningRate; did you mean --learning-rate?"],
  [["--no-samm"], "unknown option --no-samm; did you mean --no-sam?"],
  [["--hepl"], "unknown option --hepl; did you mean --help?"],
  [["--xyzzyxyzzy"], "unknown option --xyzzyxyzzy: deno task train --help lists them"],
  [["-q"], "unknown option -q: deno task train --help lists them"],
  [
    ["--preset", "smal"],
    '--preset: got "smal", expected one of starter, small; did you mean "small"?',
  ],
  [["--steps", "many"], '--steps: got "many", expected a whole number, at least 0'],
  [["--steps=-3"], "--steps: got -3, expected a whole number, at least 0"],
  [["--steps", "1.5"], "--steps: got 1.5, expected a whole number, at least 0"],
  [["--learning-rate", "Infinity"], "--learning-rate: got Infinity, expected a number, above 0"],
  [["--taps", "1,two"], '--taps: got "two", expected a list, each a whole number'],
  [["--taps", "1,,2"], "--taps needs a value: a whole number"],
  [["--out"], "--out needs a value: a text"],
  [["--out", "--json"], "--out needs a value: a text"],
  [["--config"], "--config needs a value: a .json or .toml file"],
  [["--config", "run.yaml"], '--config: got "run.yaml", expected a .json or .toml file'],
  [
    ["steps", "3"],
    'unexpected "steps": train takes options only, each with two dashes; did you mean --steps?',
  ],
  [["--steps", "13"], "13 brings bad luck"],
];

for (const [args, message] of refused) {
  Deno.test(`"${args.join(" ")}" is refused`, () => assertEquals(refusal(...args), message));
}

Deno.test("a value that begins with a dash needs an equals sign, else it reads as an option", () => {
  assertStringIncludes(refusal("--steps", "-3"), "unknown option -3");
});

Deno.test("a configuration file that is missing, broken or wrong is named", () => {
  const missing = assertThrows(
    () => parseOptions(definition, ["--config", "none.json"]),
    FileError,
  );
  assertStringIncludes(missing.message, "cannot read none.json");
  withFile("run.json", `{ "steps": `, (path) => {
    const error = assertThrows(() => parseOptions(definition, ["--config", path]), FormatError);
    assertStringIncludes(error.message, `${path} is not valid JSON`);
  });
  withFile("run.toml", `steps = = 3`, (path) => {
    const error = assertThrows(() => parseOptions(definition, ["--config", path]), FormatError);
    assertStringIncludes(error.message, `${path} is not valid TOML`);
  });
  withFile("run.json", `[3]`, (path) => {
    const error = assertThrows(() => parseOptions(definition, ["--config", path]), FormatError);
    assertStringIncludes(error.message, "expected an object");
  });
  withFile("run.toml", `stesp = 3`, (path) => {
    assertEquals(
      refusal("--config", path),
      `unknown option stesp in ${path}; did you mean steps?`,
    );
  });
  withFile("run.json", `{ "steps": "many" }`, (path) => {
    assertEquals(
      refusal("--config", path, "--steps", "3"),
      `steps in ${path}: got "many", expected a whole number, at least 0`,
    );
  });
});

Deno.test("what stands beside the options is kept in order, as text", () => {
  const args = ["runs/a", "--json", "1.png", "--", "--odd name.png"];
  const { positional, values } = parseOptions(withPositional, args);
  assertEquals(positional, ["runs/a", "1.png", "--odd name.png"]);
  assert(values.json);
});

Deno.test("every value comes back from its flag", () => {
  const options = fc.record({
    learningRate: fc.double({ min: 1e-12, max: 1e12, noNaN: true }),
    steps: fc.nat().filter((steps) => steps !== 13),
    taps: fc.array(fc.nat(), { minLength: 1 }),
    sam: fc.boolean(),
  });
  fc.assert(fc.property(options, ({ learningRate, steps, taps, sam }) => {
    const { values } = parseOptions(definition, [
      `--learning-rate=${learningRate}`,
      "--steps",
      String(steps),
      `--taps=${taps}`,
      sam ? "--sam" : "--no-sam",
    ]);
    assertEquals(
      { ...values },
      { ...parseOptions(definition, []).values, learningRate, steps, taps, sam },
    );
  }));
});

Deno.test("no command line gives anything but values or a typed error", () => {
  const word = fc.oneof(
    fc.constantFrom("--steps", "--sam", "--no-sam", "--taps", "--config", "-h", "--", "=", "3"),
    fc.string(),
    fc.string().map((text) => `--${text}`),
  );
  fc.assert(fc.property(fc.array(word), (args) => {
    try {
      parseOptions(withPositional, args);
    } catch (error) {
      assert(error instanceof CoritError, String(error));
    }
  }));
});

Deno.test("one wrong letter in a flag is always answered with that flag", () => {
  const names = Object.keys(definition.rows).map(flagOf).filter((name) => name.length > 3);
  const mistyped = fc.tuple(fc.constantFrom(...names), fc.nat(), fc.constantFrom("q", "x", "z"));
  fc.assert(fc.property(mistyped, ([name, position, letter]) => {
    const at = position % name.length;
    const typed = name.slice(0, at) + letter + name.slice(at + 1);
    assertStringIncludes(refusal(`--${typed}`), `did you mean --${name}?`);
  }));
});

Deno.test("nothing is suggested for a word that is far from all", () => {
  assertEquals(nearest("spectral", ["swap", "upsample"]), undefined);
  assertEquals(nearest("anything", []), undefined);
  assertEquals(nearest("sway", ["swap", "upsample"]), "swap");
});
