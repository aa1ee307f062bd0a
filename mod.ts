/**
 * CoRIT: automatic differentiation for Deno and the browser, made to train, study and run deepfake detectors.
 *
 * This module is the core: tensors and their operations, gradients of any order, layers, optimizers with
 * sharpness-aware minimization, the CoRIT detector, and instruments for the gradient signal-to-noise ratio. It
 * depends on nothing. Data, forgeries, evaluation and training runs are in modules of their own.
 *
 * @example
 * ```ts
 * import { Linear, gradients, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Linear(2, 1, { random: 0 });
 * const loss = layer.forward(tensor([[1, 2]])).square().sum();
 * const [slope] = gradients(loss, [layer.weight.value]);
 * assertEquals(slope.shape, [1, 2]);
 * ```
 *
 * @module
 */

export * from "./errors.ts";
export * from "./tensor/mod.ts";
export * from "./autograd/mod.ts";
export * from "./nn/mod.ts";
export * from "./optim/mod.ts";
export * from "./corit/mod.ts";
export * from "./instruments/mod.ts";
