/**
 * Tensors: what they are, how they are made, and every operation on them.
 *
 * @module
 */

import * as operations from "./operations/mod.ts";
import { installOperations } from "./tensor.ts";

installOperations(operations);

export * from "./create.ts";
export * from "./device.ts";
export * from "./operations/mod.ts";
export { plan, type Planned } from "./plan/plan.ts";
export {
  Profile,
  type ProfiledOperation,
  type ProfiledSlice,
  type ProfileRow,
  startProfile,
  stopProfile,
} from "./profile.ts";
export * from "./random.ts";
export {
  decodeSafetensors,
  encodeSafetensors,
  parseSafetensors,
  parseSafetensorsHeader,
  type Safetensors,
  safetensorsDataStart,
  type SafetensorsEntry,
  type SafetensorsPlace,
  type SafetensorsType,
  safetensorsValues,
} from "./safetensors.ts";
export { productMoments } from "./product_moments.ts";
export { isRecording, recordingOn, withoutRecording } from "./recording.ts";
export { Scope } from "./scope.ts";
export { scoped } from "./scoped.ts";
export { type Shape, showShape, sizeOf } from "./shape.ts";
export {
  type CustomOrigin,
  type CustomRule,
  keep,
  type NestedArray,
  type Operable,
  type Origin,
  type PrimitiveOrigin,
  Tensor,
} from "./tensor.ts";
export { copyInto, update } from "./update.ts";
export { Storage } from "./storage.ts";
export type {
  Descriptor,
  IndexMode,
  Operand,
  OperationName,
  OperationOptions,
  WindowOptions,
} from "./operation.ts";
export type { Expression } from "../kernels/expression/expression.ts";
export type * from "../kernels/kernel.ts";
