// `deno task bench scaling`: training throughput over widths and batches, as a share of the best of them.

import type { BenchSettings } from "./settings.ts";
import { race } from "./measure.ts";
import { compare, type Row } from "./row.ts";
import { encoderSteps, stepFlops } from "./vit.ts";

const widths = [192, 384, 768];
const batches = [4, 16, 64];

/** The rows of the benchmark. */
export async function benchScaling({ threads }: BenchSettings): Promise<Row[]> {
  const suffix = threads === 1 ? ", 1 thread" : "";
  const rates: [what: string, rate: number][] = [];
  for (const width of widths) {
    for (const batch of batches) {
      const shape = { batch, tokens: 65, width, heads: width / 64, depth: 1, classes: 2 };
      const [step] = await race([encoderSteps(shape).plain], { rounds: 5, milliseconds: 200 });
      rates.push([`width ${width}, batch ${batch}${suffix}`, stepFlops(shape) / step / 1e6]);
    }
  }
  const best = Math.max(...rates.map(([, rate]) => rate));
  return rates.map(([what, rate]) =>
    compare(what, "GFLOP/s", rate, "the best of them", best, { larger: true })
  );
}
