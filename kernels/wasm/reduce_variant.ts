// What the code of a reduction depends on, and how two partial results become one.

import type { Expression } from "../expression/expression.ts";
import { nodesOf } from "../expression/to_wasm.ts";
import type { DType, KernelParameters } from "../kernel.ts";
import { instruction, type Value } from "./assembler.ts";

/** Sum, maximum or minimum. */
export type ReduceKind = KernelParameters["reduce"]["kind"];

/** What a kernel's code depends on. */
export interface ReduceVariant {
  /** Which reduction. */
  readonly kind: ReduceKind;
  /** What is reduced, of the inputs. */
  readonly map: Expression;
  /** The types of the inputs. */
  readonly inputs: readonly DType[];
  /** The type of the results. */
  readonly output: DType;
  /** All of this in a text. */
  readonly key: string;
}

/** A variant with its key. */
export function reduceVariant(
  kind: ReduceKind,
  map: Expression,
  inputs: readonly DType[],
  output: DType,
): ReduceVariant {
  return { kind, map, inputs, output, key: `${kind} ${map.key} ${inputs.join()} ${output}` };
}

/** Where a reduction starts: what it is over nothing. */
export function identityOf(kind: ReduceKind): number {
  return kind === "sum" ? 0 : kind === "max" ? -Infinity : Infinity;
}

/** Two partial results as one; NaN wins. */
export function combine(kind: ReduceKind, a: Value<"v128">, b: Value<"v128">): Value<"v128"> {
  return instruction(kind === "sum" ? "f32x4.add" : `f32x4.${kind}`, a, b);
}

/** How many vectors to work on at once, at most `most`: fewer where the map needs the registers itself. */
export function vectorsAtOnce(map: Expression, most: number): number {
  const nodes = nodesOf(map);
  return nodes <= 8 ? most : nodes <= 30 ? Math.min(most, 4) : Math.min(most, 2);
}
