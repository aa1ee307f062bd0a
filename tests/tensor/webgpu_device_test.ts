// The device `webgpu`: it must be started, says what is missing where it cannot be, and then is a device like others.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { DeviceError } from "../../errors.ts";
import {
  defaultDevice,
  deviceNames,
  executorOf,
  setDefaultDevice,
  startWebGpu,
  tensor,
} from "../../tensor/mod.ts";
import { withGpu } from "./with_gpu.ts";

Deno.test("before it is started the device webgpu is an error that says so", () => {
  assertThrows(() => executorOf("webgpu"), DeviceError, "startWebGpu()");
  assertThrows(() => setDefaultDevice("webgpu"), DeviceError, "startWebGpu()");
  assert(!deviceNames().includes("webgpu"));
});

Deno.test("where webgpu cannot be started the error names what is missing", async () => {
  await withGpu(undefined, async () => {
    await assertRejects(() => startWebGpu(), DeviceError, "no navigator.gpu");
  });
  await withGpu({ requestAdapter: () => Promise.resolve(null) }, async () => {
    await assertRejects(() => startWebGpu(), DeviceError, "mesa-vulkan-drivers");
  });
  const adapter = {
    limits: {},
    features: new Set(),
    info: { description: "a stubborn adapter" },
    requestDevice: () => Promise.reject(new TypeError("not today")),
  };
  await withGpu({ requestAdapter: () => Promise.resolve(adapter) }, async () => {
    const error = await assertRejects(() => startWebGpu(), DeviceError, "stubborn adapter");
    assert(error.message.includes("not today"));
  });
});

const hasAdapter = Boolean(await navigator.gpu?.requestAdapter()) ||
  Deno.env.get("CORIT_REQUIRE_WEBGPU") === "1";

Deno.test({
  name: "once started webgpu is a device like others, and a closed one is started anew",
  ignore: !hasAdapter,
  fn: async () => {
    const executor = await startWebGpu();
    assertStrictEquals(await startWebGpu(), executor);
    assert(deviceNames().includes("webgpu"));
    const before = defaultDevice();
    setDefaultDevice("webgpu");
    const x = tensor([1, 2, 3]);
    setDefaultDevice(before);
    assertEquals([x.device, x.dtype], ["webgpu", "float32"]);
    assertEquals(x.mul(2).add(1).toArray(), [3, 5, 7]);
    assertEquals(await x.data(), Float32Array.of(1, 2, 3));
    executor.close();
    assertThrows(() => x.toArray(), DeviceError, "closed");
    const second = await startWebGpu();
    assert(second !== executor);
    assertEquals(tensor([2], { device: "webgpu" }).item(), 2);
    second.close();
  },
});
