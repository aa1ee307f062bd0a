// The detector: a vision transformer that tells forged images from real ones, with the parts of CoRIT around it.

import {
  frozenBlocks,
  type Linear,
  ModelSummary,
  Module,
  type SummaryRow,
  VisionTransformer,
} from "../nn/mod.ts";
import {
  add,
  mul,
  norm,
  ones,
  RandomStream,
  reshape,
  scoped,
  sigmoid,
  slice,
  type Tensor,
  withoutRecording,
  zeros,
} from "../tensor/mod.ts";
import { ConfigError } from "../errors.ts";
import {
  checkBackbone,
  checkDetectorOptions,
  type CoritParts,
  type DetectorOptions,
  pretrainedTaps,
  settleParts,
} from "./detector_options.ts";
import {
  type FrozenBatch,
  type FrozenFeatures,
  type FrozenPart,
  oneCell,
  passFrozen,
  poolTokens,
  singlePatches,
  wholeCell,
} from "./frozen.ts";
import { gradientProxy, withoutFineDetail } from "./gradient_proxy.ts";
import type { Grid } from "./grid.ts";
import { integrateHierarchy } from "./hierarchy.ts";
import { logitLayer } from "./logit_layer.ts";
import { imageLoss, maskLoss, sampleLosses } from "./losses.ts";
import { type BatchTruth, Prototypes } from "./prototypes.ts";
import { regionMask, regionMean, wholeRegion } from "./region_mask.ts";
import { injectSignal } from "./signal_injection.ts";
import { classTokenOf, patchTokensOf } from "./tokens.ts";

/** What a detector is trained on: tensors on one device. */
export interface DetectorBatch extends BatchTruth {
  /** [batch, 3, height, width], 0..255. */
  readonly images: Tensor;
}

/** The parts of the loss, each a scalar. */
export interface DetectorLosses {
  /** What training lowers: `classification` + maskLossWeight * `mask`. */
  readonly total: Tensor;
  /** Binary cross-entropy of the images. */
  readonly classification: Tensor;
  /** Binary cross-entropy of the patches, over the images whose mask counts. */
  readonly mask: Tensor;
}

/** What {@linkcode CoritDetector.inspect} shows. */
export interface Inspection {
  /** P(forged), [batch]. */
  readonly probabilities: Tensor;
  /** 1 for the patches over which the detector averages, else 0: [batch, patches]. */
  readonly regionMask: Tensor;
  /** P(forged) of each patch, [batch, patches]. */
  readonly tokenProbabilities: Tensor;
  /** |q| at the last tapped block, [batch, patches]; 0 for a detector without CoRIT. */
  readonly proxyMagnitude: Tensor;
}

/** One tapped block on the way. */
export interface Tap {
  /** Its number, counted from 1. */
  readonly block: number;
  /** [batch, 1 + patches, width] after it, before anything is injected. */
  readonly tokens: Tensor;
  /** q, [batch, patches, width], where something needs it. */
  readonly proxies: Tensor | undefined;
}

/** Everything one pass over images makes. */
interface Look {
  readonly grid: Grid;
  /** [batch], of being forged. */
  readonly logits: Tensor;
  /** [batch, patches], of being forged, where they are asked for or learned. */
  readonly tokenLogits: Tensor | undefined;
  /** [batch, patches]. */
  readonly region: Tensor;
  readonly taps: readonly Tap[];
  /** [batch, tokens, width] after the last block, where they were computed. */
  readonly tokens: Tensor | undefined;
}

/**
 * A vision transformer with a head for the image and a head for each patch, and around it CoRIT: gradient proxy,
 * region mask, signal injection and hierarchy, each switched by an option. None of the four has learned weights; the
 * image's head alone is wider where it reads a hierarchy.
 *
 * No label reaches the forward pass: what is masked or injected follows from the image and from the prototypes,
 * running class means that training moves after each step's first pass ({@linkcode CoritDetector.afterFirstPass}).
 *
 * @example
 * ```ts
 * import { CoritDetector, tensor, zeros } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const detector = CoritDetector.create({ preset: "starter", seed: 0 });
 * const images = zeros([2, 3, 64, 64]);
 * const loss = detector.loss({ images, labels: tensor([0, 1]), masks: zeros([2, 64, 64]) });
 * assertEquals(loss.shape, []);
 * assertEquals(detector.probabilities(images).shape, [2]);
 * ```
 */
export class CoritDetector extends Module {
  /** The transformer, without a head of its own. */
  readonly backbone: VisionTransformer;
  /** Features to the logit of being forged. */
  readonly head: Linear;
  /** Patch tokens after the last block to their logits of being forged; none where their loss counts nothing. */
  readonly maskHead: Linear | undefined;
  /** Class directions of the tapped blocks; none without CoRIT. */
  readonly prototypes: Prototypes | undefined;
  /** Whether the transformer was given, with weights that are stored elsewhere. */
  readonly pretrained: boolean;
  /** The parts of CoRIT that are on; undefined for the transformer alone. */
  readonly parts: CoritParts | undefined;
  /** Patches along the image. */
  readonly grid: Grid;
  readonly #maskLossWeight: number;
  readonly #labelSmoothing: number;
  /** What the last training pass saw, until the prototypes have moved. */
  #lastPass: { look: Look; truth: BatchTruth } | undefined;

  /** {@linkcode CoritDetector.create} is the usual way. */
  constructor(options: DetectorOptions) {
    super();
    const {
      kind = "corit",
      maskLossWeight = 1,
      labelSmoothing = 0,
      seed = 0,
      device,
      backbone,
      proxy,
      rrm,
      rsi,
      rsiAlpha,
      hri,
      taps,
      tapWeights,
      textDirections,
      ...transformer
    } = options;
    checkDetectorOptions(kind, maskLossWeight, labelSmoothing);
    this.#maskLossWeight = maskLossWeight;
    this.#labelSmoothing = labelSmoothing;
    const random = typeof seed === "number" ? new RandomStream(seed) : seed;
    this.backbone = backbone ?? VisionTransformer.create({
      ...transformer,
      classes: 0,
      seed: random.fork("backbone"),
      device,
    });
    checkBackbone(backbone, transformer);
    this.pretrained = backbone !== undefined;
    const { config } = this.backbone;
    const { width } = config;
    this.grid = [config.imageSize / config.patchSize, config.imageSize / config.patchSize];
    if (kind === "corit") {
      const given = {
        proxy,
        rrm,
        rsi,
        rsiAlpha,
        hri,
        taps: backbone && !taps?.length ? pretrainedTaps(config.depth) : taps,
        tapWeights,
        textDirections,
      };
      this.parts = settleParts(given, config);
      this.prototypes = new Prototypes(this.parts.taps.length, width, {
        device,
        given: textDirections,
      });
    }
    const features = this.parts?.hri ? 2 * width * this.parts.taps.length : width;
    this.head = logitLayer(features, random.fork("head"), device);
    this.maskHead = maskLossWeight > 0
      ? logitLayer(width, random.fork("mask_head"), device)
      : undefined;
  }

  /**
   * A new detector.
   *
   * @throws {ConfigError} An option is unknown, out of range, or contradicts another.
   */
  static create(options: DetectorOptions = {}): CoritDetector {
    return new CoritDetector(options);
  }

  /**
   * The loss of a batch, a scalar. In training its first pass is followed by {@linkcode afterFirstPass}, which moves
   * the prototypes.
   */
  loss(batch: DetectorBatch): Tensor {
    return this.losses(batch).total;
  }

  /** The loss of a batch and its parts; the batch may have passed the frozen blocks before. */
  losses(batch: DetectorBatch | FrozenBatch): DetectorLosses {
    const look = "images" in batch ? this.#look(batch.images) : this.#lookFrom(batch);
    return this.#losses(look, batch);
  }

  /**
   * What of the detector is frozen and worth keeping of a set of images that is passed many times; nothing where the
   * first block learns, or where region mask or signal injection need all patches of all taps.
   */
  frozenPart(): FrozenPart | undefined {
    const { backbone, parts, maskHead } = this;
    const block = frozenBlocks(backbone);
    if (block < 1 || parts?.rrm || parts?.rsi) return undefined;
    const tokens = block < backbone.config.depth || maskHead !== undefined;
    return { block, taps: this.#blocksRead.filter((each) => each <= block), tokens };
  }

  /** What {@linkcode frozenPart} keeps of images [batch, 3, height, width], 0..255. Not recorded; dropout is off. */
  passFrozen(images: Tensor, part: FrozenPart): FrozenFeatures {
    return this.#evaluating(() =>
      withoutRecording(() => scoped(() => passFrozen(this.backbone, images, part)))
    );
  }

  /**
   * The loss of each image by itself, [batch]: for statistics of single images' gradients. Their mean is the loss of
   * the batch. The prototypes do not move after it.
   */
  sampleLosses(batch: DetectorBatch): Tensor {
    const { grid, logits, tokenLogits } = this.#look(batch.images);
    const { labels, masks, hasMask } = batch;
    const truth = tokenLogits ? { labels, masks, hasMask } : { labels };
    return sampleLosses({ image: logits, patches: tokenLogits ?? logits }, grid, truth, {
      smoothing: this.#labelSmoothing,
      weight: this.#maskLossWeight,
    });
  }

  /**
   * The loss in evaluation mode, and at each tapped block the tokens and the proxy of the gradient by them: to see how
   * well the one stands for the other. No taps without CoRIT.
   */
  lossWithTaps(batch: DetectorBatch): { readonly loss: Tensor; readonly taps: readonly Tap[] } {
    return this.#evaluating(() => {
      const look = this.#look(batch.images, { everyProxy: true });
      return { loss: this.#losses(look, batch).total, taps: look.taps };
    });
  }

  /**
   * P(forged) of images [batch, 3, height, width], 0..255, or of what the frozen blocks made of them: [batch]. Not
   * recorded; dropout is off.
   */
  probabilities(images: Tensor | FrozenFeatures): Tensor {
    const look = () => "shape" in images ? this.#look(images) : this.#lookFrom(images);
    return this.#evaluating(() => unrecorded(() => sigmoid(look().logits)));
  }

  /** What the detector sees in images [batch, 3, height, width], 0..255. Not recorded; dropout is off. */
  inspect(images: Tensor): Inspection {
    return this.#evaluating(() =>
      unrecorded(() => {
        const look = this.#look(images, { everyProxy: true });
        const { logits, region, taps } = look;
        const tokenLogits = look.tokenLogits ?? this.#patchEvidence(look);
        const proxies = taps.at(-1)?.proxies;
        return {
          probabilities: sigmoid(logits),
          regionMask: region,
          tokenProbabilities: sigmoid(tokenLogits),
          proxyMagnitude: proxies ? norm(proxies, 2) : region.mul(0),
        };
      })
    );
  }

  /** Moves the prototypes towards the class means of the last training pass, whose tensors still live. */
  override afterFirstPass(): void {
    if (!this.#lastPass) return;
    const { look: { taps, grid }, truth } = this.#lastPass;
    this.#lastPass = undefined;
    if (taps.length > 0) this.prototypes?.update(taps.map(({ tokens }) => tokens), grid, truth);
  }

  /** Parameters and floating-point operations of one image, layer by layer; print it for a table. */
  summary(): ModelSummary {
    const [rows, columns] = this.grid;
    const layer = (name: string, linear: Linear, times: number): SummaryRow => {
      const parameters = linear.parameterCount();
      const trained = linear.parameterCount({ trainedOnly: true });
      const flops = 2 * times * linear.weight.size;
      return { name, output: times === 1 ? [1] : [times, 1], parameters, trained, flops };
    };
    return new ModelSummary([
      ...this.backbone.summary().rows.map((row) => ({ ...row, name: `backbone.${row.name}` })),
      layer("head", this.head, 1),
      ...(this.maskHead ? [layer("mask_head", this.maskHead, rows * columns)] : []),
    ]);
  }

  /** The forward pass. It takes images alone, so that no label can reach it. */
  #look(images: Tensor, { everyProxy = false } = {}): Look {
    const { backbone, parts } = this;
    if (!parts) {
      const { tokens, grid } = backbone.forwardTokens(images);
      const logits = this.head.forward(backbone.pool(tokens));
      return this.#answer(tokens, grid, logits, wholeRegion(tokens, grid), []);
    }
    const { proxy: source, rrm, rsi, rsiAlpha, hri, tapWeights } = parts;
    const lastTap = parts.taps[parts.taps.length - 1];
    const needsProxy = (block: number) =>
      everyProxy || (rrm && block === lastTap) || (rsi && block < backbone.config.depth);
    const watched = parts.taps.filter(needsProxy);
    const otherView = source === "view" && watched.length > 0
      ? this.#withoutFineDetail(images, watched)
      : undefined;

    const taps: Tap[] = [];
    let region: Tensor | undefined;
    const { tokens, grid } = backbone.forwardTokens(images, {
      readings: source === "attention" ? watched : [],
      afterBlock: (tokens, { block, depth, grid, reading }) => {
        const tap = parts.taps.indexOf(block);
        if (tap < 0) return tokens;
        // CGP: the gradient by these tokens, as far as it can be told without a label.
        const proxies = needsProxy(block)
          ? gradientProxy(source, {
            tokens,
            grid,
            reading,
            directions: this.prototypes?.at(tap),
            otherView: otherView?.get(block),
            // As attention does with its similarities, so that the posterior does not saturate.
            temperature: Math.sqrt(backbone.config.width),
          })
          : undefined;
        taps.push({ block, tokens, proxies });
        // RRM: where the proxies agree. The deepest tap's region is the one that is read.
        region = proxies && rrm ? regionMask(proxies, { grid }) : wholeRegion(tokens, grid);
        // RSI: into what the next block reads. This tap itself is read without it.
        return proxies && rsi && block < depth
          ? injectSignal(tokens, proxies, region, rsiAlpha)
          : tokens;
      },
    });
    const mask = region ?? wholeRegion(tokens, grid);
    // HRI: what several depths know, side by side.
    const features = hri
      ? integrateHierarchy(taps.map(({ tokens }) => tokens), {
        grid,
        mask,
        weights: tapWeights.length > 0 ? tapWeights : undefined,
      })
      : this.#pool(tokens, grid, mask);
    return this.#answer(tokens, grid, this.head.forward(features), mask, taps);
  }

  /** The forward pass from where the frozen blocks ended: the same answer as from the images. */
  #lookFrom({ pooled, tokens: kept }: FrozenFeatures): Look {
    const { backbone, grid } = this;
    const part = this.frozenPart();
    if (!part || (pooled === undefined) !== (part.taps.length === 0) || !kept === part.tokens) {
      throw new ConfigError(
        "CoritDetector: these features of frozen blocks are another detector's: what is trained, " +
          "or which blocks are read, differs",
      );
    }
    const read = part.taps.map((_, at) => slice(pooled!, undefined, at));
    let tokens = kept;
    for (let block = part.block + 1; block <= backbone.config.depth; block++) {
      tokens = backbone.blocks[block - 1].forward(tokens!);
      if (this.#blocksRead.includes(block)) read.push(poolTokens(tokens, grid));
    }
    const logits = this.#logitsOf(read);
    const [batch] = read[0].shape;
    const { dtype, device } = logits;
    const region = ones([batch, grid[0] * grid[1]], { dtype, device });
    if (tokens) return this.#answer(tokens, grid, logits, region, []);
    return {
      grid,
      logits: reshape(logits, [batch]),
      tokenLogits: undefined,
      region,
      taps: [],
      tokens,
    };
  }

  /** The blocks whose tokens the head reads. */
  get #blocksRead(): readonly number[] {
    return this.parts?.hri ? this.parts.taps : [this.backbone.config.depth];
  }

  /** Logits from the pooled tokens [batch, 2, width] of the blocks that are read: [batch, 1]. */
  #logitsOf(pooled: readonly Tensor[]): Tensor {
    const mask = wholeCell(pooled[0]);
    if (!this.parts?.hri) return this.head.forward(this.#pool(pooled[0], oneCell, mask));
    const { tapWeights } = this.parts;
    const weights = tapWeights.length > 0 ? tapWeights : undefined;
    return this.head.forward(integrateHierarchy(pooled, { grid: oneCell, mask, weights }));
  }

  /** Where no head asks the patches: what the image's head makes of each patch alone, in the place of their mean. */
  #patchEvidence({ grid, tokens, taps }: Look): Tensor {
    const read = this.parts?.hri ? taps.map(({ tokens }) => tokens) : [tokens!];
    const logits = this.#logitsOf(read.map((each) => singlePatches(each, grid)));
    return reshape(logits, [-1, grid[0] * grid[1]]);
  }

  /** As the transformer pools, but over the region instead of all patches. */
  #pool(tokens: Tensor, grid: Grid, region: Tensor): Tensor {
    const { norm, fcNorm } = this.backbone;
    return fcNorm
      ? fcNorm.forward(regionMean(patchTokensOf(tokens, grid), region))
      : norm!.forward(classTokenOf(tokens));
  }

  /** Adds the patches' own logits, from the tokens as the transformer normalizes them before its head. */
  #answer(
    tokens: Tensor,
    grid: Grid,
    logits: Tensor,
    region: Tensor,
    taps: readonly Tap[],
  ): Look {
    const { norm, fcNorm } = this.backbone;
    const [batch] = tokens.shape;
    const patchLogits = (head: Linear): Tensor => {
      const patches = (fcNorm ?? norm!).forward(patchTokensOf(tokens, grid));
      return reshape(head.forward(patches), [batch, patches.shape[1]]);
    };
    return {
      grid,
      logits: reshape(logits, [batch]),
      tokenLogits: this.maskHead && patchLogits(this.maskHead),
      region,
      taps,
      tokens,
    };
  }

  /** Tokens of the blurred images after some blocks, for the proxy `view`. */
  #withoutFineDetail(images: Tensor, blocks: readonly number[]): ReadonlyMap<number, Tensor> {
    return unrecorded(() => {
      const until = Math.max(...blocks);
      return this.backbone.forwardTokens(withoutFineDetail(images), { taps: blocks, until }).taps;
    });
  }

  #losses(look: Look, { labels, masks, hasMask }: BatchTruth): DetectorLosses {
    this.#lastPass = this.training ? { look, truth: { labels, masks, hasMask } } : undefined;
    const { grid, logits, tokenLogits } = look;
    const classification = imageLoss(logits, labels, this.#labelSmoothing);
    if (!masks || !tokenLogits) {
      const { dtype, device } = classification;
      return { total: classification, classification, mask: zeros([], { dtype, device }) };
    }
    const mask = maskLoss(tokenLogits, grid, masks, hasMask);
    return { total: add(classification, mul(mask, this.#maskLossWeight)), classification, mask };
  }

  #evaluating<Result>(body: () => Result): Result {
    const training = [...this.namedModules().values()].filter((module) => module.training);
    this.evaluate();
    try {
      return body();
    } finally {
      for (const module of training) module.training = true;
    }
  }
}

/** Runs a body that records nothing and leaves nothing but its result. */
function unrecorded<Result>(body: () => Result): Result {
  return withoutRecording(() => scoped(body));
}
