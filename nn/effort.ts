// Effort: a linear layer's weight taken apart into a frozen part and its last singular component, which learns.

import { tensor } from "../tensor/create.ts";
import { concat, reshape } from "../tensor/operations/layout.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import { add, mul, sub } from "../tensor/operations/pointwise.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { copyInto } from "../tensor/update.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { lastSingularTriple } from "./singular.ts";

/**
 * The last singular component of each part of a layer's weight: singular value, left and right vector. All three learn;
 * the rest of the weight stays (Yan et al., "Orthogonal Subspace Decomposition for Generalizable AI-Generated Image
 * Detection", ICML 2025).
 */
export class SingularComponent extends Module {
  /** Left vectors, [parts, outputs of a part]. */
  readonly left: Parameter;
  /** Singular values, [parts, 1]. */
  readonly value: Parameter;
  /** Right vectors, [parts, inputs]. */
  readonly right: Parameter;

  /** Takes over the tensors. */
  constructor(left: Tensor, value: Tensor, right: Tensor) {
    super();
    this.left = new Parameter(left);
    this.value = new Parameter(value);
    this.right = new Parameter(right);
  }

  /** x [..., inputs] -> what the component adds, [..., outputs]. */
  forward(x: Tensor): Tensor {
    const [parts, outputs] = this.left.shape;
    const before = x.shape.slice(0, -1);
    const along = matmul(x, this.right.value, { transposeB: true });
    const scaled = mul(reshape(along, [...before, parts, 1]), this.value.value);
    return reshape(mul(scaled, this.left.value), [...before, parts * outputs]);
  }

  /** What the component adds to the weight: [outputs, inputs]. */
  product(): Tensor {
    const [parts, outputs] = this.left.shape;
    const inputs = this.right.shape[1];
    const columns = reshape(mul(this.left.value, this.value.value), [parts, outputs, 1]);
    const rows = reshape(this.right.value, [parts, 1, inputs]);
    return reshape(mul(columns, rows), [parts * outputs, inputs]);
  }
}

/**
 * Takes the last singular component out of a layer's weight and lets it learn beside the rest, which is frozen by whoever
 * freezes the layer. The layer computes as before.
 *
 * @param parts How many weights are stacked in the layer's: 3 for packed queries, keys and values.
 * @throws {NumericError} The weight's last component could not be found.
 *
 * @example
 * ```ts
 * import { addSingularComponent, Linear } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Linear(4, 6, { random: 0 });
 * addSingularComponent(layer, 2);
 * assertEquals(
 *   [...layer.namedParameters()].map(([name, { shape }]) => `${name} ${shape}`),
 *   ["weight 6,4", "bias 6", "singular.left 2,3", "singular.value 2,1", "singular.right 2,4"],
 * );
 * ```
 */
export function addSingularComponent(layer: Linear, parts: number): void {
  const [rows, inputs] = layer.weight.shape;
  const outputs = rows / parts;
  const { dtype, device } = layer.weight.value;
  const values = layer.weight.value.dataSync();
  const triples = Array.from({ length: parts }, (_, part) => {
    const length = outputs * inputs;
    const matrix = Float64Array.from(
      { length },
      (_, at) => Number(values[part * length + at]),
    );
    return lastSingularTriple(matrix, outputs, inputs);
  });
  const stacked = (rows: readonly Float64Array[], width: number) =>
    tensor(rows.flatMap((row) => [...row]), { shape: [parts, width], dtype, device });
  const component = new SingularComponent(
    stacked(triples.map(({ left }) => left), outputs),
    stacked(triples.map(({ value }) => Float64Array.of(value)), 1),
    stacked(triples.map(({ right }) => right), inputs),
  );
  withoutRecording(() =>
    scoped(() => copyInto(layer.weight.value, sub(layer.weight.value, component.product())))
  );
  layer.singular = component;
}

/**
 * Makes every singular component inside a model part of its layer's weight again, so that the model computes the same
 * without them and has its usual names. An optimizer made before must not be used any more.
 *
 * @returns How many layers had one.
 */
export function mergeSingularComponents(model: Module): number {
  let merged = 0;
  for (const layer of model.namedModules().values()) {
    if (!(layer instanceof Linear) || !layer.singular) continue;
    const component = layer.singular;
    withoutRecording(() =>
      scoped(() => copyInto(layer.weight.value, add(layer.weight.value, component.product())))
    );
    layer.singular = undefined;
    for (const { value } of [component.left, component.value, component.right]) value.release();
    merged++;
  }
  return merged;
}

/**
 * How far the components have left the space that is theirs, a scalar: for each the squares of its vectors' products with
 * themselves less 1, the paper's orthogonality loss for a single component. Adding it to a loss keeps the vectors' length
 * at 1, so that the value alone says how strong the component is.
 */
export function singularLengthLoss(model: Module): Tensor | undefined {
  const terms: Tensor[] = [];
  for (const module of model.namedModules().values()) {
    if (!(module instanceof SingularComponent)) continue;
    for (const { value } of [module.left, module.right]) {
      terms.push(value.square().sum(1).sub(1).square().sum());
    }
  }
  if (terms.length === 0) return undefined;
  return concat(terms.map((term) => reshape(term, [1])), 0).sum();
}
