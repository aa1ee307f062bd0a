// Where the units (samples, twin pairs) lie in the tensors of a computation: followed backwards from the losses.
//
// A tensor is either made of the units, one after the other along one axis, or shared by all of them. An operation that
// lets one unit see another has no place in this: following it backwards throws.

import { GradientError } from "../errors.ts";
import type { OperationName } from "../tensor/operation.ts";
import { type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import type { PrimitiveOrigin, Tensor } from "../tensor/tensor.ts";
import type { NotDifferentiable } from "./rule.ts";

/** The axis along which a tensor's units lie, or undefined where it is shared by all of them. */
export type UnitAxis = number | undefined;

/** Maps the axis of an operation's result to one for each input. */
type UnitRule<Name extends OperationName> = (
  operation: PrimitiveOrigin<Name>,
  axis: number,
  units: number,
) => readonly UnitAxis[];

function mixes(name: string, why: string): GradientError {
  return new GradientError(
    `per-sample gradients: ${name} ${why}, so that a unit has no gradient of its own`,
  );
}

/** The axis of a tensor that broadcasts to `result`: its own where it goes along, none where it is repeated. */
function broadcastAxis(shape: Shape, result: Shape, axis: number): UnitAxis {
  const own = axis - (result.length - shape.length);
  return own >= 0 && shape[own] === result[axis] ? own : undefined;
}

/** For what works along one axis and leaves the shape as it is. */
function along(name: string, worksAlong: number, axis: number): number {
  if (worksAlong === axis) throw mixes(name, "works along the axis of the units");
  return axis;
}

/** For what takes images or sequences, one after the other on axis 0. */
function first(name: string, axis: number): number {
  if (axis !== 0) throw mixes(name, `needs the units on axis 0, but they are on axis ${axis}`);
  return 0;
}

const fused: NotDifferentiable = { reason: "it is a fused backward kernel" };
const none: NotDifferentiable = { reason: "it is no function of single units" };

/** How units pass through every operation, or why they do not. */
const unitRules: { readonly [Name in OperationName]: UnitRule<Name> | NotDifferentiable } = {
  pointwise: ({ inputs, outputs: [y] }, axis) =>
    inputs.map((x) => broadcastAxis(x.shape, y.shape, axis)),
  convert: (_, axis) => [axis],
  reduce: ({ inputs, options }, axis) =>
    inputs.map(() => axis < options.first ? axis : axis + options.last - options.first + 1),
  argReduce: ({ options }, axis) => [axis < options.axis ? axis : axis + 1],
  cumulativeSum: ({ options }, axis) => [along("cumsum", options.axis, axis)],
  sort: ({ options }, axis) => [along("sort", options.axis, axis)],
  matmul({ inputs: [a, b, bias], outputs: [y], options }, axis) {
    const fromEnd = y.rank - axis;
    const aAxis = fromEnd === 1
      ? undefined
      : fromEnd === 2
      ? a.rank - (options.transposeA ? 1 : 2)
      : broadcastAxis(a.shape, y.shape, axis);
    const bAxis = fromEnd === 2
      ? undefined
      : fromEnd === 1
      ? b.rank - (options.transposeB ? 2 : 1)
      : broadcastAxis(b.shape, y.shape, axis);
    return bias ? [aAxis, bAxis, fromEnd === 1 ? 0 : undefined] : [aAxis, bAxis];
  },
  softmax: ({ outputs: [y] }, axis) => [along("softmax", y.rank - 1, axis)],
  layerNorm: (
    { outputs: [y] },
    axis,
  ) => [along("layerNorm", y.rank - 1, axis), undefined, undefined],
  attention: (_, axis) => [first("attention", axis)],
  reshape({ inputs: [x], outputs: [y] }, axis, units) {
    // The units' axis begins behind as many elements as before, and still holds whole units.
    const before = sizeOf(y.shape.slice(0, axis));
    let elements = 1;
    for (const [own, length] of x.shape.entries()) {
      if (elements === before && length % units === 0) return [own];
      elements *= length;
    }
    throw mixes(
      `reshape from ${showShape(x.shape)} to ${showShape(y.shape)}`,
      "cuts through the units",
    );
  },
  permute: ({ options }, axis) => [options.axes[axis]],
  slice({ inputs: [x], options: { starts, sizes, steps } }, axis) {
    if (starts[axis] !== 0 || steps[axis] !== 1 || sizes[axis] !== x.shape[axis]) {
      throw mixes("slice", "takes some of the units, or takes them in another order");
    }
    return [axis];
  },
  placeSlice({ inputs: [x], options: { shape, starts, steps } }, axis) {
    if (starts[axis] !== 0 || steps[axis] !== 1 || shape[axis] !== x.shape[axis]) {
      throw mixes("placeSlice", "moves units");
    }
    return [axis];
  },
  concat: ({ inputs, options }, axis) => inputs.map(() => along("concat", options.axis, axis)),
  expand: ({ inputs: [x], outputs: [y] }, axis) => [broadcastAxis(x.shape, y.shape, axis)],
  gather({ inputs: [, index], options }, axis) {
    if (options.mode === "along") {
      const own = along("gather", options.axis, axis);
      return [own, index.rank > own ? own : undefined];
    }
    return options.axis === axis ? [undefined, 0] : [axis, undefined];
  },
  scatterAdd: ({ options }, axis) => [
    along("scatterAdd", options.axis, axis),
    options.mode === "along" ? axis : undefined,
  ],
  unfold: (_, axis) => [first("unfold", axis)],
  fold: (_, axis) => [first("fold", axis)],
  softmaxBackward: fused,
  layerNormBackward: fused,
  attentionBackward: fused,
  findNonFinite: none,
};

/** The axes of the inputs of the operation that made a tensor whose units lie along `axis`. */
function inputAxes<Name extends OperationName>(
  origin: PrimitiveOrigin<Name>,
  axis: number,
  units: number,
): readonly UnitAxis[] {
  const rule: UnitRule<Name> | NotDifferentiable = unitRules[origin.name];
  if (typeof rule === "function") return rule(origin, axis, units);
  throw new GradientError(
    `per-sample gradients: ${origin.name} has no rule for units: ${rule.reason}`,
  );
}

/** A use of what a parameter was made of: the operation's result, and which of its inputs it is. */
export interface Use {
  /** The parameter, reshaped or permuted or as it is. */
  readonly form: Tensor;
  /** The parameter itself. */
  readonly target: Tensor;
  /** What was made of it and of the units. */
  readonly result: Tensor;
  /** The axis of the units in `result`. */
  readonly axis: number;
  /** Which input of the operation. */
  readonly input: number;
}

/** Every tensor that `result` was made of, each after what it was made of. Does not look behind `ends`. */
export function ancestors(result: Tensor, ends: ReadonlySet<Tensor>): Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const stack: { tensor: Tensor; open: boolean }[] = [{ tensor: result, open: true }];
  while (stack.length > 0) {
    const { tensor, open } = stack.pop()!;
    if (!open) order.push(tensor);
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    stack.push({ tensor, open: false });
    if (ends.has(tensor)) continue;
    for (const input of tensor.origin?.inputs ?? []) {
      if (!seen.has(input)) stack.push({ tensor: input, open: true });
    }
  }
  return order;
}

/** The parameters and what was made of each by reshape and permute alone: still the parameter, in another form. */
function formsOf(order: readonly Tensor[], targets: ReadonlySet<Tensor>): Map<Tensor, Tensor> {
  const forms = new Map<Tensor, Tensor>();
  for (const tensor of order) {
    const { origin } = tensor;
    if (targets.has(tensor)) forms.set(tensor, tensor);
    else if (origin?.name === "reshape" || origin?.name === "permute") {
      const target = forms.get(origin.inputs[0]);
      if (target) forms.set(tensor, target);
    }
  }
  return forms;
}

/**
 * Every place where units meet a parameter, and the axis of the units in every tensor that the losses were made of.
 *
 * @param losses [units] or [samples], recorded.
 * @param targets The parameters.
 * @throws {GradientError} An operation mixes units, has no rule, or changes a parameter by more than its shape.
 */
export function followUnits(
  losses: Tensor,
  targets: ReadonlySet<Tensor>,
): { readonly uses: readonly Use[]; readonly axes: ReadonlyMap<Tensor, UnitAxis> } {
  const units = losses.shape[0];
  const order = ancestors(losses, targets);
  const forms = formsOf(order, targets);
  const depends = new Set<Tensor>();
  for (const tensor of order) {
    const inputs = tensor.origin?.inputs ?? [];
    if (forms.has(tensor) || inputs.some((input) => depends.has(input))) depends.add(tensor);
  }
  const axes = new Map<Tensor, UnitAxis>([[losses, 0]]);
  const uses: Use[] = [];
  const settle = (tensor: Tensor, axis: UnitAxis, by: string): void => {
    if (axes.has(tensor) && axes.get(tensor) !== axis) {
      throw mixes(by, `joins what belongs to single units with all of ${showShape(tensor.shape)}`);
    }
    axes.set(tensor, axis);
  };
  for (const tensor of order.reverse()) {
    if (!axes.has(tensor) || forms.has(tensor)) continue;
    const axis = axes.get(tensor);
    const { origin } = tensor;
    if (axis === undefined && depends.has(tensor)) {
      throw new GradientError(
        `per-sample gradients: a tensor ${showShape(tensor.shape)} made by ${origin?.name} is ` +
          "shared by all units and depends on parameters: an operation mixes the batch (such as " +
          "the statistics of batch norm in training), or changes a parameter otherwise than by " +
          "reshape and permute, which has no rule",
      );
    }
    if (!origin) continue;
    if (origin.name === "custom") {
      throw new GradientError(
        "per-sample gradients: a custom gradient cannot be seen through; use operations with rules",
      );
    }
    let inputs: readonly UnitAxis[] = origin.inputs.map(() => undefined);
    if (axis !== undefined) {
      try {
        inputs = inputAxes(origin as PrimitiveOrigin, axis, units);
      } catch (error) {
        // What depends on no parameter is data: how a batch was picked from a larger set is nobody's gradient.
        if (depends.has(tensor) || !(error instanceof GradientError)) throw error;
        continue;
      }
    }
    origin.inputs.forEach((form, input) => {
      const target = forms.get(form);
      if (target && inputs[input] !== undefined) {
        throw mixes(
          origin.name,
          `uses a parameter ${showShape(form.shape)} that has a part for each unit`,
        );
      }
      if (target && axis !== undefined) uses.push({ form, target, result: tensor, axis, input });
      if (!target) settle(form, inputs[input], origin.name);
    });
  }
  return { uses, axes };
}
