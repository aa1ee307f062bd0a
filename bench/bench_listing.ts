// `deno task bench listing`: a folder of a million files listed, and the memory that it takes.

import { join } from "node:path";
import { Loader } from "../data/loader.ts";
import { encodePng } from "../data/image.ts";
import { openData, readData } from "../data/read_data.ts";
import { alone, type Row } from "./row.ts";

/** Files that are listed; the environment's CORIT_BENCH_FILES where it is set. */
const files = Number(Deno.env.get("CORIT_BENCH_FILES") ?? 1_000_000);

/** Names that one file may have: file systems limit them to some tens of thousands. */
const namesPerFile = 30_000;

/** Makes the folder of hard links to few pictures, so that it takes little disk. */
async function makeFolder(root: string): Promise<void> {
  const picture = await encodePng({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) });
  for (const name of ["real", "fake", "pictures"]) await Deno.mkdir(join(root, name));
  let target = "";
  for (let number = 0; number < files; number++) {
    if (number % namesPerFile === 0) {
      target = join(root, "pictures", `${number}.png`);
      Deno.writeFileSync(target, picture);
    }
    const name = `picture_${String(number).padStart(8, "0")}.png`;
    Deno.linkSync(target, join(root, number % 2 ? "real" : "fake", name));
  }
}

/** Megabytes that the process takes, and took at most. */
function memory(): { now: number; most: number } {
  if (Deno.build.os !== "linux") {
    const now = Deno.memoryUsage().rss / 1e6;
    return { now, most: now };
  }
  const status = Deno.readTextFileSync("/proc/self/status");
  const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1e3;
  return { now: of("VmRSS"), most: of("VmHWM") };
}

/** The rows of the benchmark. */
export async function benchListing(): Promise<Row[]> {
  const root = await Deno.makeTempDir();
  try {
    await makeFolder(root);
    const before = memory().now;
    const start = performance.now();
    const data = await openData(root, { videos: "none", shares: { validation: 5e-4, test: 5e-4 } });
    const seconds = (performance.now() - start) / 1000;
    const listed = memory();
    const parts = await readData(data, { size: 64, memory: 2 ** 26 });
    using loader = new Loader(parts.train, { batchSize: 64 });
    for (let i = 0; i < 4; i++) await loader.next();
    const trained = memory();
    return [
      alone("files listed", "files", data.list.count),
      alone("listing", "s", seconds),
      alone("memory for the list", "bytes a file", (listed.now - before) * 1e6 / data.list.count),
      alone("peak memory while listing, above the start", "MB", listed.most - before),
      alone("peak memory with four batches loaded, above the start", "MB", trained.most - before),
    ];
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
