// A flat vector laid out as an arena (a moment, an average), which keeps its values by name when the layout changes.

import { StateError } from "../errors.ts";
import { copyAcross, type StateDict } from "../nn/state.ts";
import { zeros, zerosLike } from "../tensor/create.ts";
import { showShape } from "../tensor/shape.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";
import { copyInto } from "../tensor/update.ts";
import type { ArenaEntry, ParameterArena } from "./parameters.ts";

/** One number for each trained element of an arena, saved and restored by the parameters' names. */
export class ArenaVector {
  #values: Tensor | undefined;
  #entries: readonly ArenaEntry[] = [];
  /** Values of parameters that are not in the arena now; they come back when their parameters do. */
  readonly #parked = new Map<string, Tensor>();

  /**
   * A vector without an arena yet.
   *
   * @param name Stands before the parameters' names in a saved state.
   * @param initial What a parameter starts from: zeros, or its own value.
   */
  constructor(readonly name: string, readonly initial: "zeros" | "values" = "zeros") {}

  /** The flat vector. Throws StateError before the first `attach`. */
  get values(): Tensor {
    if (!this.#values) {
      throw new StateError(
        `${this.name}: there is no arena yet; make a training step with this optimizer first`,
      );
    }
    return this.#values;
  }

  /** Lays the vector out as an arena, keeping what it holds by name. */
  attach(arena: ParameterArena): void {
    this.#park();
    const values = keep(zeros([arena.values.size], arena.values));
    if (this.initial === "values") copyInto(values, arena.values);
    for (const entry of arena.entries) {
      const known = this.#parked.get(entry.name);
      if (!known) continue;
      this.#fit(entry, known);
      const view = arena.view(values, entry);
      copyAcross(view, known);
      view.release();
      known.release();
      this.#parked.delete(entry.name);
    }
    this.#values = values;
    this.#entries = arena.entries;
  }

  /** The values by name, parked ones included. They share memory with the vector, and belong to the current scope. */
  state(): StateDict {
    const state: StateDict = {};
    for (const [name, value] of this.#parked) state[`${this.name}.${name}`] = value;
    for (const { name, shape, offset } of this.#entries) {
      state[`${this.name}.${name}`] = this.values.view(shape, offset);
    }
    return state;
  }

  /**
   * Takes values from a saved state.
   *
   * @throws {StateError} A parameter of the arena is missing, or has another shape; nothing is taken then.
   */
  restore(state: Readonly<StateDict>): void {
    const prefix = `${this.name}.`;
    const found = new Map(
      Object.entries(state)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
    const missing = this.#entries.filter(({ name }) => !found.has(name));
    if (missing.length > 0) {
      throw new StateError(
        `restore: the state has no ${this.name} of ${missing.map(({ name }) => name).join(", ")}`,
      );
    }
    for (const entry of this.#entries) this.#fit(entry, found.get(entry.name)!);
    for (const value of this.#parked.values()) value.release();
    this.#parked.clear();
    const inArena = new Map(this.#entries.map((entry) => [entry.name, entry]));
    for (const [name, value] of found) {
      const entry = inArena.get(name);
      if (!entry) {
        this.#parked.set(name, copyOf(value));
        continue;
      }
      const view = this.values.view(entry.shape, entry.offset);
      copyAcross(view, value);
      view.release();
    }
  }

  #fit({ name, size, shape }: ArenaEntry, value: Tensor): void {
    if (value.size === size) return;
    throw new StateError(
      `restore: ${this.name} of ${name} has ${showShape(value.shape)}, the parameter ` +
        showShape(shape),
    );
  }

  #park(): void {
    if (!this.#values) return;
    for (const { name, shape, offset } of this.#entries) {
      const view = this.#values.view(shape, offset);
      this.#parked.set(name, copyOf(view));
      view.release();
    }
    this.#values.release();
    this.#values = undefined;
    this.#entries = [];
  }
}

function copyOf(value: Tensor): Tensor {
  const copy = keep(zerosLike(value));
  copyInto(copy, value);
  return copy;
}
