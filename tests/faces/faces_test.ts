// Faces: the networks compute what face-api.js computes (faces_golden.ts); boxes, squares and crops are where they should be.

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import type { Image } from "../../data/image.ts";
import { readImage, starterPhotographs } from "../../data/mod.ts";
import { ConfigError, FileError, ShapeError } from "../../errors.ts";
import {
  cropFace,
  type Face,
  FaceDetectorNetwork,
  facesOf,
  faceSquare,
  installFaceModels,
  LandmarkNetwork,
  loadFaceFinder,
  overlapOf,
  type Point,
  suppress,
} from "../../faces/mod.ts";
import { tensor, zeros } from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";

const golden = JSON.parse(
  await Deno.readTextFile(new URL("../golden/faces.json", import.meta.url)),
) as Record<"detector" | "landmarks", { size: number; output: number[] }>;

/** The drawn picture of the goldens, [1, 3, size, size]. */
function picture(size: number) {
  const values = Float32Array.from({ length: 3 * size * size }, (_, i) => {
    const x = i % size, y = Math.floor(i / size) % size, c = Math.floor(i / size / size);
    return Math.round(127.5 * (1 + Math.sin(0.07 * x + c) * Math.cos(0.04 * y - c)));
  });
  return tensor(values, { shape: [1, 3, size, size] });
}

const models = await installFaceModels();
const finder = await loadFaceFinder({ models });

Deno.test("the face detector's network gives what face-api.js gives", () => {
  const { size, output } = golden.detector;
  const found = finder.detector.forward(picture(size)).permute([0, 2, 3, 1]).dataSync();
  assertClose(found, output, { tolerance: 3e-6, floor: magnitudeOf(output) }, "detector");
});

Deno.test("the landmark network gives what face-api.js gives", () => {
  const { size, output } = golden.landmarks;
  const found = finder.landmarks.forward(picture(size)).dataSync();
  assertClose(found, output, { tolerance: 3e-6, floor: magnitudeOf(output) }, "landmarks");
});

Deno.test("a proposed box is the anchor, moved and stretched as the network says", () => {
  const { size, output } = golden.detector;
  const [cells, anchor] = [4, [1.603231, 2.094468]];
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const boxes = finder.detector.propose(picture(size), 0);
  assertEquals(boxes.length, 5 * cells * cells);
  // The first box of the cell in row 1, column 2.
  const at = (1 * cells + 2) * 25;
  const { box, score } = boxes[(1 * cells + 2) * 5];
  assertAlmostEquals(score, sigmoid(output[at + 4]), 1e-5);
  assertAlmostEquals(box.left + box.width / 2, 32 * (2 + sigmoid(output[at])), 1e-3);
  assertAlmostEquals(box.top + box.height / 2, 32 * (1 + sigmoid(output[at + 1])), 1e-3);
  assertAlmostEquals(box.width, 32 * anchor[0] * Math.exp(output[at + 2]), 1e-3);
  assertAlmostEquals(box.height, 32 * anchor[1] * Math.exp(output[at + 3]), 1e-3);
});

Deno.test("of several boxes on one face the best is kept, of several faces each", () => {
  const box = { left: 0, top: 0, width: 10, height: 10 };
  assertEquals(overlapOf(box, { ...box, left: 10 }), 0);
  assertEquals(overlapOf(box, { ...box, top: 5 }), 50 / 150);
  const boxes = [
    { box, score: 0.6 },
    { box: { ...box, left: 2 }, score: 0.9 }, // overlaps by 80 of 120
    { box: { left: 3, top: 1, width: 4, height: 4 }, score: 0.8 }, // lies inside
    { box: { ...box, left: 30 }, score: 0.7 },
  ];
  assertEquals(suppress(boxes).map(({ score }) => score), [0.9, 0.7]);
});

/** A face of 20 x 16 pixels around (50, 40) whose eyes stand at an angle. */
function tilted(angle: number): Face {
  const eye = (side: number): Point => ({
    x: 50 + side * 5 * Math.cos(angle),
    y: 40 + side * 5 * Math.sin(angle),
  });
  const landmarks = Array.from(
    { length: 68 },
    (_, at) => at >= 36 && at < 42 ? eye(-1) : at >= 42 && at < 48 ? eye(1) : { x: 50, y: 40 },
  );
  return { box: { left: 40, top: 32, width: 20, height: 16 }, score: 1, landmarks };
}

/** Red counts columns, green rows. */
const ramp: Image = {
  width: 100,
  height: 80,
  data: Uint8Array.from({ length: 100 * 80 * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return [pixel % 100, Math.floor(pixel / 100), 7][i % 3];
  }),
};

Deno.test("the square is the margin times the box's longer side, around its middle", () => {
  assertEquals(faceSquare(tilted(0)), { centre: { x: 50, y: 40 }, side: 26, angle: 0 });
  assertEquals(faceSquare(tilted(0), { margin: 2 }).side, 40);
  assertAlmostEquals(faceSquare(tilted(0.3)).angle, 0.3, 1e-12);
  assertEquals(faceSquare(tilted(0.3), { align: false }).angle, 0);
  assertEquals(faceSquare(tilted(0.08)).angle, 0, "less than 5 degrees is left");
  assertThrows(() => faceSquare(tilted(0), { margin: 0 }), ConfigError, "margin");
});

Deno.test("an upright face keeps its own pixels", () => {
  const { image } = cropFace(ramp, tilted(0));
  assertEquals([image.width, image.height], [26, 26]);
  for (let y = 0; y < 26; y++) {
    for (let x = 0; x < 26; x++) {
      assertEquals([...image.data.subarray((y * 26 + x) * 3, (y * 26 + x) * 3 + 2)], [
        37 + x,
        27 + y,
      ]);
    }
  }
});

Deno.test("a tilted face is turned about its middle until its eyes are level", () => {
  const angle = 0.3;
  const { image } = cropFace(ramp, tilted(angle));
  assertEquals([image.width, image.height], [26, 26]);
  for (const [column, row] of [[3, 3], [13, 13], [22, 5], [4, 21]]) {
    const right = column + 0.5 - 13, down = row + 0.5 - 13;
    const [red, green] = image.data.subarray((row * 26 + column) * 3);
    assertAlmostEquals(red, 50 + Math.cos(angle) * right - Math.sin(angle) * down - 0.5, 0.51);
    assertAlmostEquals(green, 40 + Math.sin(angle) * right + Math.cos(angle) * down - 0.5, 0.51);
  }
});

Deno.test("a square that reaches out of the picture is moved inside, a larger one made to fit", () => {
  const corner = { ...tilted(0), box: { left: -8, top: 70, width: 20, height: 20 } };
  const { image } = cropFace(ramp, corner);
  assertEquals([image.width, ...image.data.subarray(0, 2)], [26, 0, 54]);
  const large = { ...tilted(0), box: { left: -20, top: -20, width: 140, height: 140 } };
  assertEquals(cropFace(ramp, large).image.height, 80);
  assertEquals(cropFace(ramp, tilted(0), { size: 12 }).image.width, 12);
  assertThrows(() => cropFace(ramp, tilted(0), { size: 1.5 }), ConfigError, "size");
});

Deno.test("portraits have one face, whose landmarks lie within it; an empty picture has none", async () => {
  const portraits = (await starterPhotographs()).filter(({ kind }) => kind === "face");
  for (const { path } of [portraits[0], portraits[8]]) {
    const image = await readImage(path);
    const faces = finder.find(image, { sizes: [128, 224] });
    assertEquals(faces.length, 1);
    const [{ box, landmarks, score }] = faces;
    assert(score >= 0.5 && landmarks.length === 68);
    const inside = landmarks.filter(({ x, y }) =>
      x > box.left && x < box.left + box.width && y > box.top && y < box.top + box.height * 1.1
    );
    assert(inside.length > 60, `${inside.length} of 68 landmarks lie within the face`);
    const eyes = landmarks.slice(36, 48).reduce((sum, { y }) => sum + y / 12, 0);
    const mouth = landmarks.slice(48).reduce((sum, { y }) => sum + y / 20, 0);
    assert(eyes < mouth, "eyes are above the mouth");
    const [crop, ...others] = facesOf(finder, image, { sizes: [128, 224], size: 64 });
    assertEquals([others.length, crop.image.width], [0, 64]);
  }
  assertEquals(facesOf(finder, ramp, { which: "all" }), []);
});

Deno.test("sizes, scores, shapes and files that do not fit are refused", async () => {
  assertThrows(() => finder.find(ramp, { sizes: [100] }), ConfigError, "multiples of 32");
  assertThrows(() => finder.find(ramp, { sizes: [] }), ConfigError, "multiples of 32");
  assertThrows(() => finder.find(ramp, { minimumScore: 1 }), ConfigError, "minimumScore");
  assertThrows(() => finder.detector.forward(zeros([1, 3, 60, 60])), ShapeError, "32 pixels");
  assertThrows(() => finder.landmarks.forward(zeros([1, 3, 64, 64])), ShapeError, "112");
  const path = (name: string) => join(models, `${name}-weights_manifest.json`);
  await assertRejects(() => FaceDetectorNetwork.load(path("none")), FileError);
  await assertRejects(
    () => LandmarkNetwork.load(path("tiny_face_detector_model")),
    Error,
    "dense0",
  );
});
