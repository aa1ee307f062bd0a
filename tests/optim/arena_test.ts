// The arena: alignment, padding, ties, visible updates, freezing; and the vectors laid out like it.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, DeviceError, StateError } from "../../errors.ts";
import { Module, Parameter, VisionTransformer } from "../../nn/mod.ts";
import { adamW, arenaAlignment, ParameterArena, sgd } from "../../optim/mod.ts";
import { ones, scoped, tensor, update, zeros } from "../../tensor/mod.ts";
import { input } from "../../kernels/expression/mod.ts";
import { allDevices } from "../conformance/devices.ts";
import { bare, drive } from "./drive.ts";

const device = "reference";

for (const where of allDevices) {
  Deno.test(`views are aligned, in order, and hold what the parameters held on ${where}`, () => {
    const model = VisionTransformer.create({
      preset: "starter",
      width: 24,
      depth: 1,
      device: where,
    });
    const before = new Map(
      [...model.namedParameters()].map(([name, { value }]) => [name, [...value.dataSync()]]),
    );
    const arena = new ParameterArena(model);
    assertEquals(arena.entries.map(({ name }) => name), [...before.keys()]);
    const flat = arena.values.dataSync();
    let end = 0;
    for (const { name, parameter, offset, size } of arena.entries) {
      assertEquals(offset % arenaAlignment, 0);
      assert(offset >= end && offset - end < arenaAlignment);
      assert(flat.subarray(end, offset).every((value) => value === 0), "padding");
      assertEquals([...flat.subarray(offset, offset + size)], before.get(name));
      assertEquals([...parameter.value.dataSync()], before.get(name));
      assert(parameter.value.storage === arena.values.storage);
      assertEquals(parameter.value.byteOffset, offset * (where === "reference" ? 8 : 4));
      end = offset + size;
    }
    assertEquals(flat.length % arenaAlignment, 0);
  });

  Deno.test(`what is written to the arena shows in the parameters, and back, on ${where}`, () => {
    const model = bare(where, [1, 2], [[3], [4]]);
    const arena = new ParameterArena(model);
    update([arena.values], [input(0).mul(10)], [arena.values]);
    assertEquals(model.weights.map(({ value }) => value.toArray()), [[10, 20], [[30], [40]]]);
    model.loadStateDict({
      "weights.0": tensor([5, 6], { device: where }),
      "weights.1": tensor([[7], [8]], { device: where }),
    });
    assertEquals([...arena.values.dataSync()].filter((value) => value !== 0), [5, 6, 7, 8]);
  });

  Deno.test(`padding stays zero through the steps of AdamW with decay on ${where}`, () => {
    const model = bare(where, [[1, 2, 3]], [[4], [5]]);
    const optimizer = adamW({ learningRate: 0.1, weightDecay: 0.1 });
    const { arena, step } = drive(model, optimizer);
    for (let at = 0; at < 3; at++) {
      step(tensor([[1, -1, 2]], { device: where }), tensor([[3], [1]], { device: where }));
    }
    for (const flat of [arena.values, arena.gradient]) {
      assertEquals(flat.dataSync().filter((value) => value !== 0).length, 5);
    }
  });

  Deno.test(`gradients are gathered, scaled and added in their places on ${where}`, () => {
    const arena = new ParameterArena(bare(where, [0, 0], [[0]]));
    const a = tensor([1, 2], { device: where });
    const b = tensor([[3]], { device: where });
    const found = () => arena.entries.flatMap((e) => [...arena.view(arena.gradient, e).dataSync()]);
    arena.gatherGradients([a, b]);
    assertEquals(found(), [1, 2, 3]);
    arena.gatherGradients([a, b], { share: 0.5 });
    assertEquals(found(), [0.5, 1, 1.5]);
    arena.gatherGradients([a, b], { share: 2, add: true });
    assertEquals(found(), [2.5, 5, 7.5]);
  });
}

Deno.test("a tied parameter has one view and gets the gradient of all its uses", () => {
  const shared = new Parameter(tensor([2], { device }));
  class Tied extends Module {
    readonly one = shared;
    readonly two = shared;
  }
  const model = new Tied();
  const { arena, step } = drive(model, sgd({ learningRate: 1 }));
  assertEquals(arena.entries.map(({ name }) => name), ["one"]);
  step(tensor([0.5], { device }));
  assertEquals([model.one.value.item(), model.two.value.item()], [1.5, 1.5]);
});

Deno.test("nothing to train, and parameters that do not lie together, are refused", () => {
  const model = bare(device, [1]);
  model.freeze();
  assertThrows(() => new ParameterArena(model), ConfigError, "nothing is trained");
  const mixed = bare(device, [1], [2]);
  mixed.weights[1].value = ones([1], { device, dtype: "float32" });
  assertThrows(() => new ParameterArena(mixed), DeviceError, "weights.1 is float32");
});

Deno.test("what is frozen leaves with its value, what is thawed comes back, moments are kept by name", () => {
  const values = () => bare(device, [1, 2], [3], [4]);
  const gradients = [[1, -1], [2], [-3]].map((value) => tensor(value, { device }));
  const model = values();
  const optimizer = adamW({ learningRate: 0.1 });
  const { arena, step } = drive(model, optimizer);
  step(...gradients);
  step(...gradients);
  const moments = () =>
    Object.fromEntries(
      Object.entries(optimizer.state().tensors).map(([name, value]) => [name, value.toArray()]),
    );
  const before = moments();
  const held = model.weights.map(({ value }) => value.toArray());

  assert(!arena.refresh());
  model.freeze((name) => name === "weights.1");
  assert(arena.refresh());
  optimizer.attach(arena);
  assertEquals(arena.entries.map(({ name }) => name), ["weights.0", "weights.2"]);
  assert(model.weights[1].value.storage !== arena.values.storage);
  assertEquals(model.weights.map(({ value }) => value.toArray()), held);
  assertEquals(moments(), before);

  model.unfreeze();
  assert(arena.refresh());
  optimizer.attach(arena);
  assertEquals(moments(), before);
  step(...gradients);

  // The same three steps without the detour.
  const straight = values();
  const twin = drive(straight, adamW({ learningRate: 0.1 }));
  for (let at = 0; at < 3; at++) twin.step(...gradients);
  assertEquals(
    model.weights.map(({ value }) => value.toArray()),
    straight.weights.map(({ value }) => value.toArray()),
  );
});

Deno.test("a value set from outside moves into the arena", () => {
  const model = bare(device, [1, 2]);
  const arena = new ParameterArena(model);
  scoped(() => {
    model.weights[0].value = tensor([7, 8], { device });
  });
  assert(!arena.refresh(), "the layout is the same");
  assertEquals([...arena.values.dataSync()].slice(0, 2), [7, 8]);
  assert(model.weights[0].value.storage === arena.values.storage);
});

Deno.test("equal numbers an element are one scalar, others a vector with zero padding", () => {
  const arena = new ParameterArena(bare(device, [1, 2], [3]));
  assertEquals(arena.perElement(() => 4).shape, []);
  const vector = arena.perElement(({ name }) => name === "weights.0" ? 5 : 6);
  assertEquals(vector.shape, [128]);
  assertEquals([...vector.dataSync()].filter((value) => value !== 0), [5, 5, 6]);
});

Deno.test("a saved state that lacks something or has another shape is refused by name", () => {
  const optimizer = adamW({ learningRate: 0.1 });
  drive(bare(device, [1, 2], [3]), optimizer);
  const { tensors, numbers } = optimizer.state();
  const { "adamW.firstMoment.weights.1": _, ...incomplete } = tensors;
  assertThrows(
    () => optimizer.restore({ tensors: incomplete, numbers }),
    StateError,
    "no adamW.firstMoment of weights.1",
  );
  const misshapen = { ...tensors, "adamW.secondMoment.weights.0": zeros([3], { device }) };
  assertThrows(
    () => optimizer.restore({ tensors: misshapen, numbers }),
    StateError,
    "adamW.secondMoment of weights.0 has [3], the parameter [2]",
  );
  assertThrows(() => optimizer.restore({ tensors, numbers: {} }), StateError, "adamW.steps");
  assertThrows(() => sgd({ learningRate: 1 }).restore(optimizer.state()), StateError, "sgd.steps");
});
