// Where a session's batches and scores come from: the crops' pixels, or what the frozen blocks made of them.

import type { CoritDetector, DetectorBatch } from "../corit/detector.ts";
import type { FrozenBatch } from "../corit/frozen.ts";
import { type Augmentation, augmentation } from "../data/augment.ts";
import type { CropSet } from "../data/crop_set.ts";
import { Loader, type LoaderState } from "../data/loader.ts";
import { BalancedSampler } from "../data/sampler.ts";
import { scoped } from "../tensor/mod.ts";
import { detectorBatch } from "./batches.ts";
import type { TrainingConfig } from "./config.ts";
import type { FeatureStore } from "./feature_store.ts";
import { scoreCrops } from "./scoring.ts";
import type { Splits } from "./splits.ts";

/** What a session trains and validates on. */
export interface Feed extends Disposable {
  /** Crops in a batch. */
  readonly batchSize: number;
  /** The batch that comes next. */
  readonly state: LoaderState;
  /** Goes to where a state was taken. */
  restore(state: LoaderState): void;
  /** The next batch; its tensors belong to the current scope. */
  next(): Promise<DetectorBatch | FrozenBatch>;
  /** P(forged) of each crop of a split. */
  scores(detector: CoritDetector, split: "validation" | "test"): Promise<Float64Array>;
}

/** Batches of pixels. */
export class ImageFeed implements Feed {
  readonly #loader: Loader;
  readonly #splits: Splits;

  /** Begins to load. */
  constructor(config: TrainingConfig, splits: Splits) {
    this.#splits = splits;
    this.#loader = new Loader(splits.train, {
      batchSize: 2 * config.batchPairs,
      seed: config.seed,
      // Undefined: together where the set has twins.
      twins: config.twins ? undefined : "apart",
      augment: augmentationOf(config),
    });
  }

  get batchSize(): number {
    return this.#loader.batchSize;
  }

  get state(): LoaderState {
    return this.#loader.state;
  }

  restore(state: LoaderState): void {
    this.#loader.restore(state);
  }

  async next(): Promise<DetectorBatch> {
    return detectorBatch(await this.#loader.next());
  }

  async scores(detector: CoritDetector, split: "validation" | "test"): Promise<Float64Array> {
    return await scoreCrops((images) => detector.probabilities(images), this.#splits[split]);
  }

  /** Ends the loader's worker. */
  [Symbol.dispose](): void {
    this.#loader.close();
  }
}

/** Batches of features. Every view of a crop comes once in an epoch, with the same view of its twin. */
export class FeatureFeed implements Feed {
  readonly batchSize: number;
  readonly #stores: Readonly<Record<keyof Splits, FeatureStore>>;
  readonly #sampler: BalancedSampler;
  #next = 0;

  /** Takes over the stores, which are complete. */
  constructor(
    config: Pick<TrainingConfig, "batchPairs" | "seed" | "twins">,
    train: CropSet,
    stores: Readonly<Record<keyof Splits, FeatureStore>>,
  ) {
    this.#stores = stores;
    this.batchSize = 2 * config.batchPairs;
    this.#sampler = new BalancedSampler(viewsOf(train, stores.train.count / train.count), {
      batchSize: this.batchSize,
      twins: config.twins ? undefined : "apart",
    }, config.seed);
  }

  get state(): LoaderState {
    const { batchesPerEpoch } = this.#sampler;
    return {
      epoch: Math.floor(this.#next / batchesPerEpoch),
      position: this.#next % batchesPerEpoch,
    };
  }

  restore({ epoch, position }: LoaderState): void {
    this.#next = epoch * this.#sampler.batchesPerEpoch + position;
  }

  next(): Promise<FrozenBatch> {
    const { epoch, position } = this.state;
    const batch = this.#stores.train.batch(this.#sampler.rows(epoch, position));
    this.#next++;
    return Promise.resolve(batch);
  }

  scores(detector: CoritDetector, split: "validation" | "test"): Promise<Float64Array> {
    const store = this.#stores[split];
    const scores = new Float64Array(store.count);
    for (let first = 0; first < store.count; first += 128) {
      const count = Math.min(128, store.count - first);
      const numbers = Int32Array.from({ length: count }, (_, at) => first + at);
      scoped(() => scores.set(detector.probabilities(store.batch(numbers)).dataSync(), first));
    }
    return Promise.resolve(scores);
  }

  /** Closes the stores. */
  [Symbol.dispose](): void {
    for (const store of Object.values(this.#stores)) store[Symbol.dispose]();
  }
}

/** What a sampler needs of a set whose crops have several views: each view of a pair is a pair of its own. */
function viewsOf({ arrays, count }: CropSet, views: number) {
  const repeated = (values: ArrayLike<number>): number[] =>
    Array.from({ length: views * count }, (_, number) => values[number % count]);
  const pairs = 1 + arrays.pairs.reduce((most, pair) => Math.max(most, pair), -1);
  return {
    labels: Uint8Array.from(repeated(arrays.labels)),
    families: Uint8Array.from(repeated(arrays.families)),
    pairs: Int32Array.from(
      repeated(arrays.pairs),
      (pair, number) => pair < 0 ? pair : pair + Math.floor(number / count) * pairs,
    ),
  };
}

/** The augmentations that a configuration switches on. */
export function augmentationOf(
  { flip, crop, colour, blur, jpeg, mixup, cutmix }: TrainingConfig,
): Augmentation {
  // Where both mix, each takes half of the batches: CutMix is drawn first, MixUp takes the rest.
  const mixing = (alpha: number, share: number) =>
    alpha === 0 ? { probability: 0 } : { probability: share, alpha };
  return augmentation({
    flip: { probability: flip },
    crop: { probability: crop },
    colour: { probability: colour },
    blur: { probability: blur },
    jpeg: { probability: jpeg },
    mixUp: mixing(mixup, 1),
    cutMix: mixing(cutmix, mixup === 0 ? 1 : 0.5),
  });
}

/**
 * The views that are kept of a training crop: the first unchanged, the second flipped where flips are on at all, further
 * ones as drawn; other augmentations are drawn for all but the first.
 */
export function viewsToKeep(config: TrainingConfig): Augmentation[] {
  const drawn = augmentationOf(config);
  const flipped = { ...drawn, flip: { probability: config.flip > 0 ? 1 : 0 } };
  return Array.from(
    { length: config.views },
    (_, view) => view === 0 ? unchanged : view === 1 ? flipped : drawn,
  );
}

/** No change at all. */
export const unchanged: Augmentation = augmentation({ flip: { probability: 0 } });
