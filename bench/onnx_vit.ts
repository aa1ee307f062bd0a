// A vision transformer written as ONNX in the operations that PyTorch's exporter uses, so that onnxruntime computes on
// the same weights as we do. Only what its benchmark needs: one class token, read at the end.

import { ClipImageEncoder, type VisionTransformer } from "../nn/mod.ts";
import { OnnxGraphWriter } from "../weights/onnx_file.ts";

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
  const graph = new OnnxGraphWriter();
  const values = (name: string): Float32Array =>
    Float32Array.from(parameters.get(name)!.value.dataSync());
  const stored = (name: string): string =>
    graph.tensor(values(name), parameters.get(name)!.shape, "float32");
  /** x weight' + bias of some rows of a layer. */
  const linear = (x: string, layer: string, first = 0, count?: number): string => {
    const [outputs, inputs] = parameters.get(`${layer}.weight`)!.shape;
    const rows = count ?? outputs;
    const part = values(`${layer}.weight`).subarray(first * inputs, (first + rows) * inputs);
    const weight = graph.tensor(transposed(part, rows, inputs), [inputs, rows], "float32");
    const product = graph.node("MatMul", [x, weight]);
    if (!parameters.has(`${layer}.bias`)) return product;
    const bias = values(`${layer}.bias`).slice(first, first + rows);
    return graph.node("Add", [graph.tensor(bias, [rows], "float32"), product]);
  };
  const norm = (x: string, layer: string): string =>
    graph.node("LayerNormalization", [x, stored(`${layer}.weight`), stored(`${layer}.bias`)], {
      axis: -1,
      epsilon: { real: epsilon },
    });
  const gelu = (x: string): string => {
    if (activation === "geluQuick") {
      return graph.node("Mul", [
        x,
        graph.node("Sigmoid", [graph.node("Mul", [x, graph.scalar(1.702)])]),
      ]);
    }
    const error = graph.node("Erf", [graph.node("Div", [x, graph.scalar(Math.SQRT2)])]);
    const product = graph.node("Mul", [x, graph.node("Add", [error, graph.scalar(1)])]);
    return graph.node("Mul", [product, graph.scalar(0.5)]);
  };
  const headWidth = width / heads;
  const split = (x: string, order: number[]): string =>
    graph.node("Transpose", [
      graph.node("Reshape", [x, graph.integers([batch, -1, heads, headWidth])]),
    ], { perm: order });
  const attention = (x: string, block: string): string => {
    const query = linear(x, `${block}.attn.qkv`, 0, width);
    const key = linear(x, `${block}.attn.qkv`, width, width);
    const value = linear(x, `${block}.attn.qkv`, 2 * width, width);
    const scaled = graph.node("Mul", [query, graph.scalar(headWidth ** -0.5)]);
    const scores = graph.node("MatMul", [split(scaled, [0, 2, 1, 3]), split(key, [0, 2, 3, 1])]);
    const weights = graph.node("Softmax", [scores], { axis: -1 });
    const mixed = graph.node("MatMul", [weights, split(value, [0, 2, 1, 3])]);
    const joined = graph.node("Transpose", [mixed], { perm: [0, 2, 1, 3] });
    const shape = graph.integers([batch, -1, width]);
    return linear(graph.node("Reshape", [joined, shape]), `${block}.attn.proj`);
  };

  const kernel = [patchSize, patchSize];
  const convolution = ["pixel_values", stored("patch_embed.proj.weight")];
  if (parameters.has("patch_embed.proj.bias")) convolution.push(stored("patch_embed.proj.bias"));
  const patches = graph.node("Conv", convolution, { kernel_shape: kernel, strides: kernel });
  const flat = graph.node("Reshape", [patches, graph.integers([batch, width, -1])]);
  const classToken = graph.node("Expand", [stored("cls_token"), graph.integers([batch, 1, width])]);
  const tokens = graph.node("Concat", [
    classToken,
    graph.node("Transpose", [flat], { perm: [0, 2, 1] }),
  ], { axis: 1 });
  let x = graph.node("Add", [tokens, stored("pos_embed")]);
  if (parameters.has("norm_pre.weight")) x = norm(x, "norm_pre");
  for (let block = 0; block < depth; block++) {
    const name = `blocks.${block}`;
    x = graph.node("Add", [x, attention(norm(x, `${name}.norm1`), name)]);
    const hidden = gelu(linear(norm(x, `${name}.norm2`), `${name}.mlp.fc1`));
    x = graph.node("Add", [x, linear(hidden, `${name}.mlp.fc2`)]);
  }
  const first = graph.node("Gather", [x, graph.integers([0])], { axis: 1 });
  const pooled = norm(graph.node("Reshape", [first, graph.integers([batch, width])]), "norm");
  const last = encoder instanceof ClipImageEncoder ? "visual_projection" : "head";
  const readOut = parameters.get(`${last}.weight`);
  const result = readOut ? linear(pooled, last) : pooled;
  graph.finish(result, "features");
  return graph.encode(
    { name: "pixel_values", shape: [batch, 3, imageSize, imageSize] },
    { name: "features", shape: [batch, readOut?.shape[0] ?? width] },
    {},
  );
}
