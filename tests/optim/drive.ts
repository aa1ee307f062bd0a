// Driving an optimizer by hand with gradients that are given.

import { Module, Parameter } from "../../nn/mod.ts";
import { globalNorm, type Optimizer, ParameterArena, type Pass } from "../../optim/mod.ts";
import { type Device, scoped, type Tensor, tensor, withoutRecording } from "../../tensor/mod.ts";

/** A model that is nothing but parameters: `weights.0`, `weights.1`, ... */
export class Bare extends Module {
  /** The parameters. */
  readonly weights: readonly Parameter[];

  /** Takes tensors over. */
  constructor(values: readonly Tensor[]) {
    super();
    this.weights = values.map((value) => new Parameter(value));
  }
}

/** A bare model of given numbers. */
export function bare(device: Device, ...values: (number[] | number[][])[]): Bare {
  return new Bare(values.map((value) => tensor(value, { device })));
}

/** An arena with an optimizer attached, and a step with given gradients (the same in every pass). */
export function drive(model: Module, optimizer: Optimizer): {
  readonly arena: ParameterArena;
  readonly step: (...gradients: Tensor[]) => void;
} {
  const arena = new ParameterArena(model);
  optimizer.attach(arena);
  const step = (...gradients: Tensor[]): void =>
    withoutRecording(() =>
      scoped(() => {
        arena.gatherGradients(gradients);
        const norm = globalNorm(arena.gradient);
        const pass: Pass = {
          gradient: arena.gradient,
          norm,
          scale: tensor(1, { device: norm.device }),
          loss: 0,
          gradientNorm: norm.item(),
        };
        const run = optimizer.step({ arena });
        run.next();
        while (!run.next(pass).done);
      })
    );
  return { arena, step };
}
