// Which of several kernels computes an operation: a table keyed by operation, shape class and adapter class.
//
// A kernel that knows several ways names them and says which one it would take; the table may know better, from
// measurements on the adapter. Choices change the order of sums, and so the last bits: a run can list those it used.

/** The classes of adapters that kernels are chosen for. */
export type AdapterClass = "software" | "hardware";

/** Choices that differ from the defaults: the name of a way by {@linkcode choiceKey}. */
export type ChoiceOverrides = Readonly<Record<string, string>>;

/** A choice that was made. */
export interface Choice {
  /** Operation, shape class and adapter class: see {@linkcode choiceKey}. */
  readonly key: string;
  /** The ways that there are. */
  readonly ways: readonly string[];
  /** The one that is taken unless told otherwise. */
  readonly standard: string;
  /** The one that was taken. */
  readonly taken: string;
}

/** Names a choice. */
export function choiceKey(
  operation: string,
  shapeClass: string,
  adapterClass: AdapterClass,
): string {
  return `${operation} / ${shapeClass} / ${adapterClass}`;
}

/** A length, as far as it decides: the power of two that it reaches. */
export function lengthClass(length: number): string {
  return length <= 0 ? "0" : `${2 ** Math.ceil(Math.log2(length))}`;
}

/** The choices of one executor. */
export class ChoiceTable {
  readonly #used = new Map<string, Choice>();
  #overrides: ChoiceOverrides;

  /** A table for a class of adapters. */
  constructor(readonly adapterClass: AdapterClass, overrides: ChoiceOverrides = {}) {
    this.#overrides = overrides;
  }

  /** The choices that were made so far. */
  get used(): readonly Choice[] {
    return [...this.#used.values()];
  }

  /** Forgets which choices were made so far. */
  forgetUsed(): void {
    this.#used.clear();
  }

  /** The choices that differ from the defaults. */
  get overrides(): ChoiceOverrides {
    return this.#overrides;
  }

  /** Overrides choices from now on; programs that were prepared before keep theirs. */
  override(overrides: ChoiceOverrides): void {
    this.#overrides = overrides;
  }

  /**
   * Takes one of the `ways`: the one that the table names for this operation and shape class, or else `standard`. A name
   * that is not among the ways, as from a table of another version, does not count.
   */
  choose<Way extends string>(
    operation: string,
    shapeClass: string,
    ways: readonly Way[],
    standard: Way,
  ): Way {
    const key = choiceKey(operation, shapeClass, this.adapterClass);
    const wanted = this.#overrides[key];
    const taken = ways.find((way) => way === wanted) ?? standard;
    this.#used.set(key, { key, ways, standard, taken });
    return taken;
  }
}
