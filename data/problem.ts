// What is wrong with single files or folders of a data set.

/** Something that cannot be used as it is. */
export interface DataProblem {
  /** The file or folder. */
  readonly path: string;
  /** What is wrong, in a sentence. */
  readonly what: string;
  /**
   * Whether a picture is lost by it: training stops, unless it is told to skip. A loop of folders is only reported: nothing
   * is lost.
   */
  readonly loses: boolean;
}

/** Problems that are named one by one in a message. */
const NAMED = 20;

/** Problems as lines, the first twenty of them. */
export function problemLines(problems: readonly DataProblem[]): string[] {
  const lines = problems.slice(0, NAMED).map(({ path, what }) => `${path}: ${what}`);
  const more = problems.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}
