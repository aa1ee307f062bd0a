// What a detector was trained on, in plain words: stated wherever scores are.

import type { TrainingConfig } from "../training/config.ts";

/** One sentence. */
export function trainedOnText(
  { data, families, imageSize }: Pick<TrainingConfig, "data" | "families" | "imageSize">,
): string {
  const source = data === "starter"
    ? "the starter benchmark (some hundred photographs and forgeries made of them by program)"
    : data;
  return `Trained on ${source}, forged by ${families.join(", ")}, in squares of ${imageSize} x ` +
    `${imageSize} pixels.`;
}
