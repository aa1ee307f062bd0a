// Looking at a data set before anything is trained: what is in it, and what is wrong with it.

import { CoritError, FileError } from "../errors.ts";
import { splitNames } from "./assign_splits.ts";
import { inLanes } from "./lanes.ts";
import { type PictureFacts, pictureFacts } from "./picture_facts.ts";
import { type PictureList, VIDEO_ENDING } from "./picture_list.ts";
import type { DataProblem } from "./problem.ts";
import type { OpenedData, ReadingListener } from "./read_data.ts";
import { type Separation, separations } from "./separability.ts";

/** Options of {@linkcode lookAtData}. */
export interface LookOptions {
  /** Pictures whose files are read, evenly spaced over the classes and methods; 4,000. 0: all. */
  readonly most?: number;
  /** Called as files are read. */
  readonly onProgress?: ReadingListener;
}

/** Files of one kind in each part. */
export interface KindCounts {
  /** Pictures to train on. */
  readonly train: number;
  /** Pictures to validate on. */
  readonly validation: number;
  /** Pictures to test on. */
  readonly test: number;
}

/** The same bytes in several files. */
export interface DuplicateCounts {
  /** Files whose bytes another file has too. */
  readonly files: number;
  /** Those of them that are real in one place and forged in another: their label is wrong. */
  readonly inBothClasses: number;
  /** Those of them that are in more than one part: what is tested on was trained on. */
  readonly inSeveralParts: number;
  /** Pairs of paths, the worst first; the first ten. */
  readonly examples: readonly (readonly [string, string])[];
}

/** What was found in a data set; plain JSON. */
export interface DataReport {
  /** Where it lies. */
  readonly path: string;
  /** Name of its layout. */
  readonly layout: string;
  /** How it was read. */
  readonly notes: readonly string[];
  /** How it is split. */
  readonly splits: string;
  /** Files by method, "real" first. */
  readonly counts: Readonly<Record<string, KindCounts>>;
  /** Videos, as files or as folders of frames. */
  readonly videos: number;
  /** Different sources: originals, as far as names tell. */
  readonly sources: number;
  /** Picture files that were read for what follows. */
  readonly looked: number;
  /** Picture files in all. */
  readonly pictures: number;
  /** Smallest, middle and largest width and height. */
  readonly sides: readonly [smallest: string, middle: string, largest: string] | null;
  /** Share of each format and compression within each class, the most frequent first. */
  readonly encodings: readonly {
    readonly name: string;
    readonly real: number;
    readonly forged: number;
  }[];
  /** Files with the same bytes, among those that were read. */
  readonly duplicates: DuplicateCounts;
  /** How well the files alone tell the classes apart, the best first. */
  readonly separations: readonly Separation[];
  /** What cannot be read, and what was passed over. */
  readonly problems: readonly DataProblem[];
  /** Files that are no pictures or lie outside the layout, by ending. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** One file that was looked at. */
interface Looked extends PictureFacts {
  readonly row: number;
}

/**
 * Counts a data set and reads a sample of its files: sizes, encodings, duplicates, and whether the files alone give the class
 * away.
 */
export async function lookAtData(
  data: OpenedData,
  { most = 4000, onProgress = () => {} }: LookOptions = {},
): Promise<DataReport> {
  const { list, codes } = data;
  const rows = sampleOf(list, most);
  const looked: Looked[] = [];
  const problems: { row: number; problem: DataProblem }[] = [];
  let done = 0;
  await inLanes(rows.length, 3, async (i) => {
    const row = rows[i], path = list.path(row);
    try {
      looked.push({ row, ...await pictureFacts(path, await readFile(path)) });
    } catch (error) {
      if (!(error instanceof CoritError)) throw error;
      const what = error.message.replace(`${path}: `, "");
      problems.push({ row, problem: { path, what, loses: true } });
    }
    onProgress({ what: "looking at files", done: ++done, total: rows.length });
  });
  looked.sort((a, b) => a.row - b.row);
  problems.sort((a, b) => a.row - b.row);
  const labels = looked.map(({ row }) => list.kind(row).label);
  let pictures = 0, videoFiles = 0;
  for (let row = 0; row < list.count; row++) {
    if (VIDEO_ENDING.test(list.name(row))) videoFiles++;
    else pictures++;
  }
  return {
    path: data.path,
    layout: data.layout,
    notes: data.notes,
    splits: data.how,
    counts: countKinds(list, codes),
    videos: videoFiles + new Set(list.videos.filter((video) => video >= 0)).size,
    sources: new Set(list.sources).size,
    looked: looked.length,
    pictures,
    sides: sidesOf(looked),
    encodings: encodingsOf(looked, labels),
    duplicates: duplicatesOf(looked, list, codes),
    separations: separations(looked, labels),
    problems: [...data.problems, ...problems.map(({ problem }) => problem)],
    ignored: data.ignored,
  };
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new FileError(`${path}: cannot be read (${(cause as Error).message})`, { cause });
  }
}

/** Pictures of every kind, as many as fit, evenly spaced. */
function sampleOf(list: PictureList, most: number): number[] {
  const byKind = new Map<number, number[]>();
  for (let row = 0; row < list.count; row++) {
    if (VIDEO_ENDING.test(list.name(row))) continue;
    const rows = byKind.get(list.kinds[row]);
    if (rows) rows.push(row);
    else byKind.set(list.kinds[row], [row]);
  }
  let left = most === 0 ? Infinity : most, kinds = byKind.size;
  const chosen: number[] = [];
  // The small kinds first: what they leave is shared by the others.
  for (const rows of [...byKind.values()].sort((a, b) => a.length - b.length)) {
    const count = Math.min(rows.length, Math.ceil(left / kinds--));
    for (let i = 0; i < count; i++) chosen.push(rows[Math.floor(i * rows.length / count)]);
    left -= count;
  }
  return chosen.sort((a, b) => a - b);
}

function countKinds(list: PictureList, codes: Uint8Array): Record<string, KindCounts> {
  const counts: Record<string, Record<keyof KindCounts, number>> = {};
  const countOf = (method: string) => (counts[method] ??= { train: 0, validation: 0, test: 0 });
  countOf("real");
  for (let row = 0; row < list.count; row++) {
    countOf(list.kind(row).method)[splitNames[codes[row]]]++;
  }
  return counts;
}

function sidesOf(looked: readonly Looked[]): [string, string, string] | null {
  if (looked.length === 0) return null;
  const sorted = [...looked].sort((a, b) => a.width * a.height - b.width * b.height);
  const words = ({ width, height }: Looked): string => `${width} x ${height}`;
  return [words(sorted[0]), words(sorted[sorted.length >> 1]), words(sorted.at(-1)!)];
}

function encodingsOf(
  looked: readonly Looked[],
  labels: readonly (0 | 1)[],
): { name: string; real: number; forged: number }[] {
  const counts = new Map<string, [number, number]>();
  const totals = [0, 0];
  looked.forEach(({ format, compression }, i) => {
    const name = compression === "" ? format : `${format} ${compression}`;
    const count = counts.get(name) ?? [0, 0];
    count[labels[i]]++;
    totals[labels[i]]++;
    counts.set(name, count);
  });
  return [...counts]
    .sort(([, a], [, b]) => b[0] + b[1] - a[0] - a[1])
    .map(([name, [real, forged]]) => ({
      name,
      real: real / Math.max(1, totals[0]),
      forged: forged / Math.max(1, totals[1]),
    }));
}

function duplicatesOf(
  looked: readonly Looked[],
  list: PictureList,
  codes: Uint8Array,
): DuplicateCounts {
  const byHash = new Map<string, number[]>();
  for (const { hash, row } of looked) byHash.set(hash, [...byHash.get(hash) ?? [], row]);
  const groups = [...byHash.values()].filter((rows) => rows.length > 1);
  const differ = (rows: readonly number[], of: (row: number) => number): boolean =>
    rows.some((row) => of(row) !== of(rows[0]));
  const count = (chosen: readonly (readonly number[])[]): number =>
    chosen.reduce((sum, { length }) => sum + length, 0);
  const classes = groups.filter((rows) => differ(rows, (row) => list.kind(row).label));
  const parts = groups.filter((rows) => differ(rows, (row) => codes[row]));
  const worst = [...new Set([...classes, ...parts, ...groups])].slice(0, 10);
  return {
    files: count(groups),
    inBothClasses: count(classes),
    inSeveralParts: count(parts),
    examples: worst.map(([a, ...others]) => {
      const other = others.find((b) => list.kind(b).label !== list.kind(a).label) ??
        others.find((b) => codes[b] !== codes[a]) ?? others[0];
      return [list.path(a), list.path(other)] as const;
    }),
  };
}
