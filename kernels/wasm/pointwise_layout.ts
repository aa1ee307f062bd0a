// Simplifying a pointwise call: as few axes as its inputs' strides allow, and how each input is read along the last.

/** How an input is read along the innermost axis: one after the other, one for all, or at a distance. */
export type ReadMode = "contiguous" | "broadcast" | "strided";

/** One axis. */
export interface PointwiseAxis {
  /** Its number of elements. */
  readonly size: number;
  /** Elements from one to the next, for each input. */
  readonly strides: readonly number[];
}

/** A pointwise call made simple. */
export interface PointwiseLayout {
  /** Outermost first; none where the innermost axis is all there is. */
  readonly outer: readonly PointwiseAxis[];
  /** The axis that rows run along. */
  readonly inner: PointwiseAxis;
  /** How each input is read along it. */
  readonly modes: readonly ReadMode[];
}

/** The layout of a call, or null where there are no elements. Outputs are contiguous, so only inputs decide. */
export function simplifyPointwise(
  shape: readonly number[],
  inputStrides: readonly (readonly number[])[],
): PointwiseLayout | null {
  if (shape.includes(0)) return null;
  const axes: PointwiseAxis[] = [];
  shape.forEach((size, position) => {
    if (size === 1) return;
    const strides = inputStrides.map((each) => each[position]);
    const outer = axes.at(-1);
    // One stride runs through both axes where the outer one continues what the inner one began.
    const continues = outer?.strides.every((stride, input) => stride === strides[input] * size);
    if (outer && continues) axes[axes.length - 1] = { size: outer.size * size, strides };
    else axes.push({ size, strides });
  });
  const inner = axes.pop() ?? { size: 1, strides: inputStrides.map(() => 0) };
  const modes = inner.strides.map((stride): ReadMode =>
    stride === 1 ? "contiguous" : stride === 0 ? "broadcast" : "strided"
  );
  return { outer: axes, inner, modes };
}
