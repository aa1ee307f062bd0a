// What a plan fuses: fewer launches, the same bits.

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { gradients } from "../../autograd/mod.ts";
import {
  copyInto,
  type Device,
  keep,
  layerNorm,
  matmul,
  maximum,
  plan,
  randomNormal,
  RandomStream,
  recordingOn,
  scoped,
  type Tensor,
  zeros,
} from "../../tensor/mod.ts";
import { allDevices } from "../conformance/devices.ts";

const devices: readonly Device[] = allDevices;

/** Plans a function, checks that replays have its bits, and returns the plan in words. */
function explained(step: (...inputs: Tensor[]) => Tensor[], inputs: Tensor[]): string {
  const planned = plan((...given: Tensor[]) => step(...given));
  return scoped(() => {
    const expected = step(...inputs).map((each) => each.toArray());
    for (let call = 0; call < 4; call++) {
      assertEquals(planned(...inputs).map((each) => each.toArray()), expected);
    }
    const text = planned.explain();
    planned.reset();
    return text;
  });
}

/** The launches of a plan, as it says itself. */
function launchesOf(text: string): number {
  return Number(/in (\d+) launches/.exec(text)![1]);
}

for (const device of devices) {
  const normal = (shape: number[], seed: number) =>
    randomNormal(shape, { random: new RandomStream(seed), device });

  Deno.test(`${device}: a chain of elementwise operations is one launch, products that are added too`, () => {
    const chain = (x: Tensor, y: Tensor) => [x.mul(y).add(x).tanh().mul(0.3).sub(y.mul(x))];
    const text = explained(chain, [normal([7, 33], 0), normal([7, 33], 1)]);
    assert(text.includes("in 2 launches") || text.includes("in 1 launches"), text);
  });

  Deno.test(`${device}: a row and a column broadcast inside a chain`, () => {
    const chain = (x: Tensor, row: Tensor) => [x.add(row).mul(2).exp().sum(-1)];
    const text = explained(chain, [normal([5, 9], 0), normal([9], 1)]);
    assertEquals(launchesOf(text), 2, text);
  });

  Deno.test(`${device}: a residual sum is part of the product before it`, () => {
    const block = (x: Tensor, w: Tensor) => [x.add(matmul(x, w))];
    const text = explained(block, [normal([6, 5], 0), normal([5, 5], 1)]);
    assert(text.includes("matmul + pointwise [6, 5], [5, 5], [6, 5] -> [6, 5]"), text);
  });

  Deno.test(`${device}: a product that is read again is kept beside its activation`, () => {
    const block = (x: Tensor, w: Tensor) => {
      const sum = matmul(x, w);
      return [sum.gelu(), sum];
    };
    const text = explained(block, [normal([6, 5], 0), normal([5, 70], 1)]);
    assert(text.includes("matmul + pointwise"), text);
  });

  Deno.test(`${device}: gradients are made where they are wanted`, () => {
    const w = keep(normal([5, 3], 0));
    const target = keep(zeros([64], { device }));
    const step = (x: Tensor) => {
      const [slope] = gradients(recordingOn(() => matmul(x, w).square().sum()), [w]);
      copyInto(target, slope, 7);
      return [target.sum()];
    };
    const text = explained(step, [normal([4, 5], 1)]);
    assert(text.includes("matmul + copyInto"), text);
    for (const each of [w, target]) each.release();
  });

  Deno.test(`${device}: a residual's gradient is added where the norm's is made`, () => {
    const [scale, bias] = [keep(normal([6], 0)), keep(normal([6], 1))];
    const step = (x: Tensor) => {
      const loss = recordingOn(() => x.add(layerNorm(x, { scale, bias }).tanh()).square().sum());
      return gradients(loss, [x, scale, bias]);
    };
    const text = explained(step, [normal([5, 6], 2)]);
    assert(text.includes("layerNormBackward + pointwise"), text);
    for (const each of [scale, bias]) each.release();
  });

  Deno.test(`${device}: what is written in between keeps operations apart`, () => {
    const state = keep(zeros([8], { device }));
    const step = (x: Tensor) => {
      const before = state.mul(2);
      copyInto(state, x);
      const after = before.add(state);
      copyInto(state, zeros([8], { device }));
      return [after];
    };
    explained(step, [normal([8], 2)]);
    state.release();
  });
}

Deno.test("random chains of elementwise operations keep their bits", () => {
  const operation = fc.constantFrom("add", "sub", "mul", "maximum", "tanh", "square", "row");
  const device = "wasm";
  const normal = (shape: number[], seed: number) =>
    randomNormal(shape, { random: new RandomStream(seed), device });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(operation, fc.nat(5), fc.nat(5)), { minLength: 2, maxLength: 12 }),
      fc.integer({ min: 1, max: 70 }),
      fc.constantFrom("all", "rows", "columns", "values"),
      (program, rows, result) => {
        const step = (x: Tensor, y: Tensor, row: Tensor) => {
          const values = [x, y];
          for (const [name, first, second] of program) {
            const a = values[first % values.length], b = values[second % values.length];
            if (name === "tanh") values.push(a.tanh());
            else if (name === "square") values.push(a.square());
            else if (name === "row") values.push(a.mul(row));
            else if (name === "maximum") values.push(maximum(a, b));
            else values.push(a[name as "add" | "sub" | "mul"](b));
          }
          const last = values[values.length - 1];
          if (result === "values") return [last];
          return [result === "all" ? last.sum() : last.sum(result === "rows" ? -1 : 0)];
        };
        explained(step as (...inputs: Tensor[]) => Tensor[], [
          normal([rows, 5], 1),
          normal([rows, 5], 2),
          normal([5], 3),
        ]);
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});
