// `deno task bench roofline`: what a training step of ViT-B/16 and ViT-L/14 costs at least on a real GPU, by kernel family;
// and with `--device webgpu`, how near a step comes to what this machine's adapter can do.

import { textTable } from "../evaluation/table.ts";
import { adamW } from "../optim/mod.ts";
import { startWebGpu } from "../tensor/mod.ts";
import { measuredLimits } from "./adapter_limits.ts";
import type { BenchSettings } from "./settings.ts";
import { median } from "./measure.ts";
import { alone, compare, type Row } from "./row.ts";
import {
  type EncoderSize,
  encoderStep,
  type Limits,
  type OperationCost,
  publishedLimits,
  rooflineSeconds,
  stepCost,
  vitBase,
  vitLarge,
} from "./step_cost.ts";

/** Images of a step. */
const batch = 32;
/** Seconds that a dispatch takes on the calling side, measured in Deno. */
const dispatchSeconds = 2e-6;
/** Families that take less of either than this share of a step are shown together. */
const smallShare = 0.002;

const sum = (costs: readonly OperationCost[], of: (cost: OperationCost) => number): number =>
  costs.reduce((total, cost) => total + of(cost), 0);

const milliseconds = (seconds: number): string => (1e3 * seconds).toFixed(2);

/** The families of a step, dearest first, small ones together. */
function shownFamilies(families: readonly OperationCost[]): OperationCost[] {
  const flops = sum(families, (each) => each.flops), bytes = sum(families, (each) => each.bytes);
  const isSmall = (each: OperationCost): boolean =>
    each.flops < smallShare * flops && each.bytes < smallShare * bytes;
  const rest = families.filter(isSmall);
  const others: OperationCost = {
    name: `${rest.length} others`,
    flops: sum(rest, (each) => each.flops),
    bytes: sum(rest, (each) => each.bytes),
    launches: sum(rest, (each) => each.launches),
  };
  return [
    ...families.filter((each) => !isSmall(each)).sort((a, b) => b.bytes - a.bytes),
    ...(rest.length > 0 ? [others] : []),
  ];
}

/** A line of the table. */
function lineOf(cost: OperationCost, times: readonly number[]): string[] {
  return [
    cost.name,
    (cost.flops / 1e9).toFixed(1),
    (cost.bytes / 1e9).toFixed(2),
    ...times.map(milliseconds),
    String(cost.launches),
    milliseconds(cost.launches * dispatchSeconds),
  ];
}

/** Prints what a step costs, and returns the whole step's times. */
function costRows(name: string, size: EncoderSize): Row[] {
  const { families, parameters } = stepCost(size, batch);
  const timesOf = (cost: OperationCost) =>
    publishedLimits.map((limits) => rooflineSeconds(cost, limits));
  const shown = shownFamilies(families);
  const total: OperationCost = {
    name: "the step",
    flops: sum(families, (each) => each.flops),
    bytes: sum(families, (each) => each.bytes),
    launches: sum(families, (each) => each.launches),
  };
  const totals = publishedLimits.map((_, at) =>
    shown.reduce((seconds, cost) => seconds + timesOf(cost)[at], 0)
  );
  const header = [
    "kernel family",
    "GFLOP",
    "GB",
    ...publishedLimits.map((limits) => `${limits.name}, ms`),
    "launches",
    "launching, ms",
  ];
  console.log(
    `${name} at ${size.imageSize} px, ${batch} images a step, ${
      (parameters / 1e6).toFixed(1)
    } million parameters, AdamW\n\n` +
      textTable(header, [
        ...shown.map((cost) => lineOf(cost, timesOf(cost))),
        lineOf(total, totals),
      ]) + "\n",
  );
  return totals.map((seconds, at) =>
    alone(`${name} step, at least on ${publishedLimits[at].name}`, "ms", 1e3 * seconds)
  );
}

/** How near a step on the adapter comes to its limits. */
async function achievedRows(): Promise<Row[]> {
  const executor = await startWebGpu();
  const measured = measuredLimits(executor);
  const published = publishedLimits.find(({ name }) => measured.name.includes(name));
  // A software adapter would take minutes for a step of ViT-B/16.
  const [name, size, images] = executor.software
    ? [
      "ViT of 4 blocks, 192 wide",
      { imageSize: 64, patchSize: 8, width: 192, depth: 4, heads: 3 },
      16,
    ] as const
    : ["ViT-B/16", vitBase, batch] as const;
  const { families } = stepCost(size, images);
  const { step, release } = encoderStep(size, images, adamW({ learningRate: 0 }), "webgpu");
  for (let run = 0; run < 3; run++) step();
  const times: number[] = [];
  for (let run = 0; run < 9; run++) {
    const start = performance.now();
    step();
    times.push((performance.now() - start) / 1e3);
  }
  release();
  const seconds = median(times);
  const against = (limits: Limits, kind: string): Row =>
    compare(
      `${name}, ${images} images: share of the roofline`,
      "ms",
      1e3 * seconds,
      `${kind} limits`,
      1e3 * sum(families, (cost) => rooflineSeconds(cost, limits)),
    );
  return [
    alone("multiply-adds without memory", "GFLOP/s", measured.flops / 1e9),
    alone("memory without arithmetic", "GB/s", measured.bandwidth / 1e9),
    alone(`${name}: rate`, "GFLOP/s", sum(families, (cost) => cost.flops) / seconds / 1e9),
    against(measured, "measured"),
    ...(published ? [against(published, "published")] : []),
  ];
}

/** The rows of the benchmark. */
export async function benchRoofline({ device }: BenchSettings): Promise<Row[]> {
  if (device === "webgpu") return await achievedRows();
  return [...costRows("ViT-B/16", vitBase), ...costRows("ViT-L/14", vitLarge)];
}
