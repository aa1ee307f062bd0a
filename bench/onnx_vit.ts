// A vision transformer written as ONNX in the operations that PyTorch's exporter uses, so that onnxruntime computes on
// the same weights as we do. Only what its benchmark needs: one class token, read at the end.
//
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

import protobuf from "protobufjs";
import { ClipImageEncoder, type VisionTransformer } from "../nn/mod.ts";

const schema = `
  syntax = "proto2";
  message ModelProto {
    optional int64 ir_version = 1;
    optional string producer_name = 2;
    optional GraphProto graph = 7;
    repeated OperatorSetIdProto opset_import = 8;
  }
  message OperatorSetIdProto { optional string domain = 1; optional int64 version = 2; }
  message GraphProto {
    repeated NodeProto node = 1;
    optional string name = 2;
    repeated TensorProto initializer = 5;
    repeated ValueInfoProto input = 11;
    repeated ValueInfoProto output = 12;
  }
  message NodeProto {
    repeated string input = 1;
    repeated string output = 2;
    optional string op_type = 4;
    repeated AttributeProto attribute = 5;
  }
  message AttributeProto {
    optional string name = 1;
    optional float f = 2;
    optional int64 i = 3;
    repeated int64 ints = 8;
    optional int32 type = 20;
  }
  message TensorProto {
    repeated int64 dims = 1;
    optional int32 data_type = 2;
    optional string name = 8;
    optional bytes raw_data = 9;
  }
  message ValueInfoProto { optional string name = 1; optional TypeProto type = 2; }
  message TypeProto { optional Tensor tensor_type = 1; }
  message Tensor { optional int32 elem_type = 1; optional TensorShapeProto shape = 2; }
  message TensorShapeProto { repeated Dimension dim = 1; }
  message Dimension { optional int64 dim_value = 1; }
`;

const modelType = protobuf.parse(schema).root.lookupType("ModelProto");

/** An attribute's value: a whole number, several, or a real number as `{ f }`. */
type AttributeValue = number | readonly number[] | { readonly f: number };

function attribute([name, value]: [string, AttributeValue]) {
  if (typeof value === "number") return { name, i: value, type: 2 };
  return "f" in value ? { name, f: value.f, type: 1 } : { name, ints: value, type: 7 };
}

/** Collects nodes and stored tensors; every method returns the name of what it adds. */
class Graph {
  readonly #nodes: unknown[] = [];
  readonly #stored = new Map<string, unknown>();

  add(opType: string, input: string[], attributes: Record<string, AttributeValue> = {}): string {
    const output = `${opType}_${this.#nodes.length}`;
    const list = Object.entries(attributes).map(attribute);
    this.#nodes.push({ opType, input, output: [output], attribute: list });
    return output;
  }

  floats(name: string, values: Float32Array, dims: readonly number[]): string {
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#stored.set(name, { name, dims, dataType: 1, rawData });
    return name;
  }

  scalar(value: number): string {
    return this.floats(`scalar ${value}`, Float32Array.of(value), []);
  }

  integers(values: readonly number[]): string {
    const name = `integers ${values.join(",")}`;
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#stored.set(name, { name, dims: [values.length], dataType: 7, rawData });
    return name;
  }

  encode(input: readonly number[], result: string, output: readonly number[]): Uint8Array {
    const value = (name: string, shape: readonly number[]) => ({
      name,
      type: {
        tensorType: { elemType: 1, shape: { dim: shape.map((dimValue) => ({ dimValue })) } },
      },
    });
    this.#nodes.push({ opType: "Identity", input: [result], output: ["features"] });
    return modelType.encode({
      irVersion: 8,
      producerName: "corit",
      opsetImport: [{ domain: "", version: 17 }],
      graph: {
        name: "encoder",
        node: this.#nodes,
        initializer: [...this.#stored.values()],
        input: [value("pixel_values", input)],
        output: [value("features", output)],
      },
    }).finish();
  }
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column];
    }
  }
  return result;
}

/**
 * The bytes of an ONNX model of an encoder, for `batch` images: `pixel_values` [batch, 3, height, width], standardised
 * colours, to `features` [batch, features], the class token's after the head or the projection where there is one.
 */
export function onnxOf(encoder: VisionTransformer, batch: number): Uint8Array {
  const { imageSize, patchSize, width, heads, depth, epsilon, activation } = encoder.config;
  const parameters = encoder.namedParameters();
  const graph = new Graph();
  const values = (name: string): Float32Array =>
    Float32Array.from(parameters.get(name)!.value.dataSync());
  const stored = (name: string, dims?: readonly number[]): string =>
    graph.floats(name, values(name), dims ?? parameters.get(name)!.shape);
  /** x weight' + bias of some rows of a layer. */
  const linear = (x: string, layer: string, first = 0, count?: number): string => {
    const [outputs, inputs] = parameters.get(`${layer}.weight`)!.shape;
    const rows = count ?? outputs;
    const part = values(`${layer}.weight`).subarray(first * inputs, (first + rows) * inputs);
    const name = `${layer} ${first}`;
    const weight = graph.floats(`${name} weight`, transposed(part, rows, inputs), [inputs, rows]);
    const product = graph.add("MatMul", [x, weight]);
    if (!parameters.has(`${layer}.bias`)) return product;
    const bias = values(`${layer}.bias`).slice(first, first + rows);
    return graph.add("Add", [graph.floats(`${name} bias`, bias, [rows]), product]);
  };
  const norm = (x: string, layer: string): string =>
    graph.add("LayerNormalization", [x, stored(`${layer}.weight`), stored(`${layer}.bias`)], {
      axis: -1,
      epsilon: { f: epsilon },
    });
  const gelu = (x: string): string => {
    if (activation === "geluQuick") {
      return graph.add("Mul", [
        x,
        graph.add("Sigmoid", [graph.add("Mul", [x, graph.scalar(1.702)])]),
      ]);
    }
    const error = graph.add("Erf", [graph.add("Div", [x, graph.scalar(Math.SQRT2)])]);
    const product = graph.add("Mul", [x, graph.add("Add", [error, graph.scalar(1)])]);
    return graph.add("Mul", [product, graph.scalar(0.5)]);
  };
  const headWidth = width / heads;
  const split = (x: string, order: number[]): string =>
    graph.add("Transpose", [
      graph.add("Reshape", [x, graph.integers([batch, -1, heads, headWidth])]),
    ], { perm: order });
  const attention = (x: string, block: string): string => {
    const query = linear(x, `${block}.attn.qkv`, 0, width);
    const key = linear(x, `${block}.attn.qkv`, width, width);
    const value = linear(x, `${block}.attn.qkv`, 2 * width, width);
    const scaled = graph.add("Mul", [query, graph.scalar(headWidth ** -0.5)]);
    const scores = graph.add("MatMul", [split(scaled, [0, 2, 1, 3]), split(key, [0, 2, 3, 1])]);
    const weights = graph.add("Softmax", [scores], { axis: -1 });
    const mixed = graph.add("MatMul", [weights, split(value, [0, 2, 1, 3])]);
    const joined = graph.add("Transpose", [mixed], { perm: [0, 2, 1, 3] });
    const shape = graph.integers([batch, -1, width]);
    return linear(graph.add("Reshape", [joined, shape]), `${block}.attn.proj`);
  };

  const kernel = [patchSize, patchSize];
  const convolution = ["pixel_values", stored("patch_embed.proj.weight")];
  if (parameters.has("patch_embed.proj.bias")) convolution.push(stored("patch_embed.proj.bias"));
  const patches = graph.add("Conv", convolution, { kernel_shape: kernel, strides: kernel });
  const flat = graph.add("Reshape", [patches, graph.integers([batch, width, -1])]);
  const classToken = graph.add("Expand", [stored("cls_token"), graph.integers([batch, 1, width])]);
  const tokens = graph.add("Concat", [
    classToken,
    graph.add("Transpose", [flat], { perm: [0, 2, 1] }),
  ], { axis: 1 });
  let x = graph.add("Add", [tokens, stored("pos_embed")]);
  if (parameters.has("norm_pre.weight")) x = norm(x, "norm_pre");
  for (let block = 0; block < depth; block++) {
    const name = `blocks.${block}`;
    x = graph.add("Add", [x, attention(norm(x, `${name}.norm1`), name)]);
    const hidden = gelu(linear(norm(x, `${name}.norm2`), `${name}.mlp.fc1`));
    x = graph.add("Add", [x, linear(hidden, `${name}.mlp.fc2`)]);
  }
  const first = graph.add("Gather", [x, graph.integers([0])], { axis: 1 });
  const pooled = norm(graph.add("Reshape", [first, graph.integers([batch, width])]), "norm");
  const last = encoder instanceof ClipImageEncoder ? "visual_projection" : "head";
  const readOut = parameters.get(`${last}.weight`);
  const result = readOut ? linear(pooled, last) : pooled;
  return graph.encode(
    [batch, 3, imageSize, imageSize],
    result,
    [batch, readOut?.shape[0] ?? width],
  );
}
