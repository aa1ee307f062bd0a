// The pointwise kernel of the WebAssembly executor against the expressions' own float64 values.

import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { derivative } from "../../kernels/expression/derivative.ts";
import { evaluate, type Expression, input } from "../../kernels/expression/expression.ts";
import {
  clamp,
  equal,
  exp,
  gelu,
  greaterThan,
  lessThan,
  logicalAnd,
  maximum,
  relu,
  rsqrt,
  sigmoid,
  where,
} from "../../kernels/expression/functions.ts";
import { simplifyPointwise } from "../../kernels/wasm/pointwise_layout.ts";
import {
  assertClose,
  bitsOf,
  oddLengths,
  type Operand,
  randomIntegers,
  randomNumbers,
  runKernel,
  runOnThreads,
  wasmExecutor,
} from "./harness.ts";

const [x, y, z] = [input(0), input(1), input(2)];

/** The number of elements of a shape. */
function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides of an input of shape `own` read in the larger `shape`; axes of size 1 repeat. */
function broadcastStrides(own: readonly number[], shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (let axis = own.length - 1; axis >= 0; axis--) {
    strides[shape.length - own.length + axis] = own[axis] === 1 ? 0 : step;
    step *= own[axis];
  }
  return strides;
}

/** The float64 values of an expression over strided inputs, by one plain loop. */
function expected(
  expression: Expression,
  shape: readonly number[],
  inputs: readonly ArrayLike<number>[],
  strides: readonly (readonly number[])[],
): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, position) => {
    let rest = position;
    const offsets = inputs.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const index = rest % shape[axis];
      rest = (rest - index) / shape[axis];
      inputs.forEach((_, i) => offsets[i] += index * strides[i][axis]);
    }
    return evaluate(expression, inputs.map((data, i) => data[offsets[i]]));
  });
}

const tolerance = { relative: 1e-6, absolute: 1e-6 };

Deno.test("flat runs of every odd length, on any number of threads", async () => {
  for (const count of [...oddLengths, 4096, 4097, 50_001]) {
    const [a, b] = [randomNumbers(count, 1), randomNumbers(count, 2)];
    const expressions = [x.mul(y).add(1), gelu(x)];
    const parameters = { expressions, shape: [count], inputStrides: [[1], [1]] };
    const results = await runOnThreads("pointwise", parameters, [{ data: a }, { data: b }], [
      { count },
      { count },
    ]);
    expressions.forEach((expression, i) => {
      const values = Array.from(a, (each, at) => evaluate(expression, [each, b[at]]));
      assertClose(results[i], values, tolerance, `${count} elements`);
    });
  }
});

Deno.test("random shapes and broadcasts", async () => {
  const executor = await wasmExecutor(2);
  const axis = fc.constantFrom(1, 1, 2, 3, 4, 5, 9, 33);
  fc.assert(
    fc.property(
      fc.array(axis, { minLength: 0, maxLength: 5 }),
      fc.array(fc.tuple(fc.infiniteStream(fc.boolean()), fc.nat(5)), {
        minLength: 3,
        maxLength: 3,
      }),
      (shape, choices) => {
        const inputs = choices.map(([repeats, dropped], i) => {
          const own = shape.map((size) => repeats.next().value ? 1 : size)
            .slice(Math.min(dropped, shape.length));
          return {
            data: randomNumbers(sizeOf(own), i + 1),
            strides: broadcastStrides(own, shape),
          };
        });
        const expression = x.mul(y).add(sigmoid(z).mul(rsqrt(z.mul(z).add(1))));
        const inputStrides = inputs.map(({ strides }) => strides);
        const count = sizeOf(shape);
        const parameters = { expressions: [expression], shape, inputStrides };
        const [result] = runKernel(executor, "pointwise", parameters, inputs, [{ count }]);
        assertClose(
          result,
          expected(expression, shape, inputs.map(({ data }) => data), inputStrides),
          tolerance,
          `shape ${shape} strides ${JSON.stringify(inputStrides)}`,
        );
      },
    ),
    { numRuns: 300, seed: 5 },
  );
});

Deno.test("strided inputs are gathered, also along short and long rows", async () => {
  for (const [rows, columns] of [[1, 7], [3, 5], [65, 257], [4, 9000]]) {
    const shape = [rows, columns];
    const transposed = randomNumbers(rows * columns, 3), column = randomNumbers(rows, 4);
    const strides = [[1, rows], [1, 0]];
    const expression = x.mul(2).add(exp(y));
    const [result] = await runOnThreads(
      "pointwise",
      { expressions: [expression], shape, inputStrides: strides },
      [{ data: transposed }, { data: column }],
      [{ count: rows * columns }],
    );
    assertClose(result, expected(expression, shape, [transposed, column], strides), tolerance);
  }
});

Deno.test("integers are read as numbers, written toward zero and saturated", async () => {
  const whole = randomIntegers(259, 1, -1000, 1000), scale = Int32Array.of(7);
  const operands: Operand[] = [{ data: whole, dtype: "int32" }, { data: scale, dtype: "int32" }];
  const [result] = await runOnThreads(
    "pointwise",
    { expressions: [x.mul(0.5).add(y)], shape: [259], inputStrides: [[1], [0]] },
    operands,
    [{ count: 259, dtype: "int32" }],
  );
  assertEquals(result, whole.map((value) => Math.trunc(value * 0.5 + 7)));
  const [extremes] = await runOnThreads(
    "pointwise",
    { expressions: [x], shape: [4], inputStrides: [[1]] },
    [{ data: Float32Array.of(NaN, 1e10, -Infinity, -1.9) }],
    [{ count: 4, dtype: "int32" }],
  );
  assertEquals(extremes, Int32Array.of(0, 2 ** 31 - 1, -(2 ** 31), -1));
});

Deno.test("bool outputs are 0 or 1 whatever the expression", async () => {
  const data = Float32Array.of(-2, -0, 0, 0.5, NaN, Infinity, 3);
  const results = await runOnThreads(
    "pointwise",
    { expressions: [x, greaterThan(x, 0)], shape: [7], inputStrides: [[1]] },
    [{ data }],
    [{ count: 7, dtype: "bool" }, { count: 7, dtype: "bool" }],
  );
  assertEquals(results[0], Float32Array.of(1, 0, 0, 1, 1, 1, 1));
  assertEquals(results[1], Float32Array.of(0, 0, 0, 1, 0, 1, 1));
});

Deno.test("conditions choose without letting the other branch through", async () => {
  const data = Float32Array.of(-Infinity, -1, -0, 0, 1, 100, NaN);
  const expressions = [
    where(lessThan(x, 0), exp(x), x),
    where(logicalAnd(lessThan(-2, x), lessThan(x, 2)), x, 0),
    where(equal(x, 1), 0, exp(x)),
    where(x, 5, 6),
    relu(x),
    clamp(x, -0.5, 0.5),
    maximum(x, -1),
  ];
  const results = await runOnThreads(
    "pointwise",
    { expressions, shape: [7], inputStrides: [[1]] },
    [{ data }],
    expressions.map(() => ({ count: 7 })),
  );
  expressions.forEach((expression, i) => {
    assertClose(
      results[i],
      Array.from(data, (value) => Math.fround(evaluate(expression, [value]))),
      { relative: 1e-6 },
      expression.key,
    );
  });
});

Deno.test("an output may be the same memory as an input of its shape", async () => {
  const executor = await wasmExecutor(2);
  for (const shape of [[257], [33, 5], [3, 9000]]) {
    const count = sizeOf(shape), columns = shape.at(-1)!;
    const data = randomNumbers(count, 9), row = randomNumbers(columns, 8);
    const binding = (length: number) =>
      ({ buffer: executor.allocate(4 * length), byteOffset: 0, dtype: "float32" }) as const;
    const inPlace = binding(count), other = binding(columns);
    executor.write(inPlace, data);
    executor.write(other, row);
    const strides = [broadcastStrides(shape, shape), broadcastStrides([columns], shape)];
    const expression = x.mul(y).add(x);
    executor.run(
      "pointwise",
      { expressions: [expression], shape, inputStrides: strides },
      [inPlace, other],
      [inPlace],
    );
    assertClose(
      executor.read(inPlace, count),
      expected(expression, shape, [data, row], strides),
      tolerance,
    );
    executor.release(inPlace.buffer);
    executor.release(other.buffer);
  }
});

Deno.test("no byte outside the outputs changes", async () => {
  const executor = await wasmExecutor(1);
  for (const count of [1, 2, 3, 5, 6, 7, 8, 13]) {
    const whole = { buffer: executor.allocate(4 * 64), byteOffset: 0, dtype: "float32" } as const;
    executor.write(whole, new Float32Array(64).fill(7));
    const part = { ...whole, byteOffset: 4 * 20 };
    executor.run(
      "pointwise",
      { expressions: [x.mul(0)], shape: [count], inputStrides: [[1]] },
      [part],
      [part],
    );
    const after = executor.read(whole, 64);
    after.forEach((value, at) => assertEquals(value, at >= 20 && at < 20 + count ? 0 : 7));
    executor.release(whole.buffer);
  }
});

Deno.test("sixteen inputs, sixteen outputs, and inputs that are not read", async () => {
  const count = 133;
  const operands = Array.from({ length: 16 }, (_, i) => ({ data: randomNumbers(count, i) }));
  const expressions = operands.map((_, i) => input(i).mul(i + 1).add(input((i + 5) % 16)));
  const inputStrides = operands.map(() => [1]);
  const results = await runOnThreads(
    "pointwise",
    { expressions, shape: [count], inputStrides },
    operands,
    expressions.map(() => ({ count })),
  );
  expressions.forEach((expression, i) => {
    const data = operands.map((operand) => operand.data);
    assertClose(results[i], expected(expression, [count], data, inputStrides), tolerance);
  });
  const [unread] = await runOnThreads(
    "pointwise",
    { expressions: [input(15).neg()], shape: [count], inputStrides },
    operands,
    [{ count }],
  );
  assertEquals(unread, (operands[15].data as Float32Array).map((value) => -value));
});

Deno.test("what does not change along a row is computed once and is still right", async () => {
  // Adam's step: the moments' corrections are functions of run-time scalars.
  const [weight, mean, square, rate, correction] = [0, 1, 2, 3, 4].map(input);
  const step = weight.sub(rate.mul(mean).div(rsqrt(square.add(1e-8)).mul(exp(correction.neg()))));
  const count = 1003, data = [1, 2, 3].map((seed) => randomNumbers(count, seed, 0.1, 2));
  const inputs = [...data, Float32Array.of(0.01), Float32Array.of(0.3)];
  const strides = [[1], [1], [1], [0], [0]];
  const [result] = await runOnThreads(
    "pointwise",
    { expressions: [step], shape: [count], inputStrides: strides },
    inputs.map((each) => ({ data: each })),
    [{ count }],
  );
  assertClose(result, expected(step, [count], inputs, strides), tolerance);
});

Deno.test("a constant expression fills; a scalar has no axes; nothing happens for no elements", async () => {
  const executor = await wasmExecutor(1);
  const filled = runKernel(
    executor,
    "pointwise",
    { expressions: [derivative(x.mul(3), 0)], shape: [5], inputStrides: [] },
    [],
    [{ count: 5 }],
  );
  assertEquals(filled[0], new Float32Array(5).fill(3));
  const scalar = runKernel(
    executor,
    "pointwise",
    { expressions: [x.add(1)], shape: [], inputStrides: [[]] },
    [{ data: Float32Array.of(2) }],
    [{ count: 1 }],
  );
  assertEquals(scalar[0], Float32Array.of(3));
  const untouched = runKernel(
    executor,
    "pointwise",
    { expressions: [x], shape: [3, 0], inputStrides: [[0, 1]] },
    [{ data: Float32Array.of(2) }],
    [{ count: 2 }],
  );
  assert(untouched[0].every((value) => Number.isNaN(value)));
});

Deno.test("the fused backward step gives the bits of its parts run apart", async () => {
  const count = 515;
  const a = randomNumbers(count, 5, -6, 6), gradient = randomNumbers(count, 6);
  const slope = derivative(gelu(x), 0, y);
  const [together, value] = await runOnThreads(
    "pointwise",
    { expressions: [slope, gelu(x)], shape: [count], inputStrides: [[1], [1]] },
    [{ data: a }, { data: gradient }],
    [{ count }, { count }],
  );
  const [apart] = await runOnThreads(
    "pointwise",
    { expressions: [gelu(x)], shape: [count], inputStrides: [[1]] },
    [{ data: a }],
    [{ count }],
  );
  assertEquals(bitsOf(value), bitsOf(apart));
  assertClose(
    together,
    Array.from(a, (each, i) => evaluate(slope, [each, gradient[i]])),
    tolerance,
  );
});

Deno.test("axes merge where one stride runs through all inputs", () => {
  const flat = simplifyPointwise([2, 3, 4], [[12, 4, 1], [0, 0, 0]]);
  assertEquals(flat?.outer, []);
  assertEquals(flat?.inner, { size: 24, strides: [1, 0] });
  assertEquals(flat?.modes, ["contiguous", "broadcast"]);
  const channels = simplifyPointwise([2, 3, 1, 5, 7], [[105, 35, 35, 7, 1], [0, 1, 0, 0, 0]]);
  assertEquals(channels?.outer.map(({ size }) => size), [2, 3]);
  assertEquals(channels?.inner, { size: 35, strides: [1, 0] });
  assertEquals(simplifyPointwise([4, 0], [[0, 1]]), null);
  assertEquals(simplifyPointwise([3, 4], [[1, 3]])?.modes, ["strided"]);
});
