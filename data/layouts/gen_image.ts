// GenImage's layout: train and val below each generator, nature and ai below them.

import {
  type FolderMeaning,
  type FolderShape,
  foldersOf,
  type Layout,
  rootName,
} from "./layout.ts";
import { withoutSplit } from "./layout.ts";

const LABELS: Readonly<Record<string, 0 | 1>> = { nature: 0, ai: 1 };

/** `GENERATOR/train/nature`, `GENERATOR/train/ai`, and the same below `val`, which is what GenImage tests on. */
export const genImage: Layout = {
  name: "GenImage",
  looksLike: "GENERATOR/train/nature, GENERATOR/train/ai, GENERATOR/val/nature, GENERATOR/val/ai",
  find: (shape) => {
    const parents = new Set(
      foldersOf(shape).filter((parts) => parts.at(-1) === "ai")
        .map((parts) => parts.slice(0, -1).join("/")),
    );
    const found = [...parents].some((parent) => shape.children.get(parent)?.includes("nature"));
    if (!found) return Promise.resolve(undefined);
    return Promise.resolve({
      notes: ["GenImage's val is its test set; validation is taken from train"],
      meaningOf: (parts) => meaningOf(shape, parts),
    });
  },
};

function meaningOf(shape: FolderShape, whole: readonly string[]): FolderMeaning | undefined {
  const { parts, split } = withoutSplit(shape, whole);
  const level = parts.findIndex((name) => name in LABELS);
  if (level < 0) return undefined;
  const label = LABELS[parts[level]];
  const generator = parts.slice(0, level)[0] ?? rootName(shape);
  return {
    label,
    method: label === 0 ? "real" : generator,
    ...(label === 0 ? { against: generator } : {}),
    ...(split === undefined ? {} : { split: split === "validation" ? "test" : split }),
    frames: "no",
  };
}
