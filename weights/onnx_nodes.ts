// Each primitive operation as ONNX nodes.

import { UnsupportedError } from "../errors.ts";
import type { DType } from "../kernels/kernel.ts";
import type { OperationName, OperationOptions } from "../tensor/operation.ts";
import type { Shape } from "../tensor/shape.ts";
import { castTo, type OnnxValue, printExpression } from "./onnx_expression.ts";
import type { OnnxGraphWriter, OnnxType } from "./onnx_file.ts";

/** A value and its shape. */
export interface ShapedValue extends OnnxValue {
  /** Lengths of the axes. */
  readonly shape: Shape;
}

/** What is known of an operation's result beforehand. */
export interface ResultDescriptor {
  /** Lengths of the axes. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
}

type Write<Name extends OperationName> = (
  graph: OnnxGraphWriter,
  inputs: readonly ShapedValue[],
  options: OperationOptions[Name],
  result: ResultDescriptor,
) => OnnxValue;

/** The type that a tensor of ours has in ONNX. Throws UnsupportedError where it has none here. */
export function onnxTypeOf(dtype: DType): OnnxType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new UnsupportedError(
    `ONNX export writes float32, int32 and bool, but found ${dtype}; compute on the device wasm`,
  );
}

/** Swaps the last two axes. */
function swapped(graph: OnnxGraphWriter, { name, shape }: ShapedValue): string {
  const perm = shape.map((_, axis) => axis);
  perm.splice(-2, 2, shape.length - 1, shape.length - 2);
  return graph.node("Transpose", [name], { perm });
}

const float = (name: string): OnnxValue => ({ name, type: "float32" });

/** Beyond every index: where a slice with a negative step ends before the first element. */
const beforeAll = Number.MIN_SAFE_INTEGER;

/** How operations become nodes. */
const writers: { readonly [Name in OperationName]?: Write<Name> } = {
  pointwise: (graph, inputs, { expression }, { dtype }) =>
    castTo(graph, printExpression(graph, expression, inputs), onnxTypeOf(dtype)),
  reduce(graph, inputs, { kind, first, last, map }, { dtype }) {
    const mapped = map ? printExpression(graph, map, inputs) : inputs[0];
    const { name } = castTo(graph, mapped, "float32");
    const axes = Array.from({ length: last - first + 1 }, (_, at) => first + at);
    const reduced = kind === "sum"
      ? graph.node("ReduceSum", [name, graph.integers(axes)], { keepdims: 0 })
      : graph.node(kind === "max" ? "ReduceMax" : "ReduceMin", [name], { axes, keepdims: 0 });
    return castTo(graph, float(reduced), onnxTypeOf(dtype));
  },
  argReduce(graph, [x], { kind, axis }) {
    const opType = kind === "max" ? "ArgMax" : "ArgMin";
    const { name } = castTo(graph, x, "float32");
    const index = graph.node(opType, [name], { axis, keepdims: 0 });
    return castTo(graph, { name: index, type: "int64" }, "int32");
  },
  cumulativeSum: (graph, [x], { axis, reverse }) => ({
    ...x,
    name: graph.node("CumSum", [x.name, graph.integers([axis])], { reverse: reverse ? 1 : 0 }),
  }),
  sort(graph, [x], { axis, descending }) {
    const { name } = castTo(graph, x, "float32");
    const [, order] = graph.nodes("TopK", [name, graph.integers([x.shape[axis]])], 2, {
      axis,
      largest: descending ? 1 : 0,
    });
    return castTo(graph, { name: order, type: "int64" }, "int32");
  },
  matmul(graph, [a, b, bias], { transposeA, transposeB, activation }) {
    const product = graph.node("MatMul", [
      transposeA ? swapped(graph, a) : a.name,
      transposeB ? swapped(graph, b) : b.name,
    ]);
    const sum = bias ? graph.node("Add", [product, bias.name]) : product;
    return activation ? printExpression(graph, activation, [float(sum)]) : float(sum);
  },
  softmax: (graph, [x], { logarithm }) =>
    float(graph.node(logarithm ? "LogSoftmax" : "Softmax", [x.name], { axis: -1 })),
  layerNorm: (graph, inputs, { epsilon }) =>
    float(graph.node("LayerNormalization", inputs.map(({ name }) => name), {
      axis: -1,
      epsilon: { real: epsilon },
    })),
  attention(graph, [packed], { heads, scale, causal }, { shape: [batch, tokens, width] }) {
    if (causal) throw new UnsupportedError("ONNX export: causal attention is not written");
    const split = graph.node("Reshape", [
      packed.name,
      graph.integers([batch, tokens, 3, heads, width / heads]),
    ]);
    const ordered = graph.node("Transpose", [split], { perm: [2, 0, 3, 1, 4] });
    const [query, key, value] = graph.nodes("Split", [ordered, graph.integers([1, 1, 1])], 3, {
      axis: 0,
    }).map((part) => graph.node("Squeeze", [part, graph.integers([0])]));
    const scores = graph.node("MatMul", [
      graph.node("Mul", [query, graph.scalar(scale)]),
      graph.node("Transpose", [key], { perm: [0, 1, 3, 2] }),
    ]);
    const mixed = graph.node("MatMul", [graph.node("Softmax", [scores], { axis: -1 }), value]);
    const together = graph.node("Transpose", [mixed], { perm: [0, 2, 1, 3] });
    return float(graph.node("Reshape", [together, graph.integers([batch, tokens, width])]));
  },
  permute: (graph, [x], { axes }) => ({
    ...x,
    name: graph.node("Transpose", [x.name], { perm: axes }),
  }),
  slice(graph, [x], { starts, sizes, steps }) {
    const ends = starts.map((start, axis) => {
      const end = start + sizes[axis] * steps[axis];
      return end < 0 ? beforeAll : end;
    });
    const axes = starts.map((_, axis) => axis);
    const ranges = [starts, ends, axes, steps].map((values) => graph.integers(values));
    return { ...x, name: graph.node("Slice", [x.name, ...ranges]) };
  },
  concat: (graph, inputs, { axis }) => ({
    ...inputs[0],
    name: graph.node("Concat", inputs.map(({ name }) => name), { axis }),
  }),
  expand: (graph, [x], { shape }) => ({
    ...x,
    name: graph.node("Expand", [x.name, graph.integers(shape)]),
  }),
  gather: (graph, [x, index], { axis, mode }) => ({
    ...x,
    name: graph.node(mode === "select" ? "Gather" : "GatherElements", [x.name, index.name], {
      axis,
    }),
  }),
  convert: (graph, [x], { dtype }) => castTo(graph, x, onnxTypeOf(dtype)),
};

/**
 * Adds the nodes of an operation to a graph and returns its first output.
 *
 * @throws {UnsupportedError} The operation is not written here.
 */
export function writeOperation(
  graph: OnnxGraphWriter,
  name: string,
  options: unknown,
  inputs: readonly ShapedValue[],
  result: ResultDescriptor,
): OnnxValue {
  // The tape's options are those of the operation that it names.
  const write = writers[name as OperationName] as Write<OperationName> | undefined;
  if (write) return write(graph, inputs, options as OperationOptions[OperationName], result);
  throw new UnsupportedError(
    `ONNX export: the operation ${name} is not written, only ${Object.keys(writers).join(", ")}`,
  );
}
