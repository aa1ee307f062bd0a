// How others name the tensors of a vision transformer, as tables: our name (timm's) beside theirs.

import { FormatError } from "../errors.ts";

/** One row of a table: what one of our tensors is called elsewhere. */
export interface NameRow {
  /** Our name; `{n}` stands for a block's number, from 0. */
  readonly ours: string;
  /** Their name or names; several are stacked along the first axis in this order. */
  readonly theirs: readonly string[];
  /** Stored as [inputs, outputs]. */
  readonly transposed?: boolean;
  /** Why a model may do without it, where it may. */
  readonly optional?: string;
}

/** Stored tensors that an image encoder has no use for: names that begin so, and why. */
export interface UnusedRow {
  /** The whole name, or its beginning where it ends in a point. */
  readonly name: string;
  /** What it is. */
  readonly why: string;
}

/** A convention of naming. */
export interface Naming {
  /** What it is called in errors and reports. */
  readonly title: string;
  /** What files put before every name; an empty text where nothing. */
  readonly prefixes: readonly string[];
  /** Name by name. */
  readonly rows: readonly NameRow[];
  /** What is left aside. */
  readonly unused: readonly UnusedRow[];
}

/** The conventions that are known. */
export type NamingName = "timm" | "hugging-face-clip" | "openai-clip" | "hugging-face-dinov2";

const noHead = "the model has no such read-out";
const noProjection = "the model stops before the projection to the space shared with texts";

/** One tensor. */
function one(ours: string, theirs: string, more: Partial<NameRow> = {}): NameRow {
  return { ours, theirs: [theirs], ...more };
}

/** The weight and the bias of a layer, stacked of several layers where several are named. */
function layer(ours: string, ...theirs: string[]): NameRow[] {
  return ["weight", "bias"].map((part) => ({
    ours: `${ours}.${part}`,
    theirs: theirs.map((name) => `${name}.${part}`),
  }));
}

const timm: Naming = {
  title: "timm",
  prefixes: ["", "visual.trunk.", "backbone."],
  rows: [
    one("cls_token", "cls_token"),
    one("reg_token", "reg_token"),
    one("pos_embed", "pos_embed"),
    ...layer("patch_embed.proj", "patch_embed.proj"),
    ...layer("norm_pre", "norm_pre"),
    ...layer("blocks.{n}.norm1", "blocks.{n}.norm1"),
    ...layer("blocks.{n}.attn.qkv", "blocks.{n}.attn.qkv"),
    ...layer("blocks.{n}.attn.proj", "blocks.{n}.attn.proj"),
    one("blocks.{n}.ls1.gamma", "blocks.{n}.ls1.gamma"),
    ...layer("blocks.{n}.norm2", "blocks.{n}.norm2"),
    ...layer("blocks.{n}.mlp.fc1", "blocks.{n}.mlp.fc1"),
    ...layer("blocks.{n}.mlp.fc2", "blocks.{n}.mlp.fc2"),
    one("blocks.{n}.ls2.gamma", "blocks.{n}.ls2.gamma"),
    ...layer("norm", "norm"),
    ...layer("fc_norm", "fc_norm"),
    ...layer("head", "head").map((row) => ({ ...row, optional: noHead })),
    // A CLIP tower's projection stands where a classifier's read-out does.
    one("visual_projection.weight", "head.weight", { optional: noProjection }),
  ],
  unused: [
    { name: "mask_token", why: "stands for hidden patches while DINOv2 is trained" },
  ],
};

const hfBlock = "vision_model.encoder.layers.{n}";
const huggingFaceClip: Naming = {
  title: "CLIP of Hugging Face transformers",
  prefixes: [""],
  rows: [
    one("cls_token", "vision_model.embeddings.class_embedding"),
    one("pos_embed", "vision_model.embeddings.position_embedding.weight"),
    one("patch_embed.proj.weight", "vision_model.embeddings.patch_embedding.weight"),
    ...layer("norm_pre", "vision_model.pre_layrnorm"), // so spelled there
    ...layer("blocks.{n}.norm1", `${hfBlock}.layer_norm1`),
    ...layer(
      "blocks.{n}.attn.qkv",
      `${hfBlock}.self_attn.q_proj`,
      `${hfBlock}.self_attn.k_proj`,
      `${hfBlock}.self_attn.v_proj`,
    ),
    ...layer("blocks.{n}.attn.proj", `${hfBlock}.self_attn.out_proj`),
    ...layer("blocks.{n}.norm2", `${hfBlock}.layer_norm2`),
    ...layer("blocks.{n}.mlp.fc1", `${hfBlock}.mlp.fc1`),
    ...layer("blocks.{n}.mlp.fc2", `${hfBlock}.mlp.fc2`),
    ...layer("norm", "vision_model.post_layernorm"),
    one("visual_projection.weight", "visual_projection.weight", { optional: noProjection }),
  ],
  unused: [
    { name: "vision_model.embeddings.position_ids", why: "counts the positions" },
    { name: "text_model.", why: "the text encoder" },
    { name: "text_projection.weight", why: "the text encoder" },
    { name: "logit_scale", why: "compares images with texts" },
  ],
};

const openaiBlock = "transformer.resblocks.{n}";
const openaiClip: Naming = {
  title: "CLIP of OpenAI and OpenCLIP",
  prefixes: ["visual.", "", "module.visual."],
  rows: [
    one("cls_token", "class_embedding"),
    one("pos_embed", "positional_embedding"),
    one("patch_embed.proj.weight", "conv1.weight"),
    ...layer("norm_pre", "ln_pre"),
    ...layer("blocks.{n}.norm1", `${openaiBlock}.ln_1`),
    one("blocks.{n}.attn.qkv.weight", `${openaiBlock}.attn.in_proj_weight`),
    one("blocks.{n}.attn.qkv.bias", `${openaiBlock}.attn.in_proj_bias`),
    ...layer("blocks.{n}.attn.proj", `${openaiBlock}.attn.out_proj`),
    ...layer("blocks.{n}.norm2", `${openaiBlock}.ln_2`),
    ...layer("blocks.{n}.mlp.fc1", `${openaiBlock}.mlp.c_fc`),
    ...layer("blocks.{n}.mlp.fc2", `${openaiBlock}.mlp.c_proj`),
    ...layer("norm", "ln_post"),
    one("visual_projection.weight", "proj", { transposed: true, optional: noProjection }),
  ],
  unused: [
    { name: "transformer.", why: "the text encoder" },
    { name: "token_embedding.weight", why: "the text encoder" },
    { name: "positional_embedding", why: "the text encoder" },
    { name: "ln_final.", why: "the text encoder" },
    { name: "text_projection", why: "the text encoder" },
    { name: "attn_mask", why: "the text encoder" },
    { name: "logit_scale", why: "compares images with texts" },
    { name: "logit_bias", why: "compares images with texts" },
    { name: "input_resolution", why: "a number about the model" },
    { name: "context_length", why: "a number about the model" },
    { name: "vocab_size", why: "a number about the model" },
  ],
};

const dinoBlock = "encoder.layer.{n}";
const huggingFaceDinov2: Naming = {
  title: "DINOv2 of Hugging Face transformers",
  prefixes: ["", "dinov2.", "dinov2_with_registers."],
  rows: [
    one("cls_token", "embeddings.cls_token"),
    one("reg_token", "embeddings.register_tokens"),
    one("pos_embed", "embeddings.position_embeddings"),
    ...layer("patch_embed.proj", "embeddings.patch_embeddings.projection"),
    ...layer("blocks.{n}.norm1", `${dinoBlock}.norm1`),
    ...layer(
      "blocks.{n}.attn.qkv",
      `${dinoBlock}.attention.attention.query`,
      `${dinoBlock}.attention.attention.key`,
      `${dinoBlock}.attention.attention.value`,
    ),
    ...layer("blocks.{n}.attn.proj", `${dinoBlock}.attention.output.dense`),
    one("blocks.{n}.ls1.gamma", `${dinoBlock}.layer_scale1.lambda1`),
    ...layer("blocks.{n}.norm2", `${dinoBlock}.norm2`),
    ...layer("blocks.{n}.mlp.fc1", `${dinoBlock}.mlp.fc1`),
    ...layer("blocks.{n}.mlp.fc2", `${dinoBlock}.mlp.fc2`),
    one("blocks.{n}.ls2.gamma", `${dinoBlock}.layer_scale2.lambda1`),
    ...layer("norm", "layernorm"),
  ],
  unused: [
    { name: "embeddings.mask_token", why: "stands for hidden patches while DINOv2 is trained" },
    { name: "classifier.", why: "a read-out of classes" },
  ],
};

/** Every known convention, by name. */
export const namings: Readonly<Record<NamingName, Naming>> = {
  "timm": timm,
  "hugging-face-clip": huggingFaceClip,
  "openai-clip": openaiClip,
  "hugging-face-dinov2": huggingFaceDinov2,
};

/** A convention, and what a file puts before its names. */
export interface Recognized {
  /** Which one. */
  readonly name: NamingName;
  /** Its table. */
  readonly naming: Naming;
  /** Before every name of the image encoder. */
  readonly prefix: string;
}

/** The names of the patch embedding's weight, by which a convention is known. */
function landmarkOf({ rows }: Naming): string {
  return rows.find(({ ours }) => ours === "patch_embed.proj.weight")!.theirs[0];
}

/**
 * Tells the convention of a file by the name of its patch embedding.
 *
 * @param names The names of all tensors in the file.
 * @param wanted The only convention to try; every one by default.
 * @throws {FormatError} No convention fits; the message names them and what the file holds.
 *
 * @example
 * ```ts
 * import { recognizeNaming } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const { name, prefix } = recognizeNaming(["logit_scale", "visual.conv1.weight"]);
 * assertEquals([name, prefix], ["openai-clip", "visual."]);
 * ```
 */
export function recognizeNaming(names: Iterable<string>, wanted?: NamingName): Recognized {
  const present = new Set(names);
  const tried = wanted === undefined ? Object.keys(namings) as NamingName[] : [wanted];
  for (const name of tried) {
    const naming = namings[name];
    const prefix = naming.prefixes.find((prefix) => present.has(prefix + landmarkOf(naming)));
    if (prefix !== undefined) return { name, naming, prefix };
  }
  const known = tried.map((name) => `${namings[name].title}: ${landmarkOf(namings[name])}`);
  const shown = [...present].slice(0, 8).join(", ") + (present.size > 8 ? ", ..." : "");
  throw new FormatError(
    `weights: expected the patch embedding of an image encoder (${known.join("; ")}), but the ` +
      `file's ${present.size} tensors are [${shown}]`,
  );
}

/** The row for one of our names, with the block's number put in. */
export function rowFor(naming: Naming, ours: string): NameRow | undefined {
  const block = ours.match(/^blocks\.(\d+)\./)?.[1] ?? "";
  const pattern = ours.replace(/^blocks\.\d+\./, "blocks.{n}.");
  const row = naming.rows.find((row) => row.ours === pattern);
  return row &&
    { ...row, ours, theirs: row.theirs.map((name) => name.replace("{n}", block)) };
}

/** Why a stored tensor may be left aside, if it may. */
export function reasonUnused({ naming, prefix }: Recognized, stored: string): string | undefined {
  const row = naming.unused.find(({ name }) =>
    [name, prefix + name].some((name) =>
      name.endsWith(".") ? stored.startsWith(name) : stored === name
    )
  );
  if (row) return row.why;
  if (!stored.startsWith(prefix)) return undefined;
  const bare = stored.slice(prefix.length);
  return naming.rows.find(({ theirs, optional }) => optional && theirs.includes(bare))?.optional;
}
