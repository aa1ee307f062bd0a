// Rows of matrix products.

import * as operations from "../../../tensor/operations/mod.ts";
import type { Activation, MatmulOptions } from "../../../tensor/operations/mod.ts";
import { floats, type Row, row } from "../row.ts";

type Transposes = Pick<MatmulOptions, "transposeA" | "transposeB">;

const equations: readonly [equation: string, ranks: readonly string[]][] = [
  ["ij,jk->ik", ["ij", "jk"]],
  ["bij,bkj->bik", ["bij", "bkj"]],
  ["bihd,bjhd->bhij", ["bihd", "bjhd"]],
  ["i,j->ij", ["i", "j"]],
  ["ij,ij->i", ["ij", "ij"]],
  ["ijk->kj", ["ijk"]],
  ["bi,ij,bj->b", ["bi", "ij", "bj"]],
  ["ii->i", ["ii"]],
];

/** Every matrix product. */
export const matmulRows: readonly Row[] = [
  row<Transposes>({
    name: "matmul",
    terms: 10,
    call: ([a, b], options) => operations.matmul(a, b, options),
    draw: (pick) => {
      const [rows, depth, columns] = pick.cut([pick.length(), pick.length(), pick.length()]);
      const batch = pick.oneOf<number[]>([], [], [2], [2, 3], [0]);
      const transposeA = pick.flag();
      const transposeB = pick.flag();
      const a = transposeA ? [depth, rows] : [rows, depth];
      const b = transposeB ? [columns, depth] : [depth, columns];
      const [batchA, batchB] = [pick.broadcasting(batch), pick.broadcasting(batch)];
      return {
        inputs: [floats([...batchA, ...a]), floats([...batchB, ...b])],
        options: { transposeA, transposeB },
      };
    },
    tolerance: 1e-5,
  }),
  row<{ activation?: Activation }>({
    name: "linear",
    terms: 10,
    call: ([x, weight, bias], { activation }) =>
      operations.matmul(x, weight, { transposeB: true, bias, activation }),
    draw: (pick) => {
      const [rows, inputs, outputs] = pick.cut([pick.length(), pick.length(), pick.length()]);
      return {
        inputs: [floats([rows, inputs]), floats([outputs, inputs], -0.5, 0.5), floats([outputs])],
        options: {
          activation: pick.oneOf<Activation | undefined>(
            undefined,
            "gelu",
            "geluTanh",
            "geluQuick",
            "silu",
            "sigmoid",
            "tanh",
          ),
        },
      };
    },
    tolerance: 1e-5,
  }),
  row<object>({
    name: "dot",
    terms: 10,
    call: ([a, b]) => operations.dot(a, b),
    draw: (pick) => {
      const length = pick.length();
      return { inputs: [floats([length]), floats([length])], options: {} };
    },
    tolerance: 1e-5,
  }),
  row<{ equation: string }>({
    name: "einsum",
    terms: 10,
    call: (inputs, { equation }) => operations.einsum(equation, ...inputs),
    draw: (pick) => {
      const [equation, operands] = pick.oneOf(...equations);
      const lengths = new Map([..."bdhijk"].map((letter) => [letter, pick.length(17)]));
      return {
        inputs: operands.map((letters) => floats([...letters].map((each) => lengths.get(each)!))),
        options: { equation },
      };
    },
    tolerance: 1e-5,
  }),
];
