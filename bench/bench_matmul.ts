// `deno task bench matmul`: matrix products beside the peers, and as a share of what this machine can do at most.

import { WasmExecutor } from "../kernels/wasm/executor.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import { randomNormal } from "../tensor/create.ts";
import { RandomStream } from "../tensor/random.ts";
import { scoped } from "../tensor/scoped.ts";
import { nameOf, productShapes, timeProducts } from "./kernels.ts";
import type { BenchSettings } from "./main.ts";
import { type Contender, race, repeat } from "./measure.ts";
import { jaxJs, type Peer, pytorch } from "./peer.ts";
import { alone, compare, type Row } from "./row.ts";

const SIDE = 512;

function product(): Contender {
  const random = new RandomStream(0);
  const a = randomNormal([SIDE, SIDE], { random });
  const b = randomNormal([SIDE, SIDE], { random });
  return repeat(() => scoped(() => void matmul(a, b)));
}

const rate = (milliseconds: number): number => 2 * SIDE ** 3 / milliseconds / 1e6;

/** Medians of taking turns with the peers. */
async function besidePeers({ threads, wants }: BenchSettings, suffix: string): Promise<Row[]> {
  const peers: [name: string, peer: Peer][] = [];
  if (wants("jax-js")) peers.push(["jax-js", await jaxJs("matmul", String(SIDE), threads)]);
  if (wants("pytorch")) peers.push(["pytorch", await pytorch("matmul", String(SIDE), threads)]);
  const [own, ...theirs] = await race([
    product(),
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
  const suffix = settings.threads === 1 ? ", 1 thread" : "";
  return [...await besidePeers(settings, suffix), ...await shares(settings.threads)];
}
