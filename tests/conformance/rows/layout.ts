// Rows of operations that only move elements.

import * as operations from "../../../tensor/operations/mod.ts";
import type { PadMode } from "../../../tensor/operations/mod.ts";
import type { DType, Tensor } from "../../../tensor/mod.ts";
import { floats, type Row, row } from "../row.ts";

interface Ranges {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

type Amounts = readonly (readonly [before: number, after: number])[];

const triangle = (name: string, operation: (x: Tensor, offset: number) => Tensor): Row =>
  row<{ offset: number }>({
    name,
    call: ([x], { offset }) => operation(x, offset),
    draw: (pick) => ({
      inputs: [floats(pick.shape(2, 4))],
      options: { offset: pick.between(-3, 3) },
    }),
  });

/** Every operation on the layout of elements. */
export const layoutRows: readonly Row[] = [
  row<{ shape: readonly number[] }>({
    name: "reshape",
    call: ([x], { shape }) => operations.reshape(x, shape),
    draw: (pick) => {
      const shape = pick.shape(1, 4);
      const target = pick.oneOf(
        [...shape].reverse(),
        [1, ...shape, 1],
        shape.includes(0) ? [0, 3] : [-1],
        shape.includes(0) ? [2, 0] : [-1, shape[shape.length - 1]],
      );
      return { inputs: [floats(shape)], options: { shape: target } };
    },
  }),
  row<{ axes: readonly number[] }>({
    name: "permute",
    call: ([x], { axes }) => operations.permute(x, axes),
    draw: (pick) => {
      const shape = pick.shape(1, 5);
      return { inputs: [floats(shape)], options: { axes: pick.order(shape.length) } };
    },
  }),
  row<{ first: number; second: number }>({
    name: "transpose",
    call: ([x], { first, second }) => operations.transpose(x, first, second),
    draw: (pick) => {
      const shape = pick.shape(2, 4);
      return {
        inputs: [floats(shape)],
        options: { first: pick.axis(shape), second: pick.axis(shape) },
      };
    },
  }),
  row<object>({
    name: "flatten",
    call: ([x]) => operations.flatten(x),
    draw: (pick) => ({ inputs: [floats(pick.shape(0, 4))], options: {} }),
  }),
  row<{ axis?: number }>({
    name: "squeeze",
    call: ([x], { axis }) => operations.squeeze(x, axis),
    draw: (pick) => {
      const shape = [1, ...pick.shape(0, 3)];
      return { inputs: [floats(shape)], options: { axis: pick.oneOf(undefined, 0) } };
    },
  }),
  row<{ axis: number }>({
    name: "unsqueeze",
    call: ([x], { axis }) => operations.unsqueeze(x, axis),
    draw: (pick) => {
      const shape = pick.shape(0, 3);
      return { inputs: [floats(shape)], options: { axis: pick.axis([...shape, 1]) } };
    },
  }),
  row<{ axis: number; start: number; size: number }>({
    name: "narrow",
    call: ([x], { axis, start, size }) => operations.narrow(x, axis, start, size),
    draw: (pick) => {
      const shape = pick.shape(1, 3);
      const axis = pick.axis(shape);
      const start = pick.between(0, shape.at(axis)!);
      const size = pick.between(0, shape.at(axis)! - start);
      return { inputs: [floats(shape)], options: { axis, start, size } };
    },
  }),
  row<Ranges>({
    name: "slice",
    call: ([x], { starts, ends, steps }) =>
      operations.slice(x, ...starts.map((start, i) => [start, ends[i], steps[i]] as const)),
    draw: (pick) => {
      const shape = pick.shape(1, 4);
      const position = () => shape.map((length) => pick.between(-length - 1, length + 1));
      return {
        inputs: [floats(shape)],
        options: {
          starts: position(),
          ends: position(),
          steps: shape.map(() => pick.oneOf(1, 1, 2, 3, -1, -2)),
        },
      };
    },
  }),
  row<{ axis: number }>({
    name: "concat",
    call: (inputs, { axis }) => operations.concat(inputs, axis),
    draw: (pick) => {
      const shape = pick.shape(1, 3);
      const axis = pick.axis(shape);
      const parts = Array.from({ length: pick.between(1, 4) }, () => pick.length(17));
      return {
        inputs: parts.map((length) => floats(shape.with(axis, length))),
        options: { axis },
      };
    },
  }),
  row<{ axis: number }>({
    name: "stack",
    call: (inputs, { axis }) => operations.stack(inputs, axis),
    draw: (pick) => {
      const shape = pick.shape(0, 3);
      return {
        inputs: Array.from({ length: pick.between(1, 3) }, () => floats(shape)),
        options: { axis: pick.axis([1, ...shape]) },
      };
    },
  }),
  row<{ sizes: readonly number[]; axis: number }>({
    name: "split",
    call: ([x], { sizes, axis }) => operations.split(x, sizes, axis),
    draw: (pick) => {
      const sizes = Array.from({ length: pick.between(1, 4) }, () => pick.between(0, 5));
      const shape = pick.shape(1, 3);
      const axis = pick.axis(shape);
      const total = sizes.reduce((sum, size) => sum + size, 0);
      return { inputs: [floats(shape.with(axis, total))], options: { sizes, axis } };
    },
  }),
  row<{ amounts: Amounts; mode?: PadMode; value?: number }>({
    name: "pad",
    call: ([x], { amounts, mode, value }) => operations.pad(x, amounts, { mode, value }),
    draw: (pick) => {
      const mode = pick.oneOf("constant", "reflect", "replicate");
      const shape = pick.shape(1, 3, mode !== "constant");
      const amount = (length: number) =>
        pick.between(0, mode === "reflect" ? Math.min(3, length - 1) : 3);
      return {
        inputs: [floats(shape)],
        options: {
          amounts: shape.map((length) => [amount(length), amount(length)] as const),
          mode,
          value: pick.oneOf(0, 1.5),
        },
      };
    },
  }),
  row<{ counts: readonly number[] }>({
    name: "tile",
    gradientTerms: 10,
    call: ([x], { counts }) => operations.tile(x, counts),
    draw: (pick) => ({
      inputs: [floats(pick.shape(0, 3))],
      options: { counts: Array.from({ length: pick.between(0, 3) }, () => pick.between(0, 3)) },
    }),
  }),
  row<{ shape: readonly number[] }>({
    name: "expand",
    gradientTerms: 10,
    call: ([x], { shape }) => operations.expand(x, shape),
    draw: (pick) => {
      const shape = pick.shape(0, 4);
      return { inputs: [floats(pick.broadcasting(shape))], options: { shape } };
    },
  }),
  row<{ axes?: readonly number[] }>({
    name: "flip",
    call: ([x], { axes }) => operations.flip(x, axes),
    draw: (pick) => {
      const shape = pick.shape(1, 4);
      return { inputs: [floats(shape)], options: { axes: pick.axes(shape) } };
    },
  }),
  row<{ shift: number; axis: number }>({
    name: "roll",
    call: ([x], { shift, axis }) => operations.roll(x, shift, axis),
    draw: (pick) => {
      const shape = pick.shape(1, 3);
      return {
        inputs: [floats(shape)],
        options: { shift: pick.between(-9, 9), axis: pick.axis(shape) },
      };
    },
  }),
  triangle("tril", operations.tril),
  triangle("triu", operations.triu),
  triangle("diagonal", operations.diagonal),
  row<{ dtype: DType }>({
    name: "to",
    call: ([x], { dtype }) => operations.to(x, dtype),
    draw: (pick) => ({
      inputs: [floats(pick.shape(0, 3), -3, 3, { step: 0.25 })],
      options: { dtype: pick.oneOf<DType>("int32", "bool") },
    }),
    order: 0,
  }),
];
