// Writing ONNX files: a graph that grows node by node, and its bytes.

import type { Shape } from "../tensor/shape.ts";
import { onnxModelType } from "./onnx_schema.ts";

/** Element types by ONNX's codes. */
export const onnxTypes = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;

/** An element type that is written. */
export type OnnxType = keyof typeof onnxTypes;

/** An option of a node: a whole number, several, or a real number. */
export type OnnxOption = number | readonly number[] | { readonly real: number };

/** An input or output of the whole graph. */
export interface OnnxPort {
  /** Its name. */
  readonly name: string;
  /** The lengths of its axes. */
  readonly shape: Shape;
}

/** Operations of opset 17: the first with layer normalization. */
const opset = 17;

/** A graph that grows. Names of values are given by it. */
export class OnnxGraphWriter {
  readonly #nodes: object[] = [];
  readonly #initializers: object[] = [];
  readonly #constants = new Map<string, string>();

  /** Adds a node and returns the name of its output, or names where it has several. */
  node(opType: string, inputs: readonly string[], options?: Record<string, OnnxOption>): string {
    return this.nodes(opType, inputs, 1, options)[0];
  }

  /** As {@linkcode node}, for several outputs. */
  nodes(
    opType: string,
    inputs: readonly string[],
    count: number,
    options: Record<string, OnnxOption> = {},
  ): string[] {
    const name = `${opType}_${this.#nodes.length}`;
    const output = Array.from({ length: count }, (_, at) => `${name}_out${at}`);
    const attribute = Object.entries(options).map(([name, value]) => {
      if (typeof value === "number") return { name, i: value, type: 2 };
      return "real" in value
        ? { name, f: value.real, type: 1 }
        : { name, ints: [...value], type: 7 };
    });
    this.#nodes.push({ input: [...inputs], output, name, opType, attribute });
    return output;
  }

  /** Gives a value the name of the whole graph's output. */
  finish(value: string, output: string): void {
    this.#nodes.push({ input: [value], output: [output], name: output, opType: "Identity" });
  }

  /** Adds stored numbers and returns their name. */
  tensor(
    values: Float32Array | Int32Array | BigInt64Array | Uint8Array,
    shape: Shape,
    type: OnnxType,
  ): string {
    const name = `stored_${this.#initializers.length}`;
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
    this.#initializers.push({ name, dims: [...shape], dataType: onnxTypes[type], rawData });
    return name;
  }

  /** A real number, stored once. */
  scalar(value: number): string {
    return this.#once(
      `real ${Object.is(value, -0) ? "-0" : value}`,
      () => this.tensor(Float32Array.of(value), [], "float32"),
    );
  }

  /** Whole numbers such as a shape, stored once. */
  integers(values: readonly number[]): string {
    return this.#once(
      `integers ${values}`,
      () => this.tensor(BigInt64Array.from(values, BigInt), [values.length], "int64"),
    );
  }

  #once(key: string, make: () => string): string {
    const found = this.#constants.get(key) ?? make();
    this.#constants.set(key, found);
    return found;
  }

  /** The file's bytes. */
  encode(input: OnnxPort, output: OnnxPort, metadata: Readonly<Record<string, string>>) {
    const port = ({ name, shape }: OnnxPort) => ({
      name,
      type: {
        tensorType: {
          elemType: onnxTypes.float32,
          shape: { dim: shape.map((dimValue) => ({ dimValue })) },
        },
      },
    });
    const model = onnxModelType.fromObject({
      irVersion: 8,
      producerName: "CoRIT",
      opsetImport: [{ domain: "", version: opset }],
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      graph: {
        name: "graph",
        node: this.#nodes,
        initializer: this.#initializers,
        input: [port(input)],
        output: [port(output)],
      },
    });
    return Uint8Array.from(onnxModelType.encode(model).finish());
  }
}
