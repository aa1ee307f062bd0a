// Taking numbers out of expressions: a shader is compiled once for all their values.
//
// Compiling takes tens of milliseconds, and a learning rate or a slope may change with every call.

import { apply, type Expression, input, topologicalOrder } from "../expression/expression.ts";

/** Expressions whose numbers are inputs. */
export interface LiftedExpressions {
  /** The expressions; number i is input `firstIndex + i`. */
  readonly expressions: readonly Expression[];
  /** The numbers. */
  readonly numbers: readonly number[];
}

const lifted = new WeakMap<Expression, Map<number, LiftedExpressions>>();

/** Whether a number is part of a formula rather than a setting: small multiples of a half, and what is not finite. */
function isRound(value: number): boolean {
  return !Number.isFinite(value) || (Number.isInteger(2 * value) && Math.abs(value) <= 16);
}

function liftOne(expression: Expression, firstIndex: number): LiftedExpressions {
  let known = lifted.get(expression);
  if (!known) lifted.set(expression, known = new Map());
  let result = known.get(firstIndex);
  if (result) return result;
  const numbers: number[] = [];
  const rebuilt = new Map<Expression, Expression>();
  for (const each of topologicalOrder([expression])) {
    const { operation, operands, value } = each;
    if (operation === "input") rebuilt.set(each, each);
    else if (operation === "constant") {
      rebuilt.set(each, isRound(value) ? each : input(firstIndex + numbers.length));
      if (!isRound(value)) numbers.push(value);
    } else {
      // The exponent of a power decides how it is computed.
      const parts = operands.map((operand, position) =>
        operation === "pow" && position === 1 && operand.operation === "constant"
          ? operand
          : rebuilt.get(operand)!
      );
      rebuilt.set(each, apply(operation, ...parts));
    }
  }
  result = { expressions: [rebuilt.get(expression)!], numbers };
  known.set(firstIndex, result);
  return result;
}

/** Replaces the numbers in expressions by inputs from `firstIndex` on. */
export function liftNumbers(
  expressions: readonly Expression[],
  firstIndex: number,
): LiftedExpressions {
  const made: Expression[] = [];
  const numbers: number[] = [];
  for (const each of expressions) {
    const one = liftOne(each, firstIndex + numbers.length);
    made.push(...one.expressions);
    numbers.push(...one.numbers);
  }
  return { expressions: made, numbers };
}
