// Plans of a training step's passes: each kind of pass is recorded and replayed for as long as the model stays put.

import { PlanError } from "../errors.ts";
import type { Module } from "../nn/module.ts";
import { plan, type Planned } from "../tensor/plan/plan.ts";
import { tensorsIn } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";

/** More numbers than this in a batch are data, and data must be tensors to be planned. */
const FEW_NUMBERS = 16;

/** What the plans rest on: tensors of the model that must stay the same, and modes. */
function foundationOf(model: Module, flat: Tensor): unknown[] {
  const foundation: unknown[] = [flat];
  for (const cell of model.namedParameters().values()) foundation.push(cell.value);
  for (const cell of model.namedBuffers().values()) foundation.push(cell.value);
  for (const module of model.namedModules().values()) foundation.push(module.training);
  return foundation;
}

/** What of a batch is no tensor, as text; undefined where it is data, or nothing that text could stand for. */
function textOf(batch: unknown): string | undefined {
  let numbers = 0;
  let plain = true;
  const text = JSON.stringify(batch, (_, value) => {
    if (value instanceof Tensor) return "tensor";
    if (ArrayBuffer.isView(value) || typeof value === "function") plain = false;
    if (value instanceof Map || value instanceof Set) plain = false;
    if (typeof value === "number") numbers++;
    return value;
  });
  return plain && numbers <= FEW_NUMBERS ? text ?? "" : undefined;
}

/** The planned passes of one model. */
export class PassPlans {
  #foundation: readonly unknown[] = [];
  readonly #plans = new Map<string, Planned<readonly Tensor[], void>>();
  /** The pass of the moment: a plan records it as it is then. */
  #body: () => void = () => {};
  /** Why a kind of pass runs as written. */
  readonly #refused = new Map<string, string>();

  /**
   * Runs a pass, planned if that can be.
   *
   * @param kind What distinguishes this pass from others on the same batch.
   * @param flat The weights' flat tensor.
   * @param batch What the body reads; its tensors are the plan's inputs.
   * @param body The pass, which leaves its results in tensors that live on.
   */
  run(kind: string, model: Module, flat: Tensor, batch: unknown, body: () => void): void {
    this.#follow(model, flat);
    const text = textOf(batch);
    const key = `${kind} ${text}`;
    if (text === undefined) {
      this.#refused.set(kind, "the batch holds numbers; pass them as tensors");
      return body();
    }
    if (this.#refused.has(key)) return body();
    let planned = this.#plans.get(key);
    if (!planned) this.#plans.set(key, planned = plan(() => this.#body()));
    this.#body = body;
    try {
      planned(...tensorsIn(batch, (value) => value instanceof Tensor));
    } catch (error) {
      // The pass itself has run: only its plan was refused.
      if (!(error instanceof PlanError)) throw error;
      planned.reset();
      this.#plans.delete(key);
      this.#refused.set(key, error.message);
    } finally {
      this.#body = () => {};
    }
  }

  /** The plans in words, and why a pass has none. */
  explain(): string {
    return [
      ...[...this.#plans].map(([key, planned]) => `${key}\n${planned.explain()}`),
      ...[...this.#refused].map(([key, reason]) => `${key}\nnot planned: ${reason}`),
    ].join("\n\n");
  }

  /** Bytes that the temporaries of all plans take. */
  temporaryBytes(): number {
    return [...this.#plans.values()].reduce((sum, planned) => sum + planned.temporaryBytes(), 0);
  }

  /** Forgets plans that rest on tensors that the model does not have any more. */
  #follow(model: Module, flat: Tensor): void {
    const foundation = foundationOf(model, flat);
    const same = foundation.length === this.#foundation.length &&
      foundation.every((each, at) => each === this.#foundation[at]);
    if (same) return;
    this.#foundation = foundation;
    for (const planned of this.#plans.values()) planned.reset();
    this.#plans.clear();
  }
}
