// Helpers on the patch grid: maps of one value a patch, [batch, patches], in row-major order.

import { avgPool2d, mul, reshape, type Tensor } from "../tensor/mod.ts";

/** Patches along the image: [rows, columns]. */
export type Grid = readonly [rows: number, columns: number];

/** The sum over each patch's 3x3 neighbourhood, itself included; outside the image counts as 0. */
export function boxSum(map: Tensor, [rows, columns]: Grid): Tensor {
  const [batch, patches] = map.shape;
  const image = reshape(map, [batch, 1, rows, columns]);
  return reshape(mul(avgPool2d(image, 3, { stride: 1, padding: 1 }), 9), [batch, patches]);
}
