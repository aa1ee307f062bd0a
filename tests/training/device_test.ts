// Where a run computes: what is asked for, else a graphics processor that says that it is one, else the CPU.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "../../errors.ts";
import type { AdapterFacts } from "../../kernels/webgpu/mod.ts";
import { chooseDevice, threadCount, useDevice } from "../../training/device.ts";
import { withGpu } from "../tensor/with_gpu.ts";

Deno.test("the option decides over CORIT_THREADS, and that over the number of cores", () => {
  const before = Deno.env.get("CORIT_THREADS");
  try {
    Deno.env.delete("CORIT_THREADS");
    assertEquals(threadCount(0), navigator.hardwareConcurrency);
    Deno.env.set("CORIT_THREADS", "3");
    assertEquals([threadCount(0), threadCount(2)], [3, 2]);
    Deno.env.set("CORIT_THREADS", "two");
    assertThrows(() => threadCount(0), ConfigError, '"two"');
  } finally {
    if (before === undefined) Deno.env.delete("CORIT_THREADS");
    else Deno.env.set("CORIT_THREADS", before);
  }
});

/** Adapters as Deno and Chromium describe them. */
const hardware: readonly AdapterFacts[] = [
  { vendor: "4318", device: "8964", description: "NVIDIA H100 80GB HBM3" },
  { vendor: "nvidia", architecture: "ampere", device: "", description: "" },
  { vendor: "0", description: "Apple M4", isFallbackAdapter: false },
  { vendor: "apple", architecture: "metal-3", device: "", description: "" },
  { vendor: "4098", description: "AMD Radeon RX 7900 XTX (RADV NAVI31)" },
  { vendor: "32902", description: "Intel(R) Arc(tm) A770 Graphics (DG2)" },
];
const software: readonly AdapterFacts[] = [
  { vendor: "65541", description: "llvmpipe (LLVM 15.0.6, 256 bits)", isFallbackAdapter: true },
  { description: "llvmpipe (LLVM 15.0.6, 256 bits)" },
  { vendor: "6880", description: "SwiftShader Device (LLVM 16.0.0)" },
  { vendor: "google", architecture: "swiftshader", device: "", description: "" },
  { vendor: "5140", description: "Microsoft Basic Render Driver" },
  { vendor: "microsoft", architecture: "warp" },
  // What it calls itself does not help an adapter that the runtime knows to be the fallback.
  { vendor: "intel", description: "some new rasterizer", isFallbackAdapter: true },
];

Deno.test("a graphics processor is chosen, and named", () => {
  for (const facts of hardware) assertEquals(chooseDevice(facts).device, "webgpu");
  assertStringIncludes(chooseDevice(hardware[0]).why, "NVIDIA H100 80GB HBM3");
  assertStringIncludes(chooseDevice(hardware[1]).why, "nvidia ampere");
});

Deno.test("an adapter in software is never chosen, and the reason says so", () => {
  for (const facts of software) {
    const { device, why } = chooseDevice(facts);
    assertEquals([device, why.includes("computes in software")], ["wasm", true], why);
  }
});

Deno.test("an adapter that says nothing of itself is not chosen, nor one that is not there", () => {
  for (const facts of [{}, { vendor: "", architecture: "", device: "", description: "" }]) {
    const { device, why } = chooseDevice(facts);
    assertEquals(device, "wasm");
    assertStringIncludes(why, "--device webgpu");
  }
  assertEquals(chooseDevice(undefined), {
    device: "wasm",
    why: "there is no WebGPU adapter",
  });
});

Deno.test("a graphics processor that refuses to work is left alone by auto, with its reason", async () => {
  const adapter = {
    limits: {},
    features: new Set(),
    info: { description: "NVIDIA H100 80GB HBM3" },
    requestDevice: () => Promise.reject(new TypeError("driver too old")),
  };
  await withGpu({ requestAdapter: () => Promise.resolve(adapter) }, async () => {
    const { device, why } = await useDevice({ device: "auto", threads: 1 });
    assertEquals(device, "wasm");
    assert(why.includes("H100") && why.includes("driver too old"), why);
  });
});
