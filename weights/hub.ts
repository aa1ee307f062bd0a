// Models from the Hugging Face hub, into the cache that its own libraries use.

import { HubApiError, listFiles, modelInfo } from "@huggingface/hub";
import { dirname, join } from "node:path";
import { ConfigError, DataError, FileError, FormatError, NetworkError } from "../errors.ts";
import { exists, reasonOf, writeWhole } from "./files.ts";
import { downloadFile, type DownloadOptions } from "./resumable_download.ts";

/** Where the hub is, where its files are kept, and who asks. */
export interface HubSettings {
  /** The hub's address, without a slash at the end. */
  readonly endpoint: string;
  /** The folder of the cache, which holds `models--owner--name`. */
  readonly folder: string;
  /** The access token, if any. */
  readonly token: string | undefined;
}

/**
 * The settings of Hugging Face's own libraries: `HF_ENDPOINT`; `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or in
 * `~/.cache/huggingface`; `HF_TOKEN`, or the file `token` in `HF_HOME`.
 *
 * @throws {FileError} None of the variables that name a folder is set.
 *
 * @example
 * ```ts
 * import { hubSettings } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const { endpoint, folder, token } = hubSettings({ HF_HOME: "/data/hf", HF_TOKEN: "hf_x" });
 * assertEquals([endpoint, folder, token], ["https://huggingface.co", "/data/hf/hub", "hf_x"]);
 * ```
 */
export function hubSettings(
  environment: Readonly<Record<string, string | undefined>> = Deno.env.toObject(),
): HubSettings {
  const { HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, XDG_CACHE_HOME } = environment;
  const user = environment.HOME ?? environment.USERPROFILE;
  const home = HF_HOME ??
    (XDG_CACHE_HOME
      ? join(XDG_CACHE_HOME, "huggingface")
      : user && join(user, ".cache", "huggingface"));
  const folder = HF_HUB_CACHE ?? (home && join(home, "hub"));
  if (!folder) {
    throw new FileError("no folder for Hugging Face's files; set HF_HOME to a folder");
  }
  return {
    endpoint: (HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""),
    folder,
    token: HF_TOKEN?.trim() || tokenIn(home),
  };
}

/** The token that `hf auth login` left. */
function tokenIn(home: string | undefined): string | undefined {
  if (!home) return undefined;
  try {
    return Deno.readTextFileSync(join(home, "token")).trim() || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new FileError(`cannot read ${join(home, "token")}: ${reasonOf(error)}`, { cause: error });
  }
}

/** A model in the cache. */
export interface HubModel {
  /** `owner/name`. */
  readonly repository: string;
  /** The commit. */
  readonly commit: string;
  /** The weights: a safetensors file, or the index of several. */
  readonly path: string;
}

/** Options of {@linkcode pullModel}. */
export interface PullModelOptions extends DownloadOptions {
  /** A branch, tag or commit; `main` by default. */
  readonly revision?: string;
  /** Where from and where to; {@linkcode hubSettings} by default. */
  readonly settings?: HubSettings;
  /** Called with a line of text before each download. */
  readonly onProgress?: (line: string) => void;
}

/** A file of the list that the hub gives. */
interface Listed {
  readonly path: string;
  readonly size: number;
  readonly hash: string;
}

const repositoryName = /^[\w-][\w.-]*\/[\w-][\w.-]*$/;
const shard = /-\d{5}-of-\d{5}\.safetensors$/;

/** The folder of a repository in the cache. */
function repositoryFolder(repository: string, { folder }: HubSettings): string {
  if (!repositoryName.test(repository)) {
    throw new ConfigError(
      `${JSON.stringify(repository)} is no repository; its form is owner/name`,
    );
  }
  return join(folder, `models--${repository.replace("/", "--")}`);
}

/** Where the cache keeps the commit of a branch or tag. */
function refPath(folder: string, revision: string): string {
  if (!/^\w[\w./-]*$/.test(revision) || revision.includes("..")) {
    throw new ConfigError(
      `${JSON.stringify(revision)} is no revision; name a branch, a tag or a commit`,
    );
  }
  return join(folder, "refs", revision);
}

/** The file to open, and all that belongs to it. */
function chooseWeights(repository: string, files: readonly string[]): [string, string[]] {
  const tops = files.filter((path) => path.endsWith(".safetensors") && !shard.test(path));
  if (tops.includes("model.safetensors")) return ["model.safetensors", ["model.safetensors"]];
  const index = files.find((path) => path === "model.safetensors.index.json");
  if (index) {
    const shards = files.filter((path) => path.startsWith("model-") && shard.test(path));
    return [index, [index, ...shards]];
  }
  if (tops.length === 1) return [tops[0], [tops[0]]];
  throw new DataError(
    `${repository}: expected model.safetensors, its index, or one .safetensors file, but found ` +
      `[${files.join(", ")}]`,
  );
}

/**
 * The model in the cache, without asking the hub; undefined where it is not there, or not whole.
 *
 * @param repository `owner/name`.
 * @throws {ConfigError} The name is no repository's.
 */
export async function cachedModel(
  repository: string,
  { revision = "main", settings = hubSettings() }: Pick<
    PullModelOptions,
    "revision" | "settings"
  > = {},
): Promise<HubModel | undefined> {
  const folder = repositoryFolder(repository, settings);
  const commit = /^[0-9a-f]{40}$/.test(revision)
    ? revision
    : (await Deno.readTextFile(refPath(folder, revision)).catch(() => "")).trim();
  if (commit === "") return undefined;
  const snapshot = join(folder, "snapshots", commit);
  for (const name of ["model.safetensors", "model.safetensors.index.json"]) {
    const path = join(snapshot, name);
    if (await exists(path)) return { repository, commit, path };
  }
  const names = await Array.fromAsync(Deno.readDir(snapshot)).catch(() => []);
  const only = names.map(({ name }) => name).filter((name) => name.endsWith(".safetensors"));
  return only.length === 1 && !shard.test(only[0])
    ? { repository, commit, path: join(snapshot, only[0]) }
    : undefined;
}

/**
 * Makes a model's safetensors present in the cache and returns where they are. Downloads are resumed and checked
 * against the hub's hashes; what is there already is not fetched again.
 *
 * @param repository `owner/name`.
 * @throws {NetworkError} The hub cannot be reached or refuses, or a download breaks off again and again.
 * @throws {FormatError} The hub sends other bytes than it lists.
 * @throws {DataError} The repository holds no safetensors, or leaves open which are meant.
 * @throws {ConfigError} The name is no repository's.
 * @throws {FileError} The cache cannot be written.
 */
export async function pullModel(
  repository: string,
  options: PullModelOptions = {},
): Promise<HubModel> {
  const { revision = "main", settings = hubSettings(), onProgress } = options;
  const folder = repositoryFolder(repository, settings);
  const { commit, files } = await look(repository, revision, settings, options.patience ?? 30);
  const [entry, wanted] = chooseWeights(repository, files.map(({ path }) => path));
  const snapshot = join(folder, "snapshots", commit);
  await makeFolders(join(folder, "blobs"), dirname(refPath(folder, revision)), snapshot);
  const headers = settings.token ? { Authorization: `Bearer ${settings.token}` } : undefined;
  // The file to open comes last: where it is, all that it needs is.
  for (const name of wanted.toReversed()) {
    const { path, size, hash } = files.find(({ path }) => path === name)!;
    const blob = join(folder, "blobs", hash);
    if (!await exists(blob)) {
      const url = `${settings.endpoint}/${repository}/resolve/${commit}/${path}`;
      onProgress?.(`downloading ${path} of ${repository}, ${(size / 1e6).toFixed(1)} MB`);
      await downloadFile({ url, headers, size, hash }, blob, options);
    }
    await place(hash, blob, join(snapshot, path));
  }
  await writeWhole(refPath(folder, revision), encode(commit));
  return { repository, commit, path: join(snapshot, entry) };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function makeFolders(...paths: string[]): Promise<void> {
  for (const path of paths) {
    try {
      await Deno.mkdir(path, { recursive: true });
    } catch (cause) {
      throw new FileError(
        `cannot make ${path}: ${reasonOf(cause)}; set HF_HOME to another folder`,
        { cause },
      );
    }
  }
}

/** Gives a blob its name in a snapshot: by a link, or by a copy where links are not allowed. */
async function place(hash: string, blob: string, path: string): Promise<void> {
  if (await exists(path)) return;
  try {
    // Under a name of its own first: another process may be placing the same file.
    const temporary = `${path}.${crypto.randomUUID()}`;
    await Deno.symlink(join("..", "..", "blobs", hash), temporary).catch(() =>
      Deno.copyFile(blob, temporary)
    );
    await Deno.rename(temporary, path);
  } catch (cause) {
    throw new FileError(`cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Asks the hub for a revision's commit and files. */
async function look(
  repository: string,
  revision: string,
  { endpoint, token }: HubSettings,
  patience: number,
): Promise<{ commit: string; files: Listed[] }> {
  const asking = {
    hubUrl: endpoint,
    ...(token ? { accessToken: token } : {}),
    fetch: (url: string | URL | Request, init?: RequestInit) =>
      fetch(url, { ...init, signal: AbortSignal.timeout(1000 * patience) }),
  };
  let commit: string;
  const files: Listed[] = [];
  try {
    ({ sha: commit } = await modelInfo({
      ...asking,
      name: repository,
      revision,
      additionalFields: ["sha"],
    }));
    for await (
      const { type, path, size, oid, lfs } of listFiles({
        ...asking,
        repo: repository,
        revision: commit,
      })
    ) {
      if (type === "file") files.push({ path, size, hash: lfs?.oid ?? oid ?? "" });
    }
  } catch (cause) {
    throw new NetworkError(
      cause instanceof HubApiError
        ? `${endpoint}: ${repository} (${revision}) is refused: ${cause.message}` +
          (cause.statusCode === 401 || cause.statusCode === 403
            ? "; a private or gated model needs a token in HF_TOKEN"
            : "")
        : `${endpoint}: cannot be reached (${reasonOf(cause)}); HF_ENDPOINT names another ` +
          "address",
      { cause },
    );
  }
  // These become names of files.
  const sound = /^[0-9a-f]{40}$/.test(commit) &&
    files.every(({ path, hash, size }) =>
      !path.includes(".safetensors") ||
      /^[\w.-]+$/.test(path) && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) &&
        Number.isSafeInteger(size)
    );
  if (!sound) throw new FormatError(`${endpoint}: what it says of ${repository} makes no sense`);
  return { commit, files };
}
