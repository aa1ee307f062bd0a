// The WebAssembly executor's contract: types, buffers, errors, launches.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError, DeviceError, DTypeError, ReleasedError, ValueError } from "../../errors.ts";
import type { DType } from "../../kernels/kernel.ts";
import { add, constantI32, load, multiply } from "../../kernels/wasm/assembler.ts";
import { defineKernel, wordAt } from "../../kernels/wasm/emit.ts";
import { WasmExecutor } from "../../kernels/wasm/executor.ts";
import { WasmBuffer } from "../../kernels/wasm/memory.ts";
import { floatWord, splitWork } from "../../kernels/wasm/kernel.ts";
import { randomNumbers, runKernel } from "./harness.ts";

/** A fresh buffer bound as a type. */
function bind(executor: WasmExecutor, byteLength: number, dtype: DType = "float32") {
  return { buffer: executor.allocate(byteLength), byteOffset: 0, dtype };
}

/** The address of a buffer made by a WebAssembly executor. */
function addressOf(buffer: unknown): number {
  if (!(buffer instanceof WasmBuffer)) throw new TypeError("not a buffer of this executor");
  return buffer.address;
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
  const executor = new WasmExecutor({ threads: 1 });
  const output = bind(executor, 4 * 20_000, "int32");
  const address = addressOf(output.buffer);
  const words = Array.from({ length: 20_000 }, (_, index) => index);
  executor.launch(doubleWords, [address, ...words], 20_000);
  assertEquals(executor.read(output, 20_000), Int32Array.from(words, (word) => 2 * word));
  executor.launch(doubleWords, [address], 0);
});

Deno.test("launch: temporary memory is given back when a call ends, and when it throws", () => {
  const executor = new WasmExecutor({ threads: 1, maximumBytes: 8 << 20 });
  const x = randomNumbers(70_000, 1); // its sort takes 1.1 MB of temporary memory
  for (let repeat = 0; repeat < 20; repeat++) {
    runKernel(executor, "sort", { outer: 1, length: 70_000, inner: 1, descending: false }, [
      { data: x },
    ], [{ count: 70_000, dtype: "int32" }]);
  }
  // Calls outside of `run` keep theirs until the next `run` ends, whether or not it succeeds.
  for (let repeat = 0; repeat < 20; repeat++) {
    executor.temporary(1 << 20);
    assertThrows(() =>
      runKernel(
        executor,
        "cumulativeSum",
        { outer: 1, length: 1, inner: 1, reverse: false },
        [{ data: Int32Array.of(1), dtype: "int32" }],
        [{ count: 1 }],
      ), DTypeError);
  }
});

Deno.test("launch: a float32 argument keeps its bits", () => {
  const executor = new WasmExecutor({ threads: 1 });
  const output = bind(executor, 4);
  const store = defineKernel("test float argument", (body) => {
    const [address] = body.arguments(1);
    body.code.store("f32.store", address, 0, body.floatArgument(1));
  });
  executor.launch(store, [addressOf(output.buffer), floatWord(-0.1)], 1);
  assertEquals(executor.read(output, 1), Float32Array.of(-0.1));
});

Deno.test("launch: a kernel that traps is a DeviceError naming it, and the executor goes on", () => {
  const executor = new WasmExecutor({ threads: 1 });
  const trap = defineKernel("test trap", (body) => {
    body.code.drop(load("i32.load", constantI32(-4)));
  });
  assertThrows(() => executor.launch(trap, [], 3), DeviceError, "kernel test trap trapped");
  const data = Float32Array.of(1, 2);
  const [sums] = runKernel(
    executor,
    "cumulativeSum",
    { outer: 1, length: 2, inner: 1, reverse: false },
    [{ data }],
    [{ count: 2 }],
  );
  assertEquals(sums, Float32Array.of(1, 3));
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
