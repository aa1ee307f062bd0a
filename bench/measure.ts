// Timing side by side: warm up, then take turns, so that a noisy machine disturbs all alike.

/** One who takes turns: returns the milliseconds of one repetition, averaged over `count`. */
export type Contender = (count: number) => Promise<number> | number;

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A contender that calls a function. */
export function repeat(body: () => void): Contender {
  return (count) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) body();
    return (performance.now() - start) / count;
  };
}

/** Turns that a median needs, however long they take. */
const FEWEST_ROUNDS = 5;

/**
 * Warms all contenders up for about a second each (V8 needs that until WebAssembly runs at full speed), then lets them
 * take turns.
 *
 * @param options `rounds` turns, each at least `milliseconds` long; no more than {@linkcode FEWEST_ROUNDS} of them
 * where `seconds` are over.
 * @returns The median milliseconds of each contender.
 */
export async function race(
  contenders: readonly Contender[],
  { rounds = 21, milliseconds = 100, seconds = 60 }: {
    rounds?: number;
    milliseconds?: number;
    seconds?: number;
  } = {},
): Promise<number[]> {
  const counts: number[] = [];
  for (const contender of contenders) {
    const start = performance.now();
    let one = Infinity;
    while (performance.now() - start < 1200) one = Math.min(one, await contender(1));
    counts.push(Math.max(1, Math.round(milliseconds / one)));
  }
  const times: number[][] = contenders.map(() => []);
  const start = performance.now();
  const isOver = () => performance.now() - start > 1000 * seconds;
  for (let round = 0; round < rounds && (round < FEWEST_ROUNDS || !isOver()); round++) {
    for (const [at, contender] of contenders.entries()) {
      times[at].push(await contender(counts[at]));
    }
  }
  return times.map(median);
}
