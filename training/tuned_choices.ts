// What the tuner found, kept for each adapter in the cache folder; and what of it a run used.

import { join } from "node:path";
import { cacheFolder, writeAtomically } from "../data/cache.ts";
import { FormatError } from "../errors.ts";
import type { ChoiceOverrides, TunedChoice, WebGpuExecutor } from "../kernels/webgpu/mod.ts";
import { fileError, readJsonIfThere, writeFileAtomically } from "./files.ts";

/** What is stored for an adapter. */
export interface TunedAdapter {
  /** The layout of this file. */
  readonly version: 1;
  /** The adapter's name. */
  readonly adapter: string;
  /** Choices that differ from the defaults: the name of a way by operation, shape class and adapter class. */
  readonly choices: ChoiceOverrides;
  /** Milliseconds of every way that was timed, by the same key. */
  readonly milliseconds: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** The file of an adapter. */
export function tunedPath(adapter: string, folder: string = cacheFolder()): string {
  const name = adapter.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return join(folder, "tuned", `${name || "adapter"}.json`);
}

/**
 * What was found for an adapter; no choices where it was never tuned for.
 *
 * @throws {FileError} where the file cannot be read.
 * @throws {FormatError} where it is damaged or of another version.
 */
export async function readTuned(adapter: string, path = tunedPath(adapter)): Promise<TunedAdapter> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { version: 1, adapter, choices: {}, milliseconds: {} };
    }
    throw fileError("read", path, error);
  }
  const tuned = parse(text);
  const whole = tuned?.version === 1 && typeof tuned.choices === "object" &&
    typeof tuned.milliseconds === "object";
  if (!whole) {
    throw new FormatError(
      `${path}: not what this version's tuner writes; remove it, and run deno task tune again`,
    );
  }
  // Two adapters whose names differ in signs only share a file: the last one tuned for has it.
  if (tuned.adapter !== adapter) return { version: 1, adapter, choices: {}, milliseconds: {} };
  return tuned;
}

function parse(text: string): TunedAdapter | undefined {
  try {
    return JSON.parse(text) as TunedAdapter;
  } catch {
    return undefined;
  }
}

/** Adds what was found for an adapter to what was known. Returns the file. */
export async function writeTuned(
  adapter: string,
  tuned: readonly TunedChoice[],
  path = tunedPath(adapter),
): Promise<string> {
  const known = await readTuned(adapter, path);
  const choices: Record<string, string> = { ...known.choices };
  const milliseconds = { ...known.milliseconds };
  for (const each of tuned) {
    milliseconds[each.key] = each.milliseconds;
    if (each.best === each.standard) delete choices[each.key];
    else choices[each.key] = each.best;
  }
  const content: TunedAdapter = { version: 1, adapter, choices, milliseconds };
  const text = `${JSON.stringify(content, null, 2)}\n`;
  await writeAtomically(path, [new TextEncoder().encode(text)]);
  return path;
}

/** The kernels of a run on WebGPU: `kernels.json` in its folder. They decide the order of sums, and so the last bits. */
export interface RunKernels {
  /** The adapter's name. */
  readonly adapter: string;
  /** Choices that differ from the defaults, tuned on the adapter before the run began. */
  readonly tuned: ChoiceOverrides;
  /** Every choice that the run made until now. */
  readonly used: Readonly<Record<string, string>>;
}

/** Writes which kernels a run has used until now. */
export async function recordKernels(path: string, executor: WebGpuExecutor): Promise<void> {
  const { choices, description: adapter } = executor;
  const record: RunKernels = {
    adapter,
    tuned: choices.overrides,
    used: Object.fromEntries(choices.used.map(({ key, taken }) => [key, taken])),
  };
  await writeFileAtomically(path, `${JSON.stringify(record, null, 2)}\n`);
}

/** The tuned choices that a run began with; undefined where it has no such record. */
export async function recordedChoices(path: string): Promise<ChoiceOverrides | undefined> {
  return (await readJsonIfThere<RunKernels>(path, "it was changed or damaged"))?.tuned;
}
