// The printer for WebGPU: expressions as WGSL text, on float32.
//
// A GPU's compiler may assume that there are no NaNs and infinities, and WGSL refuses them as constants. So constants of
// that kind go through their bits in private variables, and tests for them look at bits. Functions are our own polynomials
// (lowering.ts), as on the other backends: the built-in exp, log and tanh are only good to 4e-6 on some devices.

import { type Expression, topologicalOrder } from "./expression.ts";
import { lower, type NativeOperation } from "./lowering.ts";
import { isCondition } from "./operations.ts";

/** Declarations that printed code refers to: to stand once in every module that contains such code. */
export const wgslPrelude: string = `\
var<private> corit_nan_bits: u32 = 0x7fc00000u;
var<private> corit_infinity_bits: u32 = 0x7f800000u;
var<private> corit_minus_infinity_bits: u32 = 0xff800000u;
fn corit_is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn corit_is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn corit_is_true(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) != 0u; }
fn corit_not_equal(a: f32, b: f32) -> bool {
  return corit_is_nan(a) || corit_is_nan(b) || a != b;
}
fn corit_minimum(a: f32, b: f32) -> f32 {
  return select(select(min(a, b), b, corit_is_nan(b)), a, corit_is_nan(a));
}
fn corit_maximum(a: f32, b: f32) -> f32 {
  return select(select(max(a, b), b, corit_is_nan(b)), a, corit_is_nan(a));
}
`;

/** Code that computes expressions: statements, then the texts of the values. */
export interface WgslCode {
  /** `let` statements, one a line. */
  readonly statements: readonly string[];
  /** The values, as names or literals of type f32. */
  readonly results: readonly string[];
}

type Row = (...operands: readonly string[]) => string;

/** A row that writes a symbol between two operands. */
function infix(symbol: string): Row {
  return (a, b) => `(${a} ${symbol} ${b})`;
}

/** A row that calls a function. */
function call(name: string): Row {
  return (...operands) => `${name}(${operands.join(", ")})`;
}

/** The bits of x minus those of sqrt(1/2): the upper nine are the exponent relative to [sqrt(1/2), sqrt(2)). */
function bitsFromRootHalf(x: string): string {
  return `(bitcast<i32>(${x}) - 0x3f3504f3)`;
}

/** Operands of the logical rows and the first of `where` are conditions, all others numbers. */
const rows: Readonly<Record<NativeOperation, Row>> = {
  add: infix("+"),
  sub: infix("-"),
  mul: infix("*"),
  div: infix("/"),
  neg: (x) => `(-${x})`,
  abs: call("abs"),
  sqrt: call("sqrt"),
  floor: call("floor"),
  ceil: call("ceil"),
  round: call("round"),
  trunc: call("trunc"),
  minimum: call("corit_minimum"),
  maximum: call("corit_maximum"),
  lessThan: infix("<"),
  lessEqual: infix("<="),
  equal: infix("=="),
  notEqual: call("corit_not_equal"),
  logicalAnd: infix("&&"),
  logicalOr: infix("||"),
  logicalNot: (x) => `(!${x})`,
  isNaN: call("corit_is_nan"),
  isFinite: call("corit_is_finite"),
  where: (condition, a, b) => `select(${b}, ${a}, ${condition})`,
  powerOfTwo: (n) => `bitcast<f32>((i32(${n}) + 127) << 23u)`,
  exponentOf: (x) => `f32(${bitsFromRootHalf(x)} >> 23u)`,
  significandOf: (x) =>
    `bitcast<f32>(bitcast<i32>(${x}) - (${bitsFromRootHalf(x)} & i32(-8388608)))`,
  highBits: (x) => `bitcast<f32>(bitcast<u32>(${x}) & 0xfffff000u)`,
  sameInteger: (n) => `f32(i32(${n}))`,
  stored: (x) => x,
  copySign: (x, sign) =>
    `bitcast<f32>((bitcast<u32>(${x}) & 0x7fffffffu) | (bitcast<u32>(${sign}) & 0x80000000u))`,
};

/** The operations whose operands are conditions. */
const logical: ReadonlySet<string> = new Set(["logicalAnd", "logicalOr", "logicalNot"]);

/** A number as WGSL text of type f32. */
function literal(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return "bitcast<f32>(corit_nan_bits)";
  if (rounded === Infinity) return "bitcast<f32>(corit_infinity_bits)";
  if (rounded === -Infinity) return "bitcast<f32>(corit_minus_infinity_bits)";
  const digits = String(Math.abs(rounded));
  const text = /[.e]/.test(digits) ? `${digits}f` : `${digits}.0f`;
  return rounded < 0 || Object.is(rounded, -0) ? `(-${text})` : text;
}

/**
 * Prints expressions as WGSL statements. `inputs` gives the text of an input, of type f32: a name or a literal. The
 * names of the values begin with `prefix`. The module must contain {@linkcode wgslPrelude}.
 *
 * @example
 * ```ts
 * import { input, relu, toWgsl } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const { statements, results } = toWgsl([relu(input(0).mul(2).add(1))], (i) => `x${i}`);
 * assertEquals(statements, [
 *   "let t0 = fma(x0, 2.0f, 1.0f);",
 *   "let t1 = corit_maximum(t0, 0.0f);",
 * ]);
 * assertEquals(results, ["t1"]);
 * ```
 */
export function toWgsl(
  expressions: readonly Expression[],
  inputs: (index: number) => string,
  prefix = "t",
): WgslCode {
  const roots = expressions.map(lower);
  const order = topologicalOrder(roots);
  const uses = new Map<Expression, number>();
  const use = (each: Expression): void => {
    uses.set(each, (uses.get(each) ?? 0) + 1);
  };
  for (const each of order) each.operands.forEach(use);
  roots.forEach(use);

  const statements: string[] = [];
  const names = new Map<Expression, string>();
  /** Products that the sum or difference they go into computes along, as one fused operation. */
  const fused = new Set<Expression>();
  for (const { operation, operands } of order) {
    if (operation !== "add" && operation !== "sub") continue;
    const isProduct = (each: Expression) => each.operation === "mul" && uses.get(each) === 1;
    const candidates = operation === "add" ? operands : operands.slice(1);
    const product = candidates.find(isProduct);
    if (product) fused.add(product);
  }
  const yieldsCondition = ({ operation }: Expression): boolean =>
    operation !== "input" && operation !== "constant" && isCondition(operation);
  const name = (each: Expression): string => {
    if (each.operation === "constant") return literal(each.value);
    return each.operation === "input" ? inputs(each.value) : names.get(each)!;
  };
  const number = (each: Expression): string =>
    yieldsCondition(each) ? `select(0.0f, 1.0f, ${name(each)})` : name(each);
  const condition = (each: Expression): string =>
    yieldsCondition(each) ? name(each) : `corit_is_true(${name(each)})`;

  /** The text of one operation on what was named before. */
  const print = ({ operation, operands }: Expression): string => {
    const product = operands.find((operand) => fused.has(operand));
    if (product && (operation === "add" || operation === "sub")) {
      const [a, b] = product.operands.map(number);
      const other = operands[0] === product ? operands[1] : operands[0];
      return `fma(${operation === "sub" ? `-${a}` : a}, ${b}, ${number(other)})`;
    }
    const texts = operands.map((operand, position) =>
      logical.has(operation) || (operation === "where" && position === 0)
        ? condition(operand)
        : number(operand)
    );
    return rows[operation as NativeOperation](...texts);
  };
  for (const each of order) {
    if (each.operands.length === 0 || fused.has(each)) continue;
    const text = `${prefix}${statements.length}`;
    statements.push(`let ${text} = ${print(each)};`);
    names.set(each, text);
  }
  return { statements, results: roots.map(number) };
}

/** An expression as a WGSL function of its inputs `x0`, `x1` and so on. */
export function toWgslFunction(name: string, expression: Expression, inputCount: number): string {
  const { statements, results } = toWgsl([expression], (index) => `x${index}`);
  const parameters = Array.from({ length: inputCount }, (_, index) => `x${index}: f32`).join(", ");
  const lines = [...statements, `return ${results[0]};`].map((line) => `  ${line}\n`).join("");
  return `fn ${name}(${parameters}) -> f32 {\n${lines}}\n`;
}
