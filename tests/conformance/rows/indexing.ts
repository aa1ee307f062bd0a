// Rows of reading, adding and ordering at indices.

import * as operations from "../../../tensor/operations/mod.ts";
import type { Picker } from "../picker.ts";
import { type Example, floats, indices, type Row, row } from "../row.ts";

interface Axis {
  readonly axis: number;
}

interface Sorting extends Axis {
  readonly descending?: boolean;
}

/** x and an index of its shape except on the axis. */
function alongAxis(pick: Picker): Example<Axis> {
  const shape = pick.shape(1, 3, true);
  const axis = pick.axis(shape);
  const index = pick.cut(shape.with(axis, pick.length()));
  // Cutting may have shortened another axis than the indexed one; x follows.
  const own = index.with(axis, shape.at(axis)!);
  return { inputs: [floats(own), indices(index, own.at(axis)!)], options: { axis } };
}

/** Numbers without equals to sort. */
function toSort(pick: Picker, distinct: boolean): Example<Sorting> {
  const shape = pick.shape(1, 3);
  const values = distinct
    ? floats(shape, -2, 2, { distinct })
    : floats(shape, -2, 2, { step: 0.5 });
  return { inputs: [values], options: { axis: pick.axis(shape), descending: pick.flag() } };
}

/** Every operation with indices. */
export const indexingRows: readonly Row[] = [
  row<object>({
    name: "embedding",
    gradientTerms: 10,
    call: ([table, index]) => operations.embedding(table, index),
    draw: (pick) => {
      const entries = pick.positive();
      return {
        inputs: [floats([entries, pick.length(17)]), indices(pick.shape(0, 2), entries)],
        options: {},
      };
    },
  }),
  row<Axis>({
    name: "gather",
    gradientTerms: 10,
    call: ([x, index], { axis }) => operations.gather(x, index, axis),
    draw: alongAxis,
  }),
  row<Axis>({
    name: "takeAlongAxis",
    gradientTerms: 10,
    call: ([x, index], { axis }) => operations.takeAlongAxis(x, index, axis),
    draw: alongAxis,
  }),
  row<Axis>({
    name: "indexSelect",
    gradientTerms: 10,
    call: ([x, index], { axis }) => operations.indexSelect(x, index, axis),
    draw: (pick) => {
      const shape = pick.shape(1, 3, true);
      const axis = pick.axis(shape);
      return {
        inputs: [floats(shape), indices([pick.length(17)], shape.at(axis)!)],
        options: { axis },
      };
    },
  }),
  row<Axis>({
    name: "scatterAdd",
    terms: 10,
    call: ([x, index, values], { axis }) => operations.scatterAdd(x, index, values, axis),
    draw: (pick) => {
      const { inputs: [x, index], options } = alongAxis(pick);
      return { inputs: [x, index, floats(index.shape)], options };
    },
    tolerance: 1e-5,
  }),
  row<{ classes: number }>({
    name: "oneHot",
    call: ([index], { classes }) => operations.oneHot(index, classes),
    draw: (pick) => {
      const classes = pick.between(1, 7);
      return { inputs: [indices(pick.shape(0, 2), classes)], options: { classes } };
    },
    order: 0,
  }),
  row<Axis & { count: number; smallest?: boolean }>({
    name: "topK",
    call: ([x], { count, ...options }) => {
      const { values, indices } = operations.topK(x, count, options);
      return [values, indices];
    },
    draw: (pick) => {
      const shape = pick.shape(1, 3);
      const axis = pick.axis(shape);
      return {
        inputs: [floats(shape, -2, 2, { distinct: true })],
        options: { axis, count: pick.between(0, shape.at(axis)!), smallest: pick.flag() },
      };
    },
  }),
  row<Sorting>({
    name: "sort",
    call: ([x], options) => {
      const { values, indices } = operations.sort(x, options);
      return [values, indices];
    },
    draw: (pick) => toSort(pick, true),
  }),
  row<Sorting>({
    name: "argsort",
    call: ([x], options) => operations.argsort(x, options),
    draw: (pick) => toSort(pick, false),
    order: 0,
  }),
];
