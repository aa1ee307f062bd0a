// UniversalFakeDetect's layout, which is CNNDetection's: 0_real and 1_fake below generators and classes.

import {
  type FolderMeaning,
  type FolderShape,
  foldersOf,
  type Layout,
  rootName,
} from "./layout.ts";
import { withoutSplit } from "./layout.ts";

const LABELS: Readonly<Record<string, 0 | 1>> = { "0_real": 0, "1_fake": 1 };

/**
 * The classes of LSUN that CNNDetection's training pictures are sorted by, all by ProGAN: its training folder names them where
 * the test folder names generators (Wang et al., CVPR 2020).
 */
const PROGAN_CLASSES = new Set(
  ("airplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike " +
    "person pottedplant sheep sofa train tvmonitor").split(" "),
);

/** `[split/]GENERATOR/[CLASS/]0_real` and `1_fake`. */
export const universalFakeDetect: Layout = {
  name: "UniversalFakeDetect",
  looksLike: "GENERATOR/[CLASS/]0_real and GENERATOR/[CLASS/]1_fake",
  find: (shape) => {
    const labelled = foldersOf(shape).filter((parts) => parts.at(-1)! in LABELS);
    if (labelled.length === 0) return Promise.resolve(undefined);
    return Promise.resolve({ notes: [], meaningOf: (parts) => meaningOf(shape, parts) });
  },
};

function meaningOf(shape: FolderShape, whole: readonly string[]): FolderMeaning | undefined {
  const { parts, split } = withoutSplit(shape, whole);
  const level = parts.findIndex((name) => name in LABELS);
  if (level < 0) return undefined;
  const label = LABELS[parts[level]];
  const first = parts.slice(0, level)[0];
  const generator = first === undefined
    ? rootName(shape)
    : level === 1 && PROGAN_CLASSES.has(first)
    ? "progan"
    : first;
  return {
    label,
    method: label === 0 ? "real" : generator,
    ...(label === 0 ? { against: generator } : {}),
    ...(split === undefined ? {} : { split }),
    frames: "no",
  };
}
