/**
 * A training run: its configuration, its folder, the loop with checkpoints and resuming, and what is done with the
 * trained detector.
 *
 * @module
 */

export { assessRun, type AssessRunOptions, type RunAssessment } from "./assess_run.ts";
export type { BackboneChoice } from "./backbone_names.ts";
export { type BestValidation, type Checkpoint, type CheckpointState } from "./checkpoint.ts";
export { parseTrainingConfig, type TrainingConfig } from "./config.ts";
export { detect, type Detection, imageThreshold, type WindowScore } from "./detection.ts";
export { chooseDevice, type Computing, type DeviceChoice, useDevice } from "./device.ts";
export type { TrainingEvent, TrainingListener } from "./events.ts";
export type { Feed } from "./feed.ts";
export type { Sighting, WatchState } from "./watch.ts";
export { removeUnfinished, writeFileAtomically, writeFolderAtomically } from "./files.ts";
export { GsnrProbe } from "./gsnr_probe.ts";
export { readMetrics, type TrainingRow } from "./metrics_log.ts";
export { testDetector, type TestResult, type TrainingSummary } from "./results.ts";
export { RunFolder } from "./run_folder.ts";
export { type Validation } from "./scoring.ts";
export { Session, type SessionOptions, type SessionStep } from "./session.ts";
export {
  countSplit,
  type DataConfig,
  type DataListener,
  type DataPlace,
  type FindingsListener,
  makeSplits,
  makeTest,
  readElsewhere,
  type SplitCounts,
  type Splits,
} from "./splits.ts";
export {
  resume,
  type ResumeOptions,
  train,
  type TrainingResult,
  type TrainOptions,
} from "./train.ts";
export { loadTrained, type TrainedDetector } from "./trained.ts";
export { type CellMap, type WindowedImage, windowsOf } from "./windows.ts";
