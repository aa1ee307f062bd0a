// Other runtimes in a process of their own, once: files in, outputs back.

import { join } from "node:path";
import { DataError } from "../errors.ts";

/** What a runtime gave. */
export interface Output {
  /** Lengths of the axes. */
  readonly shape: readonly number[];
  /** Its numbers. */
  readonly data: Float32Array;
}

/** A model's file and its one input. */
export interface RunJob {
  /** The file, or its path. */
  readonly model: Uint8Array | string;
  /** The input's numbers. */
  readonly input: Float32Array;
  /** Lengths of the input's axes. */
  readonly shape: readonly number[];
}

/** Runs models by `peers/SCRIPT` and returns the outputs of each by name. */
export async function runOnce(
  script: "onnx_run.ts" | "tfjs_run.ts",
  jobs: readonly RunJob[],
): Promise<Record<string, Output>[]> {
  const folder = await Deno.makeTempDir();
  try {
    const written = [];
    for (const [at, { model, input, shape }] of jobs.entries()) {
      const path = typeof model === "string" ? model : join(folder, `${at}.onnx`);
      if (typeof model !== "string") await Deno.writeFile(path, model);
      const pixels = join(folder, `${at}.f32`);
      await Deno.writeFile(pixels, new Uint8Array(input.slice().buffer));
      written.push({ model: path, pixels, shape });
    }
    const list = join(folder, "jobs.json");
    await Deno.writeTextFile(list, JSON.stringify(written));
    const address = new URL(`peers/${script}`, import.meta.url).href;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", address, list],
    }).output();
    if (!success) {
      throw new DataError(`${script} failed: ${new TextDecoder().decode(stderr).slice(-500)}`);
    }
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    const results = JSON.parse(lines.at(-1)!) as Record<
      string,
      { shape: number[]; data: string }
    >[];
    return results.map((outputs) =>
      Object.fromEntries(
        Object.entries(outputs).map(([name, { shape, data }]) => [
          name,
          { shape, data: new Float32Array(Uint8Array.fromBase64(data).buffer) },
        ]),
      )
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
