// Rows of convolution, pooling and resizing.

import * as operations from "../../../tensor/operations/mod.ts";
import type { ResizeMode } from "../../../tensor/operations/mod.ts";
import type { Picker } from "../picker.ts";
import { floats, type Row, row } from "../row.ts";

type Pair = readonly [number, number];

interface Convolution {
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly outputPadding?: Pair;
  readonly dilation?: Pair;
  readonly groups?: number;
}

interface Pooling {
  readonly kernel: Pair;
  readonly stride?: Pair;
  readonly padding?: Pair;
}

interface Size {
  readonly size: Pair;
}

function pair(pick: Picker, low: number, high: number): Pair {
  return [pick.between(low, high), pick.between(low, high)];
}

/** Height and width, long enough for a 2 x 2 window. */
function plane(pick: Picker): [number, number] {
  return [Math.max(2, pick.positive(17)), Math.max(2, pick.positive(17))];
}

/** A window of 1 to 3 that fits, with its dilation and padding. */
function windowOf(pick: Picker, [height, width]: readonly [number, number]) {
  const padding = pair(pick, 0, 2);
  const kernel: Pair = [
    pick.between(1, Math.min(3, height + 2 * padding[0])),
    pick.between(1, Math.min(3, width + 2 * padding[1])),
  ];
  const room = (length: number, axis: 0 | 1) =>
    kernel[axis] * 2 - 1 <= length + 2 * padding[axis] ? pick.between(1, 2) : 1;
  const dilation: Pair = [room(height, 0), room(width, 1)];
  return { kernel, padding, dilation };
}

const pool = (name: string, operation: typeof operations.maxPool2d, distinct: boolean): Row =>
  row<Pooling>({
    name,
    terms: 1,
    call: ([x], { kernel, ...options }) => operation(x, kernel, options),
    draw: (pick) => {
      const size = plane(pick);
      const kernel = [pick.between(2, Math.min(3, size[0])), 2] as const;
      const padding = pair(pick, 0, 1);
      return {
        inputs: [floats([pick.oneOf(1, 2, 0), pick.between(1, 3), ...size], -2, 2, { distinct })],
        options: { kernel, padding, stride: pair(pick, 1, 3) },
      };
    },
  });

/** Every operation on images. */
export const convolutionRows: readonly Row[] = [
  row<Convolution>({
    name: "conv2d",
    terms: 10,
    call: ([x, weight, bias], options) => operations.conv2d(x, weight, { ...options, bias }),
    draw: (pick) => {
      const size = plane(pick);
      const { kernel, padding, dilation } = windowOf(pick, size);
      const groups = pick.oneOf(1, 1, 2);
      const [inputs, outputs] = [groups * pick.between(1, 3), groups * pick.between(1, 3)];
      const image = floats([pick.oneOf(1, 2, 0), inputs, ...size]);
      const weight = floats([outputs, inputs / groups, ...kernel]);
      return {
        inputs: pick.flag() ? [image, weight, floats([outputs])] : [image, weight],
        options: { stride: pair(pick, 1, 3), padding, dilation, groups },
      };
    },
    tolerance: 1e-5,
  }),
  row<Convolution>({
    name: "convTranspose2d",
    terms: 10,
    call: ([x, weight, bias], options) =>
      operations.convTranspose2d(x, weight, { ...options, bias }),
    draw: (pick) => {
      const size = plane(pick);
      const stride = pair(pick, 1, 3);
      const groups = pick.oneOf(1, 1, 2);
      const [inputs, outputs] = [groups * pick.between(1, 3), pick.between(1, 3)];
      const image = floats([pick.oneOf(1, 2, 0), inputs, ...size]);
      const weight = floats([inputs, outputs, ...pair(pick, 2, 3)]);
      return {
        inputs: pick.flag() ? [image, weight, floats([outputs * groups])] : [image, weight],
        options: {
          stride,
          padding: pair(pick, 0, 1),
          outputPadding: [pick.between(0, stride[0] - 1), pick.between(0, stride[1] - 1)],
          dilation: pair(pick, 1, 2),
          groups,
        },
      };
    },
    tolerance: 1e-5,
  }),
  pool("maxPool2d", operations.maxPool2d, true),
  pool("avgPool2d", operations.avgPool2d, false),
  row<Size>({
    name: "adaptiveAvgPool2d",
    terms: 1,
    call: ([x], { size }) => operations.adaptiveAvgPool2d(x, size),
    draw: (pick) => ({
      inputs: [floats([pick.oneOf(1, 2, 0), pick.between(1, 3), ...plane(pick)])],
      options: { size: pair(pick, 1, 7) },
    }),
  }),
  row<Size & { mode?: ResizeMode; alignCorners?: boolean }>({
    name: "resize",
    terms: 1,
    call: ([x], { size, ...options }) => operations.resize(x, size, options),
    draw: (pick) => ({
      inputs: [floats([pick.oneOf(1, 2, 0), pick.between(1, 3), ...plane(pick)])],
      options: {
        size: pair(pick, 1, 9),
        mode: pick.oneOf("nearest", "bilinear", "bicubic"),
        alignCorners: pick.flag(),
      },
    }),
    tolerance: 1e-5,
  }),
];
