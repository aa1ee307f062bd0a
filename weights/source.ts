// A place that tensors are read from, one at a time.

import type { Shape } from "../tensor/shape.ts";

/** The values of a tensor in row-major order. */
export type StoredValues = Float32Array | Float64Array | Int32Array;

/**
 * Named tensors in a file or several. Nothing but names and shapes is in memory until a tensor is read; what was read
 * belongs to the reader.
 */
export interface TensorSource extends Disposable {
  /** For errors and reports: a path. */
  readonly title: string;
  /** Shapes by name. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /**
   * The values of one tensor.
   *
   * @throws {FormatError} The file is damaged.
   * @throws {FileError} The file cannot be read.
   */
  read(name: string): Promise<StoredValues>;
  /**
   * The values of one tensor in pieces, in order, so that a large one is never whole in memory. A piece is overwritten
   * by the next.
   *
   * @throws {FormatError} The file is damaged.
   * @throws {FileError} The file cannot be read.
   */
  pieces(name: string): AsyncIterable<StoredValues>;
}
