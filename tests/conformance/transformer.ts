// A pre-norm transformer block and a small vision transformer written in operations alone, as timm computes them.

import {
  add,
  concat,
  conv2d,
  expand,
  layerNorm,
  matmul,
  mean,
  packedAttention,
  reshape,
  slice,
  type Tensor,
  transpose,
} from "../../tensor/mod.ts";

/** Sizes that golden cases name. */
export interface TransformerOptions {
  readonly inputNames: readonly string[];
  readonly heads: number;
  readonly epsilon: number;
  readonly patchSize?: number;
  readonly depth?: number;
  readonly pooling?: "token" | "mean";
}

/** A part of a state dict: parameters by the names that follow a prefix. */
type Lookup = (name: string) => Tensor;

function norm(x: Tensor, get: Lookup, name: string, epsilon: number): Tensor {
  return layerNorm(x, { scale: get(`${name}.weight`), bias: get(`${name}.bias`), epsilon });
}

function linear(x: Tensor, get: Lookup, name: string, activation?: "gelu"): Tensor {
  const bias = get(`${name}.bias`);
  return matmul(x, get(`${name}.weight`), { transposeB: true, bias, activation });
}

function block(x: Tensor, get: Lookup, { heads, epsilon }: TransformerOptions): Tensor {
  const packed = linear(norm(x, get, "norm1", epsilon), get, "attn.qkv");
  const attended = add(x, linear(packedAttention(packed, heads), get, "attn.proj"));
  const hidden = linear(norm(attended, get, "norm2", epsilon), get, "mlp.fc1", "gelu");
  return add(attended, linear(hidden, get, "mlp.fc2"));
}

function lookup(inputs: readonly Tensor[], { inputNames }: TransformerOptions): Lookup {
  const named = new Map(inputNames.map((name, i) => [name, inputs[i]]));
  return (name) => {
    const found = named.get(name);
    if (!found) throw new Error(`the golden case has no input "${name}"`);
    return found;
  };
}

/** x + attention(norm1(x)), then x + mlp(norm2(x)). */
export function transformerBlock(inputs: readonly Tensor[], options: TransformerOptions): Tensor {
  const get = lookup(inputs, options);
  return block(get("x"), get, options);
}

/** Patches, class token and positions, blocks, norm, head. */
export function visionTransformer(inputs: readonly Tensor[], options: TransformerOptions): Tensor {
  const { patchSize, depth = 0, pooling, epsilon } = options;
  const get = lookup(inputs, options);
  const patches = conv2d(get("x"), get("patch_embed.proj.weight"), {
    bias: get("patch_embed.proj.bias"),
    stride: patchSize,
  });
  const [batch, width] = patches.shape;
  let x = transpose(reshape(patches, [batch, width, -1]));
  if (pooling === "token") x = concat([expand(get("cls_token"), [batch, 1, width]), x], 1);
  x = add(x, get("pos_embed"));
  for (let i = 0; i < depth; i++) x = block(x, (name) => get(`blocks.${i}.${name}`), options);
  const pooled = pooling === "token"
    ? slice(norm(x, get, "norm", epsilon), undefined, 0)
    : norm(mean(x, 1), get, "fc_norm", epsilon);
  return linear(pooled, get, "head");
}
