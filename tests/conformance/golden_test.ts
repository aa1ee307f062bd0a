// Every golden case: what PyTorch computes, forward and gradient, comes out on each device.

import { assertEquals } from "@std/assert";
import { type Device, scoped, type Tensor } from "../../tensor/mod.ts";
import { assertClose, type Closeness, listOf, magnitudeOf, pullBack } from "./compare.ts";
import { families, type GoldenCase, type GoldenTensor, placeGolden, readGolden } from "./golden.ts";
import { allDevices } from "./devices.ts";
import { rowOf } from "./operations.ts";
import { type Row, row } from "./row.ts";
import { transformerBlock, type TransformerOptions, visionTransformer } from "./transformer.ts";

const wholeModels = [transformerBlock, visionTransformer].map((compute) =>
  row<TransformerOptions>({
    name: compute.name,
    call: compute,
    draw: () => {
      throw new Error("whole models are compared with golden values only");
    },
    tolerance: 2e-5,
  })
);

/** What a device is allowed: float64 must be PyTorch's; float32 also rounds the inputs. */
function closeness(device: Device, row: Row, expected: GoldenTensor): Closeness {
  if (expected.dtype !== undefined) return { tolerance: 0, floor: 0 };
  return device === "reference"
    ? { tolerance: 1e-9, floor: 1e-3 }
    : { tolerance: row.tolerance, floor: Math.max(1e-3, magnitudeOf(expected.data)) };
}

/** Runs one golden case on a device. */
function checkCase(golden: GoldenCase, row: Row, device: Device): void {
  const inputs = golden.inputs.map((input) => placeGolden(input, device));
  const wanted = golden.inputGradients.flatMap((gradient, i) => gradient ? [i] : []);
  const compute = () => listOf(row.call(inputs, golden.options));
  let outputs: readonly Tensor[];
  let gradients: readonly Tensor[] = [];
  if (wanted.length > 0) {
    const outputGradients = golden.outputGradients.map((gradient) =>
      gradient ? placeGolden(gradient, device) : undefined
    );
    ({ outputs, gradients } = pullBack(compute, outputGradients, wanted.map((i) => inputs[i])));
  } else {
    outputs = compute();
  }
  assertEquals(outputs.length, golden.outputs.length, `${golden.name}: number of outputs`);
  golden.outputs.forEach((expected, i) => {
    assertEquals(outputs[i].shape, expected.shape, `${golden.name}: shape of output ${i}`);
    const limits = closeness(device, row, expected);
    assertClose(outputs[i].dataSync(), expected.data, limits, `${golden.name}, output ${i}`);
  });
  wanted.forEach((input, i) => {
    const expected = golden.inputGradients[input]!;
    assertEquals(gradients[i].shape, expected.shape, `${golden.name}: shape of gradient ${input}`);
    const limits = closeness(device, row, expected);
    const what = `${golden.name}, gradient of input ${input}`;
    assertClose(gradients[i].dataSync(), expected.data, limits, what);
  });
}

/** Registers the tests of one family on one device. */
function testFamily(cases: readonly GoldenCase[], find: (name: string) => Row, device: Device) {
  for (const [operation, group] of Object.entries(Object.groupBy(cases, (c) => c.operation))) {
    Deno.test(`${operation} on ${device} gives PyTorch's values and gradients`, () => {
      for (const golden of group!) scoped(() => checkCase(golden, find(operation), device));
    });
  }
}

for (const device of allDevices) {
  for (const family of families) testFamily(readGolden(family), rowOf, device);
  testFamily(
    readGolden("vision_transformer"),
    (name) => wholeModels.find((model) => model.name === name)!,
    device,
  );
}
