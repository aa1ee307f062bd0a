// Taking out of a loop what does not change in it.

import { apply, type Expression, input, topologicalOrder } from "./expression.ts";

/** Expressions split into what is computed once and what is computed for every element. */
export interface SplitExpressions {
  /** Computed once, from unchanging inputs and constants alone. */
  readonly invariants: readonly Expression[];
  /** Computed for every element; invariant i is input `firstIndex + i`. */
  readonly variants: readonly Expression[];
}

/** Replaces the largest parts that read only inputs of which `isInvariant` holds by inputs from `firstIndex` on. */
export function splitInvariants(
  expressions: readonly Expression[],
  isInvariant: (inputIndex: number) => boolean,
  firstIndex: number,
): SplitExpressions {
  const unchanging = new Set<Expression>();
  const rebuilt = new Map<Expression, Expression>();
  const invariants: Expression[] = [];
  const places = new Map<Expression, Expression>();
  /** What stands for an operand: invariant parts are given a place when something variant asks for them. */
  const standIn = (expression: Expression): Expression => {
    if (!unchanging.has(expression)) return rebuilt.get(expression)!;
    if (expression.operands.length === 0) return expression;
    let place = places.get(expression);
    if (!place) {
      place = input(firstIndex + invariants.length);
      places.set(expression, place);
      invariants.push(expression);
    }
    return place;
  };
  for (const each of topologicalOrder(expressions)) {
    const { operation, operands, value } = each;
    if (operation === "constant" || (operation === "input" && isInvariant(value))) {
      unchanging.add(each);
    } else if (operation === "input") rebuilt.set(each, each);
    else if (operands.every((operand) => unchanging.has(operand))) unchanging.add(each);
    else rebuilt.set(each, apply(operation, ...operands.map(standIn)));
  }
  return { invariants, variants: expressions.map(standIn) };
}
