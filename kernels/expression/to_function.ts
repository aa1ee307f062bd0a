// The first printer: expressions as one float64 JavaScript function, the oracle of all others.

import { ValueError } from "../../errors.ts";
import { evaluateAll, type Expression, inputsOf, topologicalOrder } from "./expression.ts";
import { evaluators, type OperationName } from "./operations.ts";

/** What JavaScript writes between two operands; every other operation is a call. */
const infix: Partial<Record<OperationName, string>> = { add: "+", sub: "-", mul: "*", div: "/" };

/** A number as JavaScript text. */
function literal(value: number): string {
  return value < 0 || Object.is(value, -0) ? `(-${-value})` : String(value);
}

/** The text of a function body that returns the values of the expressions. */
function bodyOf(expressions: readonly Expression[]): string {
  const names = new Map<Expression, string>();
  const lines: string[] = [];
  for (const each of topologicalOrder(expressions)) {
    const { operation, operands, value } = each;
    if (operation === "constant") names.set(each, literal(value));
    else if (operation === "input") names.set(each, `inputs[${value}]`);
    else {
      const texts = operands.map((operand) => names.get(operand)!);
      const symbol = infix[operation];
      const text = symbol ? texts.join(` ${symbol} `) : `operations.${operation}(${texts.join()})`;
      const name = `t${lines.length}`;
      lines.push(`const ${name} = ${text};`);
      names.set(each, name);
    }
  }
  const results = expressions.map((expression) => names.get(expression)!);
  return `${lines.join("\n")}\nreturn [${results.join()}];`;
}

/**
 * A float64 function that computes expressions from the list of their inputs.
 *
 * Compiled with `new Function`; where a content security policy forbids that, interpreted with the same results.
 * Throws ValueError where an expression reads an input at or beyond `inputCount`.
 *
 * @example
 * ```ts
 * import { input, sigmoid, toFunction } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const [x, y] = [input(0), input(1)];
 * assertEquals(toFunction([x.mul(y), sigmoid(x)], 2)([0, 3]), [0, 0.5]);
 * ```
 */
export function toFunction(
  expressions: readonly Expression[],
  inputCount: number,
): (inputs: readonly number[]) => number[] {
  const highest = Math.max(-1, ...inputsOf(...expressions));
  if (highest >= inputCount) {
    throw new ValueError(
      `toFunction: an expression reads input ${highest}, but there are ${inputCount} inputs`,
    );
  }
  const body = bodyOf(expressions);
  let make: (operations: typeof evaluators) => (inputs: readonly number[]) => number[];
  try {
    make = new Function("operations", `return (inputs) => {\n${body}\n};`) as typeof make;
  } catch (error) {
    // A content security policy without 'unsafe-eval' refuses with an EvalError.
    if (!(error instanceof EvalError)) throw error;
    return (inputs) => evaluateAll(expressions, inputs);
  }
  return make(evaluators);
}
