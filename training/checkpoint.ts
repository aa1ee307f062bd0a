// What a run goes on from: weights, optimizer, and where everything that moves stands.

import type { CoritDetector } from "../corit/detector.ts";
import type { LoaderState } from "../data/loader.ts";
import { FormatError } from "../errors.ts";
import type { RandomState } from "../tensor/mod.ts";
import { decodeDetector, fingerprintIn } from "./saved_weights.ts";
import type { Validation } from "./scoring.ts";
import { readSealedFolder, writeSealedFolder } from "./sealed_folder.ts";
import type { WatchState } from "./watch.ts";

/** The validation with the highest AUC so far. */
export interface BestValidation extends Validation {
  /** The step after which it was measured. */
  readonly step: number;
}

/** What is not a tensor. */
export interface CheckpointState {
  /** The layout of this file. */
  readonly version: 1;
  /** Steps done. */
  readonly step: number;
  /** The optimizer's numbers. */
  readonly optimizer: Readonly<Record<string, number>>;
  /** The batch that comes next. */
  readonly loader: LoaderState;
  /** Where the detector's random streams stand. */
  readonly random: Readonly<Record<string, RandomState>>;
  /** The best validation so far. */
  readonly best: BestValidation | null;
  /** Validations since then. */
  readonly withoutProgress: number;
  /** Seconds of training so far, over all sittings. */
  readonly seconds: number;
  /** Why training stops here before its steps are done; empty where it goes on. */
  readonly stopped: string;
  /** What is watched beside the loss; checkpoints of before have none. */
  readonly watch?: WatchState;
}

/** A checkpoint as it is stored: two safetensors files and the state. */
export interface Checkpoint {
  /** The detector's parameters and buffers. */
  readonly weights: Uint8Array;
  /** The optimizer's tensors. */
  readonly optimizer: Uint8Array;
  /** Everything else. */
  readonly state: CheckpointState;
}

const weightsFile = "weights.safetensors";
const optimizerFile = "optimizer.safetensors";
const stateFile = "state.json";

/**
 * Writes a checkpoint; it appears as a whole or not at all.
 *
 * @throws {FileError} where it cannot be written; nothing is left behind.
 */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  await writeSealedFolder(path, {
    [weightsFile]: checkpoint.weights,
    [optimizerFile]: checkpoint.optimizer,
    [stateFile]: jsonBytes(checkpoint.state),
  });
}

/**
 * Reads a checkpoint and checks that every byte is as it was written.
 *
 * @throws {FileError} where a file is missing.
 * @throws {FormatError} where one is damaged; the message names it.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const files = await readSealedFolder(path, [weightsFile, optimizerFile, stateFile]);
  return {
    weights: files[weightsFile],
    optimizer: files[optimizerFile],
    state: parseJson(`${path}/${stateFile}`, files[stateFile]),
  };
}

/** Writes the weights of the best validation so far. */
export async function writeBest(
  path: string,
  weights: Uint8Array,
  best: BestValidation,
): Promise<void> {
  await writeSealedFolder(path, { [weightsFile]: weights, [stateFile]: jsonBytes(best) });
}

/**
 * Loads the weights of a best validation into a detector.
 *
 * @param fingerprint The weights of its pretrained encoder by their hash; empty without one.
 * @throws {FileError | FormatError | StateError} where they are missing, damaged, or another model's.
 */
export async function loadBest(
  path: string,
  detector: CoritDetector,
  fingerprint: string = "",
): Promise<BestValidation> {
  const files = await readSealedFolder(path, [weightsFile, stateFile]);
  const best = parseJson<BestValidation>(`${path}/${stateFile}`, files[stateFile]);
  decodeDetector(files[weightsFile], detector, fingerprint);
  return best;
}

/** Which weights of a pretrained encoder those of a best validation belong to; empty where none. */
export async function fingerprintOfBest(path: string): Promise<string> {
  const { [weightsFile]: weights } = await readSealedFolder(path, [weightsFile, stateFile]);
  return fingerprintIn(weights);
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/** Reads JSON whose checksum fitted, so that its shape is what this project wrote. */
function parseJson<Value>(path: string, bytes: Uint8Array): Value {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Value;
  } catch (cause) {
    throw new FormatError(`${path}: not JSON, though its checksum fits; it was changed`, { cause });
  }
}
