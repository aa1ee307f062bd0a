// What the doctor finds: the machine, WebAssembly, the WebGPU adapter, what will be used, and what is missing.

import { availableParallelism, totalmem } from "node:os";
import {
  type AdapterFacts,
  adapterName,
  adapterVendor,
  classifyAdapter,
  type SelfTestResult,
} from "../kernels/mod.ts";
import { hasRelaxedSimd } from "../kernels/wasm/values.ts";
import type { DeviceChoice } from "../training/device.ts";

/** A heading and its lines. */
export interface Finding {
  /** What the lines are about. */
  readonly name: string;
  /** What was found. */
  readonly lines: readonly string[];
}

/** The parts of an adapter that the doctor looks at. */
export interface ExaminedAdapter {
  /** What it says of itself. */
  readonly info: AdapterFacts;
  /** The optional features that it has. */
  readonly features: ReadonlySet<string>;
  /** What it allows. */
  readonly limits: Readonly<Record<string, number>>;
}

/** The limits that decide what can be computed, and their units. */
const shownLimits: readonly (readonly [name: string, label: string, unit: "bytes" | "count"])[] = [
  ["maxBufferSize", "a buffer", "bytes"],
  ["maxStorageBufferBindingSize", "what one kernel sees of a buffer", "bytes"],
  ["maxStorageBuffersPerShaderStage", "buffers of a kernel", "count"],
  ["maxComputeWorkgroupStorageSize", "memory of a workgroup", "bytes"],
  ["maxComputeInvocationsPerWorkgroup", "invocations of a workgroup", "count"],
  ["maxComputeWorkgroupsPerDimension", "workgroups along an axis", "count"],
];

/** The optional features that this program uses, and for what. */
const usedFeatures: readonly (readonly [name: string, use: string])[] = [
  ["shader-f16", "--precision mixed"],
  ["timestamp-query", "times of single kernels"],
  ["subgroups", "faster matrix products and sums"],
];

/** The smallest module that uses SIMD: one function that makes a vector of zeros. */
// deno-fmt-ignore
const simdProbe = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0,
  10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x11, 0x0b,
);

/** The smallest module with a shared memory. */
const sharedProbe = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 4, 1, 3, 1, 1);

/** The smallest module with a 64-bit memory. */
const memory64Probe = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 4, 1);

/** Bytes in the largest unit that they fill. */
function bytesText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`;
}

const yesNo = (value: boolean): string => value ? "yes" : "no";

/** The machine and the runtime. */
export function machineFinding(): Finding {
  const { os, arch } = Deno.build;
  return {
    name: "machine",
    lines: [
      `${os} ${arch}, ${availableParallelism()} cores, ${bytesText(totalmem())} of memory`,
      `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`,
    ],
  };
}

/** What the engine's WebAssembly can do. */
export function webAssemblyFinding(threads: number): Finding {
  const relaxedSimd = hasRelaxedSimd();
  const sharedMemory = WebAssembly.validate(sharedProbe) && "SharedArrayBuffer" in globalThis;
  return {
    name: "WebAssembly",
    lines: [
      `SIMD: ${yesNo(WebAssembly.validate(simdProbe))}`,
      `relaxed SIMD (fused multiply-add): ${yesNo(relaxedSimd)}` +
      (relaxedSimd ? "" : "; products take about twice as long"),
      `shared memory: ${yesNo(sharedMemory)}` +
      (sharedMemory ? `, so ${threads} threads are used` : "; one thread is used"),
      `64-bit memory: ${yesNo(WebAssembly.validate(memory64Probe))}`,
    ],
  };
}

/** The adapter: what it is, what it has, what it allows. */
export function adapterFinding(
  adapter: ExaminedAdapter | undefined,
  opened: { readonly readsSynchronously: boolean } | undefined,
): Finding {
  const name = "WebGPU";
  if (!adapter) return { name, lines: ["no adapter"] };
  const { info, features, limits } = adapter;
  const kind = {
    hardware: "a graphics processor",
    software: "computes in software, on the CPU",
    unknown: "does not say what it is",
  }[classifyAdapter(info)];
  const identity = [adapterVendor(info), info.architecture, info.device].filter(Boolean).join(", ");
  return {
    name,
    lines: [
      `adapter: ${adapterName(info)}, ${kind}`,
      ...(identity ? [`vendor, architecture, device: ${identity}`] : []),
      ...usedFeatures.map(([feature, use]) =>
        `${feature} (${use}): ${yesNo(features.has(feature))}`
      ),
      ...shownLimits.flatMap(([limit, label, unit]) => {
        const value = limits[limit];
        if (value === undefined) return [];
        return [`at most ${unit === "bytes" ? bytesText(value) : value}: ${label}`];
      }),
      ...(opened ? [`reads within a turn: ${yesNo(opened.readsSynchronously)}`] : []),
    ],
  };
}

/** The Vulkan drivers that are installed, by the names of their files. */
export function vulkanDrivers(
  folders: readonly string[] = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"],
): string[] {
  return folders.flatMap((folder) => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) return [];
      throw cause;
    }
  }).filter((name) => name.endsWith(".json")).sort();
}

/** The vendors of the graphics cards that Linux knows, driver or not. */
export function graphicsCards(folder = "/sys/class/drm"): string[] {
  try {
    const vendors = [...Deno.readDirSync(folder)]
      .filter(({ name }) => /^card\d+$/.test(name))
      .flatMap(({ name }) => {
        try {
          return [Deno.readTextFileSync(`${folder}/${name}/device/vendor`).trim()];
        } catch {
          // A display without a PCI device.
          return [];
        }
      });
    return vendors.map((vendor) => adapterVendor({ vendor }));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw cause;
  }
}

/** What to install where no graphics processor is found; nothing where one is. */
export function adviceFinding(
  os: typeof Deno.build.os,
  adapter: AdapterFacts | undefined,
  found: { readonly drivers: readonly string[]; readonly cards: readonly string[] },
): Finding | undefined {
  const kind = adapter && classifyAdapter(adapter);
  if (kind === "hardware" || kind === "unknown") return undefined;
  const lines: string[] = [];
  if (os === "linux") {
    const { drivers, cards } = found;
    lines.push(
      `graphics cards: ${cards.join(", ") || "none that Linux lists"}; Vulkan drivers: ${
        drivers.join(", ") || "none"
      }`,
      "AMD or Intel graphics: the Vulkan driver of Mesa (Debian and Ubuntu: apt install mesa-vulkan-drivers)",
      "NVIDIA graphics: NVIDIA's own driver (apt install nvidia-driver) and the Vulkan loader (libvulkan1);",
      "  in a container, the NVIDIA Container Toolkit with NVIDIA_DRIVER_CAPABILITIES=all",
    );
    if (!adapter) {
      lines.push(
        "no graphics at all: mesa-vulkan-drivers has an adapter in software, to try WebGPU with",
      );
    }
  } else if (os === "windows") {
    lines.push("the driver of the graphics processor, from its maker (Direct3D 12)");
  } else if (os === "darwin") {
    lines.push(
      "macOS brings the driver (Metal) with it; a virtual machine may have no graphics processor",
    );
  } else lines.push("a Vulkan driver for the graphics processor");
  return { name: "to install", lines };
}

/** What will compute, and why. */
export function choiceFinding({ device, why }: DeviceChoice): Finding {
  return { name: "used", lines: [`${device}: ${why}`] };
}

/** How the self-test of an executor went: one line where all is well, else one for each failure. */
export function selfTestFinding(device: string, results: readonly SelfTestResult[]): Finding {
  const kernels = new Set(results.map(({ kernel }) => kernel)).size;
  const failures = results.flatMap(({ failure }) => failure ? [failure] : []);
  const largest = Math.max(...results.map(({ error }) => error));
  return {
    name: `self-test, ${device}`,
    lines: failures.length === 0
      ? [
        `${kernels} ${
          kernels === 1 ? "kernel" : "kernels"
        } in ${results.length} examples agree with the reference to ${largest.toExponential(1)}`,
      ]
      : failures.map(({ name, message }) => `${name}: ${message}`),
  };
}

/** Findings as text: the names on the left. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length)) + 2;
  return findings.map(({ name, lines }) =>
    lines.map((line, at) => `  ${(at === 0 ? name : "").padEnd(width)}${line}`).join("\n")
  ).join("\n\n");
}
