/**
 * A training run: its configuration and the files it leaves.
 *
 * @module
 */

export { parseTrainingConfig, type TrainingConfig } from "./config.ts";
export { removeUnfinished, writeFileAtomically, writeFolderAtomically } from "./files.ts";
