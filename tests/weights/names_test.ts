// Files of other conventions: shards, everything that does not fit named at once, memory, and weights out again.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "node:path";
import { ConfigError, FileError, FormatError, NumericError, StateError } from "../../errors.ts";
import { ClipImageEncoder, dinov2Small, VisionTransformer } from "../../nn/mod.ts";
import {
  encodeSafetensors,
  parseSafetensors,
  RandomStream,
  randomUniform,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import {
  encodeWeights,
  loadWeights,
  type NamingName,
  namings,
  openSafetensors,
  recognizeNaming,
  saveWeights,
} from "../../weights/mod.ts";

const sizes = { imageSize: 8, patchSize: 4, width: 8, depth: 2, heads: 2 } as const;
const clip = (seed: number) => ClipImageEncoder.create({ ...sizes, projection: 6, seed });
const dino = (seed: number) => VisionTransformer.create({ ...dinov2Small, ...sizes, seed });
const plain = (seed: number) =>
  VisionTransformer.create({ ...sizes, preset: "tiny", classes: 3, seed });

/** Runs with a folder of its own. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes tensors and loads them into a model. */
async function loadTensors(
  model: VisionTransformer,
  tensors: Record<string, Tensor>,
  options?: Parameters<typeof loadWeights>[2],
) {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(path, encodeSafetensors(tensors));
    using source = await openSafetensors(path);
    return await loadWeights(model, source, options);
  } finally {
    await Deno.remove(path);
  }
}

/** The tensors of a model under another convention's names. */
function storedAs(model: VisionTransformer, naming: NamingName): Record<string, Tensor> {
  const { tensors } = parseSafetensors(encodeWeights(model, { naming }));
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, bytes }]) =>
      [name, tensor(new Float32Array(bytes.slice().buffer), { shape })] as const
    ),
  );
}

for (
  const [naming, kind, make] of [
    ["timm", "plain transformer", plain],
    ["timm", "DINOv2", dino],
    ["hugging-face-clip", "CLIP", clip],
    ["openai-clip", "CLIP", clip],
    ["hugging-face-dinov2", "DINOv2", dino],
  ] as const
) {
  Deno.test(`weights of ${kind} written as ${naming} come back bit for bit`, () =>
    inFolder(async (folder) => {
      const trained = make(1);
      await saveWeights(join(folder, "model.safetensors"), trained, { naming });
      const model = make(2);
      using source = await openSafetensors(folder);
      const report = await loadWeights(model, source);
      assertEquals(report.naming, naming);
      assertEquals(report.unused, []);
      const images = randomUniform([1, 3, 8, 8], { random: new RandomStream(1), high: 255 });
      assertEquals(model.forward(images).toArray(), trained.forward(images).toArray());
      for (const [name, value] of Object.entries(trained.stateDict())) {
        assertEquals(model.stateDict()[name].dataSync(), value.dataSync(), name);
      }
    }));
}

Deno.test("a whole CLIP file fills its image encoder and names what is left aside, and why", async () => {
  const tensors = {
    ...storedAs(clip(1), "hugging-face-clip"),
    "logit_scale": tensor(4.6),
    "text_model.embeddings.token_embedding.weight": tensor([[1, 2]]),
    "vision_model.embeddings.position_ids": tensor([[0, 1]]),
  };
  const encoder = ClipImageEncoder.create({ ...sizes, projection: 0 });
  const { unused, loaded } = await loadTensors(encoder, tensors);
  assertEquals(loaded.length, encoder.namedParameters().size);
  assertEquals(new Map(unused.map(({ name, why }) => [name, why])).size, 4);
  const reason = unused.find(({ name }) => name === "visual_projection.weight")!.why;
  assertStringIncludes(reason, "before the projection");
});

Deno.test("missing, left over and differing tensors are all named in one error, and nothing is loaded", async () => {
  const tensors = storedAs(clip(1), "hugging-face-clip");
  delete tensors["vision_model.encoder.layers.1.self_attn.k_proj.weight"];
  tensors["vision_model.encoder.layers.2.layer_norm1.weight"] = tensor([1]);
  tensors["vision_model.post_layernorm.bias"] = tensor([1, 2, 3]);
  const model = clip(2);
  const before = model.posEmbed.value.toArray();
  const error = await assertRejects(() => loadTensors(model, tensors), StateError);
  assertStringIncludes(
    error.message,
    "missing blocks.1.attn.qkv.weight [24, 8]: there is no vision_model.encoder.layers.1.self_attn.k_proj.weight",
  );
  assertStringIncludes(
    error.message,
    "left over vision_model.encoder.layers.2.layer_norm1.weight [1]",
  );
  assertStringIncludes(error.message, "differs norm.bias: the model has [8], stored is");
  assertEquals(error.message.trimEnd().split("\n").length, 4);
  assertEquals(model.posEmbed.value.toArray(), before);
});

Deno.test("a new read-out keeps its values where the caller says so", async () => {
  const tensors = storedAs(plain(1), "timm");
  const model = VisionTransformer.create({ ...sizes, preset: "tiny", classes: 2, seed: 2 });
  await assertRejects(() => loadTensors(model, tensors), StateError, "differs head.weight");
  const before = model.head!.weight.value.toArray();
  const keep = (name: string) => name.startsWith("head.");
  const { kept, unused } = await loadTensors(model, tensors, { keep });
  assertEquals(kept, ["head.weight", "head.bias"]);
  assertEquals(unused.map(({ name }) => name).sort(), ["head.bias", "head.weight"]);
  assertEquals(model.head!.weight.value.toArray(), before);
});

Deno.test("names of no known convention are a FormatError that shows them", () => {
  assertThrows(() => recognizeNaming(["encoder.conv.weight"]), FormatError, "encoder.conv.weight");
  assertThrows(() => recognizeNaming(["cls_token"], "openai-clip"), FormatError, "conv1.weight");
});

Deno.test("a weight that is not finite is named", async () => {
  const tensors = storedAs(plain(1), "timm");
  tensors["norm.bias"] = tensor([0, NaN, 0, 0, 0, 0, 0, 0]);
  await assertRejects(() => loadTensors(plain(2), tensors), NumericError, "norm.bias holds NaN");
});

Deno.test("a convention without a name for a tensor is a ConfigError that names it", () => {
  assertThrows(
    () => encodeWeights(plain(1), { naming: "hugging-face-clip" }),
    ConfigError,
    "patch_embed.proj.bias, head.weight, head.bias",
  );
});

/** Writes a model in two shards and their index; returns the index. */
async function writeShards(folder: string, model: VisionTransformer) {
  const all = Object.entries(storedAs(model, "timm"));
  const map: Record<string, string> = {};
  for (const [at, part] of [all.slice(0, 9), all.slice(9)].entries()) {
    const file = `model-0000${at + 1}-of-00002.safetensors`;
    await Deno.writeFile(join(folder, file), encodeSafetensors(Object.fromEntries(part)));
    for (const [name] of part) map[name] = file;
  }
  const path = join(folder, "model.safetensors.index.json");
  const write = (map: Record<string, unknown>) =>
    Deno.writeTextFile(path, JSON.stringify({ metadata: {}, weight_map: map }));
  await write(map);
  return { path, map, write };
}

Deno.test("a sharded file is found by its folder or index and read whole", () =>
  inFolder(async (folder) => {
    const trained = plain(1);
    const { path } = await writeShards(folder, trained);
    for (const where of [folder, path]) {
      const model = plain(2);
      using source = await openSafetensors(where);
      await loadWeights(model, source);
      assertEquals(model.head!.weight.value.toArray(), trained.head!.weight.value.toArray());
    }
  }));

Deno.test("an index that its shards contradict is a FormatError that names the tensors", () =>
  inFolder(async (folder) => {
    const { path, map, write } = await writeShards(folder, plain(1));
    const { "norm.bias": _, ...less } = map;
    await write({ ...less, "extra": map["norm.bias"] });
    const error = await assertRejects(() => openSafetensors(path), FormatError);
    assertStringIncludes(error.message, "norm.bias is in model-00002-of-00002.safetensors, not");
    assertStringIncludes(error.message, "extra is not in model-00002-of-00002.safetensors");
    await write({ ...map, "norm.bias": "../elsewhere.safetensors" });
    await assertRejects(() => openSafetensors(path), FormatError, "file names beside it");
    await write({ ...map, "norm.bias": "absent.safetensors" });
    await assertRejects(() => openSafetensors(path), FileError, "absent.safetensors");
  }));

Deno.test("a damaged, missing or ambiguous file is a typed error", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.safetensors");
    await assertRejects(() => openSafetensors(path), FileError, path);
    await assertRejects(() => openSafetensors(folder), FileError, "expected a folder with");
    await saveWeights(path, plain(1));
    const bytes = await Deno.readFile(path);
    for (const length of [0, 7, 100, bytes.length - 1]) {
      await Deno.writeFile(join(folder, "cut"), bytes.subarray(0, length));
      await assertRejects(() => openSafetensors(join(folder, "cut")), FormatError, "cut");
    }
    await Deno.writeFile(join(folder, "b.safetensors"), bytes);
    await assertRejects(() => openSafetensors(folder), FileError, "name one of them");
  }));

Deno.test("every convention names every tensor of the models it is for, once", () => {
  for (const { rows, title } of Object.values(namings)) {
    const ours = rows.map((row) => row.ours);
    assertEquals(new Set(ours).size, ours.length, title);
    assert(
      rows.every(({ ours, theirs }) =>
        theirs.every((name) => name.includes("{n}") === ours.includes("{n}"))
      ),
    );
  }
});
