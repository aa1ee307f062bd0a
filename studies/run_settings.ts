// What a page says of the run that it is about.

import type { RunProbe } from "./run_probe.ts";

/** The run's name, weights and the options that matter to its gradients. */
export function runSettings({ folder, best }: RunProbe): Record<string, string | number> {
  const { detector, optimizer, learningRate, sam, rho, batchPairs, families, steps } =
    folder.config;
  return {
    run: folder.path,
    weights: `after step ${best.step} of ${steps}, the best in validation`,
    detector,
    optimizer: sam ? `SAM at radius ${rho} around ${optimizer}` : optimizer,
    "peak learning rate": learningRate,
    batch: `${batchPairs} twin pairs`,
    families: families.join(", "),
  };
}
