// Peers run beside us, each in a process of its own that repeats on request. npm packages come from Deno's cache, Python
// packages are installed once into ours: nothing is written into the repository.

import { join } from "node:path";
import { DataError } from "../errors.ts";
import { cacheFolder } from "../data/cache.ts";

/** What computes in a benchmark. */
export type BenchDevice = "wasm" | "webgpu";

/** A peer that is ready to repeat. */
export interface Peer extends AsyncDisposable {
  /** Milliseconds from its start to its first finished repetition, where it says so. */
  readonly firstMilliseconds?: number;
  /** Bytes that it held in memory at most, where it says so. */
  readonly peakBytes?: number;
  /** The milliseconds of one repetition, averaged over `count`. */
  run(count: number): Promise<number>;
}

async function sh(command: string, args: string[], cwd: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, cwd }).output();
  if (success) return;
  const told = new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join(" ");
  throw new DataError(`${command} ${args.join(" ")} failed: ${told}`);
}

const exists = (path: string): Promise<boolean> => Deno.stat(path).then(() => true, () => false);

/** A Python with packages installed; `packages` as pip writes them. */
async function pythonWith(packages: readonly string[]): Promise<string> {
  const folder = join(cacheFolder(), "peers", packages.join("+").replaceAll("==", "-"));
  const python = join(folder, "bin", "python");
  if (!await exists(join(folder, "installed"))) {
    await sh("python3", ["-m", "venv", folder], ".");
    await sh(python, ["-m", "pip", "install", "--quiet", ...packages], ".");
    await Deno.writeTextFile(join(folder, "installed"), "");
  }
  return python;
}

/** Starts a process that speaks the protocol of peers/protocol.ts and waits until it is ready. */
async function start(command: Deno.Command, name: string): Promise<Peer> {
  const child = command.spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const line = async (): Promise<string> => {
    while (!rest.includes("\n")) {
      const { value, done } = await output.read();
      if (done) throw new DataError(`the peer ${name} ended before it answered`);
      rest += value;
    }
    const end = rest.indexOf("\n");
    const text = rest.slice(0, end);
    rest = rest.slice(end + 1);
    return text;
  };
  let firstMilliseconds: number | undefined, peakBytes: number | undefined;
  for (let text = await line(); text !== "ready"; text = await line()) {
    if (text.startsWith("first ")) firstMilliseconds = Number(text.slice(6));
    if (text.startsWith("peak ")) peakBytes = Number(text.slice(5));
  }
  return {
    firstMilliseconds,
    peakBytes,
    async run(count: number): Promise<number> {
      await input.write(new TextEncoder().encode(`run ${count}\n`));
      return Number(await line()) / count;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await input.close().catch(() => undefined);
      await output.cancel().catch(() => undefined);
      child.kill();
      await child.status;
    },
  };
}

/** A peer that is a script of Deno's, which names its packages itself: they are fetched when somebody asks for it. */
async function script(file: string, name: string, args: readonly string[]): Promise<Peer> {
  const address = new URL(`peers/${file}`, import.meta.url).href;
  const command = new Deno.Command(Deno.execPath(), {
    // A package that is named at run time would be written into the lock file.
    args: ["run", "-A", "--quiet", "--no-check", "--no-lock", address, ...args],
    stdin: "piped",
    stdout: "piped",
  });
  return await start(command, name);
}

/** jax-js on its WebAssembly or its WebGPU backend. */
export async function jaxJs(
  what: string,
  size: string,
  threads: number,
  device: BenchDevice = "wasm",
): Promise<Peer> {
  return await script("jax_js.ts", "jax-js", [what, size, String(threads), device]);
}

/** TensorFlow.js on its WebGPU backend. */
export async function tfjs(what: string, size: string): Promise<Peer> {
  return await script("tfjs.ts", "tfjs", [what, size]);
}

/** onnxruntime-web's WebAssembly, bare or under transformers.js; `job` as peers/onnxruntime_web.ts reads it. */
export async function onnxRuntimeWeb(
  name: string,
  how: "bare" | "transformers",
  job: string,
): Promise<Peer> {
  return await script("onnxruntime_web.ts", name, [how, job]);
}

/** A peer that is a script of Python's, with packages as pip writes them, held to AVX2 as PyTorch's switches allow. */
async function python(
  file: string,
  name: string,
  packages: readonly string[],
  args: readonly string[],
): Promise<Peer> {
  const command = await pythonWith(packages);
  const script = new URL(`peers/${file}`, import.meta.url).pathname;
  const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _size, ...inherited } = Deno.env.toObject();
  const env = {
    ...inherited,
    ATEN_CPU_CAPABILITY: "avx2",
    ONEDNN_MAX_CPU_ISA: "AVX2",
    MKL_ENABLE_INSTRUCTIONS: "AVX2",
  };
  return await start(
    new Deno.Command(command, {
      args: [script, ...args],
      env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
    }),
    name,
  );
}

const backpackPackage = "backpack-for-pytorch==1.7.1";
const torch = ["torch==2.13.0", "numpy"];

/** PyTorch 2.13.0 on the CPU. */
export async function pytorch(what: string, size: string, threads: number): Promise<Peer> {
  return await python("pytorch_peer.py", "pytorch", torch, [what, size, String(threads)]);
}

/** PyTorch's own backward pass, or a tool for per-sample gradients on it; see peers/gsnr_peer.py. */
export async function perSample(
  how: "backward" | "vmap" | "opacus" | "backpack",
  size: string,
  threads: number,
): Promise<Peer> {
  const tools = { backward: [], vmap: [], opacus: ["opacus==1.6.0"], backpack: [backpackPackage] };
  return await python("gsnr_peer.py", how, [...torch, ...tools[how]], [how, size, String(threads)]);
}

/** Peers by name, in the order of tables. */
export type NamedPeers = readonly (readonly [name: string, peer: Peer])[];

/** The peers of a device that are wanted, started one after the other. */
export async function startPeers(
  what: string,
  size: string,
  { threads, device, wants }: {
    readonly threads: number;
    readonly device: BenchDevice;
    readonly wants: (peer: string) => boolean;
  },
): Promise<NamedPeers> {
  const peers: [name: string, peer: Peer][] = [];
  if (wants("jax-js")) peers.push(["jax-js", await jaxJs(what, size, threads, device)]);
  if (device === "wasm" && wants("pytorch")) {
    peers.push(["pytorch", await pytorch(what, size, threads)]);
  }
  if (device === "webgpu" && wants("tfjs")) peers.push(["tfjs", await tfjs(what, size)]);
  return peers;
}
