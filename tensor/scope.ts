// Scopes: what a step makes goes back to the pool at its end, minus what is returned or kept.

import type { Tensor } from "./tensor.ts";

const stack: Scope[] = [];

/** The scope that new tensors belong to, if any. */
export function currentScope(): Scope | undefined {
  return stack[stack.length - 1];
}

/** The tensors inside a value: itself, or what arrays, maps and plain objects hold at any depth. */
export function tensorsIn(value: unknown, isTensor: (value: unknown) => boolean): Set<Tensor> {
  const found = new Set<Tensor>();
  const seen = new Set<unknown>();
  const visit = (item: unknown): void => {
    if (typeof item !== "object" || item === null || seen.has(item)) return;
    seen.add(item);
    if (isTensor(item)) found.add(item as Tensor);
    else if (ArrayBuffer.isView(item)) return;
    else if (Array.isArray(item) || item instanceof Set) item.forEach(visit);
    else if (item instanceof Map) item.forEach((entry) => visit(entry));
    else Object.values(item).forEach(visit);
  };
  visit(value);
  return found;
}

/**
 * The lifetime of the tensors made while it is the innermost open scope.
 *
 * Most code uses {@linkcode scoped}; a `Scope` itself serves where the region is not one function.
 *
 * @example
 * ```ts
 * import { Scope, tensor } from "@corit/corit";
 * import { assert } from "@std/assert";
 *
 * let x;
 * {
 *   using _scope = new Scope();
 *   x = tensor([1, 2, 3]);
 * }
 * assert(x.released);
 * ```
 */
export class Scope {
  readonly #owned = new Set<Tensor>();
  #open = true;

  /** Opens a scope inside the current one. */
  constructor() {
    stack.push(this);
  }

  /** Makes a tensor belong to this scope. */
  adopt(tensor: Tensor): void {
    this.#owned.add(tensor);
  }

  /** Whether a tensor belongs to this scope. */
  owns(tensor: Tensor): boolean {
    return this.#owned.has(tensor);
  }

  /** Lets go of a tensor without releasing it. */
  forget(tensor: Tensor): void {
    this.#owned.delete(tensor);
  }

  /** Releases what was made in this scope except `survivors`, which move to the enclosing scope. */
  close(survivors?: ReadonlySet<Tensor>): void {
    if (!this.#open) return;
    this.#open = false;
    const index = stack.lastIndexOf(this);
    if (index >= 0) stack.splice(index, 1);
    const parent = currentScope();
    for (const tensor of this.#owned) {
      if (!survivors?.has(tensor)) tensor.release();
      else if (parent) tensor.moveTo(parent);
      else tensor.moveTo(undefined);
    }
    this.#owned.clear();
  }

  /** Closes the scope: `using scope = new Scope()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
