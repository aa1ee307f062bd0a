// A face cut out: a square around it, turned so that the eyes are level.

import type { Image } from "../data/image.ts";
import { crop, resize } from "../data/resize.ts";
import { ConfigError } from "../errors.ts";
import type { Face } from "./finder.ts";
import type { Point } from "./landmark_network.ts";

/** Options of {@linkcode cropFace}. */
export interface CropFaceOptions {
  /** Side of the square over the longer side of the detector's box; 1.3. */
  readonly margin?: number;
  /** Whether a face that is tilted by more than 5 degrees is turned upright; true. */
  readonly align?: boolean;
  /** Side of the picture that is returned, pixels; as cut where absent. */
  readonly size?: number;
}

/** A square in a picture. */
export interface FaceSquare {
  /** Its middle, in pixels of the picture. */
  readonly centre: Point;
  /** Its side in pixels. */
  readonly side: number;
  /** How far it is turned, radians, clockwise; 0 where it is cut as it stands. */
  readonly angle: number;
}

/** A face that was cut out. */
export interface FaceCrop {
  /** The square's pixels. */
  readonly image: Image;
  /** Where they are from. */
  readonly square: FaceSquare;
  /** What was found there. */
  readonly face: Face;
}

/** Turning resamples, and so disturbs the traces that detectors read: a face that is nearly upright is left as it is. */
const smallestTurn = 5 * Math.PI / 180;

function middleOf(points: readonly Point[]): Point {
  return {
    x: points.reduce((sum, { x }) => sum + x, 0) / points.length,
    y: points.reduce((sum, { y }) => sum + y, 0) / points.length,
  };
}

/**
 * The square around a face.
 *
 * @throws {ConfigError} The margin is not above 0.
 */
export function faceSquare(
  { box, landmarks }: Face,
  { margin = 1.3, align = true }: CropFaceOptions = {},
): FaceSquare {
  if (!(margin > 0 && margin < Infinity)) {
    throw new ConfigError(`faceSquare: margin is above 0, but found ${margin}`);
  }
  const oneEye = middleOf(landmarks.slice(36, 42)), other = middleOf(landmarks.slice(42, 48));
  const tilt = Math.atan2(other.y - oneEye.y, other.x - oneEye.x);
  return {
    centre: { x: box.left + box.width / 2, y: box.top + box.height / 2 },
    side: margin * Math.max(box.width, box.height),
    angle: align && Math.abs(tilt) >= smallestTurn ? tilt : 0,
  };
}

/** The square's own pixels, moved inside the picture where it reaches out, and made smaller where it is too large. */
function cutUpright(image: Image, { centre, side }: FaceSquare): Image {
  const length = Math.max(1, Math.min(Math.round(side), image.width, image.height));
  const start = (middle: number, available: number): number =>
    Math.max(0, Math.min(Math.round(middle - length / 2), available - length));
  return crop(image, {
    left: start(centre.x, image.width),
    top: start(centre.y, image.height),
    width: length,
    height: length,
  });
}

/** The square turned upright, interpolated linearly; beyond the picture its edge is repeated. */
function cutTurned({ width, height, data }: Image, { centre, side, angle }: FaceSquare): Image {
  const length = Math.max(1, Math.round(side));
  const cosine = Math.cos(angle), sine = Math.sin(angle);
  const result = new Uint8Array(length * length * 3);
  for (let row = 0; row < length; row++) {
    for (let column = 0; column < length; column++) {
      const right = column + 0.5 - length / 2, down = row + 0.5 - length / 2;
      // Pixels' middles are at halves.
      const x = Math.min(width - 1, Math.max(0, centre.x + cosine * right - sine * down - 0.5));
      const y = Math.min(height - 1, Math.max(0, centre.y + sine * right + cosine * down - 0.5));
      const left = Math.floor(x), top = Math.floor(y);
      const over = Math.min(width - 1, left + 1), below = Math.min(height - 1, top + 1);
      const a = x - left, b = y - top;
      for (let c = 0; c < 3; c++) {
        const at = (px: number, py: number) => data[(py * width + px) * 3 + c];
        const upper = (1 - a) * at(left, top) + a * at(over, top);
        const lower = (1 - a) * at(left, below) + a * at(over, below);
        result[(row * length + column) * 3 + c] = Math.round((1 - b) * upper + b * lower);
      }
    }
  }
  return { width: length, height: length, data: result };
}

/**
 * Cuts a face out of a picture: a square of `margin` times the detector's box, turned so that the eyes are level where
 * the face is tilted by more than 5 degrees. What is not turned keeps its own pixels.
 *
 * @throws {ConfigError} The margin or the size is not above 0.
 */
export function cropFace(image: Image, face: Face, options: CropFaceOptions = {}): FaceCrop {
  const square = faceSquare(face, options);
  const { size } = options;
  if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
    throw new ConfigError(`cropFace: size is a whole number of pixels, but found ${size}`);
  }
  const cut = square.angle === 0 ? cutUpright(image, square) : cutTurned(image, square);
  return { image: size === undefined ? cut : resize(cut, size, size), square, face };
}
