// The frame around every command: help, one clear line for an error, exit codes, Ctrl-C.

import process from "node:process";
import { CoritError, InterruptedError } from "../errors.ts";
import type { OptionDefinition } from "../training/options.ts";
import { renderHelp } from "./help.ts";
import { type ParsedOptions, parseOptions } from "./options.ts";
import { stopAllProgress } from "./progress.ts";

/** What a command's work gets beside its options. */
export interface CommandContext {
  /** Aborted by the first Ctrl-C, where the command finishes by itself what must not be torn. */
  signal: AbortSignal;
}

/** How a command runs. */
export interface CommandSettings {
  /** The arguments; the process's own where absent. */
  args?: readonly string[];
  /**
   * Whether the command watches the signal, brings its work to a safe end and returns or throws an
   * InterruptedError. A second Ctrl-C, and the first one elsewhere, ends the process at once.
   */
  graceful?: boolean;
}

/** Exit codes as shells know them: 128 and the signal's number. */
const interrupts = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Milliseconds in which a second signal is taken for the first one once more: npx and `deno task`
 * pass on what the terminal has already sent to every process.
 */
const echo = 1000;

/**
 * Runs a command and ends the process: code 0 on success, 1 on an error, 130 after Ctrl-C.
 *
 * A CoritError is a line on the standard error output; its origin is shown with `--debug` or where
 * the environment sets CORIT_DEBUG. Any other error is a defect and always shows its origin.
 */
export async function runCommand<Values>(
  definition: OptionDefinition<Values>,
  main: (options: ParsedOptions<Values>, context: CommandContext) => Promise<void> | void,
  { args = Deno.args, graceful = false }: CommandSettings = {},
): Promise<never> {
  const options = args.slice(0, args.includes("--") ? args.indexOf("--") : args.length);
  if (options.includes("--help") || options.includes("-h")) {
    console.log(renderHelp(definition));
    Deno.exit(0);
  }
  const debug = options.includes("--debug") || Boolean(process.env.CORIT_DEBUG);
  const controller = new AbortController();
  let interruptedWith = 0;
  let interruptedAt = 0;
  for (const [name, code] of Object.entries(interrupts) as [Deno.Signal, number][]) {
    if (Deno.build.os === "windows" && name !== "SIGINT") continue;
    Deno.addSignalListener(name, () => {
      if (interruptedWith && performance.now() - interruptedAt < echo) return;
      if (!graceful || interruptedWith) {
        stopAllProgress();
        Deno.exit(code);
      }
      interruptedWith = code;
      interruptedAt = performance.now();
      controller.abort(new InterruptedError(`${definition.name} was interrupted`));
    });
  }

  let code = 0;
  try {
    await main(parseOptions(definition, args), { signal: controller.signal });
  } catch (error) {
    stopAllProgress();
    console.error(describe(error, debug));
    code = error instanceof InterruptedError ? interrupts.SIGINT : 1;
  }
  // Worker threads would keep the process alive past the end of its work.
  Deno.exit(interruptedWith || code);
}

/** What an error's reader needs: a line for what the user can mend, the origin for a defect. */
function describe(error: unknown, debug: boolean): string {
  if (!(error instanceof CoritError)) return Deno.inspect(error);
  return debug ? Deno.inspect(error) : `${error.name}: ${error.message}`;
}
