// The allocator of the WebAssembly executor.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../errors.ts";
import { type MemoryBlock, WasmMemory } from "../../kernels/wasm/memory.ts";
import { WasmExecutor } from "../../kernels/wasm/executor.ts";
import { randomSource } from "./harness.ts";

/** A size between 1 byte and a megabyte, small ones as frequent as large ones. */
function randomSize(next: () => number): number {
  return Math.ceil(2 ** (next() * 20));
}

/** Requires that sorted by address, no block reaches into the next one. */
function assertDisjoint(blocks: readonly MemoryBlock[], end: number): void {
  const sorted = [...blocks].sort((a, b) => a.address - b.address);
  sorted.forEach((block, index) => {
    assertEquals(block.address % 64, 0);
    assert(block.address > 0);
    assert(block.address + block.size <= (sorted[index + 1]?.address ?? end));
  });
}

Deno.test("memory: 10,000 blocks taken and given in random order never overlap and leave nothing behind", () => {
  const memory = new WasmMemory({ shared: true });
  const next = randomSource(1);
  const live: { block: MemoryBlock; size: number }[] = [];
  for (let step = 0; step < 10_000; step++) {
    const size = randomSize(next);
    const block = memory.take(size);
    assert(block.size >= size);
    live.push({ block, size });
    while (live.length > 0 && next() < (live.length > 200 ? 0.6 : 0.4)) {
      const [{ block: given }] = live.splice(Math.floor(next() * live.length), 1);
      memory.give(given);
    }
    if (step % 500 === 0) assertDisjoint(live.map(({ block }) => block), memory.reserved);
  }
  assertDisjoint(live.map(({ block }) => block), memory.reserved);
  for (const { block } of live) memory.give(block);
  // All merged again: one block takes everything but the first line, and the memory does not grow for it.
  const { reserved } = memory;
  const whole = memory.take(reserved - 64);
  assertEquals(whole.address, 64);
  assertEquals(memory.reserved, reserved);
});

Deno.test("memory: 10,000 buffers allocated and released in random order keep their content", () => {
  const executor = new WasmExecutor({ threads: 1 });
  const start = executor.memory();
  const next = randomSource(2);
  const live: { binding: ReturnType<typeof bind>; mark: number; count: number }[] = [];
  const bind = (byteLength: number) =>
    ({ buffer: executor.allocate(byteLength), byteOffset: 0, dtype: "int32" }) as const;
  let bytes = 0;
  for (let step = 0; step < 10_000; step++) {
    const count = Math.ceil(randomSize(next) / 64);
    const binding = bind(4 * count);
    executor.write(binding, new Int32Array(count).fill(step));
    live.push({ binding, mark: step, count });
    bytes += 4 * count;
    while (live.length > 0 && next() < (live.length > 100 ? 0.6 : 0.4)) {
      const [{ binding, mark, count }] = live.splice(Math.floor(next() * live.length), 1);
      assert(executor.read(binding, count).every((value) => value === mark));
      executor.release(binding.buffer);
      bytes -= 4 * count;
    }
    assertEquals(executor.memory().bytes, start.bytes + bytes);
    assertEquals(executor.memory().buffers, start.buffers + live.length);
  }
  for (const { binding } of live) executor.release(binding.buffer);
  assertEquals(executor.memory().buffers, start.buffers);
  assertEquals(executor.memory().bytes, start.bytes);
});

Deno.test("memory: a step repeated 1,000 times does not grow it after the first", () => {
  const memory = new WasmMemory({ shared: true });
  const step = () => {
    const next = randomSource(3);
    const blocks = Array.from({ length: 100 }, () => memory.take(randomSize(next)));
    blocks.sort((a, b) => a.size - b.size).forEach((block) => memory.give(block));
  };
  step();
  const { reserved } = memory;
  for (let repeat = 0; repeat < 1000; repeat++) step();
  assertEquals(memory.reserved, reserved);
});

Deno.test("memory: exhaustion is a DeviceError that says what is taken, and passes when blocks are given back", () => {
  const memory = new WasmMemory({ shared: true, maximumBytes: 10 * 65536 });
  const half = memory.take(5 * 65536);
  assertThrows(() => memory.take(6 * 65536), DeviceError, "at most 655360 bytes");
  memory.take(4 * 65536);
  memory.give(half);
  memory.take(5 * 65536);
  assertThrows(() => memory.take(2 ** 33), DeviceError, "8589934592 bytes");
  assertThrows(() => memory.take(NaN), DeviceError);
});

Deno.test("memory: a fitting block is found behind many that are too small, when growing is impossible", () => {
  const memory = new WasmMemory({ shared: true, maximumBytes: 4 << 20 });
  // 6,400 and 6,464 bytes are of one class; the larger is freed first, so that it is last in the list.
  const large = memory.take(6464);
  const small = Array.from({ length: 40 }, () => {
    memory.take(64); // keeps the small blocks apart
    return memory.take(6400);
  });
  memory.take(64);
  const hole = memory.reserved;
  for (let size = 4 << 20; size >= 64; size = Math.floor(size / 2)) {
    try {
      while (true) memory.take(size);
    } catch (error) {
      assert(error instanceof DeviceError);
    }
  }
  assert(memory.reserved >= hole);
  memory.give(large);
  small.forEach((block) => memory.give(block));
  assertEquals(memory.take(6464).address, large.address);
});

Deno.test("memory: growth keeps content, and buffers beyond 2 GiB work like others", () => {
  const executor = new WasmExecutor({ threads: 1 });
  const bind = (count: number) =>
    ({ buffer: executor.allocate(4 * count), byteOffset: 0, dtype: "float32" }) as const;
  const low = bind(3);
  executor.write(low, Float32Array.of(1, 2, 3));
  const untouched = executor.allocate(2 ** 31 + 2 ** 30);
  const high = bind(4099), copy = bind(4099);
  assert(executor.memory().reserved > 2 ** 31 + 2 ** 30);
  const data = Float32Array.from({ length: 4099 }, (_, index) => index);
  executor.write(high, data);
  const strides = { sourceOffset: 4098, sourceStrides: [-1], destinationOffset: 0 };
  executor.run(
    "copy",
    { shape: [4099], ...strides, destinationStrides: [1] },
    [high],
    [copy],
  );
  assertEquals(executor.read(copy, 4099), data.slice().reverse());
  assertEquals(executor.read(low, 3), Float32Array.of(1, 2, 3));
  for (const { buffer } of [low, high, copy]) executor.release(buffer);
  executor.release(untouched);
});
