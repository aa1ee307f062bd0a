// Tensors: how they are made, indexed and printed, and what is refused.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeviceError, DTypeError, ShapeError, ValueError } from "../../errors.ts";
import {
  add,
  arange,
  concat,
  deviceNames,
  einsum,
  eye,
  full,
  indexSelect,
  matmul,
  pad,
  reshape,
  setDefaultDevice,
  slice,
  tensor,
  topK,
  where,
  zeros,
} from "../../tensor/mod.ts";

const device = "reference";
const make = (values: Parameters<typeof tensor>[0]) => tensor(values, { device });

Deno.test("nested arrays, typed arrays and numbers become tensors", () => {
  assertEquals(make([[1, 2], [3, 4]]).shape, [2, 2]);
  assertEquals(make(3).shape, []);
  assertEquals(make([]).shape, [0]);
  assertEquals(tensor(new Float32Array(6), { shape: [2, 3], device }).toArray(), [
    [0, 0, 0],
    [0, 0, 0],
  ]);
  assertEquals(tensor(new Int32Array([1])).dtype, "int32");
  assertThrows(() => make([[1, 2], [3]]), ShapeError, "regular");
  assertThrows(() => tensor([1, 2], { shape: [3], device }), ShapeError, "holds 3");
});

Deno.test("creators make what they say", () => {
  assertEquals(full([2], 7, { device }).toArray(), [7, 7]);
  assertEquals(zeros([0, 3], { device }).toArray(), []);
  assertEquals(arange(1, 7, 2, { device }).toArray(), [1, 3, 5]);
  assertEquals(eye(2, 3, { device }).toArray(), [[1, 0, 0], [0, 1, 0]]);
  assertThrows(() => arange(0, 1, 0), ValueError, "step");
  assertThrows(() => zeros([-1]), ShapeError, "[-1]");
});

Deno.test("shape errors name the shapes and the axis", () => {
  assertThrows(
    () => matmul(zeros([16, 65, 192], { device }), zeros([193, 576], { device })),
    ShapeError,
    "matmul: inner dimensions differ: a is [16, 65, 192], b is [193, 576] (192 against 193)",
  );
  assertThrows(() => make([[1, 2]]).add(make([1, 2, 3])), ShapeError, "do not broadcast");
  assertThrows(() => reshape(make([1, 2, 3]), [2, -1]), ShapeError, "[2, -1]");
  assertThrows(() => make([1]).sum(1), ShapeError, "axis 1");
  assertThrows(() => slice(make([1]), 3), ShapeError, "no element 3");
  assertThrows(() => concat([zeros([2, 2], { device }), zeros([3, 3], { device })]), ShapeError);
  assertThrows(() => pad(make([1, 2]), [[2, 0]], { mode: "reflect" }), ShapeError, "reflect");
  assertThrows(() => topK(make([1]), 2), ValueError, "2 of 1");
});

Deno.test("type and device errors say what to do", () => {
  const single = tensor([1], { device, dtype: "float32" });
  assertThrows(() => single.add(make([1])), DTypeError, '.to("float32")');
  assertThrows(() => indexSelect(make([1]), make([0])), DTypeError, "int32");
  assertThrows(
    () => indexSelect(make([1]), tensor(new Int32Array([1]), { device })),
    ValueError,
    "outside 0 to 0",
  );
  assertThrows(() => add(make([1]), tensor([1], { device: "wasm" })), DeviceError, ".on(");
  // @ts-expect-error there is no such device
  assertThrows(() => setDefaultDevice("gpu"), DeviceError, deviceNames().join(", "));
});

Deno.test("whole numbers stay whole, truth values count as numbers", () => {
  const index = tensor(new Int32Array([1, 2, 3]), { device });
  assertEquals(index.add(1).dtype, "int32");
  assertEquals(index.add(0.5).dtype, "float64");
  const mask = make([1, 5, 2]).greater(1);
  assertEquals([mask.dtype, mask.toArray()], ["bool", [0, 1, 1]]);
  assertEquals(mask.sum().item(), 2);
  assertEquals(where(mask, make([1, 2, 3]), -1).toArray(), [-1, 2, 3]);
});

Deno.test("a slice counts from either end in either direction", () => {
  const x = arange(0, 6, 1, { device });
  assertEquals(x.slice([, , -2]).toArray(), [5, 3, 1]);
  assertEquals(x.slice([-2]).toArray(), [4, 5]);
  assertEquals(x.slice([4, 1, -1]).toArray(), [4, 3, 2]);
  assertEquals(x.slice([4, 2]).shape, [0]);
  assertEquals(x.slice(-1).item(), 5);
});

Deno.test("an Einstein sum contracts, traces and permutes", () => {
  const a = make([[1, 2], [3, 4]]);
  assertEquals(einsum("ij,jk->ik", a, a).toArray(), [[7, 10], [15, 22]]);
  assertEquals(einsum("ii", a).item(), 5);
  assertEquals(einsum("ij->ji", a).toArray(), [[1, 3], [2, 4]]);
  assertEquals(einsum("ij,kl->", a, a).item(), 100);
  assertThrows(() => einsum("ij,jk->iz", a, a), ValueError, "iz");
  assertThrows(() => einsum("ij,jk->ik", a), ValueError, "2 operands");
  assertThrows(() => einsum("ij,jk->ik", a, zeros([3, 1], { device })), ShapeError, '"j"');
});

Deno.test("a tensor prints its shape, type and elements, long axes shortened", () => {
  const text = String(make([[1.5, 2], [3, 4]]));
  assertEquals(text.split("\n")[0], "Tensor [2, 2] float64 on reference");
  assert(text.includes("1.5000"));
  assert(String(arange(0, 100, 1, { device })).includes("0, 1, 2, ..., 97, 98, 99"));
  assert(Deno.inspect(make([1])).startsWith("Tensor [1]"));
});
