// Rows of pointwise operations.

import * as operations from "../../../tensor/operations/mod.ts";
import { pointwise, type Tensor } from "../../../tensor/mod.ts";
import type { GeluForm } from "../../../tensor/operations/mod.ts";
import { floats, mask, type Row, row, type RowDefinition } from "../row.ts";

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;

/** A function of one tensor on low..high, away from kinks. */
function unary(
  name: string,
  operation: Unary,
  low: number,
  high: number,
  more: Partial<RowDefinition<object>> & { avoid?: readonly number[] } = {},
): Row {
  const { avoid, ...rest } = more;
  return row<object>({
    name,
    call: ([x]) => operation(x),
    draw: (pick) => ({ inputs: [floats(pick.shape(0, 4), low, high, { avoid })], options: {} }),
    relativeTo: "element",
    ...rest,
  });
}

/** A function of two tensors that broadcast; the second stays away from 0. */
function binary(name: string, operation: Binary, more: Partial<RowDefinition<object>> = {}): Row {
  return row<object>({
    name,
    call: ([a, b]) => operation(a, b),
    draw: (pick) => {
      const shape = pick.shape(0, 4);
      const [a, b] = pick.flag()
        ? [shape, pick.broadcasting(shape)]
        : [pick.broadcasting(shape), shape];
      return { inputs: [floats(a, -2, 2), floats(b, 0.3, 3)], options: {} };
    },
    relativeTo: "element",
    gradientTerms: 10,
    ...more,
  });
}

/** An extremum: one operand has multiples of a quarter, the other stays away from them, so that nothing ties. */
function extremum(name: string, operation: Binary): Row {
  const quarters = Array.from({ length: 17 }, (_, i) => i / 4 - 2);
  return row<object>({
    name,
    gradientTerms: 10,
    call: ([a, b]) => operation(a, b),
    draw: (pick) => {
      const shape = pick.shape(0, 3);
      const other = pick.broadcasting(shape);
      return {
        inputs: [floats(shape, -2, 2, { step: 0.25 }), floats(other, -2, 2, { avoid: quarters })],
        options: {},
      };
    },
  });
}

/** A comparison: equal numbers occur. */
function comparison(name: string, operation: Binary): Row {
  return row<object>({
    name,
    call: ([a, b]) => operation(a, b),
    draw: (pick) => {
      const shape = pick.shape(0, 4);
      const step = 0.5;
      return {
        inputs: [
          floats(shape, -1, 1, { step }),
          floats(pick.broadcasting(shape), -1, 1, { step }),
        ],
        options: {},
      };
    },
    order: 0,
  });
}

/** A function of truth values. */
function logical(name: string, operation: Binary | Unary, operands: 1 | 2): Row {
  return row<object>({
    name,
    call: ([a, b]) => operation(a, b),
    draw: (pick) => {
      const shape = pick.shape(0, 4);
      const all = [mask(shape), mask(pick.broadcasting(shape))];
      return { inputs: all.slice(0, operands), options: {} };
    },
    order: 0,
  });
}

const wholeNumbers = [-3, -2, -1, 0, 1, 2, 3];
const halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5];

const formula = pointwise((x, y) => x.mul(y).add(x.sub(y).mul(x)));

/** Every pointwise operation. */
export const pointwiseRows: readonly Row[] = [
  unary("neg", operations.neg, -3, 3),
  unary("abs", operations.abs, -3, 3, { avoid: [0] }),
  unary("sign", operations.sign, -3, 3, { avoid: [0] }),
  unary("floor", operations.floor, -3, 3, { avoid: wholeNumbers }),
  unary("ceil", operations.ceil, -3, 3, { avoid: wholeNumbers }),
  unary("round", operations.round, -3, 3, { avoid: halves }),
  unary("square", operations.square, -3, 3),
  unary("sqrt", operations.sqrt, 0.05, 9),
  unary("rsqrt", operations.rsqrt, 0.05, 9),
  unary("exp", operations.exp, -6, 6),
  unary("expm1", operations.expm1, -3, 3),
  unary("log", operations.log, 0.05, 9),
  unary("log1p", operations.log1p, -0.9, 5),
  unary("sin", operations.sin, -7, 7, { relativeTo: "tensor" }),
  unary("cos", operations.cos, -7, 7, { relativeTo: "tensor" }),
  unary("tanh", operations.tanh, -5, 5),
  unary("sigmoid", operations.sigmoid, -9, 9),
  unary("erf", operations.erf, -3, 3),
  unary("relu", operations.relu, -3, 3, { avoid: [0] }),
  unary("silu", operations.silu, -8, 8),
  unary("softplus", operations.softplus, -9, 9),
  row<{ form: GeluForm }>({
    name: "gelu",
    call: ([x], { form }) => operations.gelu(x, form),
    draw: (pick) => ({
      inputs: [floats(pick.shape(0, 3), -5, 5)],
      options: { form: pick.oneOf("exact", "tanh", "quick") },
    }),
  }),
  row<{ slope: number }>({
    name: "leakyRelu",
    call: ([x], { slope }) => operations.leakyRelu(x, slope),
    draw: (pick) => ({
      inputs: [floats(pick.shape(0, 3), -3, 3, { avoid: [0] })],
      options: { slope: pick.oneOf(0.01, 0.2) },
    }),
    relativeTo: "element",
  }),
  row<{ alpha: number }>({
    name: "elu",
    call: ([x], { alpha }) => operations.elu(x, alpha),
    draw: (pick) => ({
      inputs: [floats(pick.shape(0, 3), -3, 3, { avoid: [0] })],
      options: { alpha: pick.oneOf(1, 1.5) },
    }),
    relativeTo: "element",
  }),
  row<{ low?: number; high?: number }>({
    name: "clamp",
    call: ([x], { low, high }) => operations.clamp(x, low, high),
    draw: (pick) => ({
      inputs: [floats(pick.shape(0, 3), -2, 2, { avoid: [-0.5, 1] })],
      options: pick.oneOf<{ low?: number; high?: number }>(
        { low: -0.5, high: 1 },
        { low: -0.5 },
        { high: 1 },
      ),
    }),
  }),
  binary("add", operations.add, { relativeTo: "tensor" }),
  binary("sub", operations.sub, { relativeTo: "tensor" }),
  binary("mul", operations.mul),
  binary("div", operations.div),
  extremum("minimum", operations.minimum),
  extremum("maximum", operations.maximum),
  row<{ exponent?: number }>({
    name: "pow",
    gradientTerms: 10,
    call: ([a, b], { exponent }) => operations.pow(a, exponent ?? b),
    draw: (pick) => {
      const shape = pick.shape(0, 3);
      const base = floats(shape, 0.2, 3);
      if (pick.flag()) {
        return { inputs: [base], options: { exponent: pick.oneOf(2, 3, -1, 0.5, -1.5) } };
      }
      return { inputs: [base, floats(pick.broadcasting(shape))], options: {} };
    },
    tolerance: 1e-5,
    relativeTo: "element",
  }),
  row<object>({
    name: "where",
    gradientTerms: 10,
    call: ([condition, a, b]) => operations.where(condition, a, b),
    draw: (pick) => {
      const shape = pick.shape(0, 4);
      const other = () => pick.broadcasting(shape);
      return { inputs: [mask(other()), floats(shape), floats(other())], options: {} };
    },
  }),
  comparison("equal", operations.equal),
  comparison("notEqual", operations.notEqual),
  comparison("less", operations.less),
  comparison("lessEqual", operations.lessEqual),
  comparison("greater", operations.greater),
  comparison("greaterEqual", operations.greaterEqual),
  logical("logicalNot", operations.logicalNot, 1),
  logical("logicalAnd", operations.logicalAnd, 2),
  logical("logicalOr", operations.logicalOr, 2),
  binary("pointwise", formula, { relativeTo: "tensor" }),
];
