// Devices agree with the reference executor over odd shapes, broadcasts and random inputs, forward and gradient.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type Device,
  RandomStream,
  scoped,
  type Tensor,
  tensor,
  withoutRecording,
} from "../../tensor/mod.ts";
import { assertClose, isFloat, listOf, magnitudeOf, pullBack } from "./compare.ts";
import { comparedDevices, exampleCount } from "./devices.ts";
import { rows } from "./operations.ts";
import { Picker } from "./picker.ts";
import type { Example, Row } from "./row.ts";
import { drawAll, place, type Values } from "./values.ts";

const lengths = [0, 1, 3, 5, 65, 257];
const limit = 4000;

/** The outputs of one call, and the gradients of its float inputs for seeded output gradients. */
interface Outcome {
  readonly outputs: readonly Tensor[];
  readonly gradients: readonly Tensor[];
}

/** Calls an operation on a device, the gradients of its outputs drawn from a seed. */
function evaluate(
  row: Row,
  { inputs, options }: Example<unknown>,
  values: readonly Values[],
  seed: number,
  device: Device,
): Outcome {
  const tensors = inputs.map((input, i) => place(input, values[i], device));
  const compute = () => listOf(row.call(tensors, options));
  const outputs = withoutRecording(compute);
  if (row.order === 0) return { outputs, gradients: [] };
  const random = new RandomStream(seed, 1);
  const outputGradients = outputs.map((output) => {
    if (!isFloat(output)) return undefined;
    const drawn = Float64Array.from({ length: output.size }, () => random.uniform(-1, 1));
    return tensor(drawn, { shape: output.shape, device });
  });
  const { gradients } = pullBack(compute, outputGradients, tensors.filter(isFloat));
  return { outputs, gradients };
}

/** Compares one example on a device with the reference. */
function compareExample(row: Row, example: Example<unknown>, seed: number, device: Device): void {
  const values = drawAll(example.inputs, seed);
  const expected = evaluate(row, example, values, seed, "reference");
  const actual = evaluate(row, example, values, seed, device);
  assertEquals(actual.outputs.length, expected.outputs.length);
  const compare = (a: Tensor, e: Tensor, gradient: boolean, what: string): void => {
    assertEquals(a.shape, e.shape, `${what}: shape`);
    const wanted = e.dataSync();
    const relative = row.relativeTo === "element" && !gradient;
    // A gradient is one more operation on rounded numbers.
    const tolerance = isFloat(e) ? row.tolerance * (gradient ? 4 : 1) : 0;
    const terms = gradient ? row.gradientTerms : row.terms;
    const floor = relative ? terms : Math.max(terms, magnitudeOf(wanted));
    assertClose(a.dataSync(), wanted, { tolerance, floor }, what);
  };
  expected.outputs.forEach((each, i) => {
    compare(actual.outputs[i], each, false, `${row.name}, output ${i}`);
  });
  expected.gradients.forEach((each, i) => {
    compare(actual.gradients[i], each, true, `${row.name}, gradient of float input ${i}`);
  });
}

/** Registers the tests of a device. */
function testAgreement(device: Device): void {
  for (const row of rows) {
    Deno.test(`${row.name} on ${device} agrees with the reference over odd shapes`, () => {
      fc.assert(
        fc.property(fc.gen(), fc.nat(), (generate, seed) => {
          const example = row.draw(new Picker(generate, lengths, limit));
          try {
            scoped(() => compareExample(row, example, seed, device));
          } catch (cause) {
            throw new Error(`${cause} for ${JSON.stringify(example)}`, { cause });
          }
        }),
        { seed: 1, numRuns: exampleCount[device] },
      );
    });
  }
}

comparedDevices.forEach(testAgreement);
