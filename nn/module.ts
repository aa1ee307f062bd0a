// What a module is: plain data whose parameters are found by walking its fields.

import { ConfigError } from "../errors.ts";
import { type RandomState, RandomStream } from "../tensor/random.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Parameter, StateBuffer } from "./parameter.ts";
import { type LoadOptions, type LoadReport, loadState, type StateDict } from "./state.ts";

type Member = Module | Parameter | StateBuffer | RandomStream;

/** The name that a field has in a state dict: `clsToken` is `cls_token`, as in timm. */
function stateName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function* membersOf(value: unknown, name: string): Generator<[string, Member]> {
  if (value instanceof Parameter || value instanceof StateBuffer || value instanceof RandomStream) {
    yield [name, value];
  } else if (value instanceof Module) {
    yield [name, value];
    yield* fieldsOf(value, `${name}.`);
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield* membersOf(value[i], `${name}.${i}`);
  }
}

function* fieldsOf(module: Module, prefix: string): Generator<[string, Member]> {
  for (const [field, value] of Object.entries(module)) {
    yield* membersOf(value, prefix + stateName(field));
  }
}

/**
 * The base of every layer and model. A subclass holds its parts in public fields (modules, parameters, buffers, random
 * streams, and arrays of them) and computes in a method of its own, `forward` by custom; nothing is registered.
 *
 * Names in the state dict are the fields' in snake_case, joined by points, as PyTorch and timm have them.
 *
 * @example
 * ```ts
 * import { type Tensor, tensor } from "@corit/corit";
 * import { Linear, Module } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Probe extends Module {
 *   readonly readOut = new Linear(4, 1, { random: 0 });
 *   forward(x: Tensor): Tensor {
 *     return this.readOut.forward(x);
 *   }
 * }
 * const probe = new Probe();
 * assertEquals([...probe.namedParameters().keys()], ["read_out.weight", "read_out.bias"]);
 * assertEquals(probe.forward(tensor([[1, 2, 3, 4]])).shape, [1, 1]);
 * ```
 */
export abstract class Module {
  /** Whether it computes as in training (dropout on, statistics of the batch). Set by {@linkcode train} and {@linkcode evaluate}. */
  training = true;

  /**
   * Called once after each first pass of a training step (not after SAM's second), when the gradient has been taken
   * and the tensors of the pass still live: the place to update running statistics and prototypes.
   */
  afterFirstPass?(): void;

  /** Every parameter by its name. A tied parameter stands under each of its names. */
  namedParameters(): Map<string, Parameter> {
    return this.#named((member) => member instanceof Parameter);
  }

  /** Every state buffer by its name. */
  namedBuffers(): Map<string, StateBuffer> {
    return this.#named((member) => member instanceof StateBuffer);
  }

  /** Every module inside by its name, itself under the empty name. */
  namedModules(): Map<string, Module> {
    const inside = this.#named((member) => member instanceof Module);
    return new Map<string, Module>([["", this], ...inside]);
  }

  /** The number of elements of all parameters, tied ones counted once. */
  parameterCount(options: { readonly trainedOnly?: boolean } = {}): number {
    const { trainedOnly = false } = options;
    let count = 0;
    for (const parameter of new Set(this.namedParameters().values())) {
      if (parameter.trained || !trainedOnly) count += parameter.size;
    }
    return count;
  }

  /** Switches every module inside to training. */
  train(): this {
    return this.#setTraining(true);
  }

  /** Switches every module inside to evaluation: no dropout, running statistics. */
  evaluate(): this {
    return this.#setTraining(false);
  }

  /**
   * Stops training the parameters whose name matches, all by default.
   *
   * @returns The names that matched.
   */
  freeze(match: (name: string) => boolean = () => true): string[] {
    return this.#setTrained(match, false);
  }

  /** Trains the parameters whose name matches, all by default. Returns the names that matched. */
  unfreeze(match: (name: string) => boolean = () => true): string[] {
    return this.#setTrained(match, true);
  }

  /**
   * All parameters and buffers by name. The tensors are the model's own, not copies: they change when training goes
   * on, and must not be released.
   */
  stateDict(): StateDict {
    const state: StateDict = {};
    for (const [name, cell] of this.#cells()) state[name] = cell.value;
    return state;
  }

  /**
   * Copies tensors into the parameters and buffers of the same names, converting between float types and devices.
   * Nothing is written unless everything fits.
   *
   * @param options `strict: false` lets tensors be missing or left over; differing shapes stay an error.
   * @throws {StateError} Names are missing or unexpected, or shapes or types differ; the message names every one.
   */
  loadStateDict(state: Readonly<StateDict>, options: LoadOptions = {}): LoadReport {
    return loadState(this.#cells(), state, options);
  }

  /** Where every random stream inside stands, by name; plain JSON. */
  randomStates(): Record<string, RandomState> {
    const states: Record<string, RandomState> = {};
    for (const [name, stream] of this.#streams()) states[name] = stream.state;
    return states;
  }

  /**
   * Sets every random stream inside back to where `randomStates` was taken.
   *
   * @throws {ConfigError} The names are not those of this model's streams.
   */
  restoreRandomStates(states: Readonly<Record<string, RandomState>>): void {
    const streams = this.#streams();
    const missing = [...streams.keys()].filter((name) => !(name in states));
    const unknown = Object.keys(states).filter((name) => !streams.has(name));
    if (missing.length + unknown.length > 0) {
      throw new ConfigError(
        `restoreRandomStates: the states are not this model's; missing [${missing.join(", ")}], ` +
          `unknown [${unknown.join(", ")}]`,
      );
    }
    for (const [name, stream] of streams) stream.state = states[name];
  }

  /**
   * Runs `body` with other tensors in the place of some parameters and buffers, for example points on a line between
   * two trained states. The model's own tensors come back afterwards, whatever happens.
   *
   * @param tensors By name, of the parameters' shapes; they are not taken over.
   * @param body A synchronous function.
   * @throws {ConfigError} A name does not exist, or a shape differs.
   */
  withTensors<Result>(tensors: Readonly<Record<string, Tensor>>, body: () => Result): Result {
    const cells = new Map(this.#cells());
    const substituted = Object.entries(tensors).map(([name, tensor]) => {
      const cell = cells.get(name);
      if (!cell || !sameShape(cell.shape, tensor.shape)) {
        throw new ConfigError(
          `withTensors: ${name} ${showShape(tensor.shape)} has no place in this model` +
            (cell ? `; its own is ${showShape(cell.shape)}` : ""),
        );
      }
      return [cell, tensor] as const;
    });
    for (const [cell, tensor] of substituted) cell.substitute(tensor);
    try {
      return body();
    } finally {
      for (const [cell] of substituted) cell.substitute(undefined);
    }
  }

  #named<Kind extends Member>(is: (member: Member) => member is Kind): Map<string, Kind> {
    const found = new Map<string, Kind>();
    for (const [name, member] of fieldsOf(this, "")) if (is(member)) found.set(name, member);
    return found;
  }

  #cells(): [string, Parameter | StateBuffer][] {
    return [...fieldsOf(this, "")].filter((entry): entry is [string, Parameter | StateBuffer] =>
      entry[1] instanceof Parameter || entry[1] instanceof StateBuffer
    );
  }

  #streams(): Map<string, RandomStream> {
    return this.#named((member) => member instanceof RandomStream);
  }

  #setTraining(training: boolean): this {
    for (const module of this.namedModules().values()) module.training = training;
    return this;
  }

  #setTrained(match: (name: string) => boolean, trained: boolean): string[] {
    const matched: string[] = [];
    for (const [name, parameter] of this.namedParameters()) {
      if (!match(name)) continue;
      parameter.trained = trained;
      matched.push(name);
    }
    return matched;
  }
}
