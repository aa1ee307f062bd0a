// ONNX out: whatever a function does to a tensor, as a file that onnxruntime runs.

import { UnsupportedError } from "../errors.ts";
import { zeros } from "../tensor/create.ts";
import type { Device } from "../tensor/device.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import { sameShape, type Shape, sizeOf } from "../tensor/shape.ts";
import { tape, type TapeEntry, type View } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { viewOf } from "../tensor/run_entry.ts";
import { castTo, type OnnxValue } from "./onnx_expression.ts";
import { OnnxGraphWriter } from "./onnx_file.ts";
import { onnxTypeOf, type ShapedValue, writeOperation } from "./onnx_nodes.ts";
import { writeWhole } from "./files.ts";

/** Options of {@linkcode encodeOnnx}. */
export interface EncodeOnnxOptions {
  /** The input's shape; the batch is part of it, and fixed. */
  readonly shape: Shape;
  /** The input's name; `images`. */
  readonly input?: string;
  /** The output's name; `output`. */
  readonly output?: string;
  /** Free texts in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Where the function computes; the default device. */
  readonly device?: Device;
}

/** Values of the graph by the memory that they have here. */
class Values {
  readonly #made = new Map<View["storage"], Map<number, ShapedValue>>();

  constructor(readonly graph: OnnxGraphWriter) {}

  put({ storage, byteOffset, shape }: View, value: OnnxValue): void {
    const places = this.#made.get(storage) ?? new Map<number, ShapedValue>();
    this.#made.set(storage, places.set(byteOffset, { ...value, shape }));
  }

  /** The value of a view: made before, or else a constant of the function, such as a weight. */
  get(view: View): ShapedValue {
    const { storage, byteOffset, shape } = view;
    const places = this.#made.get(storage);
    const found = places?.get(byteOffset);
    if (!found) {
      if (places && [...places.values()].some(({ name }) => !name.startsWith("stored_"))) {
        throw new UnsupportedError("ONNX export: a result is read from its middle on");
      }
      this.put(view, this.#stored(view));
      return this.get(view);
    }
    if (sameShape(found.shape, shape)) return found;
    if (sizeOf(found.shape) !== sizeOf(shape)) {
      throw new UnsupportedError("ONNX export: a part of a result is read in its memory");
    }
    const name = this.graph.node("Reshape", [found.name, this.graph.integers(shape)]);
    return { ...found, name, shape };
  }

  #stored({ storage: { executor, buffer }, byteOffset, shape, dtype }: View): OnnxValue {
    const values = executor.read({ buffer, byteOffset, dtype }, sizeOf(shape));
    const type = onnxTypeOf(dtype);
    const bytes = type === "float32"
      ? Float32Array.from(values)
      : type === "int32"
      ? Int32Array.from(values)
      : Uint8Array.from(values);
    return { type, name: this.graph.tensor(bytes, shape, type) };
  }
}

/** One number everywhere. */
function filled(graph: OnnxGraphWriter, { shape, dtype }: View, value: number): OnnxValue {
  const name = graph.node("Expand", [graph.scalar(value), graph.integers(shape)]);
  return castTo(graph, { name, type: "float32" }, onnxTypeOf(dtype));
}

/** Adds what a tape tells to a graph. */
function follow(entry: TapeEntry, values: Values): void {
  if (entry.kind === "values") return; // in memory, and read where they are used
  if (entry.kind === "check") return; // the input that it looked at was allowed
  if (entry.kind !== "kernels" || entry.overwrites) {
    throw new UnsupportedError(
      entry.kind === "read"
        ? "ONNX export: the function decides on values, which a graph cannot"
        : "ONNX export: the function draws random numbers or overwrites tensors; evaluate() first",
    );
  }
  const [first] = entry.outputs;
  if (entry.name === "fill") {
    values.put(first, filled(values.graph, first, (entry.options as { value: number }).value));
    return;
  }
  const inputs = entry.inputs.map((view) => values.get(view));
  values.put(first, writeOperation(values.graph, entry.name, entry.options, inputs, first));
}

/**
 * What a function does to one tensor, as the bytes of an ONNX file (opset 17).
 *
 * The function runs once, on zeros, and every operation that it carries out becomes nodes: detectors, encoders and
 * functions of one's own alike. Weights are stored as float32. The shape, batch included, is fixed.
 *
 * @param compute A synchronous function of one tensor, such as `(images) => detector.probabilities(images)`.
 * @throws {UnsupportedError} It does what ONNX, or this export, cannot say: the message names the operation.
 *
 * @example
 * ```ts
 * import { sigmoid } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { encodeOnnx, readOnnx } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Linear(3, 2, { random: 0 });
 * const bytes = encodeOnnx((x) => sigmoid(layer.forward(x)), { shape: [1, 3] });
 * using source = readOnnx(bytes, "layer.onnx");
 * assertEquals([...source.shapes.values()], [[2, 3], [2]]);
 * ```
 */
export function encodeOnnx(
  compute: (x: Tensor) => Tensor,
  { shape, input = "images", output = "output", metadata = {}, device }: EncodeOnnxOptions,
): Uint8Array<ArrayBuffer> {
  const graph = new OnnxGraphWriter();
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  withoutRecording(() =>
    scoped(() => {
      const x = zeros(shape, { device });
      tape(() => compute(x), (result, entries) => {
        const values = new Values(graph);
        values.put(viewOf(x), { name: input, type: "float32" });
        for (const entry of entries) follow(entry, values);
        graph.finish(values.get(viewOf(result)).name, output);
        const to = { name: output, shape: result.shape };
        bytes = graph.encode({ name: input, shape }, to, metadata);
      });
    })
  );
  return bytes!;
}

/**
 * Writes {@linkcode encodeOnnx} into a file, as a whole or not at all.
 *
 * @throws {UnsupportedError} As {@linkcode encodeOnnx}.
 * @throws {FileError} The file cannot be written.
 */
export async function saveOnnx(
  path: string,
  compute: (x: Tensor) => Tensor,
  options: EncodeOnnxOptions,
): Promise<void> {
  await writeWhole(path, encodeOnnx(compute, options));
}
