// A command ends with the exit code and the words its user needs.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const here = (path: string): string => JSON.stringify(import.meta.resolve(path));

/** A small command whose work is the given body. */
function script(body: string, settings = "{}"): string {
  return `
    import { z } from "zod";
    import { runCommand } from ${here("../../cli/command.ts")};
    import { progress } from ${here("../../cli/progress.ts")};
    import { ConfigError, InterruptedError } from ${here("../../errors.ts")};
    import { defineOptions, group, row } from ${here("../../training/options.ts")};
    const definition = defineOptions({
      name: "count", summary: "Counts.", positional: "WHAT", examples: [],
      rows: group("All", { steps: row(z.int(), 3, "how far") }),
    });
    await runCommand(definition, async ({ values, positional }, { signal }) => { ${body} }, ${settings});
  `;
}

/** How a command ended. */
interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end; `interrupt` is called once it has printed `ready`. */
async function run(
  source: string,
  args: string[] = [],
  { env = {}, interrupt }: {
    env?: Record<string, string>;
    interrupt?: (child: Deno.ChildProcess) => Promise<void>;
  } = {},
): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/command.ts`, source);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--config", config, `${folder}/command.ts`, ...args],
      env: { NO_COLOR: "1", CORIT_DEBUG: "", ...env },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const decoder = new TextDecoder();
    let stdout = "";
    const stderr = new Response(child.stderr).text();
    let interrupted: Promise<void> | undefined;
    for await (const chunk of child.stdout) {
      stdout += decoder.decode(chunk);
      if (stdout.includes("ready")) interrupted ??= interrupt?.(child);
    }
    await interrupted;
    const { code } = await child.status;
    return { code, stdout, stderr: await stderr };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const interruptOnce = (child: Deno.ChildProcess): Promise<void> => {
  child.kill("SIGINT");
  return Promise.resolve();
};

Deno.test("a command gets its options and ends with code 0, even where a timer still runs", async () => {
  const body = `setInterval(() => {}, 1000); console.log(values.steps, positional);`;
  const outcome = await run(script(body), ["--steps", "5", "sheep"]);
  assertEquals(outcome, { code: 0, stdout: `5 [ "sheep" ]\n`, stderr: "" });
});

Deno.test("--help prints the help and does nothing else", async () => {
  for (const flag of ["--help", "-h"]) {
    const { code, stdout } = await run(script(`console.log("ran");`), ["--steps", "x", flag]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "Usage: deno task count [options] WHAT");
    assert(!stdout.includes("ran"));
  }
});

Deno.test("a bad option is one line on the error output, and code 1", async () => {
  const outcome = await run(script(`console.log("ran");`), ["--stesp", "5"]);
  assertEquals(outcome, {
    code: 1,
    stdout: "",
    stderr: "ConfigError: unknown option --stesp; did you mean --steps?\n",
  });
});

Deno.test("an error in the work is one line; --debug or CORIT_DEBUG shows where it arose", async () => {
  const source = script(`throw new ConfigError("no such sheep");`);
  assertEquals(await run(source), {
    code: 1,
    stdout: "",
    stderr: "ConfigError: no such sheep\n",
  });
  for (
    const { code, stderr } of [
      await run(source, ["--debug"]),
      await run(source, [], { env: { CORIT_DEBUG: "1" } }),
    ]
  ) {
    assertEquals(code, 1);
    assertMatch(stderr, /^ConfigError: no such sheep\n\s+at .*command\.ts/);
  }
});

Deno.test("a defect always shows where it arose", async () => {
  const { code, stderr } = await run(script(`undefined.sheep;`));
  assertEquals(code, 1);
  assertMatch(stderr, /^TypeError: .*\n\s+at .*command\.ts/);
});

Deno.test("an error leaves the progress line before its own", async () => {
  const body = `const bar = progress({ total: 9, label: "counting", fields: [] });
    bar.update(1); bar.update(2); throw new ConfigError("no such sheep");`;
  const { stderr } = await run(script(body));
  const lines = stderr.trimEnd().split("\n");
  assertStringIncludes(lines.at(-2)!, "counting 2/9");
  assertEquals(lines.at(-1), "ConfigError: no such sheep");
});

Deno.test({
  name: "Ctrl-C ends a plain command at once with code 130",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const body = `console.log("ready"); await new Promise(() => setInterval(() => {}, 1000));`;
    const { code } = await run(script(body), [], { interrupt: interruptOnce });
    assertEquals(code, 130);
  },
});

Deno.test({
  name: "Ctrl-C lets a graceful command finish, with code 130 all the same",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const body = `console.log("ready");
      while (!signal.aborted) await new Promise((done) => setTimeout(done, 5));
      console.log("saved");`;
    const outcome = await run(script(body, "{ graceful: true }"), [], { interrupt: interruptOnce });
    assertEquals(outcome, { code: 130, stdout: "ready\nsaved\n", stderr: "" });
  },
});

Deno.test({
  name: "a graceful command may end in an InterruptedError of one line",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const body = `console.log("ready");
      while (!signal.aborted) await new Promise((done) => setTimeout(done, 5));
      throw new InterruptedError("stopped after step 3; go on with --resume runs/a");`;
    const outcome = await run(script(body, "{ graceful: true }"), [], { interrupt: interruptOnce });
    assertEquals(outcome, {
      code: 130,
      stdout: "ready\n",
      stderr: "InterruptedError: stopped after step 3; go on with --resume runs/a\n",
    });
  },
});

Deno.test({
  name: "a second Ctrl-C ends a graceful command at once",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const body = `signal.addEventListener("abort", () => console.log("heard"));
      console.log("ready");
      await new Promise(() => setInterval(() => {}, 1000));`;
    const { code } = await run(script(body, "{ graceful: true }"), [], {
      interrupt: async (child) => {
        let ended = false;
        const end = child.status.then(() => ended = true);
        // Signals of one kind merge, or count as one for a while: send until one counts again.
        while (!ended) {
          child.kill("SIGINT");
          await Promise.race([end, new Promise((done) => setTimeout(done, 100))]);
        }
      },
    });
    assertEquals(code, 130);
  },
});

Deno.test({
  name: "SIGTERM ends a command with code 143",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const body = `console.log("ready"); await new Promise(() => setInterval(() => {}, 1000));`;
    const { code } = await run(script(body), [], {
      interrupt: (child) => Promise.resolve(child.kill("SIGTERM")),
    });
    assertEquals(code, 143);
  },
});
