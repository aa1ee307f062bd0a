// What `detect` says of one picture or video: as lines for people, as JSON, as rows of CSV.

import type { Detection } from "../training/detection.ts";

/** What stands under every answer. */
export const noProof = "A score ranks images; it is no proof.";

/** A frame of a video. */
export interface FrameAnswer {
  /** Its number in the video, from 0. */
  readonly index: number;
  /** When it is shown. */
  readonly seconds: number;
  /** Probability that it is forged: the mean over its windows. */
  readonly probability: number;
}

/** What was found. */
export interface Answer {
  /** Path, or `standard input`. */
  readonly name: string;
  /** The run's folder. */
  readonly run: string;
  /** Probability of the picture; of a video the mean over its frames. */
  readonly probability: number;
  /** What it is flagged at. */
  readonly threshold: number;
  /** The picture, or the video's frame with the highest probability. */
  readonly detection: Detection;
  /** The heat map's file. */
  readonly heatmap: string;
  /** A video's frames; absent of a picture. */
  readonly frames?: readonly FrameAnswer[];
}

/** Whether it is called forged. */
export function isFlagged({ probability, threshold }: Answer): boolean {
  return probability >= threshold;
}

function highestFrame(frames: readonly FrameAnswer[]): FrameAnswer {
  return frames.reduce((a, b) => b.probability > a.probability ? b : a);
}

/** What was looked at, in half a sentence. */
export function seenText({ detection: { windows, view }, frames }: Answer): string {
  const size = `${view.image.width} x ${view.image.height}`;
  const highest = windows.reduce((a, b) => b.probability > a.probability ? b : a);
  const within = windows.length === 1
    ? `one window of ${size}`
    : `${windows.length} windows over ${size} pixels, the highest ` +
      `${highest.probability.toFixed(3)} at ${highest.left}, ${highest.top}`;
  if (!frames) return within;
  const { probability, seconds, index } = highestFrame(frames);
  return `${frames.length} frames, the highest ${probability.toFixed(3)} at ` +
    `${seconds.toFixed(1)} s (frame ${index}); ${within}`;
}

/** For people. */
export function textLines(answer: Answer): string {
  const { name, probability, threshold, heatmap } = answer;
  const verdict = isFlagged(answer) ? "flagged as forged" : "not flagged";
  return [
    name,
    `  ${probability.toFixed(3)}  ${verdict} (threshold ${threshold.toFixed(3)})`,
    `  ${seenText(answer)}`,
    `  heat map: ${heatmap}`,
  ].join("\n");
}

/** For programs: one line of JSON. */
export function jsonLine(answer: Answer, trainedOn: string): string {
  const { name, run, probability, threshold, detection, heatmap, frames } = answer;
  const { windows, view } = detection;
  return JSON.stringify({
    ...(frames ? { video: name } : { image: name }),
    run,
    trainedOn,
    note: noProof,
    probability,
    threshold,
    flagged: isFlagged(answer),
    ...(frames ? { frames, highestFrame: highestFrame(frames).index } : {}),
    windowSize: view.size,
    lookedAt: { width: view.image.width, height: view.image.height },
    windows,
    heatmap,
  });
}

/** The names of the columns of {@linkcode csvRows}. */
export const csvHead: readonly string[] = [
  "path",
  "frame",
  "seconds",
  "probability",
  "threshold",
  "flagged",
  "windows",
  "heatmap",
];

/** A line of CSV (RFC 4180). */
export function csvLine(cells: readonly (string | number | boolean)[]): string {
  return cells.map((cell) => {
    const text = `${cell}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join(",");
}

/** Lines of CSV: the picture's or video's own, then one for each frame. */
export function csvRows(answer: Answer): string[] {
  const { name, probability, threshold, detection, heatmap, frames = [] } = answer;
  const row = (frame: number | "", seconds: number | "", score: number, map: string): string =>
    csvLine([
      name,
      frame,
      seconds,
      score,
      threshold,
      score >= threshold,
      detection.windows.length,
      map,
    ]);
  return [
    row("", "", probability, heatmap),
    ...frames.map(({ index, seconds, probability: score }) => row(index, seconds, score, "")),
  ];
}
