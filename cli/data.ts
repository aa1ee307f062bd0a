// The command behind `deno task data PATH`: what is in a data set, before anything is trained.

import { z } from "zod";
import { lookAtData } from "../data/look.ts";
import { openData } from "../data/read_data.ts";
import { dataReportText } from "../data/report_text.ts";
import { ConfigError, DataError } from "../errors.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { runCommand } from "./command.ts";
import { type Progress, progress } from "./progress.ts";

/** What the command is told. */
interface DataOptions {
  lookAt: number;
  splitSeed: number;
  videos: "auto" | "folders" | "none";
  frames: number;
  compression: string;
  json: boolean;
}

const dataOptions = defineOptions<DataOptions>({
  name: "data",
  summary: [
    "Says what is in a data set: its layout, its classes, methods and splits, sizes and encodings,",
    "duplicates, files that cannot be read, and whether the files alone give the class away.",
    "It ends with code 1 where files cannot be read. The layouts are described in docs/data.md.",
  ].join("\n"),
  positional: "PATH",
  examples: [
    { command: "deno task data faces", does: "a folder with real/ and fake/ in it" },
    { command: "deno task data GenImage --look-at 0", does: "every file is read" },
    { command: "deno task data FaceForensics++.json --json", does: "for programs" },
  ],
  rows: {
    ...group("Data", {
      lookAt: row(z.int().min(0), 4000, "files that are read, evenly spaced; 0: all"),
      splitSeed: row(z.int().min(0), 0, "seed of the split where the data set has none"),
      videos: row(
        z.enum(["auto", "folders", "none"]),
        "auto",
        "whether folders of numbered pictures are videos",
      ),
      frames: row(z.int().min(1), 32, "frames of each video, evenly spaced"),
      compression: row(z.string(), "", "of FaceForensics++: c23, raw, c40; empty: c23 if there"),
      json: row(z.boolean(), false, "print the report as JSON, and nothing else"),
    }),
  },
});

await runCommand(dataOptions, async ({ values, positional }) => {
  const [path, ...others] = positional;
  if (path === undefined || others.length > 0) {
    throw new ConfigError(`data takes one path: deno task data FOLDER`);
  }
  const { splitSeed, videos, frames, compression, lookAt, json } = values;
  let bar: Progress | undefined;
  const data = await openData(path, { splitSeed, videos, framesPerVideo: frames, compression });
  const report = await lookAtData(data, {
    most: lookAt,
    onProgress: ({ what, done, total }) => {
      bar ??= progress({ total, label: what, fields: [] });
      bar.update(done);
    },
  });
  bar?.stop();
  console.log(json ? JSON.stringify(report, null, 2) : `\n${dataReportText(report)}\n`);
  const broken = report.problems.filter(({ loses }) => loses).length;
  if (broken > 0) {
    throw new DataError(
      `${broken} ${
        broken === 1 ? "file" : "files"
      } cannot be read; training stops at them unless it ` +
        "is told to leave them out with --skip-broken",
    );
  }
});
