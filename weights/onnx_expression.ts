// The scalar language printed as ONNX nodes, beside its printers for JavaScript, WebAssembly and WGSL.

import { UnsupportedError } from "../errors.ts";
import { type Expression, topologicalOrder } from "../kernels/expression/expression.ts";
import type { OperationName } from "../kernels/expression/operations.ts";
import { type OnnxGraphWriter, type OnnxType, onnxTypes } from "./onnx_file.ts";

/** A value in the graph: its name and its type. */
export interface OnnxValue {
  /** Its name. */
  readonly name: string;
  /** Its element type. */
  readonly type: OnnxType;
}

/** A value in another element type. */
export function castTo(graph: OnnxGraphWriter, value: OnnxValue, type: OnnxType): OnnxValue {
  if (value.type === type) return value;
  return { type, name: graph.node("Cast", [value.name], { to: onnxTypes[type] }) };
}

type Print = (graph: OnnxGraphWriter, ...operands: string[]) => string;

/** An operation of ONNX with the same meaning. */
function named(opType: string): Print {
  return (graph, ...operands) => graph.node(opType, operands);
}

/** Numbers to numbers. */
const arithmetic: Partial<Record<OperationName, Print>> = {
  add: named("Add"),
  sub: named("Sub"),
  mul: named("Mul"),
  div: named("Div"),
  neg: named("Neg"),
  abs: named("Abs"),
  sqrt: named("Sqrt"),
  rsqrt: (graph, x) => graph.node("Reciprocal", [graph.node("Sqrt", [x])]),
  floor: named("Floor"),
  ceil: named("Ceil"),
  round: named("Round"),
  trunc: (graph, x) =>
    graph.node("Mul", [
      graph.node("Sign", [x]),
      graph.node("Floor", [graph.node("Abs", [x])]),
    ]),
  sign: named("Sign"),
  minimum: named("Min"),
  maximum: named("Max"),
  clamp: (graph, x, low, high) => graph.node("Min", [graph.node("Max", [x, low]), high]),
  relu: named("Relu"),
  exp: named("Exp"),
  expm1: (graph, x) => graph.node("Sub", [graph.node("Exp", [x]), graph.scalar(1)]),
  log: named("Log"),
  log1p: (graph, x) => graph.node("Log", [graph.node("Add", [x, graph.scalar(1)])]),
  pow: named("Pow"),
  sin: named("Sin"),
  cos: named("Cos"),
  tanh: named("Tanh"),
  sigmoid: named("Sigmoid"),
  sigmoidSlope: (graph, x) =>
    graph.node("Mul", [
      graph.node("Sigmoid", [x]),
      graph.node("Sigmoid", [graph.node("Neg", [x])]),
    ]),
  softplus: named("Softplus"),
  erf: named("Erf"),
  erfc: (graph, x) => graph.node("Sub", [graph.scalar(1), graph.node("Erf", [x])]),
  normalCdf: (graph, x) => {
    const erf = graph.node("Erf", [graph.node("Mul", [x, graph.scalar(Math.SQRT1_2)])]);
    return graph.node("Mul", [graph.node("Add", [erf, graph.scalar(1)]), graph.scalar(0.5)]);
  },
  gaussian: (graph, x) =>
    graph.node("Exp", [graph.node("Mul", [graph.node("Mul", [x, x]), graph.scalar(-0.5)])]),
};

/** Numbers to conditions. */
const comparisons: Partial<Record<OperationName, Print>> = {
  lessThan: named("Less"),
  lessEqual: named("LessOrEqual"),
  equal: named("Equal"),
  notEqual: (graph, a, b) => graph.node("Not", [graph.node("Equal", [a, b])]),
  isNaN: named("IsNaN"),
  isFinite: (graph, x) =>
    graph.node("Not", [
      graph.node("Or", [graph.node("IsNaN", [x]), graph.node("IsInf", [x])]),
    ]),
};

/** Conditions to conditions. */
const logic: Partial<Record<OperationName, Print>> = {
  logicalAnd: named("And"),
  logicalOr: named("Or"),
  logicalNot: named("Not"),
};

/**
 * Adds the nodes of an expression to a graph.
 *
 * @throws {UnsupportedError} ONNX has no such operation.
 */
export function printExpression(
  graph: OnnxGraphWriter,
  expression: Expression,
  inputs: readonly OnnxValue[],
): OnnxValue {
  const printed = new Map<Expression, OnnxValue>();
  for (const each of topologicalOrder([expression])) {
    const { operation, value } = each;
    const operands = each.operands.map((operand) => printed.get(operand)!);
    const as = (type: OnnxType) => operands.map((operand) => castTo(graph, operand, type).name);
    if (operation === "constant") printed.set(each, { name: graph.scalar(value), type: "float32" });
    else if (operation === "input") printed.set(each, castNumber(graph, inputs[value]));
    else if (operation === "where") {
      const [condition] = as("bool");
      const [, a, b] = as("float32");
      printed.set(each, { name: graph.node("Where", [condition, a, b]), type: "float32" });
    } else if (arithmetic[operation]) {
      printed.set(each, { name: arithmetic[operation](graph, ...as("float32")), type: "float32" });
    } else if (comparisons[operation]) {
      printed.set(each, { name: comparisons[operation](graph, ...as("float32")), type: "bool" });
    } else if (logic[operation]) {
      printed.set(each, { name: logic[operation](graph, ...as("bool")), type: "bool" });
    } else {
      throw new UnsupportedError(`ONNX has no operation for "${operation}" of ${expression.key}`);
    }
  }
  return printed.get(expression)!;
}

/** Whole numbers are computed with as real ones. */
function castNumber(graph: OnnxGraphWriter, value: OnnxValue): OnnxValue {
  return value.type === "bool" ? value : castTo(graph, value, "float32");
}
