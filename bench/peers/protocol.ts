// What a peer process says: it prints `ready`, then answers every line `run N` with the milliseconds of N repetitions.

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
