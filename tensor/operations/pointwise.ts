// Elementwise operations. Each is one expression of the scalar language, written in kernels/expression/.

import * as scalar from "../../kernels/expression/functions.ts";
import { type Expression, input } from "../../kernels/expression/expression.ts";
import type { DType } from "../../kernels/kernel.ts";
import { ValueError } from "../../errors.ts";
import { apply } from "../apply.ts";
import { tensor } from "../create.ts";
import { type Operable, Tensor } from "../tensor.ts";

/** Numbers become scalar tensors on the device of the tensors beside them, in their type. */
function operands(inputs: readonly Operable[]): Tensor[] {
  const like = inputs.find((value) => value instanceof Tensor);
  const dtype = like?.dtype === "float64" || like?.dtype === "float32" ? like.dtype : undefined;
  return inputs.map((value) =>
    value instanceof Tensor ? value : tensor(value, {
      device: like?.device,
      dtype: dtype ?? (like?.dtype === "int32" && Number.isInteger(value) ? "int32" : undefined),
    })
  );
}

function run(expression: Expression, inputs: readonly Operable[], dtype?: DType): Tensor {
  return apply("pointwise", operands(inputs), { expression, dtype });
}

/** An operation on one tensor. */
export type Unary = (x: Tensor) => Tensor;
/** An operation on two tensors or numbers, which broadcast. */
export type Binary = (a: Operable, b: Operable) => Tensor;

function unary(build: (x: Expression) => Expression, dtype?: DType): Unary {
  const expression = build(input(0));
  return (x) => run(expression, [x], dtype);
}

function binary(build: (a: Expression, b: Expression) => Expression, dtype?: DType): Binary {
  const expression = build(input(0), input(1));
  return (a, b) => run(expression, [a, b], dtype);
}

/**
 * A differentiable elementwise operation of your own, compiled to one kernel.
 *
 * @param build The formula, in the scalar language: an expression of as many inputs as the function has parameters.
 * @returns A function of as many tensors or numbers, which broadcast together.
 *
 * @example
 * ```ts
 * import { gradients, pointwise, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const cube = pointwise((x) => x.mul(x).mul(x));
 * const x = tensor([1, 2]);
 * assertEquals(cube(x).toArray(), [1, 8]);
 * assertEquals(gradients(cube(x).sum(), [x])[0].toArray(), [3, 12]);
 * ```
 */
export function pointwise(
  build: (...inputs: Expression[]) => Expression,
): (...inputs: Operable[]) => Tensor {
  const expression = build(...Array.from({ length: build.length }, (_, i) => input(i)));
  return (...inputs) => {
    if (inputs.length !== build.length) {
      throw new ValueError(
        `pointwise: expected ${build.length} inputs, but found ${inputs.length}`,
      );
    }
    return run(expression, inputs);
  };
}

/** a + b. */
export const add: Binary = binary((a, b) => a.add(b));
/** a - b. */
export const sub: Binary = binary((a, b) => a.sub(b));
/** a * b. */
export const mul: Binary = binary((a, b) => a.mul(b));
/** a / b. */
export const div: Binary = binary((a, b) => a.div(b));
/** The smaller of two numbers; at a tie both get half of the gradient. */
export const minimum: Binary = binary(scalar.minimum);
/** The larger of two numbers; at a tie both get half of the gradient. */
export const maximum: Binary = binary(scalar.maximum);

/** Whether a < b, as bool. */
export const less: Binary = binary(scalar.lessThan, "bool");
/** Whether a <= b, as bool. */
export const lessEqual: Binary = binary(scalar.lessEqual, "bool");
/** Whether a > b, as bool. */
export const greater: Binary = binary(scalar.greaterThan, "bool");
/** Whether a >= b, as bool. */
export const greaterEqual: Binary = binary(scalar.greaterEqual, "bool");
/** Whether a = b, as bool. */
export const equal: Binary = binary(scalar.equal, "bool");
/** Whether a differs from b, as bool. */
export const notEqual: Binary = binary(scalar.notEqual, "bool");
/** Whether both are nonzero, as bool. */
export const logicalAnd: Binary = binary(
  (a, b) => scalar.logicalAnd(scalar.notEqual(a, 0), scalar.notEqual(b, 0)),
  "bool",
);
/** Whether one is nonzero, as bool. */
export const logicalOr: Binary = binary(
  (a, b) => scalar.logicalOr(scalar.notEqual(a, 0), scalar.notEqual(b, 0)),
  "bool",
);
/** Whether x is zero, as bool. */
export const logicalNot: Unary = unary((x) => scalar.equal(x, 0), "bool");

/** -x. */
export const neg: Unary = unary((x) => x.neg());
/** Absolute value; its gradient at 0 is 0. */
export const abs: Unary = unary(scalar.abs);
/** -1, 0 or 1. */
export const sign: Unary = unary(scalar.sign);
/** Largest whole number not above x. */
export const floor: Unary = unary(scalar.floor);
/** Smallest whole number not below x. */
export const ceil: Unary = unary(scalar.ceil);
/** Nearest whole number, ties to even. */
export const round: Unary = unary(scalar.round);
/** x * x. */
export const square: Unary = unary((x) => x.mul(x));
/** Square root. */
export const sqrt: Unary = unary(scalar.sqrt);
/** 1 / sqrt(x). */
export const rsqrt: Unary = unary(scalar.rsqrt);
/** e^x. */
export const exp: Unary = unary(scalar.exp);
/** e^x - 1, exact near 0. */
export const expm1: Unary = unary(scalar.expm1);
/** Natural logarithm. */
export const log: Unary = unary(scalar.log);
/** log(1 + x), exact near 0. */
export const log1p: Unary = unary(scalar.log1p);
/** Sine of radians. */
export const sin: Unary = unary(scalar.sin);
/** Cosine of radians. */
export const cos: Unary = unary(scalar.cos);
/** Hyperbolic tangent. */
export const tanh: Unary = unary(scalar.tanh);
/** 1 / (1 + e^-x). */
export const sigmoid: Unary = unary(scalar.sigmoid);
/** The error function. */
export const erf: Unary = unary(scalar.erf);
/** max(x, 0); its gradient at 0 is 0. */
export const relu: Unary = unary(scalar.relu);
/** x * sigmoid(x) (Elfwing et al., 2018). */
export const silu: Unary = unary(scalar.silu);
/** log(1 + e^x), without overflow. */
export const softplus: Unary = unary(scalar.softplus);

/** How {@linkcode gelu} is computed: by erf, by its tanh approximation, or as x * sigmoid(1.702 x) (CLIP's). */
export type GeluForm = "exact" | "tanh" | "quick";

const geluForms: Readonly<Record<GeluForm, Unary>> = {
  exact: unary(scalar.gelu),
  tanh: unary(scalar.geluTanh),
  quick: unary(scalar.geluQuick),
};

/**
 * The Gaussian error linear unit, x * P(standard normal <= x) (Hendrycks and Gimpel, 2016).
 *
 * @param form `exact` by default.
 */
export function gelu(x: Tensor, form: GeluForm = "exact"): Tensor {
  return geluForms[form](x);
}

/** x where positive, else slope * x. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return run(scalar.leakyRelu(input(0), slope), [x]);
}

/** x where positive, else alpha * (e^x - 1). */
export function elu(x: Tensor, alpha = 1): Tensor {
  return run(scalar.elu(input(0), alpha), [x]);
}

/** x limited to low..high; the gradient passes inside and at the bounds. */
export function clamp(x: Tensor, low = -Infinity, high = Infinity): Tensor {
  return run(scalar.clamp(input(0), low, high), [x]);
}

/** a to the power b. A constant exponent is compiled into the kernel. */
export function pow(a: Operable, b: Operable): Tensor {
  if (typeof b === "number") return run(scalar.pow(input(0), b), [a]);
  return run(scalar.pow(input(0), input(1)), [a, b]);
}

const choose = scalar.where(scalar.notEqual(input(0), 0), input(1), input(2));

/** a where the condition is nonzero, else b; all three broadcast. */
export function where(condition: Tensor, a: Operable, b: Operable): Tensor {
  // The condition's type must not decide the result's.
  const [first, second] = operands([a, b, condition]);
  const like = [a, b].find((value) => value instanceof Tensor);
  return run(choose, [condition, first, second], like?.dtype);
}

/** The same values in another type; whole numbers and bool do not differentiate. */
export function to(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : apply("convert", [x], { dtype });
}
