// Weights out of ONNX files: named as in PyTorch, laid out as in PyTorch, and never quantized.

import { FileError, FormatError } from "../errors.ts";
import { type Shape, showShape } from "../tensor/shape.ts";
import { reasonOf } from "./files.ts";
import {
  numbersOf,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  parseOnnx,
  shapeOf,
  typeOf,
} from "./onnx_format.ts";
import type { StoredValues, TensorSource } from "./source.ts";

/** An open ONNX file. */
export interface OnnxSource extends TensorSource {
  /** Scalars and whole numbers, which a graph needs to compute but which are no weights: shapes by name. */
  readonly constants: ReadonlyMap<string, Shape>;
  /** The weights that are stored quantized and read as float32. */
  readonly quantized: readonly string[];
}

/** How a quantized tensor becomes float: (q - zeroPoint) * scale, along an axis or alike everywhere. */
interface Quantization {
  readonly scale: string;
  readonly zeroPoint: string | undefined;
  readonly axis: number;
}

/** A stored tensor and what its use in the graph says about it. */
interface Weight {
  readonly tensor: OnnxTensor;
  readonly quantization: Quantization | undefined;
  readonly transposed: boolean;
}

const floats = ["float32", "float64", "float16", "bfloat16"];

/** Initializers and the values of Constant nodes, by name. */
function storedTensors({ node, initializer }: OnnxGraph): Map<string, OnnxTensor> {
  const stored = new Map(initializer.map((tensor) => [tensor.name, tensor]));
  for (const { opType, output, attribute } of node) {
    if (opType !== "Constant") continue;
    const value = attribute.find(({ name }) => name === "value")?.t;
    if (value) stored.set(output[0], value);
  }
  return stored;
}

/** A whole-number option of a node. */
function option({ attribute }: OnnxNode, name: string, otherwise: number): number {
  const found = attribute.find((each) => each.name === name);
  return found ? Number(String(found.i)) : otherwise;
}

/** `/vision_model/encoder/layers.0/self_attn/q_proj/MatMul_quant` is `vision_model.encoder.layers.0.self_attn.q_proj`. */
function moduleOf(nodeName: string): string | undefined {
  const path = nodeName.match(/^\/?(.+)\/(?:MatMul|Gemm)(?:_\d+)?(?:_quant)?$/)?.[1].split("/");
  // A torch.nn.Sequential stands twice: /blocks/blocks.0/...
  return path?.filter((part, at) => !path[at + 1]?.startsWith(`${part}.`)).join(".");
}

/** Exporters give up a parameter's name where they transpose it. */
function isAnonymous(name: string): boolean {
  return name.startsWith("onnx::") || /^\/?.*Constant(_\d+)?_output_0$/.test(name);
}

/**
 * Finds what is a weight, under the name it has in PyTorch.
 *
 * Quantized as onnxruntime does it: `MatMulInteger` of `W_quantized` and `W_zero_point`, with `W_scale` multiplied in
 * later; or `DequantizeLinear(W, scale, zero point)`.
 */
function findWeights(graph: OnnxGraph, stored: ReadonlyMap<string, OnnxTensor>) {
  const weights = new Map<string, Weight>();
  const used = new Set<string>();
  const add = (name: string, weight: Weight) => {
    if (weights.has(name)) throw new FormatError(`ONNX: two weights are called ${name}`);
    weights.set(name, weight);
  };
  /** Named tensors keep name and layout; anonymous ones take both from the node. */
  const nameAndLayout = (stem: string, node: OnnxNode, transposed: boolean) => {
    const module = isAnonymous(stem) ? moduleOf(node.name) : undefined;
    return module === undefined
      ? { name: stem, transposed: false }
      : { name: `${module}.weight`, transposed };
  };
  const dequantizedAs = new Map<string, { name: string; quantization: Quantization }>();
  for (const node of graph.node) {
    const [first, second, third, fourth] = node.input;
    if (node.opType === "MatMulInteger" && stored.has(second)) {
      const stem = second.replace(/_quantized$/, "");
      const scale = `${stem}_scale`;
      if (!stored.has(scale)) {
        throw new FormatError(`ONNX: ${second} is quantized, but there is no ${scale}`);
      }
      const { name, transposed } = nameAndLayout(stem, node, true);
      for (const each of [second, scale, fourth]) used.add(each);
      const quantization = { scale, zeroPoint: fourth || undefined, axis: -1 };
      add(name, { tensor: stored.get(second)!, quantization, transposed });
    } else if (node.opType === "DequantizeLinear" && stored.has(first) && stored.has(second)) {
      for (const each of [first, second, third]) if (each) used.add(each);
      dequantizedAs.set(node.output[0], {
        name: first,
        quantization: {
          scale: second,
          zeroPoint: third || undefined,
          axis: option(node, "axis", 1),
        },
      });
    }
  }
  for (const node of graph.node) {
    if (!["MatMul", "Gemm"].includes(node.opType)) continue;
    const input = node.input[1];
    const dequantized = dequantizedAs.get(input);
    const tensor = stored.get(dequantized?.name ?? input);
    if (!tensor || shapeOf(tensor).length !== 2) continue;
    const stem = (dequantized?.name ?? input).replace(/_quantized$/, "");
    if (!isAnonymous(stem)) continue;
    const transposed = node.opType === "MatMul" || option(node, "transB", 0) === 0;
    const found = nameAndLayout(stem, node, transposed);
    add(found.name, { tensor, quantization: dequantized?.quantization, ...found });
    used.add(dequantized?.name ?? input);
    dequantizedAs.delete(input);
  }
  for (const { name, quantization } of dequantizedAs.values()) {
    add(name.replace(/_quantized$/, ""), {
      tensor: stored.get(name)!,
      quantization,
      transposed: false,
    });
  }
  const constants = new Map<string, Shape>();
  for (const [name, tensor] of stored) {
    if (used.has(name)) continue;
    const shape = shapeOf(tensor);
    if (shape.length === 0 || !floats.includes(typeOf(name, tensor))) constants.set(name, shape);
    else add(name, { tensor, quantization: undefined, transposed: false });
  }
  return { weights, constants };
}

/** [rows, columns] -> [columns, rows]. */
function transposedValues(values: Float32Array, [rows, columns]: Shape): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = values[row * columns + column];
    }
  }
  return result;
}

/** (q - zeroPoint) * scale in float32. */
function dequantize(
  name: string,
  { tensor, quantization }: Weight & { quantization: Quantization },
  stored: ReadonlyMap<string, OnnxTensor>,
): Float32Array {
  const quantized = numbersOf(name, tensor);
  const shape = shapeOf(tensor);
  const axis = quantization.axis < 0 ? quantization.axis + shape.length : quantization.axis;
  const parameter = (which: string | undefined, otherwise: number): ArrayLike<number> => {
    const found = which === undefined ? undefined : stored.get(which);
    const values = found ? numbersOf(which!, found) : [otherwise];
    if (values.length === 1 || values.length === shape[axis]) return values;
    throw new FormatError(
      `ONNX: ${which} has ${values.length} elements for ${name} ${showShape(shape)}; expected 1, ` +
        `or one for each of the ${shape[axis]} along axis ${axis}`,
    );
  };
  const scale = parameter(quantization.scale, 1);
  const zeroPoint = parameter(quantization.zeroPoint, 0);
  const length = shape[axis] ?? 1;
  const inner = shape.slice(axis + 1).reduce((product, each) => product * each, 1);
  const result = new Float32Array(quantized.length);
  for (let i = 0; i < result.length; i++) {
    const at = Math.floor(i / inner) % length;
    const factor = scale[scale.length === 1 ? 0 : at];
    const zero = zeroPoint[zeroPoint.length === 1 ? 0 : at];
    result[i] = (quantized[i] - zero) * factor;
  }
  return result;
}

/**
 * Opens an ONNX file as a source of weights under the names and layouts they have in PyTorch.
 *
 * Initializers and `Constant` nodes are read; INT8 and UINT8 weights (dynamic quantization's `MatMulInteger`, or
 * `DequantizeLinear`; one scale or one a column) become float32. Exporters take the name from a weight that they
 * transpose (`onnx::MatMul_12`): such a weight is named after its node and transposed back to [outputs, inputs]. The
 * file's bytes stay in memory until the source is let go.
 *
 * @throws {FileError} The file cannot be read.
 * @throws {FormatError} It is damaged, of another format, holds types that are not read here, or refers to other files.
 */
export async function openOnnx(path: string): Promise<OnnxSource> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    throw new FileError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  try {
    return readOnnx(bytes, path);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${path}: ${error.message}`, { cause: error });
  }
}

/**
 * As {@linkcode openOnnx}, from bytes in memory.
 *
 * @param title What errors and reports call it.
 * @throws {FormatError} As {@linkcode openOnnx}.
 */
export function readOnnx(bytes: Uint8Array, title: string): OnnxSource {
  const graph = parseOnnx(bytes);
  const stored = storedTensors(graph);
  const { weights, constants } = findWeights(graph, stored);
  const shapes = new Map(
    [...weights].map(([name, { tensor, transposed }]) => {
      const shape = shapeOf(tensor);
      return [name, transposed ? shape.toReversed() : shape];
    }),
  );
  const isQuantized = (weight: Weight): weight is Weight & { quantization: Quantization } =>
    weight.quantization !== undefined;
  const read = (name: string): StoredValues => {
    const weight = weights.get(name);
    if (!weight) throw new FormatError(`${title}: there is no weight ${JSON.stringify(name)}`);
    const { tensor, transposed } = weight;
    const values = isQuantized(weight)
      ? dequantize(name, weight, stored)
      : Float32Array.from(numbersOf(name, tensor));
    return transposed ? transposedValues(values, shapeOf(tensor)) : values;
  };
  return {
    title,
    shapes,
    constants,
    quantized: [...weights].filter(([, weight]) => isQuantized(weight)).map(([name]) => name),
    read: (name) => Promise.resolve().then(() => read(name)),
    async *pieces(name) {
      yield await Promise.resolve(read(name));
    },
    [Symbol.dispose]: () => {},
  };
}
