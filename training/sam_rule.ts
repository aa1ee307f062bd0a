// SAM's family as a configuration names it: which rule, which radius, which parameters.

import { ConfigError } from "../errors.ts";
import {
  corGuidedSam,
  cosineRadius,
  esam,
  type EsamOptimizer,
  friendlySam,
  gsam,
  type GuidedGroup,
  linearRadius,
  lookSam,
  type Optimizer,
  type Radius,
  type RadiusContext,
  radiusFollowingRate,
  sam,
  type SamOptimizer,
  warmStart,
} from "../optim/mod.ts";
import type { TrainingConfig } from "./config.ts";
import { groupOf } from "./gsnr_probe.ts";
import type { RadiusFactor } from "./watch.ts";

/** What the rules take that a configuration cannot hold. */
export interface SamHooks {
  /** What every radius is multiplied by. */
  readonly factor?: RadiusFactor;
  /** Estimates the local critical radius, for `cor-guided`. */
  readonly criticalRadius?: (context: RadiusContext, group: GuidedGroup) => number;
}

/** An optimizer with what climbs in it. */
export interface Climbing {
  /** What steps. */
  readonly optimizer: Optimizer;
  /** The same, where it climbs. */
  readonly sam?: SamOptimizer;
  /** The same, where it compares samples. */
  readonly esam?: EsamOptimizer;
}

/** The radius of each step, by its schedule, after the warm start. */
function radiusOf(config: TrainingConfig, factor: RadiusFactor): Radius {
  const { rho, rhoEnd, rhoSchedule, samStart, steps, learningRate, finalLearningRate } = config;
  const range = { from: rho, to: rhoEnd, total: steps };
  const schedules: Readonly<Record<TrainingConfig["rhoSchedule"], () => Radius>> = {
    constant: () => rho,
    linear: () => linearRadius(range),
    cosine: () => cosineRadius(range),
    "learning-rate": () =>
      radiusFollowingRate({
        radius: [rhoEnd, rho],
        rate: [finalLearningRate * learningRate, learningRate],
      }),
  };
  const scheduled = warmStart(schedules[rhoSchedule](), Math.round(samStart * steps));
  return (context) => factor.value * scheduled(context);
}

/** Which parameters climb. */
function perturbedBy({ perturb }: TrainingConfig): ((name: string) => boolean) | undefined {
  if (perturb === "all") return undefined;
  const part = perturb === "blocks" ? /^block / : new RegExp(`^${perturb}$`);
  return (name) => part.test(groupOf(name));
}

/**
 * Puts the configuration's member of SAM's family around an optimizer; the optimizer itself where `sam` is off.
 *
 * @throws {ConfigError} The rule needs an estimate of the critical radius, and there is none.
 */
export function samAround(
  base: Optimizer,
  config: TrainingConfig,
  { factor = { value: 1 }, criticalRadius }: SamHooks = {},
): Climbing {
  if (!config.sam) return { optimizer: base };
  const { samRule, seed, steps, samStart } = config;
  const common = { radius: radiusOf(config, factor), perturb: perturbedBy(config) };
  const climbing = (optimizer: SamOptimizer): Climbing => ({ optimizer, sam: optimizer });
  switch (samRule) {
    case "sam":
      return climbing(sam(base, common));
    case "asam":
      return climbing(sam(base, { ...common, adaptive: true }));
    case "gsam":
      return climbing(gsam(base, { ...common, alpha: config.gsamAlpha }));
    case "look-sam":
      return climbing(
        lookSam(base, { ...common, every: config.lookSamEvery, alpha: config.lookSamAlpha }),
      );
    case "friendly-sam": {
      const { friendlySigma: sigma, friendlyDecay: decay } = config;
      return climbing(friendlySam(base, { ...common, sigma, decay }));
    }
    case "esam": {
      const { esamBeta: beta, esamGamma: gamma } = config;
      const optimizer = esam(base, { ...common, beta, gamma, random: seed });
      return { ...climbing(optimizer), esam: optimizer };
    }
    case "cor-guided": {
      if (!criticalRadius) {
        throw new ConfigError(
          "samRule cor-guided estimates the critical radius on twin pairs, but the training " +
            "crops have no twins; take another rule",
        );
      }
      const start = Math.round(samStart * steps);
      return climbing(corGuidedSam(base, {
        fraction: config.corFraction,
        every: config.corEvery,
        maximum: config.corMaximum,
        groupOf: config.corBlocks ? groupOf : undefined,
        criticalRadius: (context, group) =>
          context.step < start ? 0 : factor.value * criticalRadius(context, group),
      }));
    }
  }
}
