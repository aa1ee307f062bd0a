// TensorFlow.js layers models on this project's own engine: the topology of model.json, carried out node by node.

import { z } from "zod";
import { FormatError, ShapeError } from "../errors.ts";
import { Module } from "../nn/module.ts";
import { isRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type MakeTfjsLayer, type TfjsLayer, tfjsLayer } from "./tfjs_layers.ts";
import { openTfjsWeights, readJson } from "./tfjs_weights.ts";

/** Where a layer's input comes from: a layer's name, its call, and its output. */
const linkSchema = z.tuple([z.string(), z.literal(0), z.literal(0)]).rest(z.unknown());

const layerSchema = z.object({
  class_name: z.string(),
  name: z.string().optional(),
  config: z.record(z.string(), z.unknown()),
  inbound_nodes: z.array(z.array(linkSchema)).max(1).optional(),
});

const endsSchema = z.union([z.array(linkSchema), linkSchema.transform((link) => [link])]);

const modelSchema = z.discriminatedUnion("class_name", [
  z.object({
    class_name: z.enum(["Functional", "Model"]),
    config: z.object({
      layers: z.array(layerSchema),
      input_layers: endsSchema,
      output_layers: endsSchema,
    }),
  }),
  z.object({
    class_name: z.literal("Sequential"),
    config: z.object({ layers: z.array(layerSchema) }),
  }),
]);

const topologySchema = z.object({
  // The converter from Keras puts the model one level deeper than TensorFlow.js itself does.
  modelTopology: z.preprocess(
    (topology) => (topology as { model_config?: unknown } | null)?.model_config ?? topology,
    modelSchema,
  ),
});

/** One layer and what it reads. */
interface Node extends TfjsLayer {
  readonly name: string;
  readonly inputs: readonly string[];
}

/** Options of {@linkcode loadTfjsModel}. */
export interface LoadTfjsOptions {
  /** Layers by class name, beside or instead of those that are known. */
  readonly custom?: Readonly<Record<string, MakeTfjsLayer>>;
}

/**
 * A TensorFlow.js layers model. It computes on [batch, channels, height, width], whatever the file's own order; its
 * weights are parameters like any others, named `layers.<number>...` in the order of the file.
 */
export class TfjsModel extends Module {
  /** The modules that hold weights, in the file's order. */
  readonly layers: readonly Module[];
  readonly #nodes: readonly Node[];
  readonly #input: string;
  readonly #output: string;

  /** {@linkcode loadTfjsModel} makes it. */
  constructor(nodes: readonly Node[], input: string, output: string) {
    super();
    this.#nodes = nodes;
    this.#input = input;
    this.#output = output;
    this.layers = nodes.flatMap(({ module }) => module ?? []);
  }

  /**
   * The model's output for x [batch, channels, height, width] (or [batch, features]).
   *
   * @throws {ShapeError} x has other channels than the model reads.
   */
  forward(x: Tensor): Tensor {
    const values = new Map<string, Tensor>();
    for (const { name, inputs, compute } of this.#nodes) {
      const run = () =>
        compute(name === this.#input ? [x] : inputs.map((input) => values.get(input)!));
      // What a layer makes on the way is large; it is let go of at once where nothing differentiates.
      values.set(name, isRecording() ? run() : scoped(run));
    }
    return values.get(this.#output)!;
  }
}

/** Refuses what the model was not made for. */
function checkInput(name: string, config: Readonly<Record<string, unknown>>): TfjsLayer {
  const declared = z.array(z.number().nullable()).parse(config.batch_input_shape);
  const channels = declared.at(-1) ?? null;
  return {
    compute: ([x]) => {
      if (x.rank === declared.length && (channels === null || x.shape[1] === channels)) return x;
      throw new ShapeError(
        `TfjsModel: input ${name} has ${declared.length} axes and ${channels ?? "any number of"} ` +
          `channels on the second, but found ${showShape(x.shape)}`,
      );
    },
  };
}

/** Where a layer's inputs come from, in a chain from what stands before it. */
function inputsOf(
  { inbound_nodes: inbound }: z.infer<typeof layerSchema>,
  before: string | undefined,
): string[] {
  if (inbound === undefined) return before === undefined ? [] : [before];
  return inbound.flatMap((links) => links.map(([name]) => name));
}

/** Layers in an order in which each stands after those that it reads. */
function inOrder<Layer extends { name: string; inputs: readonly string[] }>(
  path: string,
  layers: readonly Layer[],
): Layer[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const order = new Set<Layer>();
  const visit = (name: string, above: readonly string[]): void => {
    const layer = byName.get(name);
    if (!layer || above.includes(name)) {
      throw new FormatError(
        `${path}: ${above.at(-1)} reads ${name}, which ${layer ? "reads it" : "is no layer"}`,
      );
    }
    if (order.has(layer)) return;
    for (const input of layer.inputs) visit(input, [...above, name]);
    order.add(layer);
  };
  for (const { name } of layers) visit(name, []);
  return [...order];
}

/** The one end of a model. Throws FormatError where it has several. */
function onlyOne(path: string, what: string, ends: readonly z.infer<typeof linkSchema>[]): string {
  if (ends.length === 1) return ends[0][0];
  throw new FormatError(`${path}: the model has ${ends.length} ${what}s; those with one are read`);
}

/**
 * Loads a TensorFlow.js layers model (`model.json` and its shards, quantized or not) to run on this engine.
 *
 * Known are the layers of convolutional networks and the two that UpscalerJS adds for ESRGAN (`MultiplyBeta`,
 * `PixelShuffle...x`); others can be given as `custom`. Models have one input and one output.
 *
 * @throws {FileError} A file cannot be read.
 * @throws {FormatError} It is no layers model, is damaged, or a layer has options that are not read here.
 * @throws {ConfigError} There is no layer of some class.
 *
 * @example
 * ```ts
 * import { ones } from "@corit/corit";
 * import { loadTfjsModel } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * // The smallest model: doubles one channel.
 * const folder = await Deno.makeTempDir();
 * const config = {
 *   name: "twice", use_bias: false, padding: "same", strides: [1, 1], activation: "relu",
 * };
 * const layers = [
 *   { class_name: "InputLayer", config: { name: "x", batch_input_shape: [null, null, null, 1] } },
 *   { class_name: "Conv2D", config },
 * ];
 * const weights = [{ name: "twice/kernel", shape: [1, 1, 1, 1], dtype: "float32" }];
 * await Deno.writeTextFile(`${folder}/model.json`, JSON.stringify({
 *   modelTopology: { model_config: { class_name: "Sequential", config: { layers } } },
 *   weightsManifest: [{ paths: ["weights.bin"], weights }],
 * }));
 * await Deno.writeFile(`${folder}/weights.bin`, new Uint8Array(Float32Array.of(2).buffer));
 *
 * const model = await loadTfjsModel(`${folder}/model.json`);
 * assertEquals(model.forward(ones([1, 1, 1, 2])).toArray(), [[[[2, 2]]]]);
 * ```
 */
export async function loadTfjsModel(
  path: string,
  { custom = {} }: LoadTfjsOptions = {},
): Promise<TfjsModel> {
  const parsed = topologySchema.safeParse(await readJson(path));
  if (!parsed.success) {
    const [{ path: where, message }] = parsed.error.issues;
    throw new FormatError(
      `${path}: expected a TensorFlow.js layers model (${where.map(String).join(".")}: ${message})`,
    );
  }
  const { class_name: kind, config } = parsed.data.modelTopology;
  const described = config.layers.map((layer, at) => {
    const name = layer.name ?? z.string().parse(layer.config.name);
    const before = config.layers[at - 1];
    const previous = kind === "Sequential" && before
      ? before.name ?? z.string().parse(before.config.name)
      : undefined;
    return { ...layer, name, inputs: inputsOf(layer, previous) };
  });
  using source = await openTfjsWeights(path);
  const nodes: Node[] = [];
  for (const { name, inputs, class_name: className, config } of inOrder(path, described)) {
    const made = className === "InputLayer"
      ? checkInput(name, config)
      : await tfjsLayer(className, custom)({ name, config, source });
    nodes.push({ name, inputs, ...made });
  }
  return kind === "Sequential"
    ? new TfjsModel(nodes, nodes[0].name, nodes.at(-1)!.name)
    : new TfjsModel(
      nodes,
      onlyOne(path, "input", config.input_layers),
      onlyOne(path, "output", config.output_layers),
    );
}
