// The rule of every operation that a parameter can meet units in: from the gradient of its result to those of all units.

import { GradientError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import { apply } from "../tensor/apply.ts";
import { onesLike, zerosLike } from "../tensor/create.ts";
import type { OperationName } from "../tensor/operation.ts";
import { expand, permute, reshape } from "../tensor/operations/layout.ts";
import { type Shape, sizeOf } from "../tensor/shape.ts";
import type { PrimitiveOrigin, Tensor } from "../tensor/tensor.ts";
import { expressionGradient } from "./rules/pointwise.ts";
import type { Use } from "./unit_axes.ts";
import {
  DenseGradients,
  ProductGradients,
  TableGradients,
  type UnitGradients,
} from "./unit_gradients.ts";
import { arrange, repeatedAxes, sumPerUnit, type UnitPlace } from "./unit_layout.ts";

/** Where the units lie in the result, and which input is the parameter. */
interface RuleUse extends UnitPlace {
  readonly input: number;
}

type ParameterRule<Name extends OperationName> = (
  operation: PrimitiveOrigin<Name>,
  gradient: Tensor,
  use: RuleUse,
) => UnitGradients | undefined;

const product = input(0).mul(input(1));

/** A matrix that others of a batch are multiplied by: its axes but the last two are matrices of their own. */
function matrixGradients(
  { inputs, options }: PrimitiveOrigin<"matmul">,
  gradient: Tensor,
  { axis, units, input: which }: RuleUse,
): UnitGradients {
  const parameter = inputs[which], other = inputs[1 - which];
  const batch = gradient.shape.slice(0, -2);
  const { rank } = gradient;
  const transposed = [options.transposeA, options.transposeB];
  // In the gradient, the axis that the parameter has and the one that it was summed along; in the other operand, the
  // axis that both were summed along and the one that the gradient has.
  const own = which === 0 ? rank - 2 : rank - 1, summed = which === 0 ? rank - 1 : rank - 2;
  const otherShared = (which === 0) === transposed[1 - which] ? rank - 1 : rank - 2;
  const otherOwn = otherShared === rank - 1 ? rank - 2 : rank - 1;
  const repeated = new Set(repeatedAxes(parameter.shape.slice(0, -2), batch));
  const matrices = batch.map((_, each) => each).filter((each) => !repeated.has(each));
  const whole = expand(other, [...batch, ...other.shape.slice(-2)]);
  const otherAxis = axis === summed ? otherOwn : axis;
  const fromGradient = arrange(gradient, { axis, units }, matrices, [own]);
  const fromOther = arrange(whole, { axis: otherAxis, units }, matrices, [otherShared]);
  // Stored rows by depth for the left operand, depth by columns for the right one, or the other way round.
  const gradientFirst = (which === 0) !== transposed[which];
  const [left, right] = gradientFirst ? [fromGradient, fromOther] : [fromOther, fromGradient];
  return new ProductGradients(left, right, parameter.shape);
}

/** The rules; an operation without one cannot be given a parameter. */
const parameterRules: { readonly [Name in OperationName]?: ParameterRule<Name> } = {
  matmul(operation, gradient, use) {
    if (use.input < 2) return matrixGradients(operation, gradient, use);
    const { shape } = operation.inputs[2];
    return new DenseGradients(sumPerUnit([gradient], use, shape));
  },
  pointwise({ inputs, options, outputs: [y] }, gradient, use) {
    const full = expressionGradient(options.expression, inputs, use.input, gradient);
    if (!full) return undefined;
    const { shape } = inputs[use.input];
    return new DenseGradients(sumPerUnit([expand(full, y.shape)], use, shape));
  },
  expand: ({ inputs: [x] }, gradient, use) =>
    new DenseGradients(sumPerUnit([gradient], use, x.shape)),
  layerNorm({ inputs: [x, scale], options }, gradient, use) {
    if (use.input === 2) return new DenseGradients(sumPerUnit([gradient], use, scale.shape));
    const plain = apply("layerNorm", [x, onesLike(scale), zerosLike(scale)], options);
    return new DenseGradients(sumPerUnit([gradient, plain], use, scale.shape, product));
  },
  gather({ inputs: [table, index], options: { axis, mode } }, gradient, use) {
    if (use.input !== 0 || mode !== "select" || axis !== use.axis) return undefined;
    const [outer, inner] = [table.shape.slice(0, axis), table.shape.slice(axis + 1)].map(sizeOf);
    const count = index.size / use.units;
    const values = reshape(gradient, [outer, use.units, count, inner]);
    const rows = reshape(index, [use.units, count]);
    return new TableGradients(values.view(values.shape), rows, table.shape[axis], table.shape);
  },
};

/** A tensor [count, ...form] as [count, ...target]: back through the reshapes and permutes that made the form. */
function toTarget(gradients: Tensor, form: Tensor, target: Tensor): Tensor {
  const [count] = gradients.shape;
  let current = gradients;
  for (let at = form; at !== target;) {
    const origin = at.origin as PrimitiveOrigin;
    const [before] = origin.inputs;
    if (origin.name === "permute") {
      const { axes } = origin.options as PrimitiveOrigin<"permute">["options"];
      current = permute(current, [0, ...axes.map((_, axis) => axes.indexOf(axis) + 1)]);
    } else {
      current = reshape(current, [count, ...before.shape]);
    }
    at = before;
  }
  return current;
}

/** Gradients by a form of a parameter, as gradients by the parameter. Its elements are the same, in another order. */
class FormGradients implements UnitGradients {
  constructor(
    readonly own: UnitGradients,
    readonly form: Tensor,
    readonly target: Tensor,
  ) {}

  get units(): number {
    return this.own.units;
  }

  get shape(): Shape {
    return this.target.shape;
  }

  gradients(first: number, count: number): Tensor {
    return toTarget(this.own.gradients(first, count), this.form, this.target);
  }

  moments(): { sum: Tensor; squares: Tensor } {
    const { sum, squares } = this.own.moments();
    const back = (each: Tensor) =>
      reshape(
        toTarget(reshape(each, [1, ...each.shape]), this.form, this.target),
        this.target.shape,
      );
    return { sum: back(sum), squares: back(squares) };
  }

  squaredNorms(): Tensor {
    return this.own.squaredNorms();
  }
}

/**
 * The gradients of all units by one use of a parameter; undefined where they are zero.
 *
 * @throws {GradientError} The operation has no rule for its parameters.
 */
export function useGradients(
  { form, target, result, axis, input }: Use,
  gradient: Tensor,
  units: number,
): UnitGradients | undefined {
  const origin = result.origin as PrimitiveOrigin;
  const rule = parameterRules[origin.name] as ParameterRule<OperationName> | undefined;
  if (!rule) {
    throw new GradientError(
      `per-sample gradients: there is no rule for a parameter that enters ${origin.name} directly`,
    );
  }
  const own = rule(origin, gradient, { axis, units, input });
  return own && (form === target ? own : new FormGradients(own, form, target));
}
