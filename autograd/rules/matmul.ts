// The gradient of the matrix product.

import { reshape } from "../../tensor/operations/layout.ts";
import { matmul as product, sum } from "../../tensor/operations/mod.ts";
import { type GradientRule, rowsOf, sumToShape } from "../rule.ts";

/**
 * y = a b: da = dy b', db = a' dy, dbias = column sums of dy. Transposed operands swap the roles. Where one b
 * serves a whole batch, the batch joins the rows, so that db is one product.
 */
export const matmul: GradientRule<"matmul"> = ({ inputs, options }, dy, { needs }) => {
  const [a, b, bias] = inputs;
  const { transposeA, transposeB } = options;
  const da = () =>
    transposeA
      ? product(b, dy, { transposeA: transposeB, transposeB: true })
      : product(dy, b, { transposeB: !transposeB });
  const db = () => {
    if (b.rank === 2 && !transposeA) {
      const rows = rowsOf(a.shape);
      const tallA = reshape(a, [rows, a.shape[a.rank - 1]]);
      const tallDy = reshape(dy, [rows, dy.shape[dy.rank - 1]]);
      return transposeB
        ? product(tallDy, tallA, { transposeA: true })
        : product(tallA, tallDy, { transposeA: true });
    }
    return transposeB
      ? product(dy, a, { transposeA: true, transposeB: transposeA })
      : product(a, dy, { transposeA: !transposeA });
  };
  return [
    needs[0] ? sumToShape(da(), a.shape) : undefined,
    needs[1] ? sumToShape(db(), b.shape) : undefined,
    bias && needs[2] ? sum(reshape(dy, [rowsOf(dy.shape), dy.shape[dy.rank - 1]]), 0) : undefined,
  ];
};
