// The operations of the scalar language: how many operands each takes, and its value in float64.
//
// This table alone defines what an operation means. The printers (to_function, to_wgsl, to_wasm) and the
// derivative rules have rows for the same names, exhaustive by type.

import {
  complementaryErrorFunction,
  errorFunction,
  exponentOf,
  highBits,
  logistic,
  logisticSlope,
  normalDistribution,
  roundToEven,
} from "./special_functions.ts";

/** A truth value as a number. */
function truth(condition: boolean): number {
  return condition ? 1 : 0;
}

/**
 * The value of each operation on numbers.
 *
 * Conditions are 1 or 0; as an operand, any number but 0 counts as true (NaN too, as in PyTorch).
 * The last group serves the float32 approximations of the others and is not meant for users.
 */
// deno-fmt-ignore
export const evaluators = {
  add: (a: number, b: number): number => a + b,
  sub: (a: number, b: number): number => a - b,
  mul: (a: number, b: number): number => a * b,
  div: (a: number, b: number): number => a / b,
  neg: (a: number): number => -a,
  abs: (a: number): number => Math.abs(a),
  sqrt: (a: number): number => Math.sqrt(a),
  rsqrt: (a: number): number => 1 / Math.sqrt(a),
  floor: (a: number): number => Math.floor(a),
  ceil: (a: number): number => Math.ceil(a),
  round: (a: number): number => roundToEven(a),
  trunc: (a: number): number => Math.trunc(a),
  sign: (a: number): number => Math.sign(a),
  minimum: (a: number, b: number): number => Math.min(a, b),
  maximum: (a: number, b: number): number => Math.max(a, b),
  clamp: (a: number, low: number, high: number): number => Math.min(Math.max(a, low), high),
  relu: (a: number): number => (a <= 0 ? 0 : a),

  lessThan: (a: number, b: number): number => truth(a < b),
  lessEqual: (a: number, b: number): number => truth(a <= b),
  equal: (a: number, b: number): number => truth(a === b),
  notEqual: (a: number, b: number): number => truth(a !== b),
  logicalAnd: (a: number, b: number): number => truth(a !== 0 && b !== 0),
  logicalOr: (a: number, b: number): number => truth(a !== 0 || b !== 0),
  logicalNot: (a: number): number => truth(a === 0),
  isNaN: (a: number): number => truth(Number.isNaN(a)),
  isFinite: (a: number): number => truth(Number.isFinite(a)),
  where: (condition: number, a: number, b: number): number => (condition !== 0 ? a : b),

  exp: (a: number): number => Math.exp(a),
  expm1: (a: number): number => Math.expm1(a),
  log: (a: number): number => Math.log(a),
  log1p: (a: number): number => Math.log1p(a),
  pow: (a: number, b: number): number => Math.pow(a, b),
  sin: (a: number): number => Math.sin(a),
  cos: (a: number): number => Math.cos(a),
  tanh: (a: number): number => Math.tanh(a),
  sigmoid: (a: number): number => logistic(a),
  sigmoidSlope: (a: number): number => logisticSlope(a),
  softplus: (a: number): number => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))),
  erf: (a: number): number => errorFunction(a),
  erfc: (a: number): number => complementaryErrorFunction(a),
  normalCdf: (a: number): number => normalDistribution(a),
  gaussian: (a: number): number => Math.exp(-0.5 * a * a),

  powerOfTwo: (a: number): number => (a <= -127 ? 0 : 2 ** a),
  exponentOf: (a: number): number => exponentOf(a),
  significandOf: (a: number): number => a / 2 ** exponentOf(a),
  highBits: (a: number): number => highBits(a),
  sameInteger: (a: number): number => a,
  stored: (a: number): number => a,
  copySign: (a: number, sign: number): number => (sign < 0 || Object.is(sign, -0) ? -Math.abs(a) : Math.abs(a)),
};

/** The name of an operation on numbers. */
export type OperationName = keyof typeof evaluators;

/** The operations whose result is a condition, 1 or 0. */
const conditions: ReadonlySet<OperationName> = new Set<OperationName>([
  "lessThan",
  "lessEqual",
  "equal",
  "notEqual",
  "logicalAnd",
  "logicalOr",
  "logicalNot",
  "isNaN",
  "isFinite",
]);

/** Whether an operation yields a condition, 1 or 0. */
export function isCondition(operation: OperationName): boolean {
  return conditions.has(operation);
}

/** The value of an operation on numbers. */
export function evaluateOperation(operation: OperationName, operands: readonly number[]): number {
  return (evaluators[operation] as (...operands: readonly number[]) => number)(...operands);
}
