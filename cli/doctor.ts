// The command behind `deno task doctor`: what this machine computes with, whether it computes right, and what is missing.

import { z } from "zod";
import { CoritError, NumericError } from "../errors.ts";
import { requestAdapter, selfTest, type SelfTestResult } from "../kernels/mod.ts";
import { executorOf, setThreads, startWebGpu } from "../tensor/mod.ts";
import { threadCount, useDevice } from "../training/device.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { runCommand } from "./command.ts";
import {
  adapterFinding,
  adviceFinding,
  choiceFinding,
  type ExaminedAdapter,
  type Finding,
  findingsText,
  graphicsCards,
  machineFinding,
  selfTestFinding,
  vulkanDrivers,
  webAssemblyFinding,
} from "./diagnosis.ts";

/** What the command is told. */
interface DoctorOptions {
  threads: number;
}

const doctorOptions = defineOptions<DoctorOptions>({
  name: "doctor",
  summary: [
    "Says what this machine computes with: processor, WebAssembly, WebGPU adapter, what of them will be used",
    "and why, and what to install where no graphics processor is found. Runs every kernel on every",
    "device that is here and compares with the reference executor; ends with 1 where one is wrong.",
  ].join("\n"),
  examples: [{ command: "deno task doctor", does: "looks at everything, in a few seconds" }],
  rows: group("Run", {
    threads: row(z.int().min(0), 0, "threads to compute with; 0: CORIT_THREADS, or all"),
  }),
});

/** Products of float16, whose factors keep eleven bits. */
const ofHalf = { kernels: ["matmul"], tolerance: 2e-3 } as const;

/** The limits of an adapter as a plain object: they are getters of its prototype. */
function examined({ info, features, limits }: GPUAdapter): ExaminedAdapter {
  const names = Object.entries(
    Object.getOwnPropertyDescriptors(Object.getPrototypeOf(limits)),
  ).map(([name]) => name as keyof GPUSupportedLimits);
  const numbers = names.map((name) => [name, limits[name]] as const)
    .filter(([, value]) => typeof value === "number");
  return { info, features: new Set(features), limits: Object.fromEntries(numbers) };
}

await runCommand(doctorOptions, async ({ values }) => {
  const threads = threadCount(values.threads);
  const choice = await useDevice({ device: "auto", threads });
  const adapter = await requestAdapter();
  const findings: Finding[] = [machineFinding(), webAssemblyFinding(threads)];
  const failures: string[] = [];
  const test = (device: string, run: () => SelfTestResult[]): Finding => {
    const results = run();
    if (results.some(({ failure }) => failure)) failures.push(device);
    return selfTestFinding(device, results);
  };

  setThreads(threads);
  const tests = [test("wasm", () => selfTest(executorOf("wasm")))];
  let opened: Awaited<ReturnType<typeof startWebGpu>> | undefined;
  if (adapter) {
    try {
      const executor = opened = await startWebGpu();
      tests.push(test("webgpu", () => selfTest(executor)));
      if (adapter.features.has("shader-f16")) {
        executor.halfProducts = true;
        tests.push(test("webgpu, float16", () => selfTest(executor, ofHalf)));
      }
    } catch (cause) {
      if (!(cause instanceof CoritError)) throw cause;
      failures.push("webgpu");
      tests.push({ name: "self-test, webgpu", lines: [`${cause.name}: ${cause.message}`] });
    }
  }
  findings.push(adapterFinding(adapter && examined(adapter), opened), choiceFinding(choice));
  const advice = adviceFinding(Deno.build.os, adapter?.info, {
    drivers: vulkanDrivers(),
    cards: graphicsCards(),
  });
  console.log(`\n${findingsText([...findings, ...(advice ? [advice] : []), ...tests])}\n`);
  if (failures.length > 0) {
    throw new NumericError(
      `the self-test failed on ${
        failures.join(" and ")
      }: do not trust what is computed there; use another ` +
        "--device, and update the driver",
    );
  }
});
