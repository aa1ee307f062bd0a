// How long a fresh process takes from the import to its first finished training step, on the device that is named.
// Prints `first MILLISECONDS`.

const start = performance.now();
const { encoderShape, encoderSteps } = await import("./vit.ts");
if (Deno.args[0] === "webgpu") {
  const { setDefaultDevice, startWebGpu } = await import("../tensor/device.ts");
  await startWebGpu();
  setDefaultDevice("webgpu");
}
await encoderSteps(encoderShape).plain(1);
console.log(`first ${performance.now() - start}`);
Deno.exit(0);
