// The doctor names what is there, what is missing and what to install, and fails where a kernel is wrong.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  adapterFinding,
  adviceFinding,
  choiceFinding,
  findingsText,
  graphicsCards,
  machineFinding,
  selfTestFinding,
  vulkanDrivers,
  webAssemblyFinding,
} from "../../cli/diagnosis.ts";
import { DeviceError, NumericError } from "../../errors.ts";
import { type AdapterFacts, type KernelName, selfTest, WasmExecutor } from "../../kernels/mod.ts";
import { chooseDevice } from "../../training/device.ts";
import { inFolder } from "../end_to_end/command.ts";

const h100: AdapterFacts = { vendor: "4318", device: "8964", description: "NVIDIA H100 80GB HBM3" };
const llvmpipe: AdapterFacts = { vendor: "65541", description: "llvmpipe (LLVM 15.0.6, 256 bits)" };
const nothing = { drivers: [], cards: [] };

Deno.test("the doctor tells what the adapter is, has and allows", () => {
  const { lines } = adapterFinding(
    {
      info: h100,
      features: new Set(["shader-f16"]),
      limits: { maxBufferSize: 2 ** 31, maxStorageBuffersPerShaderStage: 16 },
    },
    { readsSynchronously: true },
  );
  assertEquals(lines, [
    "adapter: NVIDIA H100 80GB HBM3, a graphics processor",
    "vendor, architecture, device: nvidia, 8964",
    "shader-f16 (--precision mixed): yes",
    "timestamp-query (times of single kernels): no",
    "subgroups (faster matrix products and sums): no",
    "at most 2 GiB: a buffer",
    "at most 16: buffers of a kernel",
    "reads within a turn: yes",
  ]);
  assertEquals(adapterFinding(undefined, undefined).lines, ["no adapter"]);
});

Deno.test("the doctor says what to install where there is no graphics processor, by system", () => {
  assertEquals(adviceFinding("linux", h100, nothing), undefined);
  const linux = adviceFinding("linux", undefined, nothing)!.lines.join("\n");
  for (
    const wanted of ["mesa-vulkan-drivers", "nvidia-driver", "libvulkan1", "Vulkan drivers: none"]
  ) {
    assertStringIncludes(linux, wanted);
  }
  const found = { drivers: ["lvp_icd.x86_64.json"], cards: ["nvidia"] };
  const software = adviceFinding("linux", llvmpipe, found)!.lines.join("\n");
  assertStringIncludes(software, "graphics cards: nvidia; Vulkan drivers: lvp_icd.x86_64.json");
  assertStringIncludes(adviceFinding("windows", undefined, nothing)!.lines[0], "Direct3D 12");
  assertStringIncludes(adviceFinding("darwin", undefined, nothing)!.lines[0], "Metal");
});

Deno.test("the doctor finds Vulkan drivers and graphics cards where Linux lists them", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/card0/device`, { recursive: true });
    await Deno.writeTextFile(`${folder}/card0/device/vendor`, "0x10de\n");
    await Deno.mkdir(`${folder}/card0-DP-1`);
    await Deno.mkdir(`${folder}/card1`);
    await Deno.writeTextFile(`${folder}/b_icd.json`, "{}");
    await Deno.writeTextFile(`${folder}/a_icd.json`, "{}");
    assertEquals(graphicsCards(folder), ["nvidia"]);
    assertEquals(vulkanDrivers([folder, `${folder}/none`]), ["a_icd.json", "b_icd.json"]);
    assertEquals(graphicsCards(`${folder}/none`), []);
  }));

Deno.test("what will be used, the machine and its WebAssembly stand in the text", () => {
  const text = findingsText([
    machineFinding(),
    webAssemblyFinding(3),
    choiceFinding(chooseDevice(llvmpipe)),
  ]);
  assertStringIncludes(text, `Deno ${Deno.version.deno}`);
  assertStringIncludes(text, "so 3 threads are used");
  assertStringIncludes(text, "SIMD: yes");
  assertStringIncludes(text, "wasm: the only WebGPU adapter, llvmpipe");
});

/** An executor some of whose kernels are wrong, or refuse. */
function broken(wrong: KernelName, refused: KernelName): WasmExecutor {
  const executor = new WasmExecutor({ threads: 1 });
  const run = executor.run.bind(executor);
  executor.run = (name, parameters, inputs, outputs) => {
    if (name === refused) throw new DeviceError(`wasm: ${name} was refused`);
    run(name, parameters, inputs, outputs);
    if (name === wrong) executor.write(outputs[0], Float32Array.of(123));
  };
  return executor;
}

Deno.test("the self-test finds the kernels that are wrong, and goes on where one throws", () => {
  const results = selfTest(broken("softmax", "sort"));
  const failed = results.filter(({ failure }) => failure);
  assertEquals(new Set(failed.map(({ kernel }) => kernel)), new Set(["softmax", "sort"]));
  const softmax = failed.find(({ kernel }) => kernel === "softmax")!;
  assert(softmax.failure instanceof NumericError);
  assertStringIncludes(softmax.failure.message, "wasm: softmax (rows of 65) is off by");
  assert(failed.find(({ kernel }) => kernel === "sort")!.failure instanceof DeviceError);
  const { lines } = selfTestFinding("wasm", results);
  assertEquals(lines.length, failed.length);
  assertStringIncludes(lines.join("\n"), "DeviceError: wasm: sort was refused");
});

/** Runs the command, after some lines that are run before it. */
async function doctor(folder: string, before: string): Promise<{ code: number; text: string }> {
  const path = (of: string) => JSON.stringify(new URL(of, import.meta.url).href);
  await Deno.writeTextFile(
    `${folder}/run.ts`,
    `import { WasmExecutor } from ${path("../../kernels/wasm/mod.ts")};
Object.defineProperty(navigator, "gpu", { value: undefined });
${before}
await import(${path("../../cli/doctor.ts")});
`,
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-check"],
      ...["--config", fileURLToPath(new URL("../../deno.json", import.meta.url))],
      ...[`${folder}/run.ts`, "--threads", "1"],
    ],
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

Deno.test("the command ends with 0 where all kernels are right and with 1 where one is wrong", () =>
  inFolder(async (folder) => {
    const sound = await doctor(folder, "");
    assertEquals(sound.code, 0, sound.text);
    assertStringIncludes(sound.text, "wasm: there is no WebGPU adapter");
    assertStringIncludes(sound.text, "agree with the reference");
    const sick = await doctor(
      folder,
      `const { run } = WasmExecutor.prototype;
WasmExecutor.prototype.run = function (name, parameters, inputs, outputs) {
  run.call(this, name, parameters, inputs, outputs);
  if (name === "layerNorm") this.write(outputs[0], Float32Array.of(NaN));
};`,
    );
    assertEquals(sick.code, 1);
    assertStringIncludes(sick.text, "NumericError: wasm: layerNorm (rows of 65) is off by");
    assertStringIncludes(sick.text, "the self-test failed on wasm");
  }));
