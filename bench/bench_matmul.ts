// `deno task bench matmul`: square products against the machine's own peak and the peers.

import { matmul } from "../tensor/operations/matmul.ts";
import { randomNormal } from "../tensor/create.ts";
import { RandomStream } from "../tensor/random.ts";
import { scoped } from "../tensor/scoped.ts";
import type { BenchSettings } from "./main.ts";
import { type Contender, race, repeat } from "./measure.ts";
import { measurePeak } from "./peak.ts";
import { jaxJs, type Peer, pytorch } from "./peer.ts";
import { alone, compare, type Row } from "./row.ts";

function product(length: number): Contender {
  const random = new RandomStream(length);
  const a = randomNormal([length, length], { random });
  const b = randomNormal([length, length], { random });
  return repeat(() => scoped(() => void matmul(a, b)));
}

const rate = (length: number, milliseconds: number): number => 2 * length ** 3 / milliseconds / 1e6;

/** The rows of the benchmark. */
export async function benchMatmul({ threads, wants }: BenchSettings): Promise<Row[]> {
  const suffix = threads === 1 ? ", 1 thread" : "";
  const peers: [name: string, peer: Peer][] = [];
  if (wants("jax-js")) peers.push(["jax-js", await jaxJs("matmul", "512", threads)]);
  if (wants("pytorch")) peers.push(["pytorch", await pytorch("matmul", "512", threads)]);
  const peakBefore = measurePeak();
  const [small, large, ...theirs] = await race([
    product(512),
    product(1024),
    ...peers.map(([, peer]): Contender => (count) => peer.run(count)),
  ]);
  for (const [, peer] of peers) await peer[Symbol.asyncDispose]();
  const peak = Math.max(peakBefore, measurePeak());
  const larger = { larger: true };
  const ours = rate(512, small);
  const rows = peers.map(([name], at) =>
    compare(`matmul 512${suffix}`, "GFLOP/s", ours, name, rate(512, theirs[at]), larger)
  );
  if (rows.length === 0) rows.push(alone(`matmul 512${suffix}`, "GFLOP/s", ours));
  const shares: [string, number][] = [["matmul 512", ours], ["matmul 1024", rate(1024, large)]];
  for (const [what, found] of shares) {
    const limit = threads === 1 ? "relaxed-FMA peak" : `${threads} x relaxed-FMA peak`;
    rows.push(
      compare(`${what}${suffix}: share of peak`, "GFLOP/s", found, limit, threads * peak, larger),
    );
  }
  return rows;
}
