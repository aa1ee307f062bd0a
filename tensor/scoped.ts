// Running a function in a scope of its own.

import { Scope, tensorsIn } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/**
 * Runs `body` in a scope: what it makes is released at its end, except the tensors in what it returns (alone, or
 * inside arrays, maps and plain objects), which move to the enclosing scope.
 *
 * @param body A synchronous function.
 *
 * @example
 * ```ts
 * import { scoped, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const total = scoped(() => tensor([1, 2, 3]).square().sum());
 * assertEquals(total.item(), 14);
 * ```
 */
export function scoped<Result>(body: () => Result): Result {
  const scope = new Scope();
  let survivors: Set<Tensor> | undefined;
  try {
    const result = body();
    survivors = tensorsIn(result, (value) => value instanceof Tensor);
    return result;
  } finally {
    scope.close(survivors);
  }
}
