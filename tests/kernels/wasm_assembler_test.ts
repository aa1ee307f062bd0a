// The assembler: every instruction validates, and what is emitted computes what it says.

import { assert, assertEquals } from "@std/assert";
import {
  add,
  constantF32,
  constantF64,
  constantI32,
  constantI64,
  type FunctionBuilder,
  hasRelaxedSimd,
  instruction,
  invoke,
  lane,
  laneF64,
  laneI32,
  laneSelect,
  load,
  loadLane,
  loadLanes,
  type LocalsOf,
  ModuleBuilder,
  multiply,
  multiplyAdd,
  negatedMultiplyAdd,
  readModifyWrite,
  replaceLane,
  replaceLaneI32,
  select,
  shuffle,
  splatF32x4,
  splatF64x2,
  splatI32x4,
  subtract,
  type Value,
  type ValueType,
} from "../../kernels/wasm/assembler.ts";
import {
  loadInstructions,
  stackInstructions,
  storeInstructions,
} from "../../kernels/wasm/instructions.ts";

/** Builds a module with one function, runs it on a fresh memory and hands both back. */
function compile<const Parameters extends readonly ValueType[]>(
  parameters: Parameters,
  result: ValueType | null,
  build: (body: FunctionBuilder, ...locals: LocalsOf<Parameters>) => void,
): { run: (...values: (number | bigint)[]) => number; memory: WebAssembly.Memory } {
  const module = new ModuleBuilder({ shared: false });
  module.function("run", parameters, result, build);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    env: { memory },
  });
  return { run: instance.exports.run as (...values: (number | bigint)[]) => number, memory };
}

/** A constant of each type. */
function anyValue(type: ValueType): Value<ValueType> {
  if (type === "i32") return constantI32(8);
  if (type === "i64") return constantI64(8n);
  if (type === "f32") return constantF32(8);
  return type === "f64" ? constantF64(8) : splatF32x4(8);
}

Deno.test("every stack instruction validates with its signature", () => {
  for (const [name, [signature]] of Object.entries(stackInstructions)) {
    const [operands, result] = signature.split(">") as [string, ValueType];
    const values = operands.split(",").map((type) => anyValue(type as ValueType));
    const call = instruction as unknown as (
      name: string,
      ...values: Value<ValueType>[]
    ) => Value<ValueType>;
    const module = new ModuleBuilder({ shared: false });
    module.function(null, [], result, (body) => body.result(call(name, ...values)));
    if (name.includes("relaxed") && !hasRelaxedSimd()) continue;
    assert(WebAssembly.validate(module.bytes()), name);
  }
});

Deno.test("every load and store validates, in shared and unshared modules", () => {
  for (const shared of [true, false]) {
    const module = new ModuleBuilder({ shared });
    module.function(null, [], null, (body) => {
      for (const name of Object.keys(loadInstructions)) {
        body.drop(load(name as keyof typeof loadInstructions, constantI32(64), 4));
      }
      for (const [name, [type]] of Object.entries(storeInstructions)) {
        const store = body.store.bind(body) as unknown as (
          name: string,
          address: Value<"i32">,
          offset: number,
          value: Value<ValueType>,
        ) => void;
        store(name, constantI32(64), 300, anyValue(type));
      }
      for (const name of ["add", "sub", "and", "or", "xor", "xchg"] as const) {
        body.drop(
          readModifyWrite(`i32.atomic.rmw.${name}`, constantI32(64), 0, constantI32(1)),
        );
      }
    });
    assert(WebAssembly.validate(module.bytes()));
  }
});

Deno.test("the probe for relaxed SIMD agrees with a module that uses it", () => {
  const module = new ModuleBuilder({ shared: false });
  module.function(null, [], "v128", (body) => {
    const one = splatF32x4(1);
    body.result(instruction("f32x4.relaxed_madd", one, one, one));
  });
  assertEquals(hasRelaxedSimd(), WebAssembly.validate(module.bytes()));
});

Deno.test("integer constants survive encoding", () => {
  for (
    const value of [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, 0x7fffffff, -0x80000000]
  ) {
    assertEquals(compile([], "i32", (body) => body.result(constantI32(value))).run(), value);
  }
  assertEquals(
    compile([], "i32", (body) => body.result(constantI32(0xffffffff))).run() >>> 0,
    0xffffffff,
  );
  for (const value of [0n, -1n, 1n << 40n, -(1n << 63n)]) {
    const { run } = compile([], "i64", (body) => body.result(constantI64(value)));
    assertEquals(run() as unknown as bigint, value);
  }
});

Deno.test("i32 arithmetic folds constants and keeps values", () => {
  assertEquals(add(constantI32(3), 4).constant, 7);
  assertEquals(subtract(constantI32(3), 4).constant, -1);
  assertEquals(multiply(constantI32(0x10001), 0x10001).constant, Math.imul(0x10001, 0x10001));
  for (const factor of [0, 1, 2, 3, 12, 64, -1]) {
    const { run } = compile(["i32"], "i32", (body, x) => {
      body.result(subtract(add(multiply(x, factor), 5), 2));
    });
    assertEquals(run(7), 7 * factor + 3);
  }
});

Deno.test("lanes are loaded and stored without touching the bytes beyond", () => {
  for (const count of [1, 2, 3, 4]) {
    const { run, memory } = compile(["i32", "i32"], null, (body, from, to) => {
      body.storeLanes(to, 4, count, loadLanes(from, 8, count));
    });
    const end = 65536; // the last lanes of the only page: one byte more would trap
    const words = new Float32Array(memory.buffer);
    const source = end - 4 * count;
    for (let index = 0; index < count; index++) words[source / 4 + index] = index + 1;
    words.fill(-1, 0, 8);
    run(source - 8, 0);
    const expected = [-1, 1, 2, 3, 4, -1, -1, -1].map((value, index) => index > count ? -1 : value);
    assertEquals([...words.subarray(0, 8)], expected);
    run(source - 8, end - 4 * count - 4);
  }
});

Deno.test("lane access, shuffles and selections", () => {
  const { run, memory } = compile([], null, (body) => {
    const at = (index: number) => constantI32(4 * index);
    const v = body.local("v128", splatI32x4(1, 2, 3, 4));
    const w = body.local("v128", splatI32x4(5, 6, 7, 8));
    body.store("v128.store", at(0), 0, shuffle(v, w, [3, 4, 0, 7]));
    body.store("v128.store", at(4), 0, replaceLaneI32(v, 2, constantI32(9)));
    body.store("v128.store", at(8), 0, laneSelect(v, w, splatI32x4(-1, 0, 0, -1)));
    body.store("v128.store", at(12), 0, loadLane(v, 1, at(0)));
    body.store("i32.store", at(16), 0, laneI32(v, 3));
    body.store("i32.store", at(17), 0, select(constantI32(0), constantI32(1), constantI32(2)));
    const half = replaceLane(splatF32x4(2), 1, constantF32(0.5));
    const float = lane(half, 1);
    body.store("i32.store", at(18), 0, instruction("i32.trunc_sat_f32_s", lane(half, 0)));
    body.store("f32.store", at(19), 0, float);
    body.store("f64.store", at(20), 0, laneF64(splatF64x2(0.1), 1));
    body.storeLane(at(22), 0, w, 2);
  });
  run();
  const words = new Int32Array(memory.buffer);
  assertEquals([...words.subarray(0, 4)], [4, 5, 1, 8]);
  assertEquals([...words.subarray(4, 8)], [1, 2, 9, 4]);
  assertEquals([...words.subarray(8, 12)], [1, 6, 7, 4]);
  assertEquals([...words.subarray(12, 16)], [1, 4, 3, 4]);
  assertEquals([words[16], words[17], words[18], words[22]], [4, 2, 2, 7]);
  assertEquals(new Float32Array(memory.buffer)[19], 0.5);
  assertEquals(new Float64Array(memory.buffer)[10], 0.1);
});

Deno.test("multiply-add and its negation", () => {
  const { run } = compile([], "f32", (body) => {
    const [a, b, c] = [splatF32x4(3), splatF32x4(5), splatF32x4(100)];
    body.result(
      instruction("f32.add", lane(multiplyAdd(a, b, c), 0), lane(negatedMultiplyAdd(a, b, c), 3)),
    );
  });
  assertEquals(run(), 115 + 85);
});

Deno.test("loops count unsigned and run no time at all where the range is empty", () => {
  const { run } = compile(["i32", "i32"], "i32", (body, from, to) => {
    const count = body.local("i32"), index = body.local("i32");
    body.for(index, from, to, 16, () => body.increment(count, 1));
    body.result(count);
  });
  assertEquals(run(0, 64), 4);
  assertEquals(run(0, 65), 5);
  assertEquals(run(8, 8), 0);
  assertEquals(run(0x7ffffff0, 0x80000010), 2); // across the sign bit
});

Deno.test("blocks are left early from inside nested constructs", () => {
  const { run } = compile(["i32"], "i32", (body, limit) => {
    const index = body.local("i32"), found = body.local("i32", constantI32(-1));
    body.block((label) => {
      body.for(index, 0, 100, 1, () => {
        body.if(instruction("i32.eq", multiply(index, index), limit), () => {
          body.set(found, index);
          body.exit(label);
        });
        body.exitIf(label, instruction("i32.gt_u", multiply(index, index), limit));
      });
    });
    body.result(found);
  });
  assertEquals([run(49), run(50), run(0)], [7, -1, 0]);
});

Deno.test("functions call each other; code can be inserted at a mark", () => {
  const module = new ModuleBuilder({ shared: false });
  const square = module.function(null, ["i32"], "i32", (body, x) => body.result(multiply(x, x)));
  const put = module.function(null, ["i32", "i32"], null, (body, address, value) => {
    body.store("i32.store", address, 0, value);
  });
  module.function("run", ["i32"], "i32", (body, x) => {
    const hoisted = body.local("i32");
    const mark = body.mark();
    body.call(put, constantI32(16), invoke(square, add(x, hoisted)));
    body.insert(mark, () => body.set(hoisted, constantI32(10)));
    body.result(load("i32.load", constantI32(16)));
  });
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    env: { memory },
  });
  assertEquals((exports.run as (x: number) => number)(2), 144);
});

Deno.test("bulk memory and atomics", () => {
  const { run, memory } = compile(["i32"], "i32", (body, at) => {
    body.fillMemory(at, constantI32(1), constantI32(8));
    body.copyMemory(add(at, 4), at, constantI32(8));
    body.drop(readModifyWrite("i32.atomic.rmw.add", at, 0, constantI32(5)));
    body.store("i32.atomic.store", at, 8, constantI32(42));
    body.result(add(load("i32.atomic.load", at, 8), load("i32.load", at)));
  });
  assertEquals(run(64), 42 + 0x01010101 + 5);
  assertEquals(new Int32Array(memory.buffer, 68, 2), Int32Array.of(0x01010101, 42));
});

Deno.test("a module for shared memory links with a shared memory only", () => {
  const module = new ModuleBuilder({ shared: true });
  module.function("run", [], "i32", (body) => body.result(constantI32(1)));
  const compiled = new WebAssembly.Module(module.bytes());
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory: shared } });
  assertEquals((exports.run as () => number)(), 1);
  const unshared = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  let linked = true;
  try {
    new WebAssembly.Instance(compiled, { env: { memory: unshared } });
  } catch {
    linked = false;
  }
  assertEquals(linked, false);
});
