// A few pieces of asynchronous work at a time.

/**
 * Calls `work` for 0 .. count - 1, at most `lanes` at a time.
 *
 * After a failure nothing new is begun, and the first error is thrown when all that was begun has ended: a codec that still
 * runs when the program ends takes it down.
 */
export async function inLanes(
  count: number,
  lanes: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (next < count && errors.length === 0) {
      try {
        await work(next++);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
  if (errors.length > 0) throw errors[0];
}
