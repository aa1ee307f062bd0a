// Tests of the loader: the worker changes nothing, any batch can be resumed at, nothing keeps the process alive.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { type Batch, copyBatch } from "../../data/batch.ts";
import { evaluationBatches, Loader, type LoaderOptions } from "../../data/loader.ts";
import { ConfigError, DataError } from "../../errors.ts";
import { noiseCrops } from "./crops.ts";

const OPTIONS: LoaderOptions = {
  batchSize: 8,
  seed: 3,
  augment: {
    crop: { probability: 0.5 },
    jpeg: { probability: 0.3 },
    blur: { probability: 0.3 },
    mixUp: { probability: 0.3 },
    cutMix: { probability: 0.3 },
  },
};

/** Copies of the next batches of a loader. */
async function take(loader: Loader, count: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let i = 0; i < count; i++) batches.push(copyBatch(await loader.next()));
  return batches;
}

Deno.test("a worker gives the same batches as none, at any queue depth", async () => {
  const set = noiseCrops(30);
  using inline = new Loader(set, { ...OPTIONS, worker: false });
  const expected = await take(inline, 12);
  for (const queueDepth of [1, 3]) {
    using loader = new Loader(set, { ...OPTIONS, queueDepth });
    assertEquals(await take(loader, 12), expected);
  }
});

Deno.test("a loader restored at any batch goes on with the same bits", async () => {
  const set = noiseCrops(30);
  using whole = new Loader(set, { ...OPTIONS, worker: false });
  const expected = await take(whole, 16);
  for (const at of [0, 1, 6, 7, 13]) {
    using first = new Loader(set, OPTIONS);
    for (let i = 0; i < at; i++) await first.next();
    const state = JSON.parse(JSON.stringify(first.state));
    assertEquals(state, { epoch: Math.floor(at / 7), position: at % 7 });
    using second = new Loader(set, OPTIONS);
    second.restore(state);
    assertEquals(await take(second, 3), expected.slice(at, at + 3));
  }
});

Deno.test("going back while batches are on their way gives the right ones", async () => {
  using loader = new Loader(noiseCrops(30), { ...OPTIONS, queueDepth: 3 });
  const expected = await take(loader, 5);
  for (let i = 0; i < 5; i++) {
    loader.restore({ epoch: 0, position: i });
    assertEquals(await take(loader, 1), [expected[i]]);
  }
});

Deno.test("a batch stays as it is until the next is asked for", async () => {
  using loader = new Loader(noiseCrops(30), OPTIONS);
  for (let i = 0; i < 10; i++) {
    const batch = await loader.next();
    const copy = copyBatch(batch);
    await new Promise((resolve) => setTimeout(resolve, 10)); // time for the worker to run ahead
    assertEquals(copyBatch(batch), copy);
  }
});

Deno.test("iterating goes through epochs without end, in new orders", async () => {
  const loader = new Loader(noiseCrops(30), { batchSize: 20, worker: false });
  const orders: string[] = [];
  for await (const batch of loader) {
    orders.push(batch.rows.join());
    if (orders.length === 9) loader.close();
  }
  assertEquals(new Set(orders).size, 9);
  assertEquals(loader.state, { epoch: 3, position: 0 });
});

Deno.test("states and options that do not fit, and a closed loader, are refused", async () => {
  const set = noiseCrops(30);
  using loader = new Loader(set, { batchSize: 20, worker: false });
  assertThrows(() => loader.restore({ epoch: 0, position: 3 }), ConfigError, "3 batches");
  assertThrows(() => loader.restore({ epoch: -1, position: 0 }), ConfigError);
  assertThrows(() => new Loader(set, { queueDepth: 0, batchSize: 2 }), ConfigError, "queueDepth");
  const closed = new Loader(set, { batchSize: 20 });
  const waiting = closed.next();
  closed.close();
  await assertRejects(() => waiting, DataError, "closed");
  await assertRejects(() => closed.next(), DataError, "closed");
});

Deno.test("a loader that nobody closed does not keep the process alive", async () => {
  const script = join(await Deno.makeTempDir(), "open.ts");
  const at = (path: string) => new URL(path, import.meta.url).href;
  await Deno.writeTextFile(
    script,
    `import { Loader } from "${at("../../data/loader.ts")}";
import { noiseCrops } from "${at("./crops.ts")}";
const loader = new Loader(noiseCrops(30), { batchSize: 8 });
for (let i = 0; i < 5; i++) await loader.next();
console.log(loader.state.position);`,
  );
  const config = join(import.meta.dirname!, "../../deno.json");
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", config, script],
    signal: AbortSignal.timeout(60_000),
  }).output();
  assert(success);
  assertEquals(new TextDecoder().decode(stdout).trim(), "5");
});

Deno.test("evaluation gives every crop once, unchanged, classes mixed", async () => {
  const set = noiseCrops(30);
  const seen: number[] = [];
  for await (const batch of evaluationBatches(set, { batchSize: 16 })) {
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i];
      seen.push(row);
      assertEquals(batch.images[i * 768], set.arrays.pixels[row * 768]);
      assertEquals(batch.labels[i], set.arrays.labels[row]);
    }
    const forged = batch.labels.reduce((sum, label) => sum + label);
    assert(forged > 0 && forged < batch.count);
  }
  assertEquals(seen.length, 60);
  assertEquals(seen.toSorted((a, b) => a - b), [...Array(60).keys()]);
});
