// The plain layout: real/ and fake/, families and videos below them, splits above them if any.

import {
  type FolderMeaning,
  type FolderShape,
  foldersOf,
  isContainer,
  type Layout,
  withoutSplit,
} from "./layout.ts";

const LABELS: Readonly<Record<string, 0 | 1>> = { real: 0, fake: 1 };

/** `real/`, `fake/FAMILY/`, with videos as folders of frames, and `train/ val/ test/` above where there are splits. */
export const realFake: Layout = {
  name: "real and fake folders",
  looksLike: "real/... and fake/FAMILY/...",
  find: (shape) => {
    const found = foldersOf(shape).some((parts) => labelLevel(parts) >= 0);
    return Promise.resolve(
      found ? { notes: [], meaningOf: (parts) => meaningOf(shape, parts) } : undefined,
    );
  },
};

/** The first level that says real or fake; -1 without one. */
function labelLevel(parts: readonly string[]): number {
  return parts.findIndex((name) => name.toLowerCase() in LABELS);
}

function meaningOf(shape: FolderShape, whole: readonly string[]): FolderMeaning | undefined {
  const { parts, split } = withoutSplit(shape, whole);
  const level = labelLevel(parts);
  if (level < 0) return undefined;
  const label = LABELS[parts[level].toLowerCase()];
  const above = parts.slice(0, level).filter((name) => !isContainer(name));
  const below = parts.slice(level + 1);
  const container = below.findIndex(isContainer);
  // A generator's own folder may stand above: GENERATOR/real and GENERATOR/fake.
  const named = container === 0 ? undefined : below[0];
  const method = label === 0 ? "real" : named ?? above[0] ?? "fake";
  const level1 = label === 0 ? 0 : 1;
  const deep = container >= 0 ? below.length > container + 1 : below.length > level1;
  return {
    label,
    method,
    ...(label === 0 && above.length > 0 ? { against: above[0] } : {}),
    ...(split === undefined ? {} : { split }),
    frames: !deep ? "no" : container >= 0 ? "yes" : "perhaps",
  };
}
