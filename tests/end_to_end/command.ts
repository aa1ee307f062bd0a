// Running the project's commands in processes of their own, on a small data set made for the test.

import { encodePng } from "../../data/image.ts";
import { syntheticSplits } from "../training/synthetic.ts";

const root = new URL("../../", import.meta.url).pathname;

/** How a command ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `deno task NAME` as the task does, without a terminal. */
export function start(
  name: string,
  args: readonly string[],
  env: Record<string, string> = {},
  stdin: "null" | "piped" = "null",
) {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--config",
      `${root}deno.json`,
      `${root}cli/${name}.ts`,
      ...args,
    ],
    env: { NO_COLOR: "1", CORIT_DEBUG: "", ...env },
    stdin,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a command to its end; `input` comes through its standard input. */
export async function run(
  name: string,
  args: readonly string[],
  env?: Record<string, string>,
  input?: Uint8Array,
): Promise<Outcome> {
  const child = start(name, args, env, input ? "piped" : "null");
  if (input) {
    const writer = child.stdin.getWriter();
    await writer.write(input);
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a test in a folder of its own and removes it. */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes `real/` and `fake/FAMILY/` with pairs of 32 x 32 pictures. */
export async function writePictures(folder: string, pairs = 48): Promise<void> {
  const families = ["spectral", "swap"] as const;
  const { train } = syntheticSplits({
    size: 32,
    families,
    pairs: { train: pairs, validation: 2, test: 2 },
  });
  for (const name of ["real", ...families.map((family) => `fake/${family}`)]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
  }
  for (let row = 0; row < train.count; row++) {
    const place = train.arrays.labels[row] === 0 ? "real" : `fake/${train.family(row)}`;
    const path = `${folder}/${place}/${String(row >> 1).padStart(3, "0")}.png`;
    await Deno.writeFile(path, await encodePng(train.image(row)));
  }
}

/** Options that make a training small: a few tokens, a few crops. */
export const tiny: readonly string[] = [
  "--image-size=32",
  "--patch-size=16",
  "--batch-pairs=4",
  "--gsnr-pairs=4",
  "--threads=1",
];
