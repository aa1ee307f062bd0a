// Loading named tensors into a model: check everything first, then copy.

import { StateError } from "../errors.ts";
import { tensor } from "../tensor/create.ts";
import { isFloat } from "../tensor/rows/types.ts";
import { scoped } from "../tensor/scoped.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { copyInto } from "../tensor/update.ts";
import type { Parameter, StateBuffer } from "./parameter.ts";

/** Tensors by name. */
export type StateDict = Record<string, Tensor>;

/** Options of `Module.loadStateDict`. */
export interface LoadOptions {
  /** Every name must be in both; true by default. */
  readonly strict?: boolean;
}

/** What was not loaded; both lists are empty after a strict load. */
export interface LoadReport {
  /** Names of the model that the state does not have. */
  readonly missing: readonly string[];
  /** Names of the state that the model does not have. */
  readonly unexpected: readonly string[];
}

/** Copies a tensor's values into another of the same size, across float types and devices. */
export function copyAcross(target: Tensor, source: Tensor): void {
  if (target.device === source.device && target.dtype === source.dtype) {
    copyInto(target, source);
    return;
  }
  scoped(() => {
    const { shape, dtype, device } = target;
    copyInto(target, tensor(source.dataSync(), { shape, dtype, device }));
  });
}

/** Why a tensor cannot become a cell's, if so. */
function difference(name: string, cell: Parameter | StateBuffer, found: Tensor): string[] {
  const own = cell.value;
  if (!sameShape(own.shape, found.shape)) {
    return [
      `${name}: the model has ${showShape(own.shape)}, the state ${showShape(found.shape)}`,
    ];
  }
  const compatible = own.dtype === found.dtype || (isFloat(own.dtype) && isFloat(found.dtype));
  return compatible ? [] : [`${name}: the model has ${own.dtype}, the state ${found.dtype}`];
}

/** Copies a state into cells, or throws one StateError that names everything that does not fit. */
export function loadState(
  cells: readonly (readonly [string, Parameter | StateBuffer])[],
  state: Readonly<StateDict>,
  { strict = true }: LoadOptions,
): LoadReport {
  const known = new Set(cells.map(([name]) => name));
  const missing = cells.filter(([name]) => !Object.hasOwn(state, name));
  const unexpected = Object.keys(state).filter((name) => !known.has(name));
  const present = cells.filter(([name]) => Object.hasOwn(state, name));
  const differing = present.flatMap(([name, cell]) => difference(name, cell, state[name]));
  const lines = [
    ...(strict ? missing : []).map(([name, cell]) => `missing ${name} ${showShape(cell.shape)}`),
    ...(strict ? unexpected : []).map((name) =>
      `unexpected ${name} ${showShape(state[name].shape)}`
    ),
    ...differing.map((line) => `differs ${line}`),
  ];
  if (lines.length > 0) {
    throw new StateError(
      `loadStateDict: the state does not fit the model (nothing was loaded):\n  ` +
        lines.join("\n  "),
    );
  }
  for (const [name, cell] of present) copyAcross(cell.value, state[name]);
  return { missing: missing.map(([name]) => name), unexpected };
}
