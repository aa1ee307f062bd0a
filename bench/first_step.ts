// How long a fresh process takes from the import to its first finished training step. Prints `first MILLISECONDS`.

const start = performance.now();
const { encoderShape, encoderSteps } = await import("./vit.ts");
await encoderSteps(encoderShape).plain(1);
console.log(`first ${performance.now() - start}`);
Deno.exit(0);
