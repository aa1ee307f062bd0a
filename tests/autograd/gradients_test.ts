// Gradients: where they flow, what they cost in memory, and what is refused.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { GradientError } from "../../errors.ts";
import {
  checkpoint,
  customGradient,
  gradientCheck,
  gradients,
  hessianVectorProduct,
  valueAndGradients,
  vjp,
} from "../../autograd/mod.ts";
import {
  argmax,
  executorOf,
  prod,
  scoped,
  type Tensor,
  tensor,
  withoutRecording,
  zeros,
} from "../../tensor/mod.ts";

const device = "reference";
const make = (values: Parameters<typeof tensor>[0]) => tensor(values, { device });

Deno.test("gradients flow to tensors at any point of the computation", () => {
  const x = make([1, 2]);
  const y = x.mul(3);
  const loss = y.square().sum();
  const [byY, byX] = gradients(loss, [y, x]);
  assertEquals(byY.toArray(), [6, 12]);
  assertEquals(byX.toArray(), [18, 36]);
});

Deno.test("a tensor used twice gets both gradients", () => {
  const x = make([3]);
  assertEquals(gradients(x.add(x).mul(x).sum(), [x])[0].toArray(), [12]);
});

Deno.test("a target that does not matter gets zeros", () => {
  const x = make([1]), unused = make([[1, 2]]);
  assertEquals(gradients(x.sum(), [unused])[0].toArray(), [[0, 0]]);
});

Deno.test("nothing is recorded where recording is off, nor through detach", () => {
  const x = make([2]);
  assertEquals(withoutRecording(() => x.mul(x)).origin, undefined);
  assertEquals(gradients(x.detach().mul(x).sum(), [x])[0].toArray(), [2]);
});

Deno.test("what cannot be differentiated says so", () => {
  const x = make([1, 2]);
  assertThrows(() => gradients(x.mul(2), [x]), GradientError, "outputGradient");
  assertThrows(() => gradients(argmax(x), [x]), GradientError, "int32");
  const released = scoped(() => {
    const y = x.mul(2);
    return y.mul(3).sum();
  });
  assertThrows(() => gradients(released, [x]), GradientError, "was released");
});

Deno.test("the walk releases every gradient that was not asked for", () => {
  const executor = executorOf(device);
  const x = make([[1, 2], [3, 4]]);
  const before = executor.memory().buffers;
  scoped(() => {
    const loss = x.matmul(x).softmax().mul(x).tanh().reshape([4]).sum();
    const forward = executor.memory().buffers;
    const result = gradients(loss, [x]);
    // One gradient, and the seed that the walk began with.
    assert(executor.memory().buffers - forward <= result.length + 1);
  });
  assertEquals(executor.memory().buffers, before);
});

Deno.test("a chain of 20,000 operations is walked without a stack overflow", () => {
  const x = make([1]);
  scoped(() => {
    let y: Tensor = x;
    for (let i = 0; i < 20_000; i++) y = y.add(1);
    assertEquals(gradients(y.sum(), [x])[0].toArray(), [1]);
  });
});

Deno.test("vector-Jacobian and Hessian-vector products have their closed forms", () => {
  const x = make([1, 2]);
  const { value, gradients: [product] } = vjp((x) => x.mul(x), [x], make([1, 10]));
  assertEquals([value.toArray(), product.toArray()], [[1, 4], [2, 40]]);
  const [hessian] = hessianVectorProduct((x) => prod(x).mul(x.sum()), [x], [make([1, 0])]);
  // f = x y (x + y): f_xx = 2 y, f_xy = 2 x + 2 y.
  assertEquals(hessian.toArray(), [4, 6]);
});

Deno.test("valueAndGradients keeps only what it returns", () => {
  const executor = executorOf(device);
  const x = make([3]);
  const before = executor.memory().buffers;
  const { value, gradients: [slope] } = valueAndGradients(() => x.square().sum(), [x]);
  assertEquals([value.item(), slope.item()], [9, 6]);
  assertEquals(executor.memory().buffers, before + 2);
});

Deno.test("a custom rule replaces the gradient of its function", () => {
  const x = make([1, 2]);
  const y = customGradient([x], (x) => x.square(), (gradient) => [gradient.mul(100)]);
  assertEquals(y.toArray(), [1, 4]);
  assertEquals(gradients(y.sum(), [x])[0].toArray(), [100, 100]);
});

Deno.test("checkpointing changes memory, not gradients, of any order", () => {
  const executor = executorOf(device);
  const x = make([0.5, -1]), w = make([[1, 2], [3, 4]]);
  const block = (x: Tensor) => x.matmul(w).tanh().matmul(w).tanh().matmul(w);
  const plain = gradients(block(x).sum(), [x, w]).map((each) => each.toArray());
  const before = executor.memory().buffers;
  const y = checkpoint(block, [x], [w]);
  assertEquals(executor.memory().buffers, before + 1, "only the result is kept");
  assertEquals(gradients(y.sum(), [x, w]).map((each) => each.toArray()), plain);
  assert(gradientCheck((x) => checkpoint(block, [x], [w]), [x], { order: 2 }).error < 1e-5);
});

Deno.test("gradientCheck finds a wrong gradient and a wrong type", () => {
  const wrong = (x: Tensor) =>
    customGradient([x], (x) => x.square(), (gradient) => [gradient.mul(2.001)]);
  assertThrows(() => gradientCheck(wrong, [make([1])]), GradientError, "element 0");
  assertThrows(
    () => gradientCheck((x) => x, [zeros([1], { device, dtype: "float32" })]),
    GradientError,
    "float64",
  );
});
