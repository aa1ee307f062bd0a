// Expressions: sharing, simplification, keys, substitution, and their float64 values.

import fc from "fast-check";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ValueError } from "../../../errors.ts";
import {
  apply,
  constant,
  evaluate,
  evaluateAll,
  type Expression,
  input,
  inputsOf,
  substitute,
  topologicalOrder,
} from "../../../kernels/expression/expression.ts";
import * as functions from "../../../kernels/expression/functions.ts";
import { functionRows } from "../../../kernels/expression/function_rows.ts";
import { splitInvariants } from "../../../kernels/expression/invariants.ts";
import { lower } from "../../../kernels/expression/lowering.ts";
import { toFunction } from "../../../kernels/expression/to_function.ts";
import { samplePoints } from "./sampling.ts";

const [x, y, z] = [input(0), input(1), input(2)];

/** Random expressions over three inputs, of arithmetic that is defined everywhere. */
const expressions: fc.Arbitrary<Expression> = fc.letrec<{ tree: Expression; leaf: Expression }>(
  (tie) => ({
    leaf: fc.oneof(
      fc.constantFrom(x, y, z),
      fc.constantFrom(-2, -1, -0, 0, 0.5, 1, 3).map(constant),
    ),
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      tie("leaf"),
      fc.tuple(
        fc.constantFrom(
          "add",
          "sub",
          "mul",
          "maximum",
          "minimum",
          "lessThan",
          "logicalAnd",
          "logicalOr",
          "equal",
        ),
        tie("tree"),
        tie("tree"),
      ).map(([name, a, b]) => apply(name as "add", a, b)),
      fc.tuple(fc.constantFrom("neg", "tanh", "abs", "sigmoid", "logicalNot"), tie("tree"))
        .map(([name, a]) => apply(name as "neg", a)),
      fc.tuple(tie("tree"), tie("tree"), tie("tree"))
        .map(([condition, a, b]) => functions.where(condition, a, b)),
    ),
  }),
).tree;

const numbers = fc.tuple(
  ...[0, 1, 2].map(() => fc.double({ min: -4, max: 4, noNaN: true })),
);

Deno.test("the same expression is the same object, another one is not", () => {
  assertStrictEquals(x.mul(y).add(1), x.mul(y).add(1));
  assertStrictEquals(x.add(y), y.add(x));
  assertStrictEquals(functions.gelu(x), functions.gelu(x));
  assertNotStrictEquals(x.sub(y), y.sub(x));
  assertNotStrictEquals(constant(0), constant(-0));
  assertStrictEquals(constant(NaN), constant(NaN));
});

Deno.test("keys are short, equal for equal expressions only, and do not depend on what was built before", () => {
  assertEquals(x.mul(2).add(y).key, "((x0*2)+x1)");
  assertEquals(functions.sigmoid(x).key, "sigmoid(x0)");
  const long = functions.geluTanh(functions.geluTanh(x));
  assert(long.key.length < 40, long.key);
  const seen = new Map<string, Expression>();
  fc.assert(
    fc.property(expressions, (expression) => {
      for (const each of topologicalOrder([expression])) {
        assertStrictEquals(seen.get(each.key) ?? each, each);
        seen.set(each.key, each);
        assert(each.key.length <= 64);
      }
    }),
    { numRuns: 500, seed: 1 },
  );
});

Deno.test("what costs nothing is simplified away", () => {
  assertStrictEquals(x.add(0), x);
  assertStrictEquals(constant(0).add(x), x);
  assertStrictEquals(x.mul(1), x);
  assertStrictEquals(x.mul(-1), x.neg());
  assertStrictEquals(x.neg().neg(), x);
  assertStrictEquals(x.div(1), x);
  assertStrictEquals(x.sub(y.neg()), x.add(y));
  assertStrictEquals(x.neg().mul(y.neg()), x.mul(y));
  assertStrictEquals(functions.where(y, x, x), x);
  assertStrictEquals(functions.where(1, x, y), x);
  assertStrictEquals(functions.notEqual(x, x), functions.isNaN(x));
  assertStrictEquals(functions.logicalAnd(functions.lessThan(x, y), 1), functions.lessThan(x, y));
  assertEquals(functions.exp(constant(2)).value, Math.exp(2));
  // Infinity and NaN must come through a product with 0.
  assertEquals(evaluate(x.mul(0), [Infinity]), NaN);
});

Deno.test("simplification keeps every value", () => {
  fc.assert(
    fc.property(expressions, numbers, (expression, point) => {
      const [direct] = toFunction([expression], 3)(point);
      assertEquals(direct + 0, evaluate(expression, point) + 0);
    }),
    { numRuns: 1_000, seed: 2 },
  );
  // Against arithmetic done by hand, the sign of zero aside.
  fc.assert(
    fc.property(numbers, ([a, b, c]) => {
      const built = x.neg().mul(y).sub(z.neg()).add(x.mul(-1).neg()).mul(y.mul(1));
      assertEquals(evaluate(built, [a, b, c]) + 0, (-a * b + c + a) * b + 0);
    }),
    { seed: 3 },
  );
});

Deno.test("substitution fuses: its value is the value of the parts in turn", () => {
  fc.assert(
    fc.property(
      expressions,
      expressions,
      expressions,
      expressions,
      numbers,
      (outer, a, b, c, point) => {
        const fused = substitute(outer, [a, b, c]);
        assertEquals(
          evaluate(fused, point) + 0,
          evaluate(outer, evaluateAll([a, b, c], point)) + 0,
        );
      },
    ),
    { numRuns: 300, seed: 4 },
  );
  assertEquals(inputsOf(substitute(x.add(y), [input(5), 2])), [5]);
  assertThrows(() => substitute(x.add(y), [x]), ValueError, "reads input 1, but only 1");
});

Deno.test("wrong inputs are named", () => {
  assertThrows(() => input(-1), ValueError, "found -1");
  assertThrows(() => input(0.5), ValueError, "found 0.5");
  assertThrows(() => evaluate(y, [1]), ValueError, "reads input 1, but only 1");
  assertThrows(() => toFunction([z], 2), ValueError, "reads input 2, but there are 2");
});

Deno.test("the inputs of expressions are listed once, ascending", () => {
  assertEquals(inputsOf(input(7).mul(y).add(y)), [1, 7]);
  assertEquals(inputsOf(z, x, z.mul(x)), [0, 2]);
  assertEquals(inputsOf(constant(1)), []);
});

Deno.test("where a content security policy forbids code from text, the interpreter gives the same values", () => {
  const rows = functionRows.map((row) => row.build(x, y));
  const compiled = toFunction(rows, 2);
  const original = globalThis.Function;
  let interpreted: (inputs: readonly number[]) => number[];
  try {
    globalThis.Function = class {
      constructor() {
        throw new EvalError("refused");
      }
    } as unknown as FunctionConstructor;
    interpreted = toFunction(rows, 2);
  } finally {
    globalThis.Function = original;
  }
  for (const point of [[0.5, 1.5], [-2, 3], [0, -0], [NaN, 1], [Infinity, 2]]) {
    assertEquals(interpreted(point), compiled(point));
  }
});

Deno.test("lowered expressions compute the same in float64, to the accuracy of their polynomials", () => {
  for (const row of functionRows) {
    const expression = row.build(x, y);
    const both = toFunction([expression, lower(expression)], 2);
    for (const domain of row.domains) {
      const points = samplePoints(domain, 300, 5);
      for (let index = 0; index < 300; index++) {
        const point = points.map((each) => each[index]);
        const [exact, lowered] = both(point);
        if (Math.abs(exact) < 1e-37) continue;
        const error = Math.abs(lowered - exact) / Math.abs(exact);
        assert(error < 3e-7, `${row.name} at ${point}: ${lowered} instead of ${exact}`);
      }
    }
  }
});

Deno.test("parts that read unchanging inputs only are taken out, and the rest computes the same", () => {
  fc.assert(
    fc.property(expressions, expressions, numbers, (a, b, point) => {
      const { invariants, variants } = splitInvariants([a, b], (index) => index > 0, 3);
      const extra = evaluateAll(invariants, point);
      assertEquals(
        evaluateAll(variants, [...point, ...extra]).map((value) => value + 0),
        evaluateAll([a, b], point).map((value) => value + 0),
      );
      for (const invariant of invariants) assert(!inputsOf(invariant).includes(0));
    }),
    { numRuns: 300, seed: 6 },
  );
});

Deno.test("expressions that nobody holds are collected, and made anew when asked for", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const make = () => x.mul(0.123).add(4.56);
  const { key } = make();
  const reference = new WeakRef(make());
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1)); // a WeakRef holds on until the turn ends
    collect();
  }
  assertEquals(reference.deref(), undefined);
  assertEquals(make().key, key);
  assertStrictEquals(make(), make());
});
