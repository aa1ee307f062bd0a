// What an adapter is: its name, and whether it is a graphics processor or a program that imitates one.

/** What an adapter says of itself; browsers leave much of it empty, and not every implementation has every field. */
export type AdapterFacts =
  & Partial<
    Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description">
  >
  & { readonly isFallbackAdapter?: boolean };

/** Software rasterizers by the names that they give themselves. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|\bwarp\b|software/i;

/** Vendors by the numbers of the PCI registry, which some implementations give in place of a name. */
const vendors: Readonly<Record<number, string>> = {
  0x1002: "amd",
  0x106b: "apple",
  0x10de: "nvidia",
  0x13b5: "arm",
  0x1ae0: "google",
  0x5143: "qualcomm",
  0x8086: "intel",
  0x10005: "mesa",
};

/** The vendor in a word; empty where the adapter does not say. */
export function adapterVendor({ vendor = "" }: AdapterFacts): string {
  return vendors[Number(vendor)] ?? vendor;
}

/** The adapter's name: what its driver calls it, else vendor and architecture. */
export function adapterName(facts: AdapterFacts): string {
  const { architecture = "", description = "" } = facts;
  return description || `${adapterVendor(facts)} ${architecture}`.trim() || "an unnamed adapter";
}

/**
 * Whether an adapter computes on a graphics processor (`hardware`) or on the CPU (`software`). One that says nothing of
 * itself is `unknown`: it may be either.
 */
export function classifyAdapter(facts: AdapterFacts): "hardware" | "software" | "unknown" {
  const { vendor = "", architecture = "", device = "", description = "" } = facts;
  const text = [vendor, architecture, device, description].join(" ");
  if (facts.isFallbackAdapter === true || SOFTWARE.test(text)) return "software";
  return text.trim() === "" ? "unknown" : "hardware";
}

/** The fastest adapter; undefined where the runtime has no WebGPU or the machine no adapter. */
export async function requestAdapter(): Promise<GPUAdapter | undefined> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  return await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}
