// From frames to videos: a video's score is the mean over its frames.

import { DataError, ShapeError } from "../errors.ts";
import type { Numbers } from "./metrics.ts";

/** Scores of videos. */
export interface VideoScores {
  /** Paths, in order of appearance, `[videos]`. */
  readonly videos: readonly string[];
  /** Mean score of the frames, `[videos]`. */
  readonly scores: readonly number[];
  /** 0 real, 1 forged, `[videos]`. */
  readonly labels: readonly number[];
  /** How many frames were seen, `[videos]`. */
  readonly frameCounts: readonly number[];
}

/**
 * Groups frames by the video they come from and averages their scores, as DeepfakeBench does (Yan et al., NeurIPS 2023).
 *
 * `videos` names each frame's video by its whole path: data sets repeat file names from folder to folder
 * (`original/000.mp4`, `Deepfakes/000.mp4`), and grouping by name alone would mix real and forged ones.
 *
 * @throws {ShapeError} when the arrays differ in length.
 * @throws {DataError} when there is no frame, or a video has frames of both classes.
 *
 * @example
 * ```ts
 * import { videoScores } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const { videos, scores } = videoScores({
 *   scores: [0.25, 0.75, 1],
 *   labels: [0, 0, 1],
 *   videos: ["real/000.mp4", "real/000.mp4", "fake/000.mp4"],
 * });
 * assertEquals([videos, scores], [["real/000.mp4", "fake/000.mp4"], [0.5, 1]]);
 * ```
 */
export function videoScores(
  frames: {
    readonly scores: Numbers;
    readonly labels: Numbers;
    readonly videos: readonly string[];
  },
): VideoScores {
  const { scores, labels, videos } = frames;
  if (labels.length !== scores.length || videos.length !== scores.length) {
    throw new ShapeError(
      `videoScores: ${scores.length} scores, but ${labels.length} labels and ${videos.length} videos`,
    );
  }
  if (scores.length === 0) throw new DataError("videoScores: expected frames, but found none");
  const found = new Map<string, { sum: number; count: number; label: number }>();
  videos.forEach((video, frame) => {
    const entry = found.get(video);
    if (!entry) {
      found.set(video, { sum: scores[frame], count: 1, label: labels[frame] });
      return;
    }
    if (entry.label !== labels[frame]) {
      throw new DataError(
        `videoScores: ${video} has real and forged frames; name videos by their whole path`,
      );
    }
    entry.sum += scores[frame];
    entry.count++;
  });
  const entries = [...found.values()];
  return {
    videos: [...found.keys()],
    scores: entries.map(({ sum, count }) => sum / count),
    labels: entries.map(({ label }) => label),
    frameCounts: entries.map(({ count }) => count),
  };
}
