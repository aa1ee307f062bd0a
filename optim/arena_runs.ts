// Named groups of an arena's parameters as the runs of the flat tensor that they take up, for sums over each group.

import type { Expression } from "../kernels/expression/expression.ts";
import { add } from "../tensor/operations/pointwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sumOver } from "./global_norm.ts";
import { arenaAlignment, type ParameterArena } from "./parameters.ts";

/** Elements of a flat tensor that follow one another. */
export interface ArenaRun {
  /** The first. */
  readonly offset: number;
  /** How many, padding between parameters included: it is 0 in weights and gradients. */
  readonly size: number;
}

/** Parameters that belong together, such as a block. */
export interface ArenaGroup {
  /** The group's name. */
  readonly name: string;
  /** Where its parameters lie. */
  readonly runs: readonly ArenaRun[];
}

/**
 * Sorts an arena's parameters into groups, in the order in which their first parameters lie.
 *
 * @param groupOf The group of a parameter by its name; undefined where it belongs to none.
 *
 * @example
 * ```ts
 * import { Linear } from "@corit/corit/nn";
 * import { arenaGroups, ParameterArena } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const arena = new ParameterArena(new Linear(2, 3, { random: 0 }));
 * const groups = arenaGroups(arena, (name) => name === "bias" ? "biases" : undefined);
 * assertEquals(groups, [{ name: "biases", runs: [{ offset: 64, size: 64 }] }]);
 * ```
 */
export function arenaGroups(
  arena: ParameterArena,
  groupOf: (name: string) => string | undefined,
): ArenaGroup[] {
  const groups = new Map<string, { offset: number; size: number }[]>();
  for (const { name, offset, size } of arena.entries) {
    const group = groupOf(name);
    if (group === undefined) continue;
    const padded = Math.ceil(size / arenaAlignment) * arenaAlignment;
    const runs = groups.get(group) ?? [];
    const last = runs.at(-1);
    if (last && last.offset + last.size === offset) last.size += padded;
    else runs.push({ offset, size: padded });
    groups.set(group, runs);
  }
  return [...groups].map(([name, runs]) => ({ name, runs }));
}

/** The sum of a formula over one group's part of flat tensors of one layout, as a scalar tensor. */
export function sumOverGroup(
  { runs }: ArenaGroup,
  flats: readonly Tensor[],
  formula: Expression,
): Tensor {
  const sums = runs.map(({ offset, size }) =>
    sumOver(flats.map((flat) => flat.view([size], offset)), formula)
  );
  return sums.reduce((total, each) => add(total, each));
}
