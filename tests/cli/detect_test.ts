// What `detect` is given and says: folders, missing paths, rows of CSV.

import { assertEquals, assertRejects } from "@std/assert";
import {
  type Answer,
  csvHead,
  csvLine,
  csvRows,
  jsonLine,
  textLines,
} from "../../cli/detect_answer.ts";
import { detectInputs } from "../../cli/detect_inputs.ts";
import { ConfigError, DataError } from "../../errors.ts";
import { inFolder } from "../end_to_end/command.ts";

Deno.test("a folder is its pictures and videos, at any depth and by name; a loop of links is not entered", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/deep er/é`, { recursive: true });
    const files = ["b.png", "a.JPG", "notes.txt", "deep er/c.mp4", "deep er/é/d.webp"];
    for (const file of files) await Deno.writeTextFile(`${folder}/${file}`, "");
    await Deno.symlink(folder, `${folder}/deep er/loop`);
    const found = await detectInputs([folder, `${folder}/none.jpg`]);
    assertEquals(found, [
      { name: `${folder}/a.JPG`, video: false },
      { name: `${folder}/b.png`, video: false },
      { name: `${folder}/deep er/c.mp4`, video: true },
      { name: `${folder}/deep er/é/d.webp`, video: false },
      { name: `${folder}/none.jpg`, video: false },
    ]);
  }));

Deno.test("a folder without pictures, and standard input named twice, are refused", () =>
  inFolder(async (folder) => {
    await assertRejects(() => detectInputs([folder]), DataError, "no pictures and no videos");
    await assertRejects(() => detectInputs(["-", "-"]), ConfigError, "named twice");
  }));

Deno.test("cells of CSV are quoted where they must be", () => {
  assertEquals(
    csvLine(["a,b", 'say "x"', "two\nlines", 0.5, true]),
    '"a,b","say ""x""","two\nlines",0.5,true',
  );
});

Deno.test("a video's answer has a row for itself and one for each frame, in every form", () => {
  const image = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64) };
  const map = { values: new Float64Array(64), gridHeight: 8, gridWidth: 8 };
  const answer: Answer = {
    name: "clip.mp4",
    run: "runs/first",
    probability: 0.5,
    threshold: 0.6,
    heatmap: "maps/clip.png",
    frames: [
      { index: 1, seconds: 0.25, probability: 0.75 },
      { index: 5, seconds: 1.25, probability: 0.25 },
    ],
    detection: {
      probability: 0.75,
      windows: [{ left: 0, top: 0, probability: 0.75 }],
      view: { image, corners: [[0, 0]], size: 64 },
      region: map,
      tokens: map,
    },
  };
  assertEquals(csvRows(answer), [
    "clip.mp4,,,0.5,0.6,false,1,maps/clip.png",
    "clip.mp4,1,0.25,0.75,0.6,true,1,",
    "clip.mp4,5,1.25,0.25,0.6,false,1,",
  ]);
  assertEquals(csvRows(answer)[0].split(",").length, csvHead.length);
  const json = JSON.parse(jsonLine(answer, "Trained on swap."));
  assertEquals([json.video, json.highestFrame, json.frames.length, json.flagged], [
    "clip.mp4",
    1,
    2,
    false,
  ]);
  assertEquals([json.trainedOn, json.note], [
    "Trained on swap.",
    "A score ranks images; it is no proof.",
  ]);
  assertEquals(textLines(answer).split("\n").slice(0, 3), [
    "clip.mp4",
    "  0.500  not flagged (threshold 0.600)",
    "  2 frames, the highest 0.750 at 0.3 s (frame 1); one window of 64 x 64",
  ]);
});
