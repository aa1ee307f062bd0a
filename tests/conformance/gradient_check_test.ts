// Every differentiable operation's gradient against central differences in float64, to second order where defined.

import fc from "fast-check";
import { gradientCheck } from "../../autograd/mod.ts";
import { concat, flatten, scoped, type Tensor } from "../../tensor/mod.ts";
import { isFloat, listOf } from "./compare.ts";
import { rows } from "./operations.ts";
import { Picker } from "./picker.ts";
import type { Row } from "./row.ts";
import { drawAll, place } from "./values.ts";

/** Differences cost two runs an element, so shapes are small; odd ones come in the agreement tests. */
const lengths = [1, 2, 3];
const limit = 12;

/** All float outputs as one vector. */
function joined(outputs: Tensor | readonly Tensor[]): Tensor {
  return concat(listOf(outputs).filter(isFloat).map(flatten));
}

/** Checks one drawn example. */
function checkExample(row: Row, picker: Picker, seed: number, order: 1 | 2): void {
  const { inputs, options } = row.draw(picker);
  const tensors = drawAll(inputs, seed).map((values, i) => place(inputs[i], values, "reference"));
  const floats = tensors.filter(isFloat);
  gradientCheck(
    (...points) => {
      const rest = [...points];
      const all = tensors.map((each) => isFloat(each) ? rest.shift()! : each);
      return joined(row.call(all, options));
    },
    floats,
    { order, tolerance: 1e-6 },
  );
}

for (const row of rows) {
  const { order } = row;
  if (order === 0) continue;
  Deno.test(`${row.name}: gradients are slopes${order === 2 ? ", to second order" : ""}`, () => {
    fc.assert(
      fc.property(fc.gen(), fc.nat(), (generate, seed) => {
        scoped(() => checkExample(row, new Picker(generate, lengths, limit), seed, order));
      }),
      { seed: 1, numRuns: 8 },
    );
  });
}
