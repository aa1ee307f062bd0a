// Which operations are written in terms of others where a machine has no instruction for them.

import {
  apply,
  constant,
  type Expression,
  inputsOf,
  substitute,
  topologicalOrder,
} from "./expression.ts";
import {
  erfcLowering,
  erfLowering,
  gaussianLowering,
  normalCdfLowering,
} from "./error_function.ts";
import {
  expLowering,
  expm1Lowering,
  sigmoidLowering,
  sigmoidSlopeLowering,
  tanhLowering,
} from "./exponential.ts";
import { lessThan, maximum, minimum, sqrt, where } from "./functions.ts";
import { log1pLowering, logLowering, powLowering, softplusLowering } from "./logarithm.ts";
import type { OperationName } from "./operations.ts";
import { cosLowering, sinLowering } from "./trigonometric.ts";

/** The operations that are written in terms of others, for float32. */
const lowerings = {
  rsqrt: (x: Expression): Expression => constant(1).div(sqrt(x)),
  sign: (x: Expression): Expression => where(lessThan(0, x), 1, where(lessThan(x, 0), -1, x)),
  clamp: (x: Expression, low: Expression, high: Expression): Expression =>
    minimum(maximum(x, low), high),
  relu: (x: Expression): Expression => maximum(x, 0),
  exp: expLowering,
  expm1: expm1Lowering,
  log: logLowering,
  log1p: log1pLowering,
  pow: powLowering,
  sin: sinLowering,
  cos: cosLowering,
  tanh: tanhLowering,
  sigmoid: sigmoidLowering,
  sigmoidSlope: sigmoidSlopeLowering,
  softplus: softplusLowering,
  erf: erfLowering,
  erfc: erfcLowering,
  normalCdf: normalCdfLowering,
  gaussian: gaussianLowering,
};

/** The name of an operation that is written in terms of others. */
type LoweredOperation = keyof typeof lowerings;

/** The name of an operation that every machine has: the ones a printer needs rows for. */
export type NativeOperation = Exclude<OperationName, LoweredOperation>;

/** Whether an operation is written in terms of others. */
function isLowered(operation: OperationName): operation is LoweredOperation {
  return operation in lowerings;
}

/** What was lowered before. */
const lowered = new WeakMap<Expression, Expression>();

/** Rewrites an expression so that it has native operations only, which compute it in float32. */
export function lower(expression: Expression): Expression {
  for (const each of topologicalOrder([expression])) {
    if (lowered.has(each)) continue;
    const { operation, operands } = each;
    if (operation === "input" || operation === "constant") lowered.set(each, each);
    else {
      const parts = operands.map((operand) => lowered.get(operand)!);
      if (!isLowered(operation)) lowered.set(each, apply(operation, ...parts));
      else {
        const write = lowerings[operation] as (...parts: readonly Expression[]) => Expression;
        lowered.set(each, lower(write(...parts)));
      }
    }
  }
  return lowered.get(expression)!;
}

/** How many operations an expression takes, lowered. */
function operationsOf(expression: Expression): number {
  return topologicalOrder([lower(expression)]).filter(({ operands }) => operands.length > 0).length;
}

/**
 * An expression of another's value: `outer` with input `at` replaced by `inner`, such that it has the bits of
 * computing one after the other. Nothing is simplified, shared, or contracted into a fused multiply-add across the
 * seam; undefined where that cannot be had.
 *
 * @param inputs What the other inputs of `outer` become.
 */
export function compose(
  outer: Expression,
  inner: Expression,
  inputs: readonly Expression[],
  at: ReadonlySet<number>,
): Expression | undefined {
  if (inputsOf(inner).length === 0) return undefined;
  const seam = apply("stored", inner);
  const composed = substitute(outer, inputs.map((input, index) => at.has(index) ? seam : input));
  return operationsOf(composed) === operationsOf(outer) + operationsOf(inner) + 1
    ? composed
    : undefined;
}
