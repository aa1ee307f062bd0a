// Making a model and loading a file into it takes little more memory than the file's tensors.

import { assert } from "@std/assert";
import { join } from "node:path";
import { VisionTransformer, withoutInitialValues } from "../../nn/mod.ts";
import { saveWeights } from "../../weights/mod.ts";

const options = `{ preset: "base", depth: 6, classes: 0, inputs: ["rgb"] }`;

/** A process of its own: loads a file, then tells by how much its largest memory grew, in bytes. */
const program = `
import { VisionTransformer, withoutInitialValues, Linear } from "${new URL(
  "../../nn/mod.ts",
  import.meta.url,
)}";
import { tensor } from "${new URL("../../tensor/mod.ts", import.meta.url)}";
import { loadWeights, openSafetensors } from "${new URL("../../weights/mod.ts", import.meta.url)}";
const peak = () => 1024 * Number(/VmHWM:\\s+(\\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))[1]);
// The engine is started first: its threads and code are not the weights'.
new Linear(2, 2, { random: 0 }).forward(tensor([[1, 2]])).dataSync();
const before = peak();
const model = withoutInitialValues(() => VisionTransformer.create(${options}));
{
  using source = await openSafetensors(Deno.args[0]);
  await loadWeights(model, source);
}
console.log(peak() - before);
Deno.exit(0);
`;

Deno.test({
  name: "a model and the file it is filled from take at most 1.2 times the memory of the tensors",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const path = join(folder, "model.safetensors");
      const { size } = await save(path);
      const script = join(folder, "load.ts");
      await Deno.writeTextFile(script, program);
      const config = new URL("../../deno.json", import.meta.url).pathname;
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", "--no-check", "--config", config, script, path],
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const grown = Number(new TextDecoder().decode(stdout));
      assert(grown > 0.9 * size && grown <= 1.2 * size, `${grown} bytes for tensors of ${size}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Writes a model of 173 MB. */
async function save(path: string): Promise<Deno.FileInfo> {
  await saveWeights(
    path,
    withoutInitialValues(() =>
      VisionTransformer.create({ preset: "base", depth: 6, classes: 0, inputs: ["rgb"] })
    ),
  );
  return await Deno.stat(path);
}
