// The WebAssembly executor's contract: types, buffers, errors, launches.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError, DeviceError, DTypeError, ReleasedError, ValueError } from "../../errors.ts";
import type { DType } from "../../kernels/kernel.ts";
import { add, constantI32, load, multiply } from "../../kernels/wasm/assembler.ts";
import { defineKernel, wordAt } from "../../kernels/wasm/emit.ts";
import { WasmEngine } from "../../kernels/wasm/engine.ts";
import { WasmExecutor } from "../../kernels/wasm/executor.ts";
import { floatWord, splitWork } from "../../kernels/wasm/kernel.ts";
import { randomNumbers, runKernel } from "./harness.ts";

/** A fresh buffer bound as a type. */
function bind(executor: WasmExecutor, byteLength: number, dtype: DType = "float32") {
  return { buffer: executor.allocate(byteLength), byteOffset: 0, dtype };
}

Deno.test("executor: reads back what was written, as the binding's type", () => {
  const executor = new WasmExecutor({ threads: 1 });
  const numbers = bind(executor, 16);
  executor.write(numbers, Float32Array.of(1.5, -2, NaN, 0));
  assertEquals(executor.read(numbers, 4), Float32Array.of(1.5, -2, NaN, 0));
  executor.write(numbers, Float64Array.of(0.1));
  assertEquals(executor.read(numbers, 1), Float32Array.of(0.1));
  const integers = bind(executor, 24, "int32");
  executor.write(integers, Float32Array.of(1.9, -1.9, NaN, 3e9, -Infinity, 7));
  assertEquals(executor.read(integers, 6), Int32Array.of(1, -1, 0, 2147483647, -2147483648, 7));
  const mask = bind(executor, 12, "bool");
  executor.write(mask, Int32Array.of(0, 1, 5));
  assertEquals(executor.read(mask, 3), Float32Array.of(0, 1, 1));
  const second = { ...integers, byteOffset: 4 };
  executor.write(second, Int32Array.of(42));
  assertEquals(executor.read(integers, 3), Int32Array.of(1, 42, 0));
});

Deno.test("executor: what it reads is not shared memory", () => {
  const executor = new WasmExecutor({ threads: 2 });
  const numbers = bind(executor, 4);
  assertEquals(executor.read(numbers, 1).buffer instanceof ArrayBuffer, true);
  executor.close();
});

Deno.test("executor: float64 is refused, naming who computes it", () => {
  const executor = new WasmExecutor({ threads: 1 });
  const doubles = bind(executor, 16, "float64");
  const numbers = bind(executor, 16);
  assertThrows(() => executor.write(doubles, Float64Array.of(1)), DTypeError, "reference executor");
  assertThrows(() => executor.read(doubles, 1), DTypeError, "reference executor");
  assertThrows(
    () => executor.run("convert", { count: 2 }, [doubles], [numbers]),
    DTypeError,
    "convert got float64",
  );
});

Deno.test("executor: released and foreign buffers are refused", () => {
  const executor = new WasmExecutor({ threads: 1 }), other = new WasmExecutor({ threads: 1 });
  const numbers = bind(executor, 16);
  executor.release(numbers.buffer);
  assertThrows(() => executor.read(numbers, 1), ReleasedError, "16 bytes");
  assertThrows(() => executor.release(numbers.buffer), ReleasedError);
  assertThrows(
    () => executor.run("fill", { count: 1, value: 0 }, [], [numbers]),
    ReleasedError,
  );
  const foreign = bind(other, 16);
  assertThrows(() => executor.read(foreign, 1), DeviceError, "another executor");
  assertThrows(() => executor.release({ byteLength: 4 }), DeviceError, "another executor");
});

Deno.test("executor: reading and writing beyond a buffer is refused", () => {
  const executor = new WasmExecutor({ threads: 1 });
  const numbers = bind(executor, 16);
  assertThrows(() => executor.read(numbers, 5), ValueError, "16 bytes");
  assertThrows(() => executor.write(numbers, new Float32Array(5)), ValueError);
  assertThrows(() => executor.read({ ...numbers, byteOffset: 8 }, 3), ValueError);
  assertThrows(() => executor.read({ ...numbers, byteOffset: 2 }, 1), ValueError);
  assertThrows(() => executor.read({ ...numbers, byteOffset: -4 }, 1), ValueError);
});

Deno.test("executor: a thread count that is not a whole number from 1 is a ConfigError", () => {
  for (const threads of [0, -1, 1.5, NaN]) {
    assertThrows(() => new WasmExecutor({ threads }), ConfigError, `threads is ${threads}`);
  }
});

/** Writes argument word `item` times two to place `item` of an array; the array's address is word 0. */
const doubleWords = defineKernel("test double", (body) => {
  const [output] = body.arguments(1);
  body.forItems((item) => {
    const word = load("i32.load", add(body.argumentAddress(1), multiply(item, 4)));
    body.code.store("i32.store", wordAt(output, item), 0, multiply(word, 2));
  });
});

Deno.test("launch: more argument words than usual, and none", () => {
  const engine = new WasmEngine({ threads: 1 });
  const { address } = engine.memory.take(4 * 20_000);
  const words = Array.from({ length: 20_000 }, (_, index) => index);
  engine.launch(doubleWords, [address, ...words], 20_000);
  engine.freeTemporaries();
  assertEquals(
    [...engine.memory.words.subarray(address / 4, address / 4 + 20_000)],
    words.map((word) => 2 * word),
  );
  engine.launch(doubleWords, [address], 0);
});

Deno.test("launch: a float32 argument keeps its bits", () => {
  const engine = new WasmEngine({ threads: 1 });
  const { address } = engine.memory.take(4);
  const store = defineKernel("test float argument", (body) => {
    const [output] = body.arguments(1);
    body.code.store("f32.store", output, 0, body.floatArgument(1));
  });
  engine.launch(store, [address, floatWord(-0.1)], 1);
  assertEquals(engine.memory.floats[address / 4], Math.fround(-0.1));
});

Deno.test("launch: a kernel that traps is a DeviceError naming it, and the next one runs", () => {
  const engine = new WasmEngine({ threads: 1 });
  const trap = defineKernel("test trap", (body) => {
    body.code.drop(load("i32.load", constantI32(-4)));
  });
  assertThrows(() => engine.launch(trap, [], 3), DeviceError, "kernel test trap trapped");
  const { address } = engine.memory.take(8);
  engine.launch(doubleWords, [address, 3, 4], 2);
  assertEquals([...engine.memory.words.subarray(address / 4, address / 4 + 2)], [6, 8]);
});

Deno.test("executor: temporary memory is given back when a call ends, and when it throws", () => {
  const executor = new WasmExecutor({ threads: 1, maximumBytes: 8 << 20 });
  const x = { data: randomNumbers(70_000, 1) }; // its sort takes 1.1 MB of temporary memory
  const sort = { outer: 1, length: 70_000, inner: 1, descending: false };
  for (let repeat = 0; repeat < 20; repeat++) {
    runKernel(executor, "sort", sort, [x], [{ count: 70_000, dtype: "int32" }]);
  }
  // A length beyond the data makes the sort read past the memory's end, and trap.
  const beyond = { ...sort, outer: 100, length: 100_000 };
  for (let repeat = 0; repeat < 20; repeat++) {
    assertThrows(
      () => runKernel(executor, "sort", beyond, [x], [{ count: 70_000, dtype: "int32" }]),
      DeviceError,
      "kernel sort f32 ascending trapped",
    );
  }
});

Deno.test("splitWork: small launches stay on the calling thread, large ones go out in pieces", () => {
  assertEquals(splitWork(100, 10), { grain: 100, parallel: false });
  assertEquals(splitWork(1000, 1000), { grain: 5 });
  assertEquals(splitWork(10, 1e6), { grain: 1 });
  assertEquals(splitWork(1e9, 1), { grain: Math.ceil(1e9 / 1024) });
});

Deno.test("executor: where a thread may not wait, it computes alone in unshared memory", () => {
  const { wait } = Atomics;
  Atomics.wait = () => {
    throw new TypeError("Atomics.wait cannot be called in this context");
  };
  try {
    const executor = new WasmExecutor({ threads: 4 });
    assertEquals(executor.threads, 1);
    executor.setThreads(3);
    assertEquals(executor.threads, 1);
    const held = bind(executor, 8);
    executor.write(held, Float32Array.of(5, 6));
    const data = randomNumbers(300_000, 4); // makes the memory grow, which detaches unshared views
    const [copied] = runKernel(
      executor,
      "copy",
      {
        ...{ shape: [300, 1000], sourceOffset: 0, sourceStrides: [1000, 1] },
        ...{ destinationOffset: 0, destinationStrides: [1, 300] },
      },
      [{ data }],
      [{ count: 300_000 }],
    );
    assertEquals(copied[1], data[1000]);
    assertEquals(copied[300], data[1]);
    assertEquals(executor.read(held, 2), Float32Array.of(5, 6));
    executor.close();
  } finally {
    Atomics.wait = wait;
  }
});
