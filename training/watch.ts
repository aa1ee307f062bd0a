// What a training watches beside its loss: whether it collapses, and a running estimate of GSNR, by block.

import {
  type CollapseEvidence,
  CollapseMonitor,
  type CollapseMonitorState,
} from "../instruments/collapse_monitor.ts";
import {
  type PairMoments,
  type RunningEstimate,
  RunningGsnr,
} from "../instruments/running_gsnr.ts";
import { input } from "../kernels/expression/expression.ts";
import {
  type ArenaGroup,
  arenaGroups,
  ArenaVector,
  type ParameterArena,
  sumOverGroup,
} from "../optim/mod.ts";
import type { StateDict } from "../nn/mod.ts";
import { copyInto, scoped, stack, type Tensor, update, withoutRecording } from "../tensor/mod.ts";
import type { TrainingConfig } from "./config.ts";
import { groupOf } from "./gsnr_probe.ts";

/** What a watch goes on from, beside its vectors. */
export interface WatchState {
  /** Which of the vectors hold something. */
  readonly knows: { readonly update: boolean; readonly gradient: boolean };
  /** What was seen of a collapse. */
  readonly monitor: CollapseMonitorState;
  /** The moments of consecutive batches' gradients, by block. */
  readonly running: Readonly<Record<string, PairMoments>>;
  /** |g|^2 of the last step, by block. */
  readonly squares: readonly number[];
  /** What the radius is multiplied by. */
  readonly radiusFactor: number;
}

/** What is seen at a step. */
export interface Sighting {
  /** The training has collapsed, and why it is thought so. */
  readonly collapse?: CollapseEvidence;
  /** The running estimate of GSNR by block, where it is due. */
  readonly gsnrEstimate?: Readonly<Record<string, RunningEstimate>>;
}

/** How the radius is scaled after a collapse; read by the optimizer at each step. */
export interface RadiusFactor {
  /** 1 until it is lowered. */
  value: number;
}

type Options = Pick<TrainingConfig, "onCollapse" | "collapseWindow" | "gsnrEstimateEvery">;

const square = input(0).mul(input(0));
const product = input(0).mul(input(1));

/**
 * Sees each step's gradient and update go by. One kept gradient and one kept update, and three inner products a block:
 * nothing beside a backward pass.
 */
export class TrainingWatch {
  readonly #options: Options;
  readonly #arena: ParameterArena;
  readonly #groups: readonly ArenaGroup[];
  readonly #monitor: CollapseMonitor;
  readonly #running: RunningGsnr;
  readonly #factor: RadiusFactor;
  readonly #update = new ArenaVector("watch.update");
  readonly #gradient = new ArenaVector("watch.gradient");
  readonly #on: boolean;
  #knows = { update: false, gradient: false };
  #changes: Record<string, number> | undefined;
  /** |g|^2 of the step before, by block. */
  #squares: readonly number[] = [];

  /**
   * Watches the parameters of an arena, whose layout stays.
   *
   * @param unitsPerStep Independent units in a step's batch: twin pairs, or crops.
   */
  constructor(
    options: Options,
    arena: ParameterArena,
    unitsPerStep: number,
    factor: RadiusFactor,
  ) {
    this.#options = options;
    this.#arena = arena;
    this.#factor = factor;
    this.#groups = arenaGroups(arena, groupOf);
    const window = options.collapseWindow;
    this.#monitor = new CollapseMonitor({ window, grace: 2 * window });
    this.#running = new RunningGsnr(unitsPerStep);
    this.#on = options.onCollapse !== "off" || options.gsnrEstimateEvery > 0;
    if (!this.#on) return;
    this.#update.attach(arena);
    this.#gradient.attach(arena);
  }

  /** At a step's first gradient, before the weights move. */
  async observe(gradient: Tensor): Promise<void> {
    if (!this.#on) return;
    const [before, moved] = [this.#gradient.values, this.#update.values];
    using found = scoped(() =>
      withoutRecording(() =>
        stack(this.#groups.flatMap((group) => [
          sumOverGroup(group, [gradient], square),
          sumOverGroup(group, [gradient, before], product),
          sumOverGroup(group, [gradient, moved], product),
        ]))
      )
    );
    const values = await found.data();
    copyInto(moved, this.#arena.values);
    if (!values.every(Number.isFinite)) {
      // A gradient that overflowed says nothing; the step is left out, or ends the training.
      this.#changes = undefined;
      this.#knows.gradient = false;
      return;
    }
    const { update: hasUpdate, gradient: hasGradient } = this.#knows;
    const squares = this.#groups.map((_, at) => values[3 * at]);
    this.#changes = hasUpdate
      ? Object.fromEntries(this.#groups.map(({ name }, at) => [name, values[3 * at + 2]]))
      : undefined;
    if (hasGradient) {
      this.#groups.forEach(({ name }, at) =>
        this.#running.add(name, {
          product: values[3 * at + 1],
          square: (squares[at] + (this.#squares[at] ?? squares[at])) / 2,
        })
      );
    }
    this.#squares = squares;
    copyInto(before, gradient);
    this.#knows.gradient = true;
  }

  /** After a step: takes in its loss and its update. */
  after(step: number, loss: number): Sighting {
    if (!this.#on) return {};
    const moved = this.#update.values;
    // It holds the weights from before the step.
    scoped(() => update([moved], [input(0).sub(input(1))], [this.#arena.values, moved]));
    this.#knows.update = true;
    const { onCollapse, gsnrEstimateEvery: every } = this.#options;
    const collapse = onCollapse === "off"
      ? undefined
      : this.#monitor.observe({ step, loss, changes: this.#changes });
    if (collapse && onCollapse === "lower") this.#factor.value /= 2;
    if (every === 0 || step % every !== 0) return { collapse };
    const gsnrEstimate = this.#running.estimates();
    this.#running.clear();
    return { collapse, gsnrEstimate };
  }

  /** After a validation. */
  validated(auc: number): void {
    this.#monitor.validated(auc);
  }

  /** What it needs to go on; the tensors share memory with it. */
  state(): { readonly tensors: StateDict; readonly state: WatchState } {
    const tensors = this.#on ? { ...this.#update.state(), ...this.#gradient.state() } : {};
    const state: WatchState = {
      knows: { ...this.#knows },
      monitor: this.#monitor.state(),
      running: this.#running.state(),
      squares: this.#squares,
      radiusFactor: this.#factor.value,
    };
    return { tensors, state };
  }

  /**
   * Goes on from a saved state.
   *
   * @throws {StateError} A vector is missing.
   */
  restore(tensors: Readonly<StateDict>, state: WatchState): void {
    if (this.#on) {
      this.#update.restore(tensors);
      this.#gradient.restore(tensors);
    }
    this.#knows = { ...state.knows };
    this.#monitor.restore(state.monitor);
    this.#running.restore(state.running);
    this.#squares = [...state.squares];
    this.#factor.value = state.radiusFactor;
  }
}
