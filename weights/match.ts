// Which stored tensor goes where: everything that does not fit is told at once.

import { StateError } from "../errors.ts";
import { type Shape, showShape } from "../tensor/shape.ts";
import { reasonUnused, type Recognized, rowFor } from "./names.ts";

/** One of our tensors, and the stored ones it is made of. */
export interface Match {
  /** Our name. */
  readonly ours: string;
  /** Stored names; several are stacked along the first axis. */
  readonly theirs: readonly string[];
  /** Whether they are stored as [inputs, outputs]. */
  readonly transposed: boolean;
}

/** A stored tensor that is left aside, and why. */
export interface Unused {
  /** Its stored name. */
  readonly name: string;
  /** The reason. */
  readonly why: string;
}

/** How a file fills a model. */
export interface Matching {
  /** What is read. */
  readonly matches: readonly Match[];
  /** Names of ours that keep their values because the caller said so. */
  readonly kept: readonly string[];
  /** What is left aside. */
  readonly unused: readonly Unused[];
}

/** What is matched with what. */
export interface MatchOptions {
  /** Where the tensors come from, for errors: a path. */
  readonly source: string;
  /** Our tensors: shapes by name. */
  readonly ours: ReadonlyMap<string, Shape>;
  /** The stored tensors: shapes by name. */
  readonly theirs: ReadonlyMap<string, Shape>;
  /** The convention of the stored names. */
  readonly recognized: Recognized;
  /** Which of our tensors keep their values, such as those of a new read-out; none by default. */
  readonly keep?: (ours: string) => boolean;
}

/** A shape without leading ones: a class token is [768] here and [1, 1, 768] there. */
function essence(shape: Shape): string {
  const first = shape.findIndex((length) => length !== 1);
  return showShape(first < 0 ? [] : shape.slice(first));
}

/** The shape that stored parts have together, or undefined where they cannot be stacked. */
function stackedShape(parts: readonly Shape[], transposed: boolean): Shape | undefined {
  const shapes = transposed ? parts.map((part) => part.toReversed()) : parts;
  if (shapes.length === 1) return shapes[0];
  const [first] = shapes;
  const alike = shapes.every((shape) =>
    shape.length > 0 && showShape(shape.slice(1)) === showShape(first.slice(1))
  );
  return alike ? [shapes.reduce((sum, shape) => sum + shape[0], 0), ...first.slice(1)] : undefined;
}

/**
 * Finds the stored tensor or tensors for each of ours.
 *
 * @throws {StateError} Tensors of ours are not stored, stored ones are left over without a known reason, or shapes
 * differ; the message names every one.
 */
export function matchNames(options: MatchOptions): Matching {
  const { source, ours, theirs, recognized, keep = () => false } = options;
  const { naming, prefix } = recognized;
  const problems: string[] = [];
  const matches: Match[] = [];
  const kept: string[] = [];
  const consumed = new Set<string>();
  const given = new Set<string>();
  for (const [name, shape] of ours) {
    const row = rowFor(naming, name);
    const stored = row?.theirs.map((each) => prefix + each) ?? [];
    if (keep(name)) {
      kept.push(name);
      for (const each of stored) given.add(each);
      continue;
    }
    if (!row) {
      problems.push(`missing ${name} ${showShape(shape)}: ${naming.title} has no such tensor`);
      continue;
    }
    for (const each of stored) consumed.add(each);
    const absent = stored.filter((each) => !theirs.has(each));
    if (absent.length > 0) {
      problems.push(`missing ${name} ${showShape(shape)}: there is no ${absent.join(", no ")}`);
      continue;
    }
    const parts = stored.map((each) => theirs.get(each)!);
    const transposed = row.transposed ?? false;
    const together = stackedShape(parts, transposed);
    if (!together || essence(together) !== essence(shape)) {
      const found = stored.map((each, at) => `${each} ${showShape(parts[at])}`).join(", ");
      problems.push(`differs ${name}: the model has ${showShape(shape)}, stored is ${found}`);
      continue;
    }
    matches.push({ ours: name, theirs: stored, transposed });
  }
  const unused: Unused[] = [];
  for (const [name, shape] of theirs) {
    if (consumed.has(name)) continue;
    const why = given.has(name) ? "the model keeps its own" : reasonUnused(recognized, name);
    if (why === undefined) problems.push(`left over ${name} ${showShape(shape)}`);
    else unused.push({ name, why });
  }
  if (problems.length > 0) {
    throw new StateError(
      `${source}: the tensors (named as in ${naming.title}) do not fit the model; nothing was ` +
        `loaded. The model's sizes must be those of the file, and a part that shall keep its ` +
        `values is named by \`keep\`:\n  ${problems.join("\n  ")}`,
    );
  }
  return { matches, kept, unused };
}
