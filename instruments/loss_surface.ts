// A loss as a function of parameters, seen as one flat vector around the point where they stand.

import { gradients, hessianVectorProduct } from "../autograd/mod.ts";
import { ConfigError } from "../errors.ts";
import type { Module } from "../nn/mod.ts";
import { recordingOn, scoped, type Tensor, tensor, withoutRecording } from "../tensor/mod.ts";

/** A loss around a point. */
export interface LossSurface {
  /** The point: tensors that the loss depends on. */
  readonly parameters: readonly Tensor[];
  /** The loss, a scalar, with other tensors of the same shapes in their place. */
  readonly loss: (parameters: readonly Tensor[]) => Tensor;
}

/**
 * The loss of a model as a function of its trained parameters.
 *
 * @param loss Computes the model's loss on fixed data, without dropout: the same at every call.
 * @throws {ConfigError} Nothing is trained.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { hessianTrace, lossSurface } from "@corit/corit/instruments";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const model = new Linear(2, 1, { random: 0, bias: false });
 * const x = tensor([[1, 0], [0, 2]]);
 * const surface = lossSurface(model, () => model.forward(x).square().sum());
 * // The Hessian is 2 x' x, with the diagonal 2, 8.
 * assertAlmostEquals(hessianTrace(surface).trace, 10, 1e-4);
 * ```
 */
export function lossSurface(model: Module, loss: () => Tensor): LossSurface {
  const seen = new Set<unknown>();
  const trained = [...model.namedParameters()].filter(([, parameter]) => {
    if (!parameter.trained || seen.has(parameter)) return false;
    seen.add(parameter);
    return true;
  });
  if (trained.length === 0) throw new ConfigError("lossSurface: nothing is trained");
  return {
    parameters: trained.map(([, parameter]) => parameter.value),
    loss: (parameters) =>
      model.withTensors(
        Object.fromEntries(trained.map(([name], at) => [name, parameters[at]])),
        loss,
      ),
  };
}

/** The number of coordinates. */
export function dimensionOf({ parameters }: LossSurface): number {
  return parameters.reduce((total, { size }) => total + size, 0);
}

/** Tensors like the parameters, out of a flat vector; `around` adds the point. */
function unflatten({ parameters }: LossSurface, vector: Float64Array, around: boolean): Tensor[] {
  let offset = 0;
  return parameters.map((parameter) => {
    const { shape, dtype, device, size } = parameter;
    const values = vector.slice(offset, offset += size);
    if (around) parameter.dataSync().forEach((value, at) => values[at] += value);
    return tensor(values, { shape, dtype, device });
  });
}

/** Tensors as one flat vector. */
function flatten(tensors: readonly Tensor[]): Float64Array {
  const parts = tensors.map((each) => each.dataSync());
  const flat = new Float64Array(parts.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const part of parts) {
    flat.set(part, offset);
    offset += part.length;
  }
  return flat;
}

/** The loss at a displacement from the point. */
export function lossAt(surface: LossSurface, displacement: Float64Array): number {
  return scoped(() =>
    withoutRecording(() => surface.loss(unflatten(surface, displacement, true)).item())
  );
}

/** The gradient at a displacement from the point. */
export function gradientAt(surface: LossSurface, displacement: Float64Array): Float64Array {
  return scoped(() => {
    const point = unflatten(surface, displacement, true);
    return flatten(gradients(recordingOn(() => surface.loss(point)), point));
  });
}

/** The Hessian at the point times a vector. */
export function hessianTimes(surface: LossSurface, vector: Float64Array): Float64Array {
  return scoped(() =>
    flatten(hessianVectorProduct(
      (...parameters) => surface.loss(parameters),
      surface.parameters,
      unflatten(surface, vector, false),
    ))
  );
}

/** Euclidean norm. */
export function normOf(vector: Float64Array): number {
  return Math.sqrt(innerProduct(vector, vector));
}

/** Inner product. */
export function innerProduct(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

/** factor * vector. */
export function scaled(vector: Float64Array, factor: number): Float64Array {
  return vector.map((value) => factor * value);
}
