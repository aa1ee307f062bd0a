// Whether new tensors remember the operation that made them.

let recording = true;

/** Whether operations are being recorded for differentiation. */
export function isRecording(): boolean {
  return recording;
}

function withRecording<Result>(value: boolean, body: () => Result): Result {
  const before = recording;
  recording = value;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/**
 * Runs `body` without recording: its tensors cannot be differentiated, and hold on to nothing.
 *
 * @param body A synchronous function.
 * @returns What `body` returns.
 *
 * @example
 * ```ts
 * import { tensor, withoutRecording } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const y = withoutRecording(() => tensor([1, 2]).mul(3));
 * assertEquals(y.origin, undefined);
 * ```
 */
export function withoutRecording<Result>(body: () => Result): Result {
  return withRecording(false, body);
}

/** Runs `body` with recording on, also inside {@linkcode withoutRecording}. */
export function recordingOn<Result>(body: () => Result): Result {
  return withRecording(true, body);
}
