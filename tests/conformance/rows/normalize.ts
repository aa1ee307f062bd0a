// Rows of the normalizations and of attention.

import * as operations from "../../../tensor/operations/mod.ts";
import type { Picker } from "../picker.ts";
import { floats, type Input, type Row, row } from "../row.ts";
import { mask } from "../row.ts";

interface Epsilon {
  readonly epsilon?: number;
}

interface Attention {
  readonly scale?: number;
  readonly causal?: boolean;
}

/** Scale and bias of one value a channel, or neither. */
function affine(pick: Picker, channels: number): Input[] {
  return pick.flag() ? [floats([channels]), floats([channels])] : [];
}

/** [batch, channels, ...] with at least two elements in each group, whose variance would vanish otherwise. */
function channelled(pick: Picker): number[] {
  const rest = pick.oneOf<number[]>([5], [3, 3], [pick.positive(65), 2]);
  return [pick.oneOf(1, 3, 2), pick.oneOf(2, 4), ...rest];
}

/** Every normalization, and attention. */
export const normalizeRows: readonly Row[] = [
  row<Epsilon>({
    name: "layerNorm",
    call: ([x, scale, bias], { epsilon }) => operations.layerNorm(x, { scale, bias, epsilon }),
    draw: (pick) => {
      const shape = pick.shape(1, 3).map((length, axis, all) =>
        axis === all.length - 1 ? Math.max(3, length) : length
      );
      const inputs = [floats(shape), ...affine(pick, shape[shape.length - 1])];
      return { inputs, options: { epsilon: pick.oneOf(1e-5, 1e-2) } };
    },
    tolerance: 2e-5,
    gradientTerms: 10,
  }),
  row<Epsilon & { groups: number }>({
    name: "groupNorm",
    call: ([x, scale, bias], { groups, epsilon }) =>
      operations.groupNorm(x, groups, { scale, bias, epsilon }),
    draw: (pick) => {
      const shape = channelled(pick);
      return {
        inputs: [floats(shape), ...affine(pick, shape[1])],
        options: { groups: pick.oneOf(1, 2), epsilon: 1e-5 },
      };
    },
    tolerance: 2e-5,
    gradientTerms: 10,
  }),
  row<Epsilon>({
    name: "batchNorm",
    call: ([x, scale, bias, mean, variance], { epsilon }) =>
      operations.batchNorm(x, { scale, bias, mean, variance, epsilon }),
    draw: (pick) => {
      const shape = channelled(pick);
      const [, channels] = shape;
      const trained = [floats([channels]), floats([channels])];
      const measured = pick.flag() ? [floats([channels]), floats([channels], 0.5, 2)] : [];
      return { inputs: [floats(shape), ...trained, ...measured], options: { epsilon: 1e-5 } };
    },
    tolerance: 2e-5,
    gradientTerms: 10,
  }),
  row<Epsilon>({
    name: "rmsNorm",
    call: ([x, scale], { epsilon }) => operations.rmsNorm(x, { scale, epsilon }),
    draw: (pick) => {
      const shape = [...pick.shape(0, 2), pick.positive()];
      const inputs = [floats(pick.cut(shape), -2, 2, { avoid: [0] })];
      const width = inputs[0].shape[inputs[0].shape.length - 1];
      return {
        inputs: pick.flag() ? [...inputs, floats([width])] : inputs,
        options: { epsilon: pick.oneOf(1e-6, 1e-2) },
      };
    },
    tolerance: 2e-5,
    gradientTerms: 10,
  }),
  row<Epsilon & { axes?: readonly number[] }>({
    name: "l2Normalize",
    call: ([x], { axes, epsilon }) => operations.l2Normalize(x, axes, epsilon),
    draw: (pick) => {
      const shape = pick.shape(1, 3);
      return {
        inputs: [floats(shape, -2, 2, { avoid: [0] })],
        options: { axes: [pick.axis(shape)], epsilon: 1e-12 },
      };
    },
    tolerance: 1e-5,
    gradientTerms: 10,
  }),
  row<Attention>({
    name: "scaledDotProductAttention",
    terms: 1,
    call: ([query, key, value, mask], options) =>
      operations.scaledDotProductAttention(query, key, value, { ...options, mask }),
    draw: (pick) => {
      const [queries, keys] = [pick.length(65), pick.positive(65)];
      const width = pick.oneOf(1, 3, 5);
      const batch = pick.oneOf<number[]>([2, 2], [3], []);
      const inputs: Input[] = [
        floats([...batch, queries, width]),
        floats([...batch, keys, width]),
        floats([...batch, keys, pick.oneOf(1, 4)]),
      ];
      const masking = pick.oneOf("none", "kept", "added");
      if (masking === "kept") inputs.push(mask([queries, keys], true));
      if (masking === "added") inputs.push(floats([queries, keys]));
      return { inputs, options: { causal: pick.flag(), scale: pick.oneOf(undefined, 0.5) } };
    },
    tolerance: 2e-5,
  }),
  row<Attention & { heads: number }>({
    name: "packedAttention",
    terms: 1,
    call: ([x], { heads, ...options }) => operations.packedAttention(x, heads, options),
    draw: (pick) => {
      const heads = pick.oneOf(1, 2, 3);
      const width = heads * pick.oneOf(1, 3, 4);
      return {
        inputs: [floats([pick.oneOf(1, 2, 0), pick.length(65), 3 * width])],
        options: { heads, causal: pick.flag(), scale: pick.oneOf(undefined, 0.5) },
      };
    },
    tolerance: 2e-5,
  }),
];
