// The threads of the WebAssembly executor: fork and join, traps, growth, the end of the process.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeviceError } from "../../errors.ts";
import {
  add,
  constantI32,
  instruction,
  load,
  type Local,
  readModifyWrite,
} from "../../kernels/wasm/assembler.ts";
import { defineKernel, type KernelBody, wordAt } from "../../kernels/wasm/emit.ts";
import { WasmEngine } from "../../kernels/wasm/engine.ts";

/** A block of `count` zero words, with its address and its content. */
function zeroWords(engine: WasmEngine, count: number) {
  const { address } = engine.memory.take(4 * count);
  const view = () => engine.memory.words.subarray(address / 4, address / 4 + count);
  view().fill(0);
  return { address, read: () => new Int32Array(view()), clear: () => view().fill(0) };
}

/** Adds 1 to the word of each item. Argument: the words. */
const countItems = defineKernel("test count items", (body) => {
  const [words] = body.arguments(1);
  body.forItems((item) => {
    const word = wordAt(words, item);
    body.code.store("i32.store", word, 0, add(load("i32.load", word), 1));
  });
});

/** Notes the thread's scratch address at the word of each item. Argument: the words. */
const noteThread = defineKernel("test note thread", (body) => {
  const [words] = body.arguments(1);
  body.forItems((item) => body.code.store("i32.store", wordAt(words, item), 0, body.scratch));
});

/** Emits a meeting: every item waits until `count` have come, for some seconds at most. */
function emitMeeting(body: KernelBody, counter: Local<"i32">, count: Local<"i32">): void {
  const patience = body.variable(2_000_000_000);
  body.code.drop(readModifyWrite("i32.atomic.rmw.add", counter, 0, constantI32(1)));
  body.code.doWhile(() => body.code.increment(patience, -1), () => {
    const missing = instruction("i32.lt_u", load("i32.atomic.load", counter), count);
    return instruction("i32.and", missing, instruction("i32.gt_s", patience, constantI32(0)));
  });
}

/** Every item waits for the others, so that each needs a thread of its own; then it notes its thread. */
const meet = defineKernel("test meet", (body) => {
  const [words, counter, count] = body.arguments(3);
  body.forItems((item) => {
    emitMeeting(body, counter, count);
    body.code.store("i32.store", wordAt(words, item), 0, body.scratch);
  });
});

/** Two items meet; then the thread traps unless its scratch address is the one given. */
const trapElsewhere = defineKernel("test trap elsewhere", (body) => {
  const [counter, count, home] = body.arguments(3);
  body.forItems(() => {
    emitMeeting(body, counter, count);
    body.code.if(
      instruction("i32.ne", body.scratch, home),
      () => body.code.drop(load("i32.load", constantI32(-4))),
    );
  });
});

Deno.test("workers: launches are complete while threads are still being started", () => {
  const engine = new WasmEngine({ threads: 3 });
  const counts = zeroWords(engine, 1000);
  let launches = 0;
  assertEquals(engine.running, 1);
  for (const begun = performance.now(); engine.running < 3; launches++) {
    engine.launch(countItems, [counts.address], 1000);
    assert(performance.now() < begun + 20_000, "two threads did not start in 20 seconds");
  }
  assertEquals(counts.read(), new Int32Array(1000).fill(launches));
  const counter = zeroWords(engine, 1), threads = zeroWords(engine, 3);
  engine.launch(meet, [threads.address, counter.address, 3], 3);
  assertEquals(new Set(threads.read()).size, 3);
  engine.close();
});

Deno.test("workers: as many threads as asked work on one launch", async () => {
  const engine = new WasmEngine({ threads: 4 });
  await engine.ready();
  const counter = zeroWords(engine, 1), threads = zeroWords(engine, 4);
  engine.launch(meet, [threads.address, counter.address, 4], 4);
  assertEquals(new Set(threads.read()).size, 4);
  assertEquals([...counter.read()], [4]);
  engine.close();
});

Deno.test("workers: every item is done exactly once, in every launch, at every grain", async () => {
  const engine = new WasmEngine({ threads: 3 });
  await engine.ready();
  for (const items of [1, 2, 3, 5, 65, 257, 10_007]) {
    const counts = zeroWords(engine, items + 1);
    let launches = 0;
    for (const grain of [1, 2, 7, 64, items]) {
      for (let repeat = 0; repeat < 20; repeat++, launches++) {
        engine.launch(countItems, [counts.address], items, { grain, parallel: true });
      }
    }
    assertEquals([...counts.read()], [...new Array(items).fill(launches), 0]);
  }
  engine.close();
});

Deno.test("workers: a trap on another thread is a DeviceError here, and the next launch is whole", async () => {
  const engine = new WasmEngine({ threads: 2 });
  await engine.ready();
  const home = zeroWords(engine, 1), counter = zeroWords(engine, 1);
  engine.launch(noteThread, [home.address], 1, { parallel: false });
  for (let repeat = 0; repeat < 3; repeat++) {
    counter.clear();
    assertThrows(
      () => engine.launch(trapElsewhere, [counter.address, 2, home.read()[0]], 2),
      DeviceError,
      "kernel test trap elsewhere trapped: RuntimeError",
    );
    const counts = zeroWords(engine, 257);
    engine.launch(countItems, [counts.address], 257);
    assertEquals(counts.read(), new Int32Array(257).fill(1));
  }
  engine.close();
});

Deno.test("workers: a trap on this thread waits for the others first", async () => {
  const engine = new WasmEngine({ threads: 2 });
  await engine.ready();
  const counter = zeroWords(engine, 1);
  // No thread has scratch memory at 0: both trap.
  assertThrows(
    () => engine.launch(trapElsewhere, [counter.address, 2, 0], 2),
    DeviceError,
    "kernel test trap elsewhere trapped",
  );
  counter.clear();
  const threads = zeroWords(engine, 2);
  engine.launch(meet, [threads.address, counter.address, 2], 2);
  assertEquals(new Set(threads.read()).size, 2);
  engine.close();
});

Deno.test("workers: memory that grows between launches is seen by all threads", async () => {
  const engine = new WasmEngine({ threads: 2 });
  await engine.ready();
  const small = zeroWords(engine, 4);
  engine.launch(countItems, [small.address], 4); // compiled by all before the growth
  for (let round = 0; round < 5; round++) {
    const { reserved } = engine.memory;
    const counts = zeroWords(engine, 1 << 20);
    assert(engine.memory.reserved > reserved);
    engine.launch(countItems, [counts.address], 1 << 20, { grain: 1000 });
    assert(counts.read().every((count) => count === 1));
    // A kernel first seen now: its module lies where the memory has just grown to.
    const counter = zeroWords(engine, 1), threads = zeroWords(engine, 2);
    const fresh = { key: `test meet ${round}`, build: meet.build };
    engine.launch(fresh, [threads.address, counter.address, 2], 2);
    assertEquals(new Set(threads.read()).size, 2);
  }
  assertEquals([...small.read()], [1, 1, 1, 1]);
  engine.close();
});

Deno.test("workers: threads may be added and taken away at run time", async () => {
  const engine = new WasmEngine({ threads: 1 });
  assertEquals(engine.threads, 1);
  for (const threads of [3, 2, 4]) {
    engine.setThreads(threads);
    await engine.ready();
    assertEquals(engine.threads, threads);
    const counter = zeroWords(engine, 1), seen = zeroWords(engine, threads);
    engine.launch(meet, [seen.address, counter.address, threads], threads);
    assertEquals(new Set(seen.read()).size, threads);
  }
  engine.setThreads(1);
  const seen = zeroWords(engine, 100);
  engine.launch(noteThread, [seen.address], 100, { parallel: true });
  assertEquals(new Set(seen.read()).size, 1);
  engine.close();
});

Deno.test("workers: a closed executor computes alone and takes no new threads", async () => {
  const engine = new WasmEngine({ threads: 3 });
  await engine.ready();
  engine.close();
  assertEquals(engine.threads, 1);
  const counts = zeroWords(engine, 1000);
  engine.launch(countItems, [counts.address], 1000);
  assertEquals(counts.read(), new Int32Array(1000).fill(1));
  assertThrows(() => engine.setThreads(2), DeviceError, "closed");
});

/** Runs a program in a process of its own and gives what it printed; fails where it does not end. */
async function runProcess(program: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", "--config", config, file],
      signal: AbortSignal.timeout(30_000),
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assertEquals(code, 0, decode(stderr));
    return decode(stdout).trim();
  } finally {
    await Deno.remove(file);
  }
}

const executorUrl = new URL("../../kernels/wasm/executor.ts", import.meta.url).href;

/** Fills a million elements for a quarter of a second, in which threads start, and adds up what it reads. */
const fillAndSum = `
  const x = { buffer: executor.allocate(4 << 20), byteOffset: 0, dtype: "float32" };
  for (const begun = performance.now(); performance.now() < begun + 250;) {
    executor.run("fill", { count: 1 << 20, value: 2 }, [], [x]);
  }
  console.log(executor.read(x, 1 << 20).reduce((sum, value) => sum + value, 0));`;

Deno.test("workers: a process that used the executor ends by itself, whoever started the threads", async () => {
  for (const wait of ["", "await executor.ready();"]) {
    const program = `import { WasmExecutor } from ${JSON.stringify(executorUrl)};
      const executor = new WasmExecutor({ threads: 3 }); ${wait} ${fillAndSum}`;
    assertEquals(await runProcess(program), String(2 ** 21));
  }
});

Deno.test("workers: without node's workers, web workers from a blob: URL do the work", async () => {
  const program = `
    const { process } = globalThis;
    Object.defineProperty(globalThis, "process", { value: undefined, configurable: true });
    const { WasmExecutor } = await import(${JSON.stringify(executorUrl)});
    const executor = new WasmExecutor({ threads: 3 }); await executor.ready(); ${fillAndSum}
    executor.close();`;
  // Closed, its workers end, and so does the process.
  assertEquals(await runProcess(program), String(2 ** 21));
});

Deno.test("workers: where none can be started, ready() says so and launches are done here", async () => {
  const { process } = globalThis as { process?: unknown };
  const sayLater = class {
    on(_event: "error", listener: (error: Error) => void): void {
      queueMicrotask(() => listener(new Error("no more threads")));
    }
    unref(): void {}
  };
  const refuse = class {
    constructor() {
      throw new Error("no more threads");
    }
  };
  for (const Worker of [sayLater, refuse]) {
    const value = { getBuiltinModule: () => ({ Worker }) };
    Object.defineProperty(globalThis, "process", { value, configurable: true });
    try {
      const engine = new WasmEngine({ threads: 3 });
      await assertRejects(() => engine.ready(), DeviceError, "no more threads");
      await assertRejects(() => engine.ready(), DeviceError, "no more threads");
      const counts = zeroWords(engine, 100);
      engine.launch(countItems, [counts.address], 100);
      assertEquals(counts.read(), new Int32Array(100).fill(1));
    } finally {
      Object.defineProperty(globalThis, "process", { value: process, configurable: true });
    }
  }
});
