// Planned functions: they give the bits of the function itself, and refuse what cannot be planned.

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { PlanError, ValueError } from "../../errors.ts";
import { gradients } from "../../autograd/mod.ts";
import {
  copyInto,
  crossEntropy,
  type Device,
  executorOf,
  keep,
  matmul,
  plan,
  randomBernoulli,
  randomNormal,
  RandomStream,
  recordingOn,
  scoped,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../tensor/mod.ts";
import { allDevices } from "../conformance/devices.ts";

const devices: readonly Device[] = allDevices;

for (const device of devices) {
  const normal = (shape: number[], seed: number) =>
    randomNormal(shape, { random: new RandomStream(seed), device });

  Deno.test(`${device}: a replay gives the bits of the function`, () => {
    const w = keep(normal([5, 3], 0));
    const step = (x: Tensor) => {
      const y = matmul(x, w).tanh();
      const loss = y.mul(y).softmax().mul(y).sum();
      return { loss, slopes: gradients(loss, [w, x]) };
    };
    const planned = plan((x: Tensor) => recordingOn(() => step(x)));
    for (let seed = 1; seed < 6; seed++) {
      const x = normal([4, 5], seed);
      const expected = step(x), found = planned(x);
      assertEquals(found.loss.toArray(), expected.loss.toArray());
      assertEquals(
        found.slopes.map((each) => each.toArray()),
        expected.slopes.map((each) => each.toArray()),
      );
    }
    assert(planned.explain().includes("matmul + pointwise [4, 5], [5, 3] -> [4, 3]"));
    planned.reset();
  });

  Deno.test(`${device}: other shapes are planned anew`, () => {
    const planned = plan((x: Tensor) => x.mul(x).sum());
    for (const length of [3, 5, 3, 5, 3, 5, 1]) {
      assertEquals(planned(tensor(Array(length).fill(2), { device })).item(), 4 * length);
    }
    planned.reset();
  });

  Deno.test(`${device}: tensors from outside are overwritten at every replay`, () => {
    const total = keep(zeros([2], { device }));
    const planned = plan((x: Tensor) => copyInto(total, total.add(x)));
    for (let call = 1; call <= 5; call++) {
      planned(tensor([1, 10], { device }));
      assertEquals(total.toArray(), [call, 10 * call]);
    }
    planned.reset();
    total.release();
  });

  Deno.test(`${device}: random streams go on drawing`, () => {
    const make = (random: RandomStream) => (x: Tensor) =>
      x.mul(randomBernoulli(x.shape, { random, probability: 0.5, device }));
    const planned = plan(make(new RandomStream(7)));
    const plain = make(new RandomStream(7));
    const seen = new Set<string>();
    for (let call = 0; call < 5; call++) {
      const x = tensor(Array(40).fill(1), { device });
      const found = planned(x).toArray();
      assertEquals(found, plain(x).toArray());
      seen.add(String(found));
    }
    assertEquals(seen.size, 5);
    planned.reset();
  });

  Deno.test(`${device}: indices are checked at every replay`, () => {
    const logits = keep(normal([2, 3], 1));
    const planned = plan((labels: Tensor) => crossEntropy(logits, labels));
    const labels = (second: number) => tensor(new Int32Array([0, second]), { device });
    for (const second of [1, 2, 0]) planned(labels(second));
    assertThrows(() => planned(labels(3)), ValueError, "index 3");
    planned.reset();
  });

  Deno.test(`${device}: what nobody uses and what is done twice is left out`, () => {
    const planned = plan((x: Tensor) => {
      x.exp().sum();
      return x.tanh().add(x.tanh());
    });
    const x = tensor([1, 2], { device });
    for (let call = 0; call < 3; call++) planned(x);
    assert(planned.explain().includes("2 operations"));
    assert(planned.explain().includes("2 unused and 1 repeated ones left out"));
    planned.reset();
  });

  Deno.test(`${device}: temporaries that do not live together share memory`, () => {
    const planned = plan((x: Tensor) => {
      let y = x;
      for (let i = 0; i < 20; i++) y = y.softmax();
      return y;
    });
    for (let call = 0; call < 3; call++) planned(zeros([1024], { device }));
    const bytes = Number(/(\d+) bytes shared/.exec(planned.explain())?.[1]);
    assertEquals(bytes, 2 * 1024 * (device === "reference" ? 8 : 4));
    planned.reset();
  });

  Deno.test(`${device}: replays keep no memory, and reset gives all back`, () => {
    const executor = executorOf(device);
    const w = keep(normal([6, 6], 3));
    const x = keep(normal([6, 6], 4));
    const before = executor.memory();
    const planned = plan((x: Tensor) => sum(matmul(x, w).relu()));
    const run = () => scoped(() => planned(x).item());
    for (let call = 0; call < 3; call++) run();
    const planning = executor.memory();
    for (let call = 0; call < 100; call++) run();
    assertEquals(executor.memory().bytes, planning.bytes);
    assertNotEquals(planning.bytes, before.bytes);
    planned.reset();
    assertEquals(executor.memory().bytes, before.bytes);
    for (const each of [w, x]) each.release();
  });
}

Deno.test("a function that reads values to decide on cannot be planned", () => {
  const planned = plan((x: Tensor) => x.sum().item() > 0 ? x : x.neg());
  assertThrows(() => planned(tensor([1])), PlanError, "read the values");
});

Deno.test("a function that does something else the second time cannot be planned", () => {
  let calls = 0;
  const branching = plan((x: Tensor) => calls++ === 0 ? x.tanh() : x.exp());
  branching(tensor([1]));
  assertThrows(() => branching(tensor([1])), PlanError, "two calls");
  const numbers = plan((x: Tensor) => x.add(tensor([calls++])));
  numbers(tensor([1]));
  assertThrows(() => numbers(tensor([1])), PlanError, "pass them as tensors");
});
