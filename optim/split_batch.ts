// Cutting a batch into parts for gradient accumulation.

import { ConfigError, ShapeError } from "../errors.ts";
import { narrow } from "../tensor/operations/layout.ts";
import { showShape } from "../tensor/shape.ts";
import { tensorsIn } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A part of a batch and its share of the whole. */
export interface BatchPart<Batch> {
  readonly batch: Batch;
  readonly share: number;
}

/** The number of rows that all tensors of a batch have. */
function rowsOf(batch: unknown): number {
  const tensors = [...tensorsIn(batch, (value) => value instanceof Tensor)];
  if (tensors.length === 0) {
    throw new ConfigError("trainStep: a batch without tensors cannot be split; give a function");
  }
  const [{ shape: [rows] }] = tensors;
  for (const { shape } of tensors) {
    if (shape.length === 0 || shape[0] !== rows) {
      throw new ShapeError(
        `trainStep: a batch is split along the first axis, but its tensors have shapes ` +
          tensors.map((each) => showShape(each.shape)).join(", "),
      );
    }
  }
  return rows;
}

/** A copy of a batch with its tensors, in arrays and plain objects, replaced; what is no tensor stays. */
export function mapTensors<Batch>(batch: Batch, replace: (each: Tensor) => Tensor): Batch {
  const visit = (value: unknown): unknown => {
    if (value instanceof Tensor) return replace(value);
    if (Array.isArray(value)) return value.map(visit);
    const plain = typeof value === "object" && value !== null &&
      Object.getPrototypeOf(value) === Object.prototype;
    if (!plain) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, visit(each)]));
  };
  return visit(batch) as Batch;
}

/**
 * Splits a batch (a tensor, or tensors in arrays and plain objects) along the first axis into `count` parts, the last of
 * which may be smaller. What is no tensor goes into each part.
 */
export function splitRows<Batch>(batch: Batch, count: number): BatchPart<Batch>[] {
  const rows = rowsOf(batch);
  const size = Math.ceil(rows / count);
  const parts: BatchPart<Batch>[] = [];
  for (let start = 0; start < rows; start += size) {
    const taken = Math.min(size, rows - start);
    const part = mapTensors(batch, (each) => narrow(each, 0, start, taken));
    parts.push({ batch: part, share: taken / rows });
  }
  return parts;
}
