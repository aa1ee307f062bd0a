// Gradients of all units by one use of a parameter, in the form that their operation gives them: seldom one by one.

import { apply } from "../tensor/apply.ts";
import { concat, narrow, permute, reshape } from "../tensor/operations/layout.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import { mul, square } from "../tensor/operations/pointwise.ts";
import { sum } from "../tensor/operations/reduce.ts";
import { productMoments } from "../tensor/product_moments.ts";
import { scoped } from "../tensor/scoped.ts";
import { type Shape, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Sums over units: of gradients, and of their elementwise squares. */
export interface Moments {
  /** The sum of the gradients. */
  readonly sum: Tensor;
  /** The sum of their squares. */
  readonly squares: Tensor;
}

/** The gradients of `units` units by a tensor of `shape`. */
export interface UnitGradients {
  /** How many units. */
  readonly units: number;
  /** The shape of each gradient. */
  readonly shape: Shape;
  /** The gradients of units `first` to `first + count - 1`: [count, ...shape]. */
  gradients(first: number, count: number): Tensor;
  /** Sums over all units. */
  moments(): Moments;
  /** |g|^2 of every unit: [units]. */
  squaredNorms(): Tensor;
}

/** Floats that gradients of several units may take at a time where they have to be formed. */
const CHUNK_FLOATS = 1 << 20;

/** Goes through all units in chunks that fit the memory; at least one unit at a time. */
export function* unitChunks(
  { units, shape }: Pick<UnitGradients, "units" | "shape">,
): Generator<{ first: number; count: number }> {
  const size = Math.max(1, Math.floor(CHUNK_FLOATS / Math.max(1, sizeOf(shape))));
  for (let first = 0; first < units; first += size) {
    yield { first, count: Math.min(size, units - first) };
  }
}

/** Moments of gradients that are formed chunk by chunk. */
export function momentsByChunks(gradients: UnitGradients): Moments {
  let total: Moments | undefined;
  for (const { first, count } of unitChunks(gradients)) {
    const before = total;
    total = scoped(() => {
      const chunk = gradients.gradients(first, count);
      const part = { sum: sum(chunk, 0), squares: sum(square(chunk), 0) };
      return before
        ? { sum: before.sum.add(part.sum), squares: before.squares.add(part.squares) }
        : part;
    });
    before?.sum.release();
    before?.squares.release();
  }
  return total!;
}

/** |g|^2 of gradients that are formed chunk by chunk. */
export function normsByChunks(gradients: UnitGradients): Tensor {
  const parts: Tensor[] = [];
  for (const { first, count } of unitChunks(gradients)) {
    parts.push(scoped(() => {
      const chunk = reshape(gradients.gradients(first, count), [count, -1]);
      return sum(square(chunk), 1);
    }));
  }
  return concat(parts);
}

/** Gradients that are there as they are: of biases, scales, positions. */
export class DenseGradients implements UnitGradients {
  /** `values` is [units, ...shape]. */
  constructor(readonly values: Tensor) {}

  get units(): number {
    return this.values.shape[0];
  }

  get shape(): Shape {
    return this.values.shape.slice(1);
  }

  gradients(first: number, count: number): Tensor {
    return narrow(this.values, 0, first, count);
  }

  moments(): Moments {
    return { sum: sum(this.values, 0), squares: sum(square(this.values), 0) };
  }

  squaredNorms(): Tensor {
    return sum(square(reshape(this.values, [this.units, -1])), 1);
  }
}

/**
 * Gradients of a matrix, or of several of one size: for each, the sum over a unit's rows of an outer product, which is
 * never formed where only sums are asked for.
 */
export class ProductGradients implements UnitGradients {
  /** left [matrices, units, rows, height] and right [matrices, units, rows, width] give [...shape], [matrices, height, width]. */
  constructor(readonly left: Tensor, readonly right: Tensor, readonly shape: Shape) {}

  get units(): number {
    return this.left.shape[1];
  }

  gradients(first: number, count: number): Tensor {
    const [left, right] = [this.left, this.right].map((each) => narrow(each, 1, first, count));
    // [matrices, count, height, width]
    const products = matmul(left, right, { transposeA: true });
    return reshape(permute(products, [1, 0, 2, 3]), [count, ...this.shape]);
  }

  moments(): Moments {
    const parts = this.#matrices().map(([left, right]) => productMoments(left, right));
    const join = (each: readonly Tensor[]) => reshape(concat(each), this.shape);
    return {
      sum: join(parts.map((part) => part.sum)),
      squares: join(parts.map((part) => part.squares)),
    };
  }

  squaredNorms(): Tensor {
    const [, , rows, height] = this.left.shape;
    const width = this.right.shape[3];
    // |A' B|^2 is the sum over pairs of rows of (a . a') (b . b'), cheaper where there are few rows.
    if (rows * (height + width) > height * width) return normsByChunks(this);
    const products = [this.left, this.right].map((each) =>
      matmul(each, each, { transposeB: true })
    );
    return sum(sum(mul(products[0], products[1]), [2, 3]), 0);
  }

  #matrices(): (readonly [Tensor, Tensor])[] {
    const [matrices] = this.left.shape;
    const of = (each: Tensor, at: number) => reshape(narrow(each, 0, at, 1), each.shape.slice(1));
    return Array.from(
      { length: matrices },
      (_, at) => [of(this.left, at), of(this.right, at)] as const,
    );
  }
}

/** Gradients of a table whose rows are read at indices: a unit's gradient is zero but at its own. */
export class TableGradients implements UnitGradients {
  /** values [outer, units, count, inner], index int32 [units, count], into a table [outer, length, inner] of `shape`. */
  constructor(
    readonly values: Tensor,
    readonly index: Tensor,
    readonly length: number,
    readonly shape: Shape,
  ) {}

  get units(): number {
    return this.index.shape[0];
  }

  gradients(first: number, count: number): Tensor {
    const each = Array.from({ length: count }, (_, at) => {
      const values = narrow(this.values, 1, first + at, 1);
      const [outer, , rows, inner] = values.shape;
      const own = reshape(narrow(this.index, 0, first + at, 1), [rows]);
      const table = apply("scatterAdd", [reshape(values, [outer, rows, inner]), own], {
        axis: 1,
        mode: "select",
        length: this.length,
      });
      return reshape(table, [1, ...this.shape]);
    });
    return concat(each);
  }

  moments(): Moments {
    return momentsByChunks(this);
  }

  squaredNorms(): Tensor {
    return normsByChunks(this);
  }
}

/** The sum of the gradients of several uses: unit by unit, since the square of a sum is no sum of squares. */
export class SharedGradients implements UnitGradients {
  /** At least one, of one shape. */
  constructor(readonly parts: readonly UnitGradients[]) {}

  get units(): number {
    return this.parts[0].units;
  }

  get shape(): Shape {
    return this.parts[0].shape;
  }

  gradients(first: number, count: number): Tensor {
    return this.parts
      .map((part) => part.gradients(first, count))
      .reduce((total, part) => total.add(part));
  }

  moments(): Moments {
    return this.parts.length === 1 ? this.parts[0].moments() : momentsByChunks(this);
  }

  squaredNorms(): Tensor {
    return this.parts.length === 1 ? this.parts[0].squaredNorms() : normsByChunks(this);
  }
}
