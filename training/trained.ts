// A trained detector, as evaluation and detection load it from its run.

import type { CoritDetector } from "../corit/detector.ts";
import { FileError } from "../errors.ts";
import { makeRunDetector } from "./backbone.ts";
import { type BestValidation, fingerprintOfBest, loadBest } from "./checkpoint.ts";
import type { TrainingConfig } from "./config.ts";
import { useDevice } from "./device.ts";
import { RunFolder } from "./run_folder.ts";

/** A detector with the best weights of its run. */
export interface TrainedDetector {
  /** The run's folder. */
  readonly folder: RunFolder;
  /** The detector. */
  readonly detector: CoritDetector;
  /** The validation that its weights and its threshold were chosen by. */
  readonly best: BestValidation;
}

/**
 * Loads the best weights of a run, finished or not; on a pretrained encoder with this one's, fetched if need be.
 *
 * @param computing Where to compute, instead of where the run trained.
 * @throws {FileError} where there is no run, or it has no weights yet.
 * @throws {FormatError} where its configuration or its weights are damaged; the message names the file.
 *
 * @example
 * ```ts
 * import { loadTrained } from "@corit/corit/training";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => loadTrained("runs/none"), Error, "there is no run in runs/none");
 * ```
 */
export async function loadTrained(
  path: string,
  computing: Partial<Pick<TrainingConfig, "device" | "threads">> = {},
): Promise<TrainedDetector> {
  const folder = await RunFolder.open(path);
  const step = await folder.bestStep();
  if (step === undefined) {
    throw new FileError(
      `the run in ${path} has no weights yet: it was interrupted before its first validation; ` +
        `go on with it first: deno task train --resume ${path}`,
    );
  }
  const { config } = folder;
  const { device = config.device, threads = config.threads } = computing;
  await useDevice({ device, threads });
  const stored = await fingerprintOfBest(folder.bestPath(step));
  const { detector, fingerprint } = await makeRunDetector(config, { fingerprint: stored });
  const best = await loadBest(folder.bestPath(step), detector, fingerprint);
  return { folder, detector: detector.evaluate(), best };
}
