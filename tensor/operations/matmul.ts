// Matrix products, and Einstein sums made of them.

import { ShapeError, ValueError } from "../../errors.ts";
import { type Expression, input } from "../../kernels/expression/expression.ts";
import * as scalar from "../../kernels/expression/functions.ts";
import { apply } from "../apply.ts";
import { isRecording } from "../recording.ts";
import { showShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { diagonal, permute, reshape } from "./layout.ts";
import { sum } from "./reduce.ts";

/** An activation that can follow a matrix product. */
export type Activation =
  | "relu"
  | "gelu"
  | "geluTanh"
  | "geluQuick"
  | "silu"
  | "sigmoid"
  | "tanh";

const activations: Readonly<Record<Activation, Expression>> = {
  relu: scalar.relu(input(0)),
  gelu: scalar.gelu(input(0)),
  geluTanh: scalar.geluTanh(input(0)),
  geluQuick: scalar.geluQuick(input(0)),
  silu: scalar.silu(input(0)),
  sigmoid: scalar.sigmoid(input(0)),
  tanh: scalar.tanh(input(0)),
};

/** Options of {@linkcode matmul}. */
export interface MatmulOptions {
  /** Reads `a` as [..., depth, rows]. */
  readonly transposeA?: boolean;
  /** Reads `b` as [..., columns, depth]. */
  readonly transposeB?: boolean;
  /** Added to each row: [columns]. */
  readonly bias?: Tensor;
  /** Applied last; part of the product's kernel where nothing is recorded. */
  readonly activation?: Activation;
}

/**
 * Matrix product of the last two axes, batched over the leading ones, which broadcast. A tensor with one axis is
 * a row on the left and a column on the right, as in NumPy.
 *
 * @throws {ShapeError} Inner dimensions differ, or the batches do not broadcast.
 *
 * @example
 * ```ts
 * import { matmul, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const a = tensor([[1, 2], [3, 4]]);
 * assertEquals(matmul(a, a, { transposeB: true }).toArray(), [[5, 11], [11, 25]]);
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, bias, activation } = options;
  if (a.rank === 1 || b.rank === 1) {
    const product = matmul(
      a.rank === 1 ? reshape(a, transposeA ? [a.size, 1] : [1, a.size]) : a,
      b.rank === 1 ? reshape(b, transposeB ? [1, b.size] : [b.size, 1]) : b,
      options,
    );
    const lead = product.shape.slice(0, -2);
    const [rows, columns] = product.shape.slice(-2);
    return reshape(product, [
      ...lead,
      ...(a.rank === 1 ? [] : [rows]),
      ...(b.rank === 1 ? [] : [columns]),
    ]);
  }
  const inputs = bias ? [a, b, bias] : [a, b];
  const expression = activation && activations[activation];
  if (!expression) return apply("matmul", inputs, { transposeA, transposeB });
  if (!isRecording()) {
    return apply("matmul", inputs, { transposeA, transposeB, activation: expression });
  }
  // The gradient needs what goes into the activation, so a recorded product keeps it.
  const product = apply("matmul", inputs, { transposeA, transposeB });
  return apply("pointwise", [product], { expression });
}

/** Inner product of two vectors. */
export function dot(a: Tensor, b: Tensor): Tensor {
  if (a.rank !== 1 || b.rank !== 1) {
    throw new ShapeError(
      `dot: expected two vectors, but found ${showShape(a.shape)} and ` +
        showShape(b.shape),
    );
  }
  return matmul(a, b);
}

/** Axes named by letters, one letter an axis. */
interface Labelled {
  readonly value: Tensor;
  readonly letters: string[];
}

/** A letter that stands twice in one operand means its diagonal. */
function withoutRepeats({ value, letters }: Labelled): Labelled {
  const twice = letters.findIndex((letter, at) => letters.indexOf(letter) !== at);
  if (twice < 0) return { value, letters };
  const once = letters.indexOf(letters[twice]);
  const rest = letters.map((_, at) => at).filter((at) => at !== once && at !== twice);
  const moved = permute(value, [...rest, once, twice]);
  return withoutRepeats({
    value: diagonal(moved),
    letters: [...rest.map((at) => letters[at]), letters[twice]],
  });
}

/** Sums away the letters that nobody needs any more. */
function sumUnneeded({ value, letters }: Labelled, needed: ReadonlySet<string>): Labelled {
  const gone = letters.map((_, at) => at).filter((at) => !needed.has(letters[at]));
  if (gone.length === 0) return { value, letters };
  return { value: sum(value, gone), letters: letters.filter((letter) => needed.has(letter)) };
}

/** One batched matrix product over the letters that both have and nobody needs afterwards. */
function contract(a: Labelled, b: Labelled, needed: ReadonlySet<string>): Labelled {
  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => needed.has(letter));
  const depth = shared.filter((letter) => !needed.has(letter));
  const rows = a.letters.filter((letter) => !shared.includes(letter));
  const columns = b.letters.filter((letter) => !shared.includes(letter));
  const arrange = (side: Labelled, ...groups: string[][]): Tensor => {
    const moved = permute(side.value, groups.flat().map((letter) => side.letters.indexOf(letter)));
    const length = (letter: string) => side.value.shape[side.letters.indexOf(letter)];
    return reshape(moved, groups.map((group) => sizeOf(group.map(length))));
  };
  const lengths = new Map<string, number>();
  for (const { value, letters } of [a, b]) {
    letters.forEach((letter, at) => lengths.set(letter, value.shape[at]));
  }
  const product = matmul(arrange(a, batch, rows, depth), arrange(b, batch, depth, columns));
  const letters = [...batch, ...rows, ...columns];
  return { value: reshape(product, letters.map((letter) => lengths.get(letter)!)), letters };
}

/**
 * Einstein summation: `einsum("bqd,bkd->bqk", query, key)`. Operands are contracted from left to right as
 * batched matrix products; without `->` the result has the letters that stand once, in alphabetical order.
 *
 * @throws {ValueError} The equation is malformed or names another number of operands.
 * @throws {ShapeError} A letter stands for two lengths.
 */
export function einsum(equation: string, ...tensors: Tensor[]): Tensor {
  const [left, right, ...more] = equation.replaceAll(" ", "").split("->");
  const terms = left.split(",").map((term) => [...term]);
  const all = terms.flat();
  const output = right === undefined
    ? [...new Set(all)].filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter)).sort()
    : [...right];
  const known = output.every((letter, at) => all.includes(letter) && output.indexOf(letter) === at);
  if (more.length > 0 || !all.every((letter) => /[a-zA-Z]/.test(letter)) || !known) {
    throw new ValueError(
      `einsum: "${equation}" is not of the form "ij,jk->ik" with each result letter once`,
    );
  }
  if (terms.length !== tensors.length) {
    throw new ValueError(
      `einsum: "${equation}" names ${terms.length} operands, but ${tensors.length} were given`,
    );
  }
  const lengths = new Map<string, number>();
  terms.forEach((letters, term) => {
    const { shape } = tensors[term];
    if (letters.length !== shape.length) {
      throw new ShapeError(
        `einsum: "${letters.join("")}" does not name the axes of ` +
          showShape(shape),
      );
    }
    letters.forEach((letter, axis) => {
      const length = lengths.get(letter) ?? shape[axis];
      if (length !== shape[axis]) {
        throw new ShapeError(`einsum: "${letter}" stands for both ${length} and ${shape[axis]}`);
      }
      lengths.set(letter, length);
    });
  });
  const neededAfter = (term: number) => new Set([...output, ...terms.slice(term + 1).flat()]);
  const operands = terms.map((letters, term) => withoutRepeats({ value: tensors[term], letters }));
  let result = operands[0];
  for (let term = 1; term < operands.length; term++) {
    const keep = new Set([...neededAfter(term - 1)]);
    const needed = neededAfter(term);
    const own = new Set([...needed, ...result.letters]);
    result = contract(
      sumUnneeded(result, keep),
      sumUnneeded(operands[term], own),
      needed,
    );
  }
  const final = sumUnneeded(result, new Set(output));
  return permute(final.value, output.map((letter) => final.letters.indexOf(letter)));
}
