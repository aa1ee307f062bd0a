// parseArgs reads command lines as @std/cli documents; expectations are taken from its rules.

import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import fc from "fast-check";

Deno.test("values follow their option or an equals sign, and numbers become numbers", () => {
  assertEquals(parseArgs(["--steps", "700", "--rho=0.01", "--out", "runs/a", "--seed=-3"]), {
    _: [],
    steps: 700,
    rho: 0.01,
    out: "runs/a",
    seed: -3,
  });
});

Deno.test("a declared text stays text and may be empty", () => {
  const options = { string: ["name", "out"] };
  assertEquals(parseArgs(["--name", "700", "--out"], options), { _: [], name: "700", out: "" });
});

Deno.test("an option does not swallow the option after it", () => {
  assertEquals(parseArgs(["--out", "--seed", "3"], { string: ["out"] }), {
    _: [],
    out: "",
    seed: 3,
  });
});

Deno.test("a declared boolean takes no value, is false where absent, and reads true and false", () => {
  const options = { boolean: ["sam", "json", "quiet", "resume"] };
  const args = parseArgs(["--sam", "photo.png", "--json=false", "--quiet", "false"], options);
  assertEquals(args, { _: ["photo.png"], sam: true, json: false, quiet: false, resume: false });
});

Deno.test("only a negatable option is negated", () => {
  const options = { boolean: ["sam"], negatable: ["sam"], default: { sam: true } };
  assertEquals(parseArgs(["--no-sam"], options), { _: [], sam: false });
  assertEquals(parseArgs([], options), { _: [], sam: true });
  assertEquals(parseArgs(["--no-cache"], {}), { _: [], "no-cache": true });
});

Deno.test("the last of a repeated option counts, unless it is collected", () => {
  const options = { collect: ["tap"], string: ["tap"] };
  assertEquals(parseArgs(["--tap", "4", "--tap=6", "--seed", "1", "--seed", "2"], options), {
    _: [],
    tap: ["4", "6"],
    seed: 2,
  });
});

Deno.test("an alias sets every name of its option", () => {
  const options = { boolean: ["help"], alias: { help: "h" } };
  assertEquals(parseArgs(["-h"], options), { _: [], help: true, h: true });
});

Deno.test("unknown hears of everything undeclared and can leave it out", () => {
  const heard: unknown[][] = [];
  const args = parseArgs(["--sed", "3", "photo.png", "--seed", "4"], {
    string: ["seed"],
    unknown: (...call) => {
      heard.push(call);
      return false;
    },
  });
  assertEquals(args, { _: [], seed: "4" });
  assertEquals(heard, [["--sed", "sed", "3"], ["photo.png"]]);
});

Deno.test("what follows two dashes is not parsed", () => {
  assertEquals(parseArgs(["--a", "1", "--", "--b", "2"]), { _: ["--b", "2"], a: 1 });
  assertEquals(parseArgs(["--a", "1", "--", "--b"], { "--": true }), {
    _: [],
    a: 1,
    "--": ["--b"],
  });
});

Deno.test("every text comes back from --name=text unchanged", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), (text) => {
    assertEquals(parseArgs([`--name=${text}`], { string: ["name"] }).name, text);
  }));
});

Deno.test("positional arguments keep their order around options", () => {
  const word = fc.stringMatching(/^[a-z]{1,6}\.png$/);
  fc.assert(fc.property(fc.array(word), fc.array(word), (before, after) => {
    const args = parseArgs([...before, "--json", ...after], { boolean: ["json"] });
    assertEquals(args._, [...before, ...after]);
  }));
});
