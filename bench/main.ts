// `deno task bench NAME`: how fast we are, and the peers beside us in the same run.

import process from "node:process";
import { z } from "zod";
import { runCommand } from "../cli/command.ts";
import { ConfigError } from "../errors.ts";
import { setDefaultDevice, setThreads, startWebGpu } from "../tensor/device.ts";
import { threadCount } from "../training/device.ts";
import { defineOptions, group, hint, row } from "../training/options.ts";
import { benchClip } from "./bench_clip.ts";
import { benchFaces } from "./bench_faces.ts";
import { benchGsnr } from "./bench_gsnr.ts";
import { benchInference } from "./bench_inference.ts";
import { benchMatmul } from "./bench_matmul.ts";
import { benchRoofline } from "./bench_roofline.ts";
import { benchParity } from "./bench_parity.ts";
import { benchScaling } from "./bench_scaling.ts";
import { benchListing } from "./bench_listing.ts";
import { benchLoader } from "./bench_loader.ts";
import { benchPreprocessing } from "./bench_preprocessing.ts";
import { benchVit } from "./bench_vit.ts";
import { machine } from "./machine.ts";
import type { BenchDevice } from "./peer.ts";
import { type Row, tableOf } from "./row.ts";
import type { BenchSettings } from "./settings.ts";

const benches: Readonly<Record<string, (settings: BenchSettings) => Promise<Row[]>>> = {
  matmul: benchMatmul,
  vit: benchVit,
  loader: benchLoader,
  listing: benchListing,
  preprocessing: benchPreprocessing,
  inference: benchInference,
  clip: benchClip,
  gsnr: benchGsnr,
  faces: benchFaces,
  parity: benchParity,
  scaling: benchScaling,
  roofline: benchRoofline,
};

/** Those that run on WebGPU too. */
const onWebGpu = ["matmul", "vit", "roofline"];

const definition = defineOptions<{
  json: boolean;
  device: BenchDevice;
  threads: number;
  peers: string;
}>({
  name: "bench",
  summary:
    "Measures speed. Peers run in processes of their own and take turns with us in one run; " +
    "ratios above 1 mean that ours is better.",
  positional: "NAME",
  rows: {
    ...group("Options", {
      json: row(z.boolean(), false, "end with one line of JSON"),
      device: row(
        z.enum(["wasm", "webgpu"]),
        "wasm",
        "what computes: wasm, or webgpu (vit, matmul, roofline), software adapters included",
      ),
      threads: row(
        z.number().int().min(0),
        0,
        "threads for us and the peers; 0: CORIT_THREADS, or all cores",
      ),
      peers: row(
        z.string(),
        "",
        "run beside peers: all, or the one that is named (jax-js, pytorch, tfjs, onnxruntime-web, transformers.js, vmap, opacus, backpack); installed on demand",
      ),
    }),
  },
  examples: [
    { command: "deno task bench matmul", does: "matrix products against the machine's peak" },
    { command: "deno task bench vit --peers", does: "a training step beside jax-js and PyTorch" },
    {
      command: "deno task bench inference --peers",
      does: "ViT-B/16 at 224 pixels beside onnxruntime-web",
    },
    {
      command: "deno task bench clip --peers",
      does: "CLIP's trained ViT-B/16 beside onnxruntime-web and transformers.js",
    },
    {
      command: "deno task bench vit --device webgpu --peers",
      does: "the same on WebGPU, beside jax-js and TensorFlow.js on the same adapter",
    },
    {
      command: "deno task bench roofline",
      does: "what a step of ViT-B/16 and ViT-L/14 takes at least on a GPU",
    },
    {
      command: "deno task bench roofline --device webgpu",
      does: "how near a step comes to what this adapter can do",
    },
    { command: "deno task bench gsnr", does: "exact per-element GSNR beside a backward pass" },
    { command: "deno task bench parity", does: "others' networks here and in their runtimes" },
    { command: "deno task bench faces", does: "recall and precision of the face detector" },
    { command: "deno task bench vit --peers jax-js --threads 1", does: "one thread, one peer" },
  ],
});

/** `--peers` alone means all of them. */
function withPeerNames(args: readonly string[]): string[] {
  return args.map((arg, at) => {
    const next = args[at + 1];
    const alone = arg === "--peers" &&
      (next === undefined || next.startsWith("-") || next in benches);
    return alone ? "--peers=all" : arg;
  });
}

await runCommand(definition, async ({ values, positional: [name, ...rest] }) => {
  const names = Object.keys(benches);
  if (name === undefined || !(name in benches) || rest.length > 0) {
    throw new ConfigError(
      `bench: expected one of ${names.join(", ")}, but found ` +
        `${[name, ...rest].filter(Boolean).join(" ") || "nothing"}${hint(name ?? "", names)}`,
    );
  }
  const { device } = values;
  const threads = threadCount(values.threads);
  setThreads(threads);
  let place = `${machine()}, ${threads} threads`;
  if (device === "webgpu") {
    if (!onWebGpu.includes(name)) {
      throw new ConfigError(`bench: ${name} does not run on webgpu; ${onWebGpu.join(" and ")} do`);
    }
    place = `${machine()}, WebGPU on ${(await startWebGpu()).description}`;
    setDefaultDevice(device);
  }
  process.stderr.write(`${place}\n`);
  const rows = await benches[name]({
    threads,
    device,
    wants: (peer) => values.peers === "all" || values.peers === peer,
  });
  console.log(tableOf(rows));
  if (values.json) console.log(JSON.stringify({ bench: name, machine: place, rows }));
}, { args: withPeerNames(Deno.args) });
