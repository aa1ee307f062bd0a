// The backward walk: from a result through the operations that made it to the tensors asked for.

import { GradientError } from "../errors.ts";
import { add } from "../tensor/operations/pointwise.ts";
import { showShape } from "../tensor/shape.ts";
import type { OperationName } from "../tensor/operation.ts";
import { Scope } from "../tensor/scope.ts";
import type { Origin, PrimitiveOrigin, Tensor } from "../tensor/tensor.ts";
import type { GradientRule, RuleContext } from "./rule.ts";
import { gradientRules } from "./rules/mod.ts";

/** The tensors on the way from `results` to `targets`, each after the tensors it was made from. */
function pathTo(results: readonly Tensor[], targets: ReadonlySet<Tensor>): Tensor[] {
  const order: Tensor[] = [];
  const leads = new Map<Tensor, boolean>();
  // An explicit stack: a recursion would overflow on long chains.
  const stack = [...results];
  while (stack.length > 0) {
    const tensor = stack[stack.length - 1];
    if (leads.has(tensor)) {
      stack.pop();
      continue;
    }
    if (tensor.released && !targets.has(tensor)) {
      throw new GradientError(
        `gradients: a tensor of shape ${showShape(tensor.shape)} on the way was released, and ` +
          "with it the memory of what it came from; differentiate inside the scope that made it",
      );
    }
    const inputs = tensor.origin?.inputs ?? [];
    const open = inputs.filter((input) => !leads.has(input));
    if (open.length > 0) {
      stack.push(...open);
      continue;
    }
    stack.pop();
    const lead = targets.has(tensor) || inputs.some((input) => leads.get(input));
    leads.set(tensor, lead);
    if (lead) order.push(tensor);
  }
  return order;
}

function applyRule<Name extends OperationName>(
  origin: PrimitiveOrigin<Name>,
  gradient: Tensor,
  context: RuleContext,
): readonly (Tensor | undefined)[] {
  const rule: GradientRule<Name> | { readonly reason: string } = gradientRules[origin.name];
  if (typeof rule === "function") return rule(origin, gradient, context);
  throw new GradientError(`${origin.name} cannot be differentiated: ${rule.reason}`);
}

function inputGradients(
  origin: Origin,
  gradient: Tensor,
  context: RuleContext,
): readonly (Tensor | undefined)[] {
  return origin.name === "custom"
    ? origin.rule(gradient)
    : applyRule(origin as PrimitiveOrigin, gradient, context);
}

/** Gradients by tensor; releases a sum's parts when nothing else refers to them. */
class Ledger {
  readonly #gradients = new Map<Tensor, Tensor>();
  /** How many entries refer to a gradient; tensors that came from outside are not counted. */
  readonly #uses = new Map<Tensor, number>();

  constructor(readonly release: boolean) {}

  get(of: Tensor): Tensor | undefined {
    return this.#gradients.get(of);
  }

  /** Enters a gradient; `own` tells that the walk made it and may release it. */
  add(of: Tensor, gradient: Tensor, own: boolean): void {
    const before = this.#gradients.get(of);
    if (before) {
      const total = add(before, gradient);
      this.#gradients.set(of, total);
      this.#hold(total);
      this.#letGo(before);
      if (own && !this.#uses.has(gradient)) gradient.release();
      return;
    }
    this.#gradients.set(of, gradient);
    if (own || this.#uses.has(gradient)) this.#hold(gradient);
  }

  /** Forgets a gradient that has been handed on. */
  drop(of: Tensor): void {
    const gradient = this.#gradients.get(of);
    if (!gradient) return;
    this.#gradients.delete(of);
    this.#letGo(gradient);
  }

  #hold(gradient: Tensor): void {
    if (this.release) this.#uses.set(gradient, (this.#uses.get(gradient) ?? 0) + 1);
  }

  #letGo(gradient: Tensor): void {
    const uses = this.#uses.get(gradient);
    if (uses === undefined) return;
    if (uses > 1) this.#uses.set(gradient, uses - 1);
    else {
      this.#uses.delete(gradient);
      gradient.release();
    }
  }
}

/**
 * Walks backwards from results with their output gradients.
 *
 * @param results What was computed.
 * @param outputGradients One gradient for each result, of its shape.
 * @param targets The tensors whose gradients are wanted.
 * @param differentiable Whether the gradients will be differentiated again.
 * @param observe Told every target's gradient on the way, when it is complete; the gradients are then not kept.
 * @returns One gradient for each target; undefined where no result depends on it.
 */
export function backward(
  results: readonly Tensor[],
  outputGradients: readonly Tensor[],
  targets: readonly Tensor[],
  differentiable: boolean,
  observe?: (target: Tensor, gradient: Tensor) => void,
): (Tensor | undefined)[] {
  const wanted = new Set(targets);
  const path = pathTo(results, wanted);
  const onPath = new Set(path);
  const ledger = new Ledger(!differentiable);
  results.forEach((result, at) => {
    if (onPath.has(result)) ledger.add(result, outputGradients[at], false);
  });
  for (const tensor of path.reverse()) {
    const { origin } = tensor;
    const gradient = ledger.get(tensor);
    if (!gradient) continue;
    if (observe && wanted.has(tensor)) observe(tensor, gradient);
    const needs = origin?.inputs.map((input) => onPath.has(input)) ?? [];
    if (!origin || !needs.includes(true)) {
      if (observe) ledger.drop(tensor);
      continue;
    }
    // A rule's temporaries go back to the pool at once, unless they will be differentiated.
    const scope = differentiable ? undefined : new Scope();
    let made: readonly (Tensor | undefined)[] = [];
    const own = new Set<Tensor>();
    try {
      made = inputGradients(origin, gradient, { needs, differentiable });
      made.forEach((each, index) => {
        if (each && needs[index] && scope?.owns(each)) own.add(each);
      });
    } finally {
      scope?.close(own);
    }
    made.forEach((each, index) => {
      if (each && needs[index]) ledger.add(origin.inputs[index], each, own.has(each));
    });
    if (observe || !wanted.has(tensor)) ledger.drop(tensor);
  }
  return targets.map((target) => ledger.get(target));
}
