// Scopes: what they release, what survives, and what use after release says.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ReleasedError } from "../../errors.ts";
import { executorOf, keep, Scope, scoped, Tensor, tensor } from "../../tensor/mod.ts";

const device = "reference";
const make = () => tensor([1, 2, 3], { device });

Deno.test("a scope releases what it made, except what is returned at any depth", () => {
  const made: Tensor[] = [];
  const result = scoped(() => {
    for (let i = 0; i < 4; i++) made.push(make());
    return { list: [made[0]], map: new Map([["a", made[1]]]), number: 3 };
  });
  assertEquals(made.map((each) => each.released), [false, false, true, true]);
  assertEquals(result.list[0].toArray(), [1, 2, 3]);
});

Deno.test("what an inner scope returns belongs to the outer one", () => {
  let inner: Tensor | undefined;
  scoped(() => {
    inner = scoped(() => make());
    assert(!inner.released);
  });
  assert(inner?.released);
});

Deno.test("a kept tensor outlives every scope", () => {
  const kept = scoped(() => {
    keep(make());
    return keep(make());
  });
  assertEquals(kept.toArray(), [1, 2, 3]);
  kept.release();
});

Deno.test("a scope releases its tensors when its body throws", () => {
  let lost: Tensor | undefined;
  assertThrows(() =>
    scoped(() => {
      lost = make();
      throw new Error("stop");
    })
  );
  assert(lost?.released);
});

Deno.test("using a released tensor is an error that names its shape", () => {
  const x = make();
  x.release();
  x.release();
  assertThrows(() => x.add(1), ReleasedError, "[3]");
  assertThrows(() => x.dataSync(), ReleasedError);
});

Deno.test("with release tracing on, the error says where the tensor was released", () => {
  Tensor.traceReleases = true;
  try {
    const x = make();
    x.release();
    assertThrows(() => x.add(1), ReleasedError, "scope_test.ts");
  } finally {
    Tensor.traceReleases = false;
  }
});

Deno.test("memory shared by a view goes back with its last tensor", () => {
  const executor = executorOf(device);
  const before = executor.memory().buffers;
  const x = make();
  const view = x.reshape([3, 1]);
  x.release();
  assertEquals(view.toArray(), [[1], [2], [3]]);
  view.release();
  assertEquals(executor.memory().buffers, before);
});

Deno.test("1,000 steps in scopes leave the pool at its level", () => {
  const executor = executorOf(device);
  const x = keep(make());
  const before = executor.memory();
  for (let step = 0; step < 1000; step++) scoped(() => x.mul(2).add(step).sum().item());
  assertEquals(executor.memory(), before);
  x.release();
});

Deno.test("`using` releases at the end of a block", () => {
  let seen: Tensor;
  {
    using x = make();
    using _scope = new Scope();
    seen = x;
  }
  assert(seen.released);
});
