// `deno task bench matmul`: matrix products beside the peers, and as a share of what this machine can do at most.

import { WasmExecutor } from "../kernels/wasm/executor.ts";
import { slice } from "../tensor/operations/layout.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import { randomNormal } from "../tensor/create.ts";
import { RandomStream } from "../tensor/random.ts";
import { scoped } from "../tensor/scoped.ts";
import { nameOf, productShapes, timeProducts } from "./kernels.ts";
import type { BenchSettings } from "./settings.ts";
import { type Contender, race, repeat } from "./measure.ts";
import { type BenchDevice, startPeers } from "./peer.ts";
import { alone, compare, type Row } from "./row.ts";

const SIDE = 512;

function product(device: BenchDevice): Contender {
  const random = new RandomStream(0);
  const a = randomNormal([SIDE, SIDE], { random });
  const b = randomNormal([SIDE, SIDE], { random });
  const multiply = repeat(() => scoped(() => void matmul(a, b)));
  if (device === "wasm") return multiply;
  // Calls on WebGPU only hand work in: reading one element of the last product waits for all.
  return (count) => {
    const start = performance.now();
    multiply(count - 1);
    scoped(() => slice(matmul(a, b).reshape([SIDE * SIDE]), 0).dataSync());
    return (performance.now() - start) / count;
  };
}

const rate = (milliseconds: number): number => 2 * SIDE ** 3 / milliseconds / 1e6;

/** Medians of taking turns with the peers. */
async function besidePeers(settings: BenchSettings, suffix: string): Promise<Row[]> {
  const peers = await startPeers("matmul", String(SIDE), settings);
  const [own, ...theirs] = await race([
    product(settings.device),
    ...peers.map(([, peer]): Contender => (count) => peer.run(count)),
  ]);
  for (const [, peer] of peers) await peer[Symbol.asyncDispose]();
  const what = `matmul ${SIDE}${suffix}`;
  if (peers.length === 0) return [alone(what, "GFLOP/s", rate(own))];
  return peers.map(([name], at) =>
    compare(what, "GFLOP/s", rate(own), name, rate(theirs[at]), { larger: true })
  );
}

/** The best of many, against the best of many samples of the peak taken in between. */
async function shares(threads: number): Promise<Row[]> {
  const executor = new WasmExecutor({ threads });
  await executor.ready();
  const counts = threads === 1 ? [1] : [1, threads];
  const rows = timeProducts(executor, productShapes, { threads: counts, milliseconds: 700 })
    .flatMap(({ shape, rates, peak }, at) => {
      const square = at === 0 ? "matmul 512" : at === 1 ? "matmul 1024" : nameOf(shape);
      const [one, all] = rates;
      const limit = (name: string, found: number, against: string, most: number) =>
        compare(name, "GFLOP/s", found, against, most, { larger: true });
      return [
        limit(`${square}, 1 thread: share of peak`, one, "relaxed-FMA peak", peak),
        ...(all === undefined ? [] : [limit(`${square}: scaling`, all, "1 thread", one)]),
      ];
    });
  executor.close();
  return rows;
}

/** The rows of the benchmark. */
export async function benchMatmul(settings: BenchSettings): Promise<Row[]> {
  if (settings.device === "webgpu") return await besidePeers(settings, "");
  const suffix = settings.threads === 1 ? ", 1 thread" : "";
  return [...await besidePeers(settings, suffix), ...await shares(settings.threads)];
}
