/**
 * Scalar expressions: immutable, shared, and the same object wherever the same expression is built.
 *
 * An expression is written once over its inputs (`x.mul(sigmoid(x))`); printers make a float64 function, WGSL
 * text or SIMD WebAssembly of it, and `derivative` its gradient. Because equal expressions are one object,
 * what a derivative has in common with its function is computed once.
 *
 * @module
 */

import { ValueError } from "../../errors.ts";
import { evaluateOperation, isCondition, type OperationName } from "./operations.ts";

/** What an expression can be built from: another expression, or a number. */
export type Operand = Expression | number;

/**
 * A scalar expression over numbered inputs. Made by {@linkcode input}, {@linkcode constant}, the methods below and
 * the functions of `functions.ts`; never with `new`.
 *
 * @example
 * ```ts
 * import { evaluate, input } from "@corit/corit/kernels";
 * import { assertEquals, assertStrictEquals } from "@std/assert";
 *
 * const x = input(0), y = input(1);
 * const sum = x.mul(y).add(1);
 * assertEquals(evaluate(sum, [3, 4]), 13);
 * assertStrictEquals(sum, x.mul(y).add(1)); // the same object
 * assertEquals(sum.key, "((x0*x1)+1)");
 * ```
 */
export class Expression {
  /** What it is: an operation, or one of the two kinds of leaf. */
  readonly operation: OperationName | "input" | "constant";
  /** What the operation works on. */
  readonly operands: readonly Expression[];
  /** The number of a constant, the index of an input. */
  readonly value: number;
  /** Tells this expression from every other: readable where short, else a hash. Equal in every process. */
  readonly key: string;

  /** Used by {@linkcode intern} alone. */
  constructor(
    operation: OperationName | "input" | "constant",
    operands: readonly Expression[],
    value: number,
    key: string,
  ) {
    this.operation = operation;
    this.operands = operands;
    this.value = value;
    this.key = key;
  }

  /** The sum. */
  add(other: Operand): Expression {
    return apply("add", this, other);
  }

  /** The difference. */
  sub(other: Operand): Expression {
    return apply("sub", this, other);
  }

  /** The product. */
  mul(other: Operand): Expression {
    return apply("mul", this, other);
  }

  /** The quotient. */
  div(other: Operand): Expression {
    return apply("div", this, other);
  }

  /** The negative. */
  neg(): Expression {
    return apply("neg", this);
  }
}

/** Every living expression by its key. Held weakly: expressions with changing constants must not pile up. */
const living = new Map<string, WeakRef<Expression>>();
const finalizer = new FinalizationRegistry<string>((key) => {
  if (living.get(key)?.deref() === undefined) living.delete(key);
});

/** Keys longer than this are hashed. */
const READABLE_KEY_LENGTH = 64;

/** 128 bits of hash in base 36 (four multiplicative hashes of 32 bits, mixed at the end as in MurmurHash3). */
function hash(text: string): string {
  let digits = "";
  for (const seed of [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f]) {
    let state = seed;
    for (let index = 0; index < text.length; index++) {
      state = Math.imul(state ^ text.charCodeAt(index), 0x5bd1e995 ^ seed);
      state ^= state >>> 15;
    }
    state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    digits += ((state ^ (state >>> 16)) >>> 0).toString(36);
  }
  return digits;
}

const infix: Partial<Record<OperationName, string>> = { add: "+", sub: "-", mul: "*", div: "/" };

/** The key of an operation on operands with these keys. */
function keyOf(operation: OperationName, operands: readonly Expression[]): string {
  const keys = operands.map((operand) => operand.key);
  const symbol = infix[operation];
  const text = symbol ? `(${keys.join(symbol)})` : `${operation}(${keys.join(",")})`;
  return text.length <= READABLE_KEY_LENGTH ? text : `#${hash(text)}`;
}

/** The one expression with this key. */
function intern(
  key: string,
  operation: OperationName | "input" | "constant",
  operands: readonly Expression[],
  value: number,
): Expression {
  const known = living.get(key)?.deref();
  if (known) return known;
  const expression = new Expression(operation, operands, value, key);
  living.set(key, new WeakRef(expression));
  finalizer.register(expression, key);
  return expression;
}

/** The input at a position. Throws ValueError where the position is not a whole number from 0 on. */
export function input(index: number): Expression {
  if (!Number.isInteger(index) || index < 0) {
    throw new ValueError(`input: expected an index of 0 or more, but found ${index}`);
  }
  return intern(`x${index}`, "input", [], index);
}

/** A number as an expression. */
export function constant(value: number): Expression {
  return intern(Object.is(value, -0) ? "-0" : String(value), "constant", [], value);
}

/** A number as a constant, an expression as it is. */
export function toExpression(operand: Operand): Expression {
  return typeof operand === "number" ? constant(operand) : operand;
}

/** Whether an expression is the constant `value`; the sign of zero counts for nothing. */
export function isConstant(expression: Expression, value: number): boolean {
  return expression.operation === "constant" && expression.value === value;
}

/**
 * Applies an operation, simplifying what costs nothing in accuracy: constants fold, x + 0, x * 1 and the like vanish
 * (the sign of a zero may change), double negations cancel. x * 0 stays, so that NaN and infinity are not hidden.
 */
export function apply(operation: OperationName, ...operands: readonly Operand[]): Expression {
  const terms = operands.map(toExpression);
  if (terms.every((term) => term.operation === "constant")) {
    return constant(evaluateOperation(operation, terms.map((term) => term.value)));
  }
  return simplified(operation, terms) ??
    intern(keyOf(operation, terms), operation, terms, 0);
}

/** A simpler expression of the same value, where there is one. */
function simplified(
  operation: OperationName,
  operands: readonly Expression[],
): Expression | undefined {
  const [a, b, c] = operands;
  switch (operation) {
    case "add":
      if (isConstant(b, 0)) return a;
      if (isConstant(a, 0)) return b;
      if (b.operation === "neg") return a.sub(b.operands[0]);
      if (a.operation === "neg") return b.sub(a.operands[0]);
      return outOfOrder(a, b) ? b.add(a) : undefined;
    case "sub":
      if (isConstant(b, 0)) return a;
      if (isConstant(a, 0)) return b.neg();
      return b.operation === "neg" ? a.add(b.operands[0]) : undefined;
    case "mul":
      if (isConstant(b, 1)) return a;
      if (isConstant(a, 1)) return b;
      if (isConstant(b, -1)) return a.neg();
      if (isConstant(a, -1)) return b.neg();
      if (a.operation === "neg") {
        return b.operation === "constant" ? a.operands[0].mul(b.neg()) : a.operands[0].mul(b).neg();
      }
      if (b.operation === "neg") return b.operands[0].mul(a).neg();
      return outOfOrder(a, b) ? b.mul(a) : undefined;
    case "div":
      if (isConstant(b, 1)) return a;
      return isConstant(b, -1) ? a.neg() : undefined;
    case "neg":
      return a.operation === "neg" ? a.operands[0] : undefined;
    case "where":
      if (b === c) return b;
      return a.operation === "constant" ? (a.value !== 0 ? b : c) : undefined;
    case "logicalAnd":
    case "logicalOr":
      return simplifiedLogic(operation, a, b) ?? simplifiedLogic(operation, b, a);
    case "notEqual": // a GPU's compiler may take x == x for granted; the bits tell
      return a === b ? apply("isNaN", a) : undefined;
    case "equal":
      return a === b ? apply("logicalNot", apply("isNaN", a)) : undefined;
    default:
      return undefined;
  }
}

/** `a and true`, `a or false` are a; `a and false`, `a or true` are constants. Only for an `a` that is 0 or 1. */
function simplifiedLogic(
  operation: "logicalAnd" | "logicalOr",
  a: Expression,
  b: Expression,
): Expression | undefined {
  if (b.operation !== "constant" || a.operation === "input" || a.operation === "constant") {
    return undefined;
  }
  const isNeutral = (b.value !== 0) === (operation === "logicalAnd");
  if (!isNeutral) return constant(operation === "logicalAnd" ? 0 : 1);
  return isCondition(a.operation) ? a : undefined;
}

/** Whether the operands of a commutative operation should change places: constants last, else by key. */
function outOfOrder(a: Expression, b: Expression): boolean {
  if (a.operation === "constant" || b.operation === "constant") return a.operation === "constant";
  return a.key > b.key;
}

/** Every expression that `roots` are built from, each once, operands before what uses them. */
export function topologicalOrder(roots: readonly Expression[]): Expression[] {
  const seen = new Set<Expression>();
  const order: Expression[] = [];
  const visit = (expression: Expression): void => {
    if (seen.has(expression)) return;
    seen.add(expression);
    expression.operands.forEach(visit);
    order.push(expression);
  };
  roots.forEach(visit);
  return order;
}

/** The inputs read by expressions asked about before. */
const readBy = new WeakMap<Expression, readonly number[]>();

/** The indices of the inputs that expressions read, ascending. */
export function inputsOf(...expressions: readonly Expression[]): readonly number[] {
  if (expressions.length !== 1) {
    return [...new Set(expressions.flatMap((each) => inputsOf(each)))].sort((a, b) => a - b);
  }
  let indices = readBy.get(expressions[0]);
  if (!indices) {
    indices = topologicalOrder(expressions)
      .filter((each) => each.operation === "input")
      .map((each) => each.value)
      .sort((a, b) => a - b);
    readBy.set(expressions[0], indices);
  }
  return indices;
}

/** Rebuilds an expression bottom-up; `leaf` replaces inputs. */
export function rebuild(
  expression: Expression,
  leaf: (input: Expression) => Expression,
): Expression {
  const rebuilt = new Map<Expression, Expression>();
  for (const each of topologicalOrder([expression])) {
    const { operation, operands } = each;
    if (operation === "constant") rebuilt.set(each, each);
    else if (operation === "input") rebuilt.set(each, leaf(each));
    else rebuilt.set(each, apply(operation, ...operands.map((operand) => rebuilt.get(operand)!)));
  }
  return rebuilt.get(expression)!;
}

/**
 * Replaces input i by `inputs[i]`: how pointwise operations are fused. Throws ValueError where one is missing.
 *
 * @example
 * ```ts
 * import { input, substitute } from "@corit/corit/kernels";
 * import { assertStrictEquals } from "@std/assert";
 *
 * const square = input(0).mul(input(0));
 * assertStrictEquals(substitute(square, [input(1).add(2)]).key, "((x1+2)*(x1+2))");
 * ```
 */
export function substitute(expression: Expression, inputs: readonly Operand[]): Expression {
  return rebuild(expression, (leaf) => toExpression(inputAt(inputs, leaf.value)));
}

/** The entry for an input. */
function inputAt<Type>(inputs: readonly Type[], index: number): Type {
  if (index < inputs.length) return inputs[index];
  throw new ValueError(`expression reads input ${index}, but only ${inputs.length} were given`);
}

/** The value of an expression in float64. Throws ValueError where an input is missing. */
export function evaluate(expression: Expression, inputs: readonly number[]): number {
  return evaluateAll([expression], inputs)[0];
}

/** The values of several expressions in float64, what they share computed once. */
export function evaluateAll(
  expressions: readonly Expression[],
  inputs: readonly number[],
): number[] {
  const values = new Map<Expression, number>();
  for (const each of topologicalOrder(expressions)) {
    const { operation, operands, value } = each;
    if (operation === "constant") values.set(each, value);
    else if (operation === "input") values.set(each, inputAt(inputs, value));
    else {
      const numbers = operands.map((operand) => values.get(operand)!);
      values.set(each, evaluateOperation(operation, numbers));
    }
  }
  return expressions.map((expression) => values.get(expression)!);
}
