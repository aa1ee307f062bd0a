// Pre-norm transformer blocks inside the graph of an ONNX file, found by how its nodes hang together.

import { FormatError } from "../errors.ts";
import { withoutInitialValues } from "../nn/initialize.ts";
import { TransformerBlock } from "../nn/transformer_block.ts";
import type { Linear } from "../nn/linear.ts";
import type { LayerNorm } from "../nn/norm.ts";
import { tensor } from "../tensor/create.ts";
import { transpose } from "../tensor/operations/layout.ts";
import { numbersOf, type OnnxNode, type OnnxTensor, parseOnnx, shapeOf } from "./onnx_format.ts";
import { onnxModelType } from "./onnx_schema.ts";

/** Blocks that follow one another. */
export interface OnnxBlocks {
  /** The blocks, ready to compute. */
  readonly blocks: readonly TransformerBlock[];
  /** The graph's name of the tokens that the first block reads, [batch, tokens, width]. */
  readonly input: string;
  /** The graph's name of what the last block gives. */
  readonly output: string;
}

/** A graph's nodes by what they make and what they read. */
class Links {
  readonly #makers = new Map<string, OnnxNode>();
  readonly #readers = new Map<string, OnnxNode[]>();

  constructor(readonly nodes: readonly OnnxNode[], readonly stored: Map<string, OnnxTensor>) {
    for (const node of nodes) {
      for (const name of node.output) this.#makers.set(name, node);
      for (const name of node.input) {
        this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
      }
    }
  }

  /** The node that makes a value, if it is of a kind. */
  maker(name: string, opType: string): OnnxNode {
    const node = this.#makers.get(name);
    if (node?.opType === opType) return node;
    throw new FormatError(
      `ONNX: ${name} is made by ${node?.opType ?? "nothing"}, not by ${opType}`,
    );
  }

  /** The nodes of a kind that read what a node makes. */
  readers({ output }: OnnxNode, opType: string): OnnxNode[] {
    return (this.#readers.get(output[0]) ?? []).filter((node) => node.opType === opType);
  }

  /** The stored tensor among a node's inputs, and the other input. */
  parts({ name, input }: OnnxNode): { stored: string; other: string } {
    const stored = input.find((each) => this.stored.has(each));
    const other = input.find((each) => !this.stored.has(each));
    if (stored !== undefined && other !== undefined) return { stored, other };
    throw new FormatError(`ONNX: node ${name} does not join a stored tensor with a computed one`);
  }

  numbers(name: string): Float32Array {
    return Float32Array.from(numbersOf(name, this.stored.get(name)!));
  }
}

/** The addition of a bias after a product. */
function biasOf(links: Links, product: OnnxNode): OnnxNode {
  const found = links.readers(product, "Add").find(({ input }) =>
    input.some((name) => links.stored.has(name))
  );
  if (found) return found;
  throw new FormatError(`ONNX: no bias follows the product ${product.name}`);
}

/** A layer normalization written out in elementary nodes, by its last one. */
function readNorm(links: Links, end: string) {
  const shift = links.parts(links.maker(end, "Add"));
  const scale = links.parts(links.maker(shift.other, "Mul"));
  const quotient = links.maker(scale.other, "Div");
  const centred = links.maker(quotient.input[0], "Sub");
  const variance = links.parts(links.maker(links.maker(quotient.input[1], "Sqrt").input[0], "Add"));
  return {
    input: centred.input[0],
    weight: links.numbers(scale.stored),
    bias: links.numbers(shift.stored),
    epsilon: links.numbers(variance.stored)[0],
  };
}

/** What a block's attention is scaled by tells the width of a head. */
function headsOf(links: Links, width: number, from: number): number {
  for (const { opType, input } of links.nodes.slice(from)) {
    if (opType === "Softmax") break;
    const scale = input.find((name) => links.stored.get(name)?.dims.length === 0);
    if (opType !== "Mul" || scale === undefined) continue;
    const heads = width * links.numbers(scale)[0] ** 2;
    if (Math.abs(heads - Math.round(heads)) < 1e-3) return Math.round(heads);
  }
  throw new FormatError("ONNX: no scale of an attention follows its packed projection");
}

function fill(layer: Linear | LayerNorm, weight: Float32Array, bias: Float32Array): void {
  const { shape } = layer.weight;
  // Stored as [inputs, outputs]; ours is [outputs, inputs].
  layer.weight.value = shape.length === 1
    ? tensor(weight)
    : transpose(tensor(weight, { shape: shape.toReversed() }));
  layer.bias!.value = tensor(bias);
}

/**
 * Finds the pre-norm transformer blocks of an ONNX graph (PaddlePaddle's way of writing: packed queries, keys and
 * values, layer norms in elementary nodes) and fills blocks of ours with their weights.
 *
 * @throws {FormatError} The file is damaged, or a block is written in another way; the message names the node.
 */
export function readOnnxBlocks(bytes: Uint8Array): OnnxBlocks {
  const { node: nodes, initializer } = parseOnnx(bytes);
  const stored = new Map(initializer.map((each) => [each.name, each]));
  for (const { opType, output, attribute } of nodes) {
    const value = attribute.find(({ name }) => name === "value")?.t;
    if (opType === "Constant" && value) stored.set(output[0], value);
  }
  const links = new Links(nodes, stored);
  const products = nodes.filter(({ opType, input }) =>
    opType === "MatMul" && stored.has(input[1]) && shapeOf(stored.get(input[1])!).length === 2
  );
  const found: { block: TransformerBlock; input: string; output: string }[] = [];
  products.forEach((packed, at) => {
    const [width, outputs] = shapeOf(stored.get(packed.input[1])!);
    if (outputs !== 3 * width) return;
    const layers = products.slice(at, at + 4);
    const [, , fc1, fc2] = layers;
    const norm1 = readNorm(links, packed.input[0]);
    const norm2 = readNorm(links, fc1.input[0]);
    const hidden = biasOf(links, fc1);
    const smooth = links.readers(hidden, "Erf").length > 0;
    const block = withoutInitialValues(() =>
      new TransformerBlock(width, headsOf(links, width, nodes.indexOf(packed)), {
        random: 0,
        mlpRatio: shapeOf(stored.get(fc1.input[1])!)[1] / width,
        activation: smooth ? "gelu" : "silu",
        epsilon: norm1.epsilon,
      })
    );
    fill(block.norm1, norm1.weight, norm1.bias);
    fill(block.norm2, norm2.weight, norm2.bias);
    [block.attn.qkv, block.attn.proj, block.mlp.fc1, block.mlp.fc2].forEach((layer, which) => {
      const product = layers[which];
      const bias = links.parts(biasOf(links, product)).stored;
      fill(layer, links.numbers(product.input[1]), links.numbers(bias));
    });
    const [sum] = links.readers(biasOf(links, fc2), "Add");
    found.push({ block: block.evaluate(), input: norm1.input, output: sum.output[0] });
  });
  if (found.length === 0) throw new FormatError("ONNX: the graph has no packed attention");
  return {
    blocks: found.map(({ block }) => block),
    input: found[0].input,
    output: found.at(-1)!.output,
  };
}

/** An ONNX file that gives values from inside its graph as well: protobuf messages that follow each other are merged. */
export function withOutputs(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  const more = onnxModelType.encode({ graph: { output: names.map((name) => ({ name })) } })
    .finish();
  const joined = new Uint8Array(bytes.length + more.length);
  joined.set(bytes);
  joined.set(more, bytes.length);
  return joined;
}
