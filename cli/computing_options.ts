// The options that say where to compute, shared by the commands that load a run.

import { z } from "zod";
import { row } from "../training/options.ts";

/** Rows for device and threads. */
export const computingRows = {
  device: row(
    z.enum(["auto", "wasm", "reference", "webgpu"]),
    "auto",
    "where to compute; auto: on a graphics processor where there is one",
  ),
  threads: row(z.int().min(0), 0, "threads to compute with; 0: CORIT_THREADS, or all"),
};
