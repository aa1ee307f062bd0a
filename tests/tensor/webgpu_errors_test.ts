// What goes wrong on a WebGPU device is a DeviceError that names operation, shapes and bytes, whenever it is noticed.

import { assert, assertThrows } from "@std/assert";
import { DeviceError } from "../../errors.ts";
import { expand, matmul, startWebGpu, tensor } from "../../tensor/mod.ts";
import { testOnWebGpu } from "../kernels/webgpu_harness.ts";

/** The device is opened anew, with what is opened and what `createBuffer` does in the test's hands. */
async function withDevice(
  body: (device: GPUDevice) => void | Promise<void>,
  spoil: (device: GPUDevice) => void = () => {},
): Promise<void> {
  const { prototype } = GPUAdapter;
  const { requestDevice } = prototype;
  let opened: GPUDevice | undefined;
  prototype.requestDevice = async function (...options) {
    opened = await requestDevice.apply(this, options);
    spoil(opened);
    return opened;
  };
  const executor = await startWebGpu().finally(() => prototype.requestDevice = requestDevice);
  try {
    await body(opened!);
  } finally {
    executor.close();
  }
}

function assertNames(run: () => unknown, ...words: readonly string[]): void {
  const { message } = assertThrows(run, DeviceError);
  for (const word of words) assert(message.includes(word), `"${word}" is not in: ${message}`);
}

testOnWebGpu(
  "an operation whose result no buffer can hold names itself, its shapes and the bytes",
  () =>
    withDevice(() => {
      const x = tensor([1], { device: "webgpu" });
      assertNames(
        () => expand(x, [2 ** 40]),
        "expand",
        "[1] -> [1099511627776]",
        `cannot reserve ${2 ** 42} bytes`,
      );
    }),
);

testOnWebGpu(
  "memory that the device refuses later is named with its bytes, and where it was noticed",
  async () => {
    let refuse = false;
    let refused = false;
    let pops = 0;
    const refusal = new Error("no memory left");
    await withDevice(
      async () => {
        const x = tensor([[1, 2], [3, 4]], { device: "webgpu" });
        refuse = true;
        const large = expand(x, [30_000, 2, 2]);
        refuse = false;
        assert(refused, "no buffer was made");
        await new Promise((resolve) => setTimeout(resolve, 5));
        assertNames(
          () => matmul(x, x),
          "matmul [2, 2], [2, 2] -> [2, 2]",
          "cannot reserve 480000 bytes",
          "out of memory (no memory left)",
        );
        large.release();
      },
      (device) => {
        const { popErrorScope } = device;
        device.popErrorScope = function () {
          const scope = popErrorScope.call(this);
          // The outer of the two scopes around a buffer is the one of memory.
          if (!refuse) return scope;
          pops++;
          if (pops % 2 === 1) return scope;
          refused = true;
          return Promise.resolve(refusal as unknown as GPUError);
        };
      },
    );
  },
);

testOnWebGpu(
  "a device that is lost is named at once where a result is read, and at every later operation",
  () =>
    withDevice(async (device) => {
      const x = tensor([[1, 2], [3, 4]], { device: "webgpu" });
      device.destroy();
      assertNames(
        () => matmul(x, x).toArray(),
        'matmul {"',
        '"rows":2',
        "bytes",
        "its tensors are gone",
        "the last checkpoint",
      );
      await device.lost;
      await new Promise((resolve) => setTimeout(resolve, 0));
      assertNames(() => matmul(x, x), "matmul [2, 2], [2, 2]", "the device was lost", "checkpoint");
    }),
);
