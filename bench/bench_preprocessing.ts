// `deno task bench preprocessing`: CLIP's preprocessing here beside Pillow's, on twenty photographs.

import { clipSquare } from "../data/clip_preprocess.ts";
import { readImage } from "../data/image.ts";
import { starterPhotographs } from "../data/photographs.ts";
import { DataError } from "../errors.ts";
import { alone, type Row } from "./row.ts";

/** Photographs that are compared: half portraits, half scenes. */
const perKind = 10;

/** torchvision's Resize(224, BICUBIC) and CenterCrop(224), by Pillow alone; raw bytes on the standard output. */
const script = `
import sys
from PIL import Image
for path in sys.stdin.read().splitlines():
    image = Image.open(path).convert("RGB")
    w, h = image.size
    longer = int(224 * max(w, h) / min(w, h))
    image = image.resize((224, longer) if w <= h else (longer, 224), Image.BICUBIC)
    left = int(round((image.width - 224) / 2.0))
    top = int(round((image.height - 224) / 2.0))
    sys.stdout.buffer.write(image.crop((left, top, left + 224, top + 224)).tobytes())
`;

/** What Pillow makes of pictures. */
async function byPillow(paths: readonly string[]): Promise<Uint8Array> {
  const child = new Deno.Command("python3", {
    args: ["-c", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(paths.join("\n")));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) {
    throw new DataError(
      `Pillow did not run; install it with pip install pillow (${
        new TextDecoder().decode(stderr).trim().split("\n").at(-1)
      })`,
    );
  }
  return stdout;
}

/** The rows of the benchmark. */
export async function benchPreprocessing(): Promise<Row[]> {
  const all = await starterPhotographs();
  const paths = (["face", "scene"] as const).flatMap((kind) =>
    all.filter((photograph) => photograph.kind === kind).slice(0, perKind).map(({ path }) => path)
  );
  const theirs = await byPillow(paths);
  const counts = new Float64Array(256);
  let worst = 0, at = 0;
  for (const path of paths) {
    const { data } = clipSquare(await readImage(path), 224);
    const own = new Float64Array(256);
    data.forEach((value, i) => own[Math.abs(value - theirs[at + i])]++);
    at += data.length;
    own.forEach((count, difference) => counts[difference] += count);
    worst = Math.max(worst, percentile(own, 0.99));
  }
  return [
    alone("photographs", "pictures", paths.length),
    alone("99th percentile of the differences", "grey levels", percentile(counts, 0.99)),
    alone("the same of the worst photograph", "grey levels", worst),
    alone("largest difference", "grey levels", counts.findLastIndex((count) => count > 0)),
    alone("bytes that are equal", "%", 100 * counts[0] / at),
  ];
}

/** The difference that a share of all do not exceed. */
function percentile(counts: Float64Array, share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  return counts.findIndex((count) => (sum += count) >= share * total);
}
