// The climb of sharpness-aware minimization: away from the weights along a direction, and back to the same bits.

import { ConfigError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import { abs } from "../kernels/expression/functions.ts";
import { sqrt } from "../tensor/operations/pointwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { copyInto, update } from "../tensor/update.ts";
import { type ArenaGroup, arenaGroups, sumOverGroup } from "./arena_runs.ts";
import type { Pass } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { Scalars } from "./scalars.ts";
import { ScratchVector } from "./scratch_vector.ts";

/** Where a climb goes. */
export interface ClimbOptions {
  /** Measures radii in units of the weights: eps = rho w^2 d / | |w| d | (ASAM; Kwon et al., 2021); false by default. */
  readonly adaptive?: boolean;
  /** The group of a parameter, which climbs by a radius of its own; undefined where it stays. All are one by default. */
  readonly groupOf?: (name: string) => string | undefined;
}

// Inputs: weight, direction, norm, radius.
const [weight, direction, norm, radius] = [0, 1, 2, 3].map((index) => input(index));
const reach = radius.div(norm.add(1e-12));
const plainClimb = weight.add(direction.mul(reach));
const adaptiveClimb = weight.add(weight.mul(weight).mul(direction).mul(reach));
const square = weight.mul(weight);
const scaled = abs(weight).mul(direction);
const scaledSquare = scaled.mul(scaled);

/** Moves an arena's weights by eps = rho d / (|d| + 1e-12), group by group, and puts them back. */
export class Climb {
  #scalars = new Scalars<string>([]);
  readonly #saved = new ScratchVector();
  #groups: readonly ArenaGroup[] = [];

  /** `owner` stands before the message of an error. */
  constructor(readonly owner: string, readonly options: ClimbOptions = {}) {}

  /** The groups, which have one radius each. */
  get groups(): readonly ArenaGroup[] {
    return this.#groups;
  }

  /**
   * Makes room in an arena.
   *
   * @throws {ConfigError} No trained parameter belongs to a group.
   */
  attach(arena: ParameterArena): void {
    const { groupOf = () => "all" } = this.options;
    this.#groups = arenaGroups(arena, groupOf);
    if (this.#groups.length === 0) {
      throw new ConfigError(`${this.owner}: perturb matches none of the trained parameters`);
    }
    this.#scalars = new Scalars(this.#groups.map(({ name }) => name));
    this.#scalars.attach(arena.values);
    this.#saved.attach(arena);
  }

  /**
   * The pass at the top of the climb. Afterwards, also after an error, the weights are as they were.
   *
   * @param along The direction, flat and laid out as the arena.
   * @param radii One for each group; a group of radius 0 stays.
   * @param length The direction's norm over all parameters, where it is known.
   */
  *top(
    { values }: ParameterArena,
    along: Tensor,
    radii: readonly number[],
    length?: Tensor,
  ): Generator<void, Pass, Pass> {
    const { adaptive = false } = this.options;
    const saved = this.#saved.values;
    copyInto(saved, values);
    try {
      this.#scalars.set(Object.fromEntries(this.#groups.map(({ name }, at) => [name, radii[at]])));
      const expression = adaptive ? adaptiveClimb : plainClimb;
      this.#groups.forEach((group, at) => {
        if (radii[at] === 0) return;
        const whole = group.runs.length === 1 && group.runs[0].size === values.size;
        const own = whole && !adaptive && length ? length : sqrt(
          adaptive
            ? sumOverGroup(group, [values, along], scaledSquare)
            : sumOverGroup(group, [along], square),
        );
        const rho = this.#scalars.tensors[at];
        for (const { offset, size } of group.runs) {
          const part = values.view([size], offset);
          update([part], [expression], [part, along.view([size], offset), own, rho]);
        }
      });
      return yield;
    } finally {
      copyInto(values, saved);
    }
  }
}
