/**
 * A training run: its configuration, the loop, the folder it leaves, and what was trained.
 *
 * @module
 */

export { parseTrainingConfig, type TrainingConfig } from "./config.ts";
export { removeUnfinished, writeFileAtomically, writeFolderAtomically } from "./files.ts";
export * from "./train.ts";
export * from "./events.ts";
export * from "./trained.ts";
export type { Splits, SplitCounts } from "./splits.ts";
export type { Computing } from "./device.ts";
export type { RunFolder } from "./run_folder.ts";
export type { TrainingSummary } from "./results.ts";
export type { BestValidation } from "./checkpoint.ts";
export type { TrainingRow } from "./metrics_log.ts";
