// `deno task bench faces`: how many faces are found, and how many of what is found are faces.
//
// face_truth.txt says where the faces are: the picture, then x and y of the middle of each face as shares of width and
// height, set down by eye. Of the 91 "portraits" one shows a toy's face.

import { basename } from "node:path";
import { readImage, starterPhotographs } from "../data/mod.ts";
import { type Face, installGroupPictures, loadFaceFinder } from "../faces/mod.ts";
import { alone, type Row } from "./row.ts";

/** The middle of a face, in pixels. */
type Middle = readonly [x: number, y: number];

/** What is allowed. */
const leastRecall = 0.9;

/** Where the faces of each picture are, as shares of its width and height. */
async function readTruth(): Promise<Map<string, Middle[]>> {
  const text = await Deno.readTextFile(new URL("face_truth.txt", import.meta.url));
  return new Map(
    text.trim().split("\n").map((line) => {
      const [picture, ...numbers] = line.split(" ");
      const shares = numbers.map(Number);
      const middles = Array.from({ length: shares.length / 2 }, (_, at): Middle => [
        shares[2 * at],
        shares[2 * at + 1],
      ]);
      return [picture, middles];
    }),
  );
}

/** How many of the faces are found: each by a box of its own whose middle is nearer than half the box's side. */
function countFound(found: readonly Face[], middles: readonly Middle[]): number {
  const free = new Set(found);
  return middles.filter(([x, y]) => {
    const hit = [...free].find(({ box }) => {
      const distance = Math.hypot(box.left + box.width / 2 - x, box.top + box.height / 2 - y);
      return distance < Math.max(box.width, box.height) / 2;
    });
    if (hit) free.delete(hit);
    return hit !== undefined;
  }).length;
}

/** The rows of the benchmark. */
export async function benchFaces(): Promise<Row[]> {
  const truth = await readTruth();
  const finder = await loadFaceFinder();
  const portraits = (await starterPhotographs())
    .filter(({ kind }) => kind === "face")
    .map(({ id, path }) => ({ id, path }));
  const groups = (await installGroupPictures())
    .map((path) => ({ id: `demo/${basename(path)}`, path }));
  const rows: Row[] = [];
  for (const [what, pictures] of [["portraits", portraits], ["group pictures", groups]] as const) {
    let there = 0, boxes = 0, found = 0, milliseconds = 0;
    for (const { id, path } of pictures) {
      const image = await readImage(path);
      const start = performance.now();
      const faces = finder.find(image);
      milliseconds += performance.now() - start;
      const middles = truth.get(id)!.map(([x, y]): Middle => [x * image.width, y * image.height]);
      there += middles.length;
      boxes += faces.length;
      found += countFound(faces, middles);
    }
    rows.push(
      alone(`${what}: faces that are there`, "faces", there),
      {
        what: `${what}: recall`,
        unit: "share",
        ours: found / there,
        ...(what === "portraits"
          ? { against: "bar", theirs: leastRecall, ratio: found / there / leastRecall }
          : { against: "", theirs: null, ratio: null }),
      },
      alone(`${what}: precision`, "share", found / boxes),
      alone(`${what}: a picture`, "ms", milliseconds / pictures.length),
    );
  }
  return rows;
}
