// Gaussian blur of interleaved planes, for augmentation, soft masks and sharpening.

/**
 * Blurs `[height, width, channels]` values with a Gaussian of standard deviation `sigma` pixels.
 *
 * The kernel is cut at three sigma; beyond the border the picture is mirrored (edge pixel repeated). `sigma` 0 copies.
 *
 * @example
 * ```ts
 * import { gaussianBlur } from "@corit/corit/data";
 * import { assertAlmostEquals } from "@std/assert";
 * const blurred = gaussianBlur(Float32Array.of(0, 0, 1, 0, 0), 1, 5, 1, 0.5);
 * assertAlmostEquals(blurred.reduce((sum, value) => sum + value), 1, 1e-6);
 * ```
 */
export function gaussianBlur(
  values: ArrayLike<number>,
  height: number,
  width: number,
  channels: number,
  sigma: number,
): Float32Array<ArrayBuffer> {
  if (sigma === 0) return Float32Array.from(values);
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = new Float64Array(radius + 1);
  let total = 0;
  for (let i = 0; i <= radius; i++) {
    kernel[i] = Math.exp(-0.5 * (i / sigma) ** 2);
    total += i === 0 ? kernel[i] : 2 * kernel[i];
  }
  for (let i = 0; i <= radius; i++) kernel[i] /= total;

  const row = width * channels;
  const across = new Float32Array(height * row);
  blurAxis(values, across, kernel, {
    lines: height,
    line: row,
    length: width,
    step: channels,
    channels,
  });
  const down = new Float32Array(height * row);
  blurAxis(across, down, kernel, {
    lines: width,
    line: channels,
    length: height,
    step: row,
    channels,
  });
  return down;
}

/** Where the elements of one axis lie: `lines` lines begin `line` apart, neighbours are `step` apart. */
interface Axis {
  readonly lines: number;
  readonly line: number;
  readonly length: number;
  readonly step: number;
  readonly channels: number;
}

/** Convolves every line of one axis with a symmetric kernel. */
function blurAxis(
  from: ArrayLike<number>,
  to: Float32Array,
  kernel: Float64Array,
  { lines, line, length, step, channels }: Axis,
): void {
  const radius = kernel.length - 1;
  const offsets = new Int32Array(length + 2 * radius);
  for (let i = 0; i < offsets.length; i++) offsets[i] = mirrored(i - radius, length) * step;
  for (let at = 0; at < lines; at++) {
    for (let c = 0; c < channels; c++) {
      const base = at * line + c;
      for (let i = 0; i < length; i++) {
        let sum = kernel[0] * from[base + i * step];
        for (let k = 1; k <= radius; k++) {
          sum += kernel[k] *
            (from[base + offsets[i + radius - k]] + from[base + offsets[i + radius + k]]);
        }
        to[base + i * step] = sum;
      }
    }
  }
}

/** The index inside [0, length) that a mirror at both borders shows at `index`. */
function mirrored(index: number, length: number): number {
  const period = 2 * length;
  const inside = ((index % period) + period) % period;
  return inside < length ? inside : period - 1 - inside;
}
