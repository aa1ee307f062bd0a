// Devices agree with the reference executor over odd shapes, broadcasts and random inputs, forward and gradient.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Device, scoped, type Tensor } from "../../tensor/mod.ts";
import { assertClose, isFloat, magnitudeOf } from "./compare.ts";
import { comparedDevices, exampleCount } from "./devices.ts";
import { evaluate } from "./evaluate.ts";
import { rows } from "./operations.ts";
import { lengths, limit, Picker } from "./picker.ts";
import type { Example, Row } from "./row.ts";
import { drawAll } from "./values.ts";

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
