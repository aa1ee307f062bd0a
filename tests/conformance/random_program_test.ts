// Random graphs of operations give the same numbers on every executor, forward and gradient, planned and unplanned.

import fc from "fast-check";
import { gradients } from "../../autograd/mod.ts";
import {
  type Device,
  plan,
  RandomStream,
  recordingOn,
  scoped,
  type Tensor,
  tensor,
  zeros,
} from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "./compare.ts";
import { allDevices } from "./devices.ts";
import { drawShapes, runProgram } from "./random_programs.ts";

/** A result and its parts' gradients as numbers. */
type Numbers = readonly ArrayLike<number>[];

/** What a program makes of its inputs: everything it makes, and the gradients of a loss that reads all of it. */
function outcome(seed: number, count: number, inputs: readonly Tensor[]): Tensor[] {
  return recordingOn(() => {
    const made = runProgram(seed, count, inputs);
    const { device } = inputs[0];
    const loss = made.filter(({ size }) => size > 0)
      .reduce((sum, each) => sum.add(each.mul(each).mean()), zeros([], { device }));
    // An input that nothing was made of has no gradient.
    const touched = inputs.reduce((sum, each) => sum.add(each.sum().mul(0.1)), loss);
    return [touched, ...made, ...gradients(touched, inputs)];
  });
}

/** The numbers of a program on a device as written, and as its plan gives them at the third call, which replays. */
function numbersOn(
  device: Device,
  seed: number,
  count: number,
): { plain: Numbers; planned: Numbers } {
  return scoped(() => {
    const random = new RandomStream(seed, 3);
    const inputs = drawShapes(seed).map((shape) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const values = Float64Array.from({ length: size }, () => Math.fround(random.uniform(-2, 2)));
      return tensor(values, { shape, device });
    });
    const plain = outcome(seed, count, inputs).map((each) => each.dataSync());
    const planned = plan((...all: Tensor[]) => outcome(seed, count, all));
    try {
      let results: Tensor[] = [];
      for (let call = 0; call < 3; call++) results = planned(...inputs);
      return { plain, planned: results.map((each) => each.dataSync()) };
    } finally {
      planned.reset();
    }
  });
}

/** Twelve operations in a row on float32: each may add a few units in the last place, and steep ones magnify them. */
const tolerance = 2e-4;

function compare(actual: Numbers, expected: Numbers, what: string): void {
  expected.forEach((wanted, at) => {
    const floor = Math.max(0.1, magnitudeOf(wanted));
    assertClose(actual[at], wanted, { tolerance, floor }, `${what}, tensor ${at}`);
  });
}

/** Programs on each device: few where every new kernel is compiled for tens of milliseconds. */
const runs: Readonly<Record<Device, number>> = { reference: 40, wasm: 40, webgpu: 12 };

for (const device of allDevices) {
  Deno.test(`random programs on ${device} agree with the reference, forward and gradient, planned or not`, () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 1, max: 12 }), (seed, count) => {
        const { plain: expected } = numbersOn("reference", seed, count);
        const { plain, planned } = numbersOn(device, seed, count);
        compare(plain, expected, `program ${seed} of ${count} operations`);
        compare(planned, expected, `program ${seed} of ${count} operations, planned`);
      }),
      { seed: 5, numRuns: runs[device] },
    );
  });
}
