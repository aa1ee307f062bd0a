// The reduce kernel of the WebAssembly executor against plain float64 loops.

import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { evaluate, type Expression, input } from "../../kernels/expression/expression.ts";
import { exp, gelu, greaterThan } from "../../kernels/expression/functions.ts";
import type { KernelParameters } from "../../kernels/kernel.ts";
import {
  assertClose,
  oddLengths,
  randomIntegers,
  randomNumbers,
  runKernel,
  runOnThreads,
  wasmExecutor,
} from "./harness.ts";

type Kind = KernelParameters["reduce"]["kind"];
const [x, y] = [input(0), input(1)];

/** Reduces in float64, element after element. */
function expected(
  kind: Kind,
  [outer, length, inner]: readonly number[],
  inputs: readonly ArrayLike<number>[],
  map: Expression = x,
): number[] {
  return Array.from({ length: outer * inner }, (_, at) => {
    const o = Math.floor(at / inner), i = at % inner;
    let result = { sum: 0, max: -Infinity, min: Infinity }[kind];
    for (let l = 0; l < length; l++) {
      const place = (o * length + l) * inner + i;
      const value = evaluate(map, inputs.map((data) => data[place]));
      result = kind === "sum"
        ? result + value
        : kind === "max"
        ? Math.max(result, value)
        : Math.min(result, value);
    }
    return result;
  });
}

const kinds: readonly Kind[] = ["sum", "max", "min"];

Deno.test("all kinds over rows and columns of every odd length", async () => {
  for (const kind of kinds) {
    for (const length of oddLengths) {
      for (const [outer, inner] of [[1, 1], [3, 1], [5, 3], [1, 65], [2, 39], [65, 1]]) {
        const data = randomNumbers(outer * length * inner, length + inner);
        const [result] = await runOnThreads(
          "reduce",
          { kind, outer, length, inner },
          [{ data }],
          [{ count: outer * inner }],
        );
        assertClose(
          result,
          expected(kind, [outer, length, inner], [data]),
          kind === "sum" ? { absolute: 1e-4 } : {},
          `${kind} of [${outer}, ${length}, ${inner}]`,
        );
      }
    }
  }
});

Deno.test("random layouts with a map of two inputs", async () => {
  const executor = await wasmExecutor(2);
  const maps = [x.mul(y), exp(x).sub(y), gelu(x).mul(y), y, greaterThan(x, y)];
  fc.assert(
    fc.property(
      fc.tuple(fc.nat(6), fc.nat(70), fc.nat(70)),
      fc.constantFrom(...maps),
      fc.constantFrom(...kinds),
      ([outer, length, inner], map, kind) => {
        const count = outer * length * inner;
        const data = [randomNumbers(count, 1), randomNumbers(count, 2)];
        const [result] = runKernel(
          executor,
          "reduce",
          { kind, map, outer, length, inner },
          data.map((each) => ({ data: each })),
          [{ count: outer * inner }],
        );
        assertClose(
          result,
          expected(kind, [outer, length, inner], data, map),
          { absolute: 3e-5, relative: 1e-6 },
          `${kind} of ${map.key} over [${outer}, ${length}, ${inner}]`,
        );
      },
    ),
    { numRuns: 200, seed: 3 },
  );
});

Deno.test("axes of more than one segment, along rows and along columns", async () => {
  for (
    const [outer, length, inner] of [
      [1, 4096, 1],
      [2, 4097, 1],
      [1, 100_003, 1],
      [3, 9_999, 1],
      [1, 513, 33],
      [2, 1_537, 7],
      [1, 3_000, 3],
    ]
  ) {
    const data = randomNumbers(outer * length * inner, 7);
    for (const kind of kinds) {
      const [result] = await runOnThreads(
        "reduce",
        { kind, outer, length, inner },
        [{ data }],
        [{ count: outer * inner }],
      );
      assertClose(
        result,
        expected(kind, [outer, length, inner], [data]),
        kind === "sum" ? { absolute: 1e-3 } : {},
        `${kind} of [${outer}, ${length}, ${inner}]`,
      );
    }
  }
});

Deno.test("a sum of a million numbers is right to a millionth, whichever axis it runs along", async () => {
  const count = 1_000_000;
  const data = randomNumbers(count, 11, 0, 1);
  for (const [length, inner] of [[count, 1], [count / 4, 4], [count / 40, 40]]) {
    const [result] = await runOnThreads(
      "reduce",
      { kind: "sum", outer: 1, length, inner },
      [{ data }],
      [{ count: inner }],
    );
    assertClose(result, expected("sum", [1, length, inner], [data]), { relative: 1e-6 });
  }
});

Deno.test("NaN wins maxima and minima wherever it stands", async () => {
  for (const [length, inner] of [[5, 1], [37, 1], [5_000, 1], [9, 5], [600, 4]]) {
    for (const place of [0, length >> 1, length - 1]) {
      const data = randomNumbers(length * inner, 5);
      data[place * inner] = NaN;
      for (const kind of ["max", "min"] as const) {
        const [result] = await runOnThreads(
          "reduce",
          { kind, outer: 1, length, inner },
          [{ data }],
          [{ count: inner }],
        );
        const values = expected(kind, [1, length, inner], [data]);
        assert(Number.isNaN(result[0]));
        assertClose(result, values, {}, `${kind}, NaN at ${place}`);
      }
    }
  }
});

Deno.test("over nothing: a sum is 0, a maximum -Infinity, a minimum Infinity", async () => {
  const nothing = { sum: 0, max: -Infinity, min: Infinity };
  for (const kind of kinds) {
    for (const [outer, inner] of [[1, 1], [5, 1], [3, 37]]) {
      const [result] = await runOnThreads(
        "reduce",
        { kind, outer, length: 0, inner },
        [{ data: new Float32Array(0) }],
        [{ count: outer * inner }],
      );
      assertEquals(result, new Float32Array(outer * inner).fill(nothing[kind]));
    }
  }
});

Deno.test("integers and truth values are reduced as numbers", async () => {
  const data = randomIntegers(523, 2, -500, 500);
  const [sum] = await runOnThreads(
    "reduce",
    { kind: "sum", outer: 1, length: 523, inner: 1 },
    [{ data, dtype: "int32" }],
    [{ count: 1, dtype: "int32" }],
  );
  assertEquals(sum, Int32Array.of(data.reduce((total, value) => total + value, 0)));
  const [positive] = await runOnThreads(
    "reduce",
    { kind: "sum", map: greaterThan(x, 0), outer: 1, length: 523, inner: 1 },
    [{ data, dtype: "int32" }],
    [{ count: 1 }],
  );
  assertEquals(positive, Float32Array.of(data.filter((value) => value > 0).length));
  const [any] = await runOnThreads(
    "reduce",
    { kind: "max", outer: 2, length: 3, inner: 1 },
    [{ data: Float32Array.of(0, 0, 0, 0, 1, 0), dtype: "bool" }],
    [{ count: 2, dtype: "bool" }],
  );
  assertEquals(any, Float32Array.of(0, 1));
});

Deno.test("no byte outside the result changes", async () => {
  const executor = await wasmExecutor(1);
  for (const inner of [1, 2, 3, 5, 7, 33, 38]) {
    const source = { buffer: executor.allocate(4 * 3 * inner), byteOffset: 0, dtype: "float32" };
    const whole = { buffer: executor.allocate(4 * 64), byteOffset: 0, dtype: "float32" };
    const asFloats = (binding: typeof whole) => ({ ...binding, dtype: "float32" }) as const;
    executor.write(asFloats(source), new Float32Array(3 * inner).fill(1));
    executor.write(asFloats(whole), new Float32Array(64).fill(7));
    executor.run(
      "reduce",
      { kind: "sum", outer: 1, length: 3, inner },
      [asFloats(source)],
      [{ ...asFloats(whole), byteOffset: 4 * 10 }],
    );
    executor.read(asFloats(whole), 64).forEach((value, at) => {
      assertEquals(value, at >= 10 && at < 10 + inner ? 3 : 7);
    });
    executor.release(source.buffer);
    executor.release(whole.buffer);
  }
});
