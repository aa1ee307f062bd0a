// A program outside of the repository that knows the package by its name only.

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";

const repository = new URL("../../", import.meta.url);

/** Learns XOR in under 15 lines. */
const program = `
import { adamW, binaryCrossEntropyWithLogits, Linear, Sequential, tensor, trainStep } from "@corit/corit";

const network = new Sequential([
  new Linear(2, 8, { random: 0 }),
  (x) => x.tanh(),
  new Linear(8, 1, { random: 1 }),
]);
const batch = { x: tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), y: tensor([[0], [1], [1], [0]]) };
const step = trainStep(network, adamW({ learningRate: 0.05 }), (model, { x, y }: typeof batch) =>
  binaryCrossEntropyWithLogits(model.forward(x), y));
let loss = Infinity;
for (let i = 0; i < 300; i++) ({ loss } = await step(batch));
console.log(loss);
`.trim();

Deno.test("a program outside learns XOR in under 15 lines, and ends by itself", async () => {
  assert(program.split("\n").length < 15);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "xor.ts"), program);
    const imports = { "@corit/corit": new URL("mod.ts", repository).href };
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ imports }));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--check", "--allow-all", "xor.ts"],
      cwd: folder,
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assert(Number(new TextDecoder().decode(stdout)) < 0.05);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
