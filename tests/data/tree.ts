// Data sets made for tests: trees of small pictures.

import { dirname, join } from "node:path";
import { encodeJpeg, encodePng } from "../../data/image.ts";

/** Writes pictures of 24 x 20 pixels, each of its own grey level and grain, at the given paths below a new folder. */
export async function treeOf(paths: readonly string[]): Promise<string> {
  const root = await Deno.makeTempDir();
  await grow(root, paths);
  return root;
}

/** Writes pictures below a folder that is there. */
export async function grow(root: string, paths: readonly string[]): Promise<void> {
  for (const [number, name] of paths.entries()) {
    const path = join(root, name);
    await Deno.mkdir(dirname(path), { recursive: true });
    const data = new Uint8Array(24 * 20 * 3).map((_, i) =>
      (number * 7 + i * (1 + number % 5)) % 256
    );
    const image = { width: 24, height: 20, data };
    const bytes = /\.jpe?g$/.test(name)
      ? await encodeJpeg(image, { quality: 90, chromaSubsampling: "4:2:0" })
      : await encodePng(image);
    await Deno.writeFile(path, bytes);
  }
}

/** `prefix` followed by numbers from 0. */
export function numbered(count: number, name: (number: number) => string): string[] {
  return Array.from({ length: count }, (_, number) => name(number));
}
