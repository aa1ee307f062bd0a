// DF40's layout: a folder a method, below it the domain (ff or cdf) whose real videos the method worked on.

import { type FolderMeaning, type FolderShape, foldersOf, type Layout } from "./layout.ts";
import { isContainer, withoutSplit } from "./layout.ts";

const DOMAINS = new Set(["ff", "cdf"]);

/** Where the real pictures of the two domains come from: they are no part of DF40. */
const REAL = new Set(["real", "original_sequences", "Celeb-real", "YouTube-real"]);

/** `METHOD/ff/...` and `METHOD/cdf/...`, or `METHOD/real` and `METHOD/fake`, beside folders with real pictures. */
export const df40: Layout = {
  name: "DF40",
  looksLike: "METHOD/ff/VIDEO and METHOD/cdf/VIDEO, beside real/VIDEO",
  find: (shape) => {
    const found = foldersOf(shape).some((parts) => parts.length > 1 && DOMAINS.has(parts.at(-1)!));
    return Promise.resolve(
      !found ? undefined : {
        notes: [],
        meaningOf: (parts) => meaningOf(shape, parts),
        missingReal:
          "DF40 ships forgeries only: put the real frames of FaceForensics++ and Celeb-DF beside the " +
          "methods as real/VIDEO/, or use its JSON files",
      },
    );
  },
};

function meaningOf(shape: FolderShape, whole: readonly string[]): FolderMeaning | undefined {
  const { parts, split } = withoutSplit(shape, whole);
  const part = split === undefined ? {} : { split };
  const real = parts.findIndex((name) => REAL.has(name));
  if (real >= 0) {
    const below = parts.slice(real + 1);
    const own = real > 0 && parts[real] === "real" ? { against: parts[real - 1] } : {};
    return { label: 0, method: "real", ...own, ...part, frames: below.length > 0 ? "yes" : "no" };
  }
  const domain = parts.findIndex((name) => DOMAINS.has(name) || name === "fake");
  if (domain < 1) return undefined;
  const below = parts.slice(domain + 1).filter((name) => !isContainer(name));
  return {
    label: 1,
    method: parts[domain - 1],
    ...part,
    frames: below.length > 0 ? "yes" : "no",
  };
}
