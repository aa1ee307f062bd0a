// What peer processes share: the numbers that they compute with, and what they say. A peer prints `ready`, then answers
// every line `run N` with the milliseconds of N repetitions.

/** Deterministic small numbers: what all peers compute with. */
export function smallNumbers(shape: readonly number[], scale: number): Float32Array<ArrayBuffer> {
  const count = shape.reduce((product, length) => product * length, 1);
  return Float32Array.from({ length: count }, (_, i) => scale * Math.sin(i * 1.7 + 0.3));
}

/** Serves a peer's repetitions over standard input and output. */
export async function serve(repeat: () => Promise<void>): Promise<void> {
  console.log("ready");
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const text of lines) {
    rest += text;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const [, count] = rest.slice(0, end).split(" ");
      rest = rest.slice(end + 1);
      const start = performance.now();
      for (let i = 0; i < Number(count); i++) await repeat();
      console.log(String(performance.now() - start));
    }
  }
  Deno.exit(0);
}
