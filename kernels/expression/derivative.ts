/**
 * Symbolic derivatives: reverse accumulation over the shared graph, of any order since the result is an expression.
 *
 * @module
 */

import {
  constant,
  type Expression,
  isConstant,
  type Operand,
  toExpression,
  topologicalOrder,
} from "./expression.ts";
import {
  cos,
  equal,
  exp,
  gaussian,
  lessEqual,
  lessThan,
  log,
  logicalAnd,
  pow,
  sigmoid,
  sigmoidSlope,
  sign,
  sin,
  square,
  tanh,
  where,
} from "./functions.ts";
import type { OperationName } from "./operations.ts";

/**
 * What each operand receives of the derivative `g` of the result `y`; `null` is nothing. Choices are written as
 * `where(condition, g, 0)`, never as a product with 0 or 1, so that an infinity not chosen does not become NaN.
 */
type DerivativeRule = (
  g: Expression,
  operands: readonly Expression[],
  y: Expression,
) => (Expression | null)[];

const flat: DerivativeRule = (_g, operands) => operands.map(() => null);

/** Half to each where equal, all to the one chosen elsewhere: as PyTorch. */
function extremum(g: Expression, a: Expression, b: Expression, aLoses: Expression): Expression {
  return where(equal(a, b), g.mul(0.5), where(aLoses, 0, g));
}

const rules: Readonly<Record<OperationName, DerivativeRule>> = {
  add: (g) => [g, g],
  sub: (g) => [g, g.neg()],
  mul: (g, [a, b]) => [g.mul(b), g.mul(a)],
  div: (g, [, b], y) => [g.div(b), g.mul(y).div(b).neg()],
  neg: (g) => [g.neg()],
  abs: (g, [x]) => [g.mul(sign(x))],
  sqrt: (g, _, y) => [g.mul(0.5).div(y)],
  rsqrt: (g, _, y) => [g.mul(-0.5).mul(square(y).mul(y))],
  floor: flat,
  ceil: flat,
  round: flat,
  trunc: flat,
  sign: flat,
  minimum: (g, [a, b]) => [extremum(g, a, b, lessThan(b, a)), extremum(g, b, a, lessThan(a, b))],
  maximum: (g, [a, b]) => [extremum(g, a, b, lessThan(a, b)), extremum(g, b, a, lessThan(b, a))],
  clamp: (g, [x, low, high]) => [
    where(logicalAnd(lessEqual(low, x), lessEqual(x, high)), g, 0),
    where(logicalAnd(lessThan(x, low), lessEqual(low, high)), g, 0),
    where(logicalAnd(lessEqual(x, high), lessEqual(low, high)), 0, g),
  ],
  relu: (g, [x]) => [where(lessEqual(x, 0), 0, g)],
  lessThan: flat,
  lessEqual: flat,
  equal: flat,
  notEqual: flat,
  logicalAnd: flat,
  logicalOr: flat,
  logicalNot: flat,
  isNaN: flat,
  isFinite: flat,
  where: (g, [condition]) => [null, where(condition, g, 0), where(condition, 0, g)],
  exp: (g, _, y) => [g.mul(y)],
  expm1: (g, [x]) => [g.mul(exp(x))], // y + 1 would cancel below 0
  log: (g, [x]) => [g.div(x)],
  log1p: (g, [x]) => [g.div(x.add(1))],
  pow: (g, [base, exponent], y) => [
    where(equal(exponent, 0), 0, g.mul(exponent).mul(pow(base, exponent.sub(1)))),
    where(logicalAnd(equal(base, 0), lessEqual(0, exponent)), 0, g.mul(y).mul(log(base))),
  ],
  sin: (g, [x]) => [g.mul(cos(x))],
  cos: (g, [x]) => [g.mul(sin(x)).neg()],
  tanh: (g, [x]) => [g.mul(sigmoidSlope(x.mul(2)).mul(4))], // 1 - y^2 cancels in the tails
  sigmoid: (g, [x]) => [g.mul(sigmoidSlope(x))],
  sigmoidSlope: (g, [x], y) => [g.mul(y).mul(tanh(x.mul(0.5))).neg()],
  softplus: (g, [x]) => [g.mul(sigmoid(x))],
  erf: (g, [x]) => [g.mul(square(gaussian(x)).mul(2 / Math.sqrt(Math.PI)))],
  erfc: (g, [x]) => [g.mul(square(gaussian(x)).mul(-2 / Math.sqrt(Math.PI)))],
  normalCdf: (g, [x]) => [g.mul(gaussian(x).mul(1 / Math.sqrt(2 * Math.PI)))],
  gaussian: (g, [x], y) => [g.mul(x.mul(y)).neg()],
  powerOfTwo: (g, _, y) => [g.mul(y).mul(Math.LN2)],
  exponentOf: flat,
  significandOf: (g, [x], y) => [g.mul(y).div(x)],
  highBits: (g) => [g],
  sameInteger: flat,
  stored: (g) => [g],
  copySign: (g, [x, s]) => [g.mul(sign(x)).mul(where(lessThan(s, 0), -1, 1)), null],
};

/** Derivatives taken before, by expression, then by the key of what they were asked with. */
const taken = new WeakMap<Expression, Map<string, readonly Expression[]>>();

/**
 * The derivatives of an expression by the inputs listed, each times `seed`. With the incoming gradient as the
 * seed this is the whole backward step of a pointwise operation, fused.
 *
 * @example
 * ```ts
 * import { derivatives, input } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b, gradient] = [input(0), input(1), input(2)];
 * const keys = derivatives(a.mul(b), [0, 1], gradient).map((each) => each.key);
 * assertEquals(keys, ["(x1*x2)", "(x0*x2)"]);
 * ```
 */
export function derivatives(
  expression: Expression,
  inputIndices: readonly number[],
  seed: Operand = 1,
): readonly Expression[] {
  const start = toExpression(seed);
  const key = `${inputIndices.join()};${start.key}`;
  let known = taken.get(expression);
  if (!known) taken.set(expression, known = new Map<string, readonly Expression[]>());
  let result = known.get(key);
  if (!result) known.set(key, result = accumulate(expression, inputIndices, start));
  return result;
}

/**
 * The derivative of an expression by one of its inputs, times `seed`.
 *
 * Where a function has a kink the choice is PyTorch's: 0 for `abs` and `relu` at 0, one half each for equal
 * operands of `minimum` and `maximum`, 1 for `clamp` at its bounds.
 *
 * @example
 * ```ts
 * import { derivative, evaluate, input, silu } from "@corit/corit/kernels";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const first = derivative(silu(input(0)), 0);
 * const second = derivative(first, 0);
 * assertAlmostEquals(evaluate(first, [0]), 0.5);
 * assertAlmostEquals(evaluate(second, [0]), 0.5);
 * ```
 */
export function derivative(
  expression: Expression,
  inputIndex: number,
  seed: Operand = 1,
): Expression {
  return derivatives(expression, [inputIndex], seed)[0];
}

/**
 * What the operands of an expression receive of `g`. Every rule is linear in it, so a choice of `g` or 0 becomes a choice
 * of what the rule makes of `g`, or 0: what an untaken branch divides by or multiplies with has no say.
 */
function partsOf(
  expression: Expression,
  operation: OperationName,
  g: Expression,
): (Expression | null)[] {
  if (g.operation === "where") {
    const [condition, a, b] = g.operands;
    const choose = (part: Expression | null, first: boolean) =>
      part && (first ? where(condition, part, 0) : where(condition, 0, part));
    if (isConstant(b, 0)) {
      return partsOf(expression, operation, a).map((part) => choose(part, true));
    }
    if (isConstant(a, 0)) {
      return partsOf(expression, operation, b).map((part) => choose(part, false));
    }
  }
  return rules[operation](g, expression.operands, expression);
}

/** Walks the graph from the result to its inputs, adding up what reaches each node. */
function accumulate(
  expression: Expression,
  inputIndices: readonly number[],
  seed: Expression,
): Expression[] {
  const order = topologicalOrder([expression]);
  const relevant = new Set<Expression>();
  for (const each of order) {
    const isWanted = each.operation === "input" && inputIndices.includes(each.value);
    if (isWanted || each.operands.some((operand) => relevant.has(operand))) relevant.add(each);
  }
  const received = new Map<Expression, Expression>([[expression, seed]]);
  for (const each of order.reverse()) {
    const g = received.get(each);
    if (g === undefined || !relevant.has(each)) continue;
    if (each.operation === "input" || each.operation === "constant") continue;
    partsOf(each, each.operation, g).forEach((part, index) => {
      const operand = each.operands[index];
      if (part === null || isConstant(part, 0) || !relevant.has(operand)) return;
      const before = received.get(operand);
      received.set(operand, before ? before.add(part) : part);
    });
  }
  const inputs = new Map(
    order.filter((each) => each.operation === "input").map((each) => [each.value, each]),
  );
  return inputIndices.map((index) => {
    const leaf = inputs.get(index);
    return (leaf && received.get(leaf)) ?? constant(0);
  });
}
