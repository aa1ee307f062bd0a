// What a detector can be, what is chosen where nothing is said, and the checks on it.

import { ConfigError } from "../errors.ts";
import type {
  VisionTransformer,
  VisionTransformerConfig,
  VisionTransformerOptions,
} from "../nn/mod.ts";
import { showShape, type Tensor } from "../tensor/mod.ts";
import { type ProxySource, proxySources } from "./gradient_proxy.ts";

/** The parts of CoRIT, each of which can be switched by itself. */
export interface CoritParts {
  /** Where the contrastive gradient proxy comes from. */
  readonly proxy: ProxySource;
  /** Region refinement mask: patches are averaged where the proxies agree, instead of everywhere. */
  readonly rrm: boolean;
  /** Regional signal injection: the region's mean proxy is added to its tokens at the tapped blocks. */
  readonly rsi: boolean;
  /** Length of the injected signal over the token's. */
  readonly rsiAlpha: number;
  /** Hierarchical representation integration: the head reads all tapped blocks, instead of the last block. */
  readonly hri: boolean;
  /** The tapped blocks, counted from 1, in ascending order. Empty: the preset's own choice, {@linkcode defaultTaps}. */
  readonly taps: readonly number[];
  /** How much each tapped block counts under `hri`, relative to the others; empty: the same for each. */
  readonly tapWeights: readonly number[];
  /** Directions of the classes real and forged, [2, width]: for the proxy `text`. */
  readonly textDirections?: Tensor;
}

/** Options of `CoritDetector.create`. Those of the vision transformer override its preset. */
export interface DetectorOptions
  extends Omit<VisionTransformerOptions, "classes" | keyof CoritParts>, Partial<CoritParts> {
  /** CoRIT with the parts that are switched on, or the vision transformer with none of them; `corit` by default. */
  readonly kind?: "corit" | "vit";
  /** A vision transformer to take as it is, such as a pretrained encoder, instead of a new one of these options. */
  readonly backbone?: VisionTransformer;
  /**
   * Weight of the loss that asks each patch whether it was forged; 1 by default. With 0 no head learns to tell forged
   * patches; maps of patches then show what the image's head makes of each patch by itself.
   */
  readonly maskLossWeight?: number;
  /** The part of each label's probability that is spread over both classes in the loss; 0 by default. */
  readonly labelSmoothing?: number;
}

/** The parts that are on where nothing is said; docs/corit.md has the numbers that decided it. */
export const defaultParts: CoritParts = {
  proxy: "attention",
  rrm: false,
  rsi: false,
  rsiAlpha: 0.1,
  hri: true,
  taps: [],
  tapWeights: [],
};

/** Every block of a shallow transformer (4 or fewer), else the ends of its quarters: 3, 6, 9, 12 of 12. */
export function defaultTaps(depth: number): number[] {
  return depth <= 4
    ? Array.from({ length: depth }, (_, at) => at + 1)
    : [1, 2, 3, 4].map((quarter) => Math.round(depth * quarter / 4));
}

/**
 * The blocks that are read of a pretrained transformer: the ends of its second, third and fourth sixths, and its last;
 * 4, 6, 8 and 12 of 12. What a forgery leaves shows best between a third and two thirds of CLIP's depth.
 */
export function pretrainedTaps(depth: number): number[] {
  const blocks = [2, 3, 4, 6].map((sixth) => Math.max(1, Math.round(depth * sixth / 6)));
  return [...new Set(blocks)];
}

/**
 * Fills in and checks the parts of a detector.
 *
 * @throws {ConfigError} A part is unknown or does not fit the transformer; the message names it.
 */
export function settleParts(
  options: Partial<CoritParts>,
  { depth, width, classToken }: VisionTransformerConfig,
): CoritParts {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  const parts: CoritParts = { ...defaultParts, ...given };
  const taps = parts.taps.length > 0 ? parts.taps : defaultTaps(depth);
  const { proxy, rsiAlpha, tapWeights, textDirections } = parts;
  const problems: string[] = [];
  if (!proxySources.includes(proxy)) {
    problems.push(`there is no proxy "${proxy}"; the proxies are ${proxySources.join(", ")}`);
  }
  const ascending = taps.every((block, at) =>
    Number.isInteger(block) && block >= 1 && block <= depth && (at === 0 || block > taps[at - 1])
  );
  if (!ascending) {
    problems.push(`taps must be blocks of 1 to ${depth} in ascending order, but are [${taps}]`);
  }
  if (tapWeights.length > 0 && tapWeights.length !== taps.length) {
    problems.push(`there are ${tapWeights.length} tapWeights for ${taps.length} taps`);
  }
  const counts = tapWeights.every((weight) => Number.isFinite(weight) && weight >= 0);
  if (!counts || (tapWeights.length > 0 && Math.max(...tapWeights) === 0)) {
    problems.push(`tapWeights must be at least 0 and not all 0, but are [${tapWeights}]`);
  }
  if (!Number.isFinite(rsiAlpha) || rsiAlpha < 0) {
    problems.push(`rsiAlpha must be a number of at least 0, but is ${rsiAlpha}`);
  }
  if (!classToken) problems.push("its parts read a class token; set classToken, or use kind: vit");
  if (proxy === "text" && !textDirections) {
    problems.push('the proxy "text" needs textDirections, [2, width]: real, then forged');
  }
  if (proxy !== "text" && textDirections) {
    problems.push(`textDirections are for the proxy "text", but the proxy is "${proxy}"`);
  }
  if (textDirections && (textDirections.rank !== 2 || textDirections.shape[1] !== width)) {
    problems.push(
      `textDirections must be [2, ${width}], of the tokens' width, but are ` +
        showShape(textDirections.shape),
    );
  }
  if (problems.length > 0) throw new ConfigError(`CoritDetector: ${problems.join("; ")}`);
  // The directions live on as buffers; the tensor that was given may be released.
  return { ...parts, taps, textDirections: undefined };
}

/**
 * Checks a backbone that was given.
 *
 * @throws {ConfigError} It has a head of its own, or options of a new transformer were given beside it.
 */
export function checkBackbone(
  backbone: VisionTransformer | undefined,
  transformer: Readonly<Record<string, unknown>>,
): void {
  if (!backbone) return;
  const given = Object.keys(transformer).filter((name) => transformer[name] !== undefined);
  if (given.length > 0) {
    throw new ConfigError(
      `CoritDetector: a backbone is taken as it is, but ${
        given.join(", ")
      } would change it; leave ` +
        "them out, or make the backbone with them",
    );
  }
  if (backbone.head) {
    throw new ConfigError(
      "CoritDetector: the backbone has a head of its own; make it with classes: 0",
    );
  }
}

/**
 * Checks what is neither a part nor the transformer's.
 *
 * @throws {ConfigError} The kind is unknown, or a number is out of range.
 */
export function checkDetectorOptions(
  kind: string,
  maskLossWeight: number,
  labelSmoothing: number,
): void {
  if (kind !== "corit" && kind !== "vit") {
    throw new ConfigError(`CoritDetector: there is no kind "${kind}"; the kinds are corit, vit`);
  }
  if (!Number.isFinite(maskLossWeight) || maskLossWeight < 0) {
    throw new ConfigError(
      `CoritDetector: maskLossWeight must be a number of at least 0, but is ${maskLossWeight}`,
    );
  }
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new ConfigError(
      `CoritDetector: labelSmoothing must be in [0, 1), but is ${labelSmoothing}`,
    );
  }
}
