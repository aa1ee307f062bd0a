// The printer for WebAssembly: expressions as SIMD code on four float32 lanes.
//
// Nodes that are used more than once become local variables, in topological order, so that no operand is read
// before it is computed, whatever order a printer puts its operands in. a * b + c becomes a fused multiply-add.

import {
  constantI32,
  type FunctionBuilder,
  instruction,
  laneSelect,
  type Local,
  multiplyAdd,
  negatedMultiplyAdd,
  splatI32x4,
  type Value,
} from "../wasm/assembler.ts";
import { type Expression, isConstant, topologicalOrder } from "./expression.ts";
import { lower, type NativeOperation } from "./lowering.ts";
import { isCondition } from "./operations.ts";

/** Four float32 lanes. */
export type Vector = Value<"v128">;

const floatView = new Float32Array(1);
const wordView = new Int32Array(floatView.buffer);

/**
 * The constants of a function, each in a local variable that is set once, before the loop that uses it: written
 * in place, a constant is loaded anew each time, at 1.5 to 2.9 times the cost of the whole loop.
 */
export class ConstantPool {
  readonly #body: FunctionBuilder;
  readonly #locals = new Map<number, Local<"v128">>();
  #requested = new Set<number>();

  /** The pool of one function. */
  constructor(body: FunctionBuilder) {
    this.#body = body;
  }

  /** Four lanes of a float32 number. To be used within {@linkcode hoist}. */
  float(value: number): Vector {
    floatView[0] = value;
    return this.bits(wordView[0]);
  }

  /** Four lanes of a 32-bit word. To be used within {@linkcode hoist}. */
  bits(word: number): Vector {
    this.#requested.add(word);
    let local = this.#locals.get(word);
    if (!local) this.#locals.set(word, local = this.#body.local("v128"));
    return local;
  }

  /** Emits code that uses the pool, and in front of it what sets the constants that it asked for. */
  hoist(emit: () => void): void {
    const outer = this.#requested;
    const inner = new Set<number>();
    this.#requested = inner;
    const mark = this.#body.mark();
    emit();
    this.#body.insert(mark, () => {
      for (const word of inner) this.#body.set(this.#locals.get(word)!, splatI32x4(word));
    });
    this.#requested = new Set([...outer, ...inner]);
  }
}

/** What a row may use beside its operands. */
interface Tools {
  readonly constants: ConstantPool;
  /** The operands, for what depends on their kind. */
  readonly operands: readonly Expression[];
  /** An operand as a condition: all ones or all zeros in each lane. */
  mask(index: number): Vector;
  /** An operand as a number. */
  number(index: number): Vector;
}

type Row = (tools: Tools) => Vector;

type UnaryName = "abs" | "neg" | "sqrt" | "floor" | "ceil" | "trunc" | "nearest";
type BinaryName = "add" | "sub" | "mul" | "div" | "lt" | "le" | "eq" | "ne";

/** A row that is one instruction on one number. */
function unary(name: UnaryName): Row {
  return (tools) => instruction(`f32x4.${name}`, tools.number(0));
}

/** A row that is one instruction on two numbers. */
function binary(name: BinaryName): Row {
  return (tools) => instruction(`f32x4.${name}`, tools.number(0), tools.number(1));
}

/**
 * `pmin` and `pmax` are one instruction, `min` and `max` about six; but they keep a NaN of the first operand only. So
 * they serve where the second is a constant.
 */
function extremum(name: "min" | "max"): Row {
  const isNumber = (operand: Expression) =>
    operand.operation === "constant" && !Number.isNaN(operand.value);
  return (tools) => {
    const [a, b] = tools.operands;
    if (isNumber(b)) return instruction(`f32x4.p${name}`, tools.number(0), tools.number(1));
    if (isNumber(a)) return instruction(`f32x4.p${name}`, tools.number(1), tools.number(0));
    return instruction(`f32x4.${name}`, tools.number(0), tools.number(1));
  };
}

/** A choice; against zero it is one bitwise instruction. */
const choose: Row = (tools) => {
  const [, a, b] = tools.operands;
  const isZero = (operand: Expression) => isConstant(operand, 0) && Object.is(operand.value, 0);
  if (isZero(b)) return instruction("v128.and", tools.number(1), tools.mask(0));
  if (isZero(a)) return instruction("v128.andnot", tools.number(2), tools.mask(0));
  return laneSelect(tools.number(1), tools.number(2), tools.mask(0));
};

/** 2^23 + 2^22 + 127: adding it leaves n + 127 in the low bits of the float's significand. */
const EXPONENT_BIAS_MAGIC = 12582912 + 127;
/** The bits of sqrt(1/2). */
const ROOT_HALF_BITS = 0x3f3504f3;

/** The bits of x minus those of sqrt(1/2): its upper nine bits are the exponent relative to [sqrt(1/2), sqrt(2)). */
function bitsFromRootHalf(tools: Tools): Vector {
  return instruction("i32x4.sub", tools.number(0), tools.constants.bits(ROOT_HALF_BITS));
}

const rows: Readonly<Record<NativeOperation, Row>> = {
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div"),
  neg: unary("neg"),
  abs: unary("abs"),
  sqrt: unary("sqrt"),
  floor: unary("floor"),
  ceil: unary("ceil"),
  round: unary("nearest"),
  trunc: unary("trunc"),
  minimum: extremum("min"),
  maximum: extremum("max"),
  lessThan: binary("lt"),
  lessEqual: binary("le"),
  equal: binary("eq"),
  notEqual: binary("ne"),
  logicalAnd: (tools) => instruction("v128.and", tools.mask(0), tools.mask(1)),
  logicalOr: (tools) => instruction("v128.or", tools.mask(0), tools.mask(1)),
  logicalNot: (tools) => instruction("v128.not", tools.mask(0)),
  isNaN: (tools) => instruction("f32x4.ne", tools.number(0), tools.number(0)),
  isFinite: (tools) =>
    instruction(
      "f32x4.lt",
      instruction("f32x4.abs", tools.number(0)),
      tools.constants.float(Infinity),
    ),
  where: choose,
  powerOfTwo: (tools) => {
    const biased = instruction(
      "f32x4.add",
      tools.number(0),
      tools.constants.float(EXPONENT_BIAS_MAGIC),
    );
    return instruction("i32x4.shl", biased, constantI32(23));
  },
  exponentOf: (tools) => {
    const exponent = instruction("i32x4.shr_s", bitsFromRootHalf(tools), constantI32(23));
    return instruction("f32x4.convert_i32x4_s", exponent);
  },
  significandOf: (tools) => {
    const exponent = instruction(
      "v128.and",
      bitsFromRootHalf(tools),
      tools.constants.bits(0xff800000 | 0),
    );
    return instruction("i32x4.sub", tools.number(0), exponent);
  },
  highBits: (tools) => instruction("v128.and", tools.number(0), tools.constants.bits(~0xfff)),
  sameInteger: (tools) => tools.number(0),
  stored: (tools) => tools.number(0),
  copySign: (tools) =>
    instruction(
      "v128.bitselect",
      tools.number(1),
      tools.number(0),
      tools.constants.bits(0x80000000 | 0),
    ),
};

/** What is known about an expression before it is printed; printed often in epilogues, so kept. */
interface Plan {
  readonly root: Expression;
  readonly order: readonly Expression[];
}

const plans = new WeakMap<Expression, Plan>();

function planOf(expression: Expression): Plan {
  let plan = plans.get(expression);
  if (!plan) {
    const root = lower(expression);
    plans.set(expression, plan = { root, order: topologicalOrder([root]) });
  }
  return plan;
}

/** The nodes of several expressions in topological order, each once. */
function mergedOrder(planned: readonly Plan[]): readonly Expression[] {
  if (planned.length === 1) return planned[0].order;
  return [...new Set(planned.flatMap((plan) => plan.order))];
}

/** How many operations, inputs and constants an expression takes on this machine, lowered. */
export function nodesOf(expression: Expression): number {
  return planOf(expression).order.length;
}

/** Nanoseconds to an element on one thread, roughly: for deciding how to split work (measured: 0.1 for relu, 1.1 for exp, 2 for GELU). */
export function costOf(expressions: readonly Expression[]): number {
  return expressions.reduce((sum, each) => sum + 0.025 * nodesOf(each), 0.1);
}

/**
 * Prints expressions as code on four float32 lanes, sharing what they have in common.
 *
 * `inputs` gives the four lanes of an input; asked for at every use, it should answer with a local variable.
 * Statements go into `body`; the values returned read local variables only, so they may be stored over the inputs'
 * memory. Conditions come out as 1 and 0.
 */
export function toWasm(
  body: FunctionBuilder,
  expressions: readonly Expression[],
  inputs: (index: number) => Vector,
  constants: ConstantPool,
): Vector[] {
  const planned = expressions.map(planOf);
  const order = mergedOrder(planned);
  const uses = new Map<Expression, number>();
  const use = (expression: Expression): void => {
    uses.set(expression, (uses.get(expression) ?? 0) + 1);
  };
  for (const each of order) each.operands.forEach(use);
  for (const { root } of planned) use(root);

  const locals = new Map<Expression, Local<"v128">>();
  const isProduct = (expression: Expression): boolean =>
    expression.operation === "mul" && uses.get(expression) === 1;

  /** The code of an operation: a mask where it is a condition. */
  const compute = (expression: Expression): Vector => {
    const { operation, operands } = expression;
    const [a, b] = operands;
    if (operation === "add" && isProduct(a)) {
      return multiplyAdd(number(a.operands[0]), number(a.operands[1]), number(b));
    }
    if (operation === "add" && isProduct(b)) {
      return multiplyAdd(number(b.operands[0]), number(b.operands[1]), number(a));
    }
    if (operation === "sub" && isProduct(b)) {
      return negatedMultiplyAdd(number(b.operands[0]), number(b.operands[1]), number(a));
    }
    return rows[operation as NativeOperation]({
      constants,
      operands,
      mask: (index) => mask(operands[index]),
      number: (index) => number(operands[index]),
    });
  };
  const stored = (expression: Expression): Vector => locals.get(expression) ?? compute(expression);
  const yieldsMask = ({ operation }: Expression): boolean =>
    operation !== "input" && operation !== "constant" && isCondition(operation);
  const number = (expression: Expression): Vector => {
    if (expression.operation === "constant") return constants.float(expression.value);
    if (expression.operation === "input") return inputs(expression.value);
    return yieldsMask(expression)
      ? instruction("v128.and", stored(expression), constants.float(1))
      : stored(expression);
  };
  const mask = (expression: Expression): Vector =>
    yieldsMask(expression)
      ? stored(expression)
      : instruction("f32x4.ne", number(expression), constants.float(0));

  for (const each of order) {
    if (each.operands.length > 0 && uses.get(each)! > 1) {
      locals.set(each, body.local("v128", compute(each)));
    }
  }
  return planned.map(({ root }) => number(root));
}
