// The command pull: where the weights are and where from, in a few lines; one line for an error.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { VisionTransformer } from "../../nn/mod.ts";
import { encodeWeights } from "../../weights/mod.ts";
import { startHub } from "./hub_server.ts";

/** Runs `deno task pull` and returns what it wrote. */
async function pull(
  args: readonly string[],
  environment: Record<string, string>,
): Promise<{ code: number; output: string; errors: string }> {
  const command = fileURLToPath(new URL("../../cli/pull.ts", import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", command, ...args],
    env: { NO_COLOR: "1", ...environment },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, output: text(stdout), errors: text(stderr) };
}

Deno.test("pull fetches a repository and says what came, from where and where it is", async () => {
  const folder = await Deno.makeTempDir();
  const model = VisionTransformer.create({
    ...{ preset: "tiny", imageSize: 8, patchSize: 4, width: 8, depth: 1, heads: 2 },
  });
  const files = { "model.safetensors": encodeWeights(model) };
  {
    await using hub = await startHub("owner/vit", files, { token: "hf_secret" });
    const { code, output, errors } = await pull(["owner/vit"], {
      HF_ENDPOINT: hub.endpoint,
      HF_HOME: folder,
      HF_TOKEN: "hf_secret",
    });
    assertEquals(code, 0, errors);
    assertStringIncludes(errors, "downloading model.safetensors of owner/vit");
    const [from, what, path] = output.trim().split("\n");
    assertStringIncludes(
      from,
      "owner/vit from owner/vit (commit 01234567) of the Hugging Face hub",
    );
    assertEquals(what, "20 tensors, named as in timm");
    assert(path.startsWith(folder));
    assertEquals(await Deno.readFile(path), files["model.safetensors"]);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("pull answers a wrong name, or none, with one line", async () => {
  const wrong = await pull(["clip-vit-b61"], {});
  assertEquals([wrong.code, wrong.output], [1, ""]);
  assertStringIncludes(wrong.errors, 'did you mean "clip-vit-b16"?');
  assertEquals(wrong.errors.trim().split("\n").length, 1);
  const none = await pull([], {});
  assertEquals(none.code, 1);
  assertStringIncludes(none.errors, "ConfigError: pull takes one name: clip-vit-b16");
});
