// The parts of an ONNX file that hold weights, and the numbers of a tensor.

import { FormatError } from "../errors.ts";
import {
  bfloat16Values,
  booleanValues,
  float16Values,
  wideIntegers,
} from "../tensor/safetensors_values.ts";
import { type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { reasonOf } from "./files.ts";
import { onnxModelType } from "./onnx_schema.ts";

/** A whole number of 64 bits as the protobuf library gives it. */
type Wide = number | { toString(): string };

/** A stored tensor. */
export interface OnnxTensor {
  /** Lengths of the axes. */
  readonly dims: readonly Wide[];
  /** Code of the element type. */
  readonly dataType: number;
  /** Its name, empty inside a Constant node. */
  readonly name: string;
  /** Its bytes, or empty where one of the lists holds its elements. */
  readonly rawData: Uint8Array;
  /** Elements of float32. */
  readonly floatData: readonly number[];
  /** Elements of the small types. */
  readonly int32Data: readonly number[];
  /** Elements of int64. */
  readonly int64Data: readonly Wide[];
  /** Elements of float64. */
  readonly doubleData: readonly number[];
  /** 1 where the elements are in another file. */
  readonly dataLocation: number;
}

/** An option of a node. */
export interface OnnxAttribute {
  /** Its name. */
  readonly name: string;
  /** A number. */
  readonly f: number;
  /** A whole number. */
  readonly i: Wide;
  /** A tensor. */
  readonly t: OnnxTensor | null;
  /** Numbers. */
  readonly floats: readonly number[];
  /** Whole numbers. */
  readonly ints: readonly Wide[];
}

/** A node of the graph. */
export interface OnnxNode {
  /** Names of its inputs. */
  readonly input: readonly string[];
  /** Names of its outputs. */
  readonly output: readonly string[];
  /** Its own name. */
  readonly name: string;
  /** What it computes. */
  readonly opType: string;
  /** Its options. */
  readonly attribute: readonly OnnxAttribute[];
}

/** A graph's nodes and stored tensors. */
export interface OnnxGraph {
  /** In order of computation. */
  readonly node: readonly OnnxNode[];
  /** Stored tensors. */
  readonly initializer: readonly OnnxTensor[];
}

/**
 * Parses a file's bytes; tensors are views into them.
 *
 * @throws {FormatError} It is no ONNX file.
 */
export function parseOnnx(bytes: Uint8Array): OnnxGraph {
  let graph: OnnxGraph | null | undefined;
  try {
    // The schema is what the interfaces say; unset fields have their defaults.
    graph = (onnxModelType.decode(bytes) as unknown as { graph?: OnnxGraph | null }).graph;
  } catch (cause) {
    throw new FormatError(`ONNX: the file is damaged or of another format (${reasonOf(cause)})`, {
      cause,
    });
  }
  if (!graph) throw new FormatError("ONNX: the file holds no graph; it is of another format");
  return graph;
}

/** The element types that are read: name and bytes by code. */
const types: Readonly<Record<number, readonly [name: string, bytes: number]>> = {
  1: ["float32", 4],
  2: ["uint8", 1],
  3: ["int8", 1],
  6: ["int32", 4],
  7: ["int64", 8],
  9: ["bool", 1],
  10: ["float16", 2],
  11: ["float64", 8],
  16: ["bfloat16", 2],
};

/** The name of a tensor's element type. Throws FormatError where it is not read here. */
export function typeOf(name: string, { dataType }: OnnxTensor): string {
  const type = types[dataType];
  if (type) return type[0];
  throw new FormatError(
    `ONNX: ${name} has elements of type ${dataType}; the types read here are ` +
      Object.values(types).map(([name]) => name).join(", "),
  );
}

/** The lengths of a tensor's axes. */
export function shapeOf({ dims }: OnnxTensor): Shape {
  return dims.map((each) => Number(String(each)));
}

/** The numbers of a tensor. Throws FormatError where there are more or fewer than its shape says. */
export function numbersOf(
  name: string,
  tensor: OnnxTensor,
): Float32Array | Float64Array | Int32Array | Int8Array | Uint8Array {
  const type = typeOf(name, tensor);
  if (tensor.dataLocation === 1) {
    throw new FormatError(
      `ONNX: ${name} lies in another file; save the model with its weights inside ` +
        "(onnx.save_model with save_as_external_data=False)",
    );
  }
  const count = sizeOf(shapeOf(tensor));
  const values = tensor.rawData.length > 0 || count === 0
    ? rawNumbers(name, type, tensor, count)
    : listedNumbers(name, type, tensor);
  if (values.length !== count) {
    throw new FormatError(
      `ONNX: ${name} is ${showShape(shapeOf(tensor))}, ${count} elements, but holds ` +
        `${values.length}; the file is damaged`,
    );
  }
  return values;
}

function rawNumbers(name: string, type: string, { rawData, dataType }: OnnxTensor, count: number) {
  const [, width] = types[dataType];
  if (rawData.length !== count * width) {
    throw new FormatError(
      `ONNX: ${name} has ${count} elements of ${width} bytes, but occupies ${rawData.length}; ` +
        "the file is damaged",
    );
  }
  // Copied where an element has several bytes, because a view must be aligned.
  const copied = () => new Uint8Array(rawData).buffer;
  switch (type) {
    case "float32":
      return new Float32Array(copied());
    case "float64":
      return new Float64Array(copied());
    case "float16":
      return float16Values(new Uint16Array(copied()));
    case "bfloat16":
      return bfloat16Values(new Uint16Array(copied()));
    case "int32":
      return new Int32Array(copied());
    case "int64":
      return wideIntegers(name, new BigInt64Array(copied()));
    case "int8":
      return new Int8Array(rawData.buffer, rawData.byteOffset, rawData.length);
    case "bool":
      return booleanValues(name, rawData);
    default:
      return rawData;
  }
}

function listedNumbers(name: string, type: string, tensor: OnnxTensor) {
  const { floatData, int32Data, int64Data, doubleData } = tensor;
  switch (type) {
    case "float32":
      return Float32Array.from(floatData);
    case "float64":
      return Float64Array.from(doubleData);
    case "float16":
      return float16Values(Uint16Array.from(int32Data));
    case "bfloat16":
      return bfloat16Values(Uint16Array.from(int32Data));
    case "int64":
      return wideIntegers(
        name,
        BigInt64Array.from(int64Data, (each) => BigInt(each.toString())),
      );
    case "int8":
      return Int8Array.from(int32Data);
    case "uint8":
      return Uint8Array.from(int32Data);
    default:
      return Int32Array.from(int32Data);
  }
}
