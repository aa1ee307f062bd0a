// The outermost eigenvalues of a symmetric tridiagonal matrix, by bisection on Sturm's count.

/** How many eigenvalues lie below x: sign changes of the leading minors (Golub and Van Loan, section 8.4). */
function countBelow(diagonal: readonly number[], off: readonly number[], x: number): number {
  let count = 0, pivot = 1;
  diagonal.forEach((value, at) => {
    const coupling = at === 0 ? 0 : off[at - 1] * off[at - 1];
    pivot = value - x - (coupling === 0 ? 0 : coupling / pivot);
    // A pivot of 0 counts as a negative one right beside it.
    if (pivot === 0) pivot = -Number.MIN_VALUE;
    if (pivot < 0) count++;
  });
  return count;
}

/** The smallest and the largest eigenvalue; `off[i]` couples i and i + 1. */
export function extremeEigenvalues(
  diagonal: readonly number[],
  off: readonly number[],
): { smallest: number; largest: number } {
  const radius = diagonal.map((_, at) => Math.abs(off[at - 1] ?? 0) + Math.abs(off[at] ?? 0));
  const low = Math.min(...diagonal.map((value, at) => value - radius[at]));
  const high = Math.max(...diagonal.map((value, at) => value + radius[at]));
  const bisect = (rank: number): number => {
    let [from, to] = [low, high];
    // 100 halvings reach the last bit of any interval.
    for (let step = 0; step < 100 && from < to; step++) {
      const middle = (from + to) / 2;
      if (countBelow(diagonal, off, middle) >= rank) to = middle;
      else from = middle;
    }
    return (from + to) / 2;
  };
  return { smallest: bisect(1), largest: bisect(diagonal.length) };
}
