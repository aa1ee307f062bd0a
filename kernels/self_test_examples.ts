// What the self-test asks of every kernel: shapes that take different paths through it.

import { input } from "./expression/expression.ts";
import { gelu } from "./expression/functions.ts";
import type { DType, KernelName, KernelParameters } from "./kernel.ts";

/** Numbers of one operand, or a whole number below which its int32 elements are drawn. */
interface OperandSpec {
  readonly count: number;
  readonly below?: number;
}

/** One call of a kernel. */
export interface Example<Name extends KernelName> {
  readonly what: string;
  readonly parameters: KernelParameters[Name];
  readonly inputs: readonly OperandSpec[];
  readonly outputs: readonly { readonly count: number; readonly dtype?: DType }[];
  /** Inputs that an earlier kernel makes of the others: what it is, from which inputs, as which inputs. */
  readonly prepared?: {
    readonly kernel: "attention" | "softmax";
    readonly from: readonly number[];
    readonly to: readonly number[];
  };
}

const floats = (count: number): OperandSpec => ({ count });
const indices = (count: number, below: number): OperandSpec => ({ count, below });

/** Axes of a tensor seen as [3, 65, 5], and of one long axis alone. */
const axes = [{ outer: 3, length: 65, inner: 5 }, { outer: 1, length: 3001, inner: 1 }];

const windows: KernelParameters["fold"] = {
  ...{ batch: 2, channels: 3, height: 9, width: 7, outputHeight: 5, outputWidth: 4 },
  ...{ kernel: [3, 3], stride: [2, 2], dilation: [1, 1], padding: [1, 1, 1, 1] },
};

function product(
  what: string,
  sizes: { batch?: number; rows: number; columns: number; depth: number },
  options: { transposeA?: boolean; transposeB?: boolean; bias?: boolean; gelu?: boolean } = {},
): Example<"matmul"> {
  const { batch = 1, rows, columns, depth } = sizes;
  const { transposeA = false, transposeB = false, bias = false } = options;
  return {
    what: `${what}: ${batch} x ${rows} x ${columns} x ${depth}`,
    parameters: {
      ...{ batch: [batch], rows, columns, depth, transposeA, transposeB, bias },
      batchStridesA: [rows * depth],
      batchStridesB: [columns * depth],
      ...(options.gelu ? { epilogue: [gelu(input(0))] } : {}),
    },
    inputs: [
      floats(batch * rows * depth),
      floats(batch * columns * depth),
      ...(bias ? [floats(columns)] : []),
    ],
    outputs: [{ count: batch * rows * columns }],
  };
}

function attention(tokens: number, headWidth: number, causal: boolean) {
  const [batch, heads] = [2, 3];
  const scale = 1 / Math.sqrt(headWidth);
  const values = batch * tokens * heads * headWidth;
  const rows = batch * heads * tokens;
  return {
    parameters: { batch, tokens, heads, headWidth, scale, causal },
    what: `${tokens} tokens, ${headWidth} wide${causal ? ", causal" : ""}`,
    ...{ values, rows },
  };
}

/** Examples of every kernel: the compiler misses none. */
export const selfTestExamples: { readonly [Name in KernelName]: readonly Example<Name>[] } = {
  pointwise: [
    {
      what: "two results of two inputs, one repeated",
      parameters: {
        expressions: [gelu(input(0)).add(input(1)), input(0).mul(input(1))],
        shape: [33, 65],
        inputStrides: [[65, 1], [0, 1]],
      },
      inputs: [floats(33 * 65), floats(65)],
      outputs: [{ count: 33 * 65 }, { count: 33 * 65 }],
    },
  ],
  copy: [{
    what: "a transposition",
    parameters: {
      shape: [33, 17],
      sourceOffset: 0,
      sourceStrides: [1, 33],
      destinationOffset: 0,
      destinationStrides: [17, 1],
    },
    inputs: [floats(33 * 17)],
    outputs: [{ count: 33 * 17 }],
  }],
  fill: [{
    what: "1001 elements",
    parameters: { count: 1001, value: 0.25 },
    inputs: [],
    outputs: [{ count: 1001 }],
  }],
  convert: [{
    what: "to int32",
    parameters: { count: 1001 },
    inputs: [floats(1001)],
    outputs: [{ count: 1001, dtype: "int32" }],
  }],
  reduce: axes.flatMap((layout) =>
    (["sum", "max", "min"] as const).map((kind) => ({
      what: `${kind} along ${layout.length}`,
      parameters: { ...layout, kind },
      inputs: [floats(layout.outer * layout.length * layout.inner)],
      outputs: [{ count: layout.outer * layout.inner }],
    }))
  ),
  argReduce: axes.map((layout) => ({
    what: `along ${layout.length}`,
    parameters: { ...layout, kind: "max" },
    inputs: [floats(layout.outer * layout.length * layout.inner)],
    outputs: [{ count: layout.outer * layout.inner, dtype: "int32" }],
  })),
  cumulativeSum: axes.map((layout) => ({
    what: `along ${layout.length}`,
    parameters: { ...layout, reverse: false },
    inputs: [floats(layout.outer * layout.length * layout.inner)],
    outputs: [{ count: layout.outer * layout.length * layout.inner }],
  })),
  sort: axes.map((layout) => ({
    what: `along ${layout.length}`,
    parameters: { ...layout, descending: true },
    inputs: [floats(layout.outer * layout.length * layout.inner)],
    outputs: [{ count: layout.outer * layout.length * layout.inner, dtype: "int32" }],
  })),
  matmul: [
    product("odd", { batch: 2, rows: 33, columns: 21, depth: 50 }, { bias: true, gelu: true }),
    product("large", { rows: 260, columns: 192, depth: 192 }, { bias: true }),
    product("gradient of a weight", { rows: 64, columns: 48, depth: 1040 }, { transposeA: true }),
    product("gradient of an input", { rows: 130, columns: 96, depth: 64 }, { transposeB: true }),
    product("matrix and vector", { rows: 1, columns: 130, depth: 257 }),
    product("many small", { batch: 24, rows: 17, columns: 16, depth: 17 }),
  ],
  productMoments: [{
    what: "5 units of 17 rows",
    parameters: { units: 5, rows: 17, height: 12, width: 20 },
    inputs: [floats(5 * 17 * 12), floats(5 * 17 * 20)],
    outputs: [{ count: 240 }, { count: 240 }],
  }],
  softmax: [false, true].map((logarithm) => ({
    what: logarithm ? "logarithm" : "rows of 65",
    parameters: { rows: 9, length: 65, logarithm },
    inputs: [floats(9 * 65)],
    outputs: [{ count: 9 * 65 }],
  })),
  softmaxBackward: [{
    what: "rows of 65",
    parameters: { rows: 9, length: 65, logarithm: false },
    inputs: [floats(9 * 65), floats(9 * 65)],
    outputs: [{ count: 9 * 65 }],
    prepared: { kernel: "softmax", from: [0], to: [0] },
  }],
  layerNorm: [65, 192].map((length) => ({
    what: `rows of ${length}`,
    parameters: { rows: 35, length, epsilon: 1e-6 },
    inputs: [floats(35 * length), floats(length), floats(length)],
    outputs: [{ count: 35 * length }],
  })),
  layerNormBackward: [65, 192].map((length) => ({
    what: `rows of ${length}`,
    parameters: { rows: 35, length, epsilon: 1e-3 },
    inputs: [floats(35 * length), floats(length), floats(35 * length)],
    outputs: [{ count: 35 * length }, { count: length }, { count: length }],
  })),
  attention: [attention(65, 16, false), attention(33, 10, true)].map(
    ({ parameters, what, values, rows }) => ({
      ...{ parameters, what },
      inputs: [floats(3 * values)],
      outputs: [{ count: values }, { count: rows }],
    }),
  ),
  attentionBackward: [attention(65, 16, false), attention(33, 10, true)].map(
    ({ parameters, what, values, rows }) => ({
      ...{ parameters, what },
      inputs: [floats(3 * values), floats(values), floats(rows), floats(values)],
      outputs: [{ count: 3 * values }],
      prepared: { kernel: "attention", from: [0], to: [1, 2] },
    }),
  ),
  gather: [{
    what: "rows",
    parameters: { outer: 3, length: 21, inner: 5, count: 8, indexStrides: [0, 1, 0] },
    inputs: [floats(3 * 21 * 5), indices(8, 21)],
    outputs: [{ count: 3 * 8 * 5 }],
  }],
  scatterAdd: [8, 300].map((count) => ({
    what: `${count} values`,
    parameters: { outer: 2, length: 21, inner: 5, count, indexStrides: [0, 1, 0] },
    inputs: [floats(2 * count * 5), indices(count, 21)],
    outputs: [{ count: 2 * 21 * 5 }],
  })),
  unfold: [{
    what: "3 x 3 windows",
    parameters: { ...windows, fill: 0 },
    inputs: [floats(2 * 3 * 9 * 7)],
    outputs: [{ count: 2 * 27 * 20 }],
  }],
  fold: [{
    what: "3 x 3 windows",
    parameters: windows,
    inputs: [floats(2 * 27 * 20)],
    outputs: [{ count: 2 * 3 * 9 * 7 }],
  }],
  findNonFinite: [{
    what: "all finite",
    parameters: { count: 5000 },
    inputs: [floats(5000)],
    outputs: [{ count: 1, dtype: "int32" }],
  }],
};
