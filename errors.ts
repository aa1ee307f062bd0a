/**
 * The typed errors of this project. Each says what was asked, what came and what would fix it.
 *
 * Everything a user can cause (a wrong shape, a broken file, a mistyped option) is a subclass of
 * {@linkcode CoritError}; anything else that escapes is a defect of the library.
 *
 * @module
 */

/**
 * The common base of every error this project throws on purpose.
 *
 * @example
 * ```ts
 * import { CoritError, ShapeError } from "@corit/corit";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const error = new ShapeError("add: shapes [2, 3] and [4] do not broadcast");
 * assert(error instanceof CoritError);
 * assertEquals(error.name, "ShapeError");
 * ```
 */
export class CoritError extends Error {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "CoritError";
}

/** Shapes do not fit: inner dimensions differ, shapes do not broadcast, an axis is out of range. */
export class ShapeError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "ShapeError";
}

/** An operation got a data type it is not defined for, or two that do not go together. */
export class DTypeError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "DTypeError";
}

/** A device is unknown, missing on this machine, out of memory, or differs between two tensors. */
export class DeviceError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "DeviceError";
}

/** A kernel is missing on a backend; the message names the operation and the backend. */
export class UnsupportedError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "UnsupportedError";
}

/** A tensor or scope was used after its memory went back to the pool. */
export class ReleasedError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "ReleasedError";
}

/** A value is outside the domain of the operation or option that it was given to. */
export class ValueError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "ValueError";
}

/** A NaN or an infinity was found; the message names operation, block and step. */
export class NumericError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "NumericError";
}

/** Something about differentiation was asked that has no answer, such as a gradient of an integer. */
export class GradientError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "GradientError";
}

/** A function cannot be planned: it reads values, or does not do the same at every call. */
export class PlanError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "PlanError";
}

/** A file is not what it claims to be: truncated, corrupted, or of another format or version. */
export class FormatError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "FormatError";
}

/** A state dict or arena does not match the model; the message names every differing tensor. */
export class StateError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "StateError";
}

/** An option is unknown or its value is not allowed; the message names the nearest that is. */
export class ConfigError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "ConfigError";
}

/** Photographs or data sets are missing, unreadable, or too few for what was asked. */
export class DataError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "DataError";
}

/** A file or folder cannot be written or read: full disk, no permission, no such path. */
export class FileError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "FileError";
}

/** Something had to be downloaded and could not be. */
export class NetworkError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "NetworkError";
}

/** The user interrupted the work (Ctrl-C); what was finished is kept and can be resumed. */
export class InterruptedError extends CoritError {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "InterruptedError";
}
