// Modules: names by walking fields, modes, freezing, state dicts, tied parameters, substitution, random states.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError, StateError } from "../../errors.ts";
import {
  Dropout,
  Linear,
  Module,
  Parameter,
  Sequential,
  StateBuffer,
  VisionTransformer,
} from "../../nn/mod.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  RandomStream,
  scoped,
  type Tensor,
  tensor,
  zeros,
} from "../../tensor/mod.ts";
import { allDevices } from "../conformance/devices.ts";

const device = "reference";

class Branch extends Module {
  readonly firstLayer = new Linear(2, 2, { random: 0, device });
  readonly scaleBy2x = new Parameter(tensor([1, 2], { device }));
  readonly noBias = new Linear(2, 1, { random: 1, device, bias: false });
}

class Tree extends Module {
  readonly trunk = new Branch();
  readonly branches = [[new Branch()], [new Branch(), new Branch()]];
  readonly runningMean = new StateBuffer(zeros([3], { device }));
  readonly drop = new Dropout(0.5, 3);
  readonly absent: Linear | undefined = undefined;
  readonly label = "not a part";
}

function values(model: Module): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(model.stateDict()).map(([name, value]) => [name, [...value.dataSync()]]),
  );
}

Deno.test("names are the fields' in snake case, arrays counted, in the order of the fields", () => {
  const tree = new Tree();
  assertEquals([...tree.trunk.namedParameters().keys()], [
    "first_layer.weight",
    "first_layer.bias",
    "scale_by2x",
    "no_bias.weight",
  ]);
  assertEquals(
    [...tree.namedParameters().keys()].filter((name) => name.endsWith("scale_by2x")),
    [
      "trunk.scale_by2x",
      "branches.0.0.scale_by2x",
      "branches.1.0.scale_by2x",
      "branches.1.1.scale_by2x",
    ],
  );
  assertEquals([...tree.namedBuffers().keys()], ["running_mean"]);
  assertEquals([...tree.namedModules().keys()].slice(0, 3), ["", "trunk", "trunk.first_layer"]);
});

Deno.test("training and evaluation reach every module inside", () => {
  const tree = new Tree();
  assert(tree.branches[1][1].noBias.training);
  tree.evaluate();
  assert([...tree.namedModules().values()].every((module) => !module.training));
  tree.train();
  assert([...tree.namedModules().values()].every((module) => module.training));
});

Deno.test("freezing by name tells what it froze, and counts follow", () => {
  const tree = new Tree();
  const all = tree.parameterCount();
  assertEquals(tree.freeze((name) => name.startsWith("trunk.no_bias")), ["trunk.no_bias.weight"]);
  assertEquals(tree.parameterCount({ trainedOnly: true }), all - 2);
  tree.unfreeze();
  assertEquals(tree.parameterCount({ trainedOnly: true }), all);
});

Deno.test("a tied parameter stands under each of its names and counts once", () => {
  const shared = new Parameter(zeros([4], { device }));
  class Tied extends Module {
    readonly one = shared;
    readonly two = shared;
  }
  const model = new Tied();
  assertEquals([...model.namedParameters().keys()], ["one", "two"]);
  assertEquals(model.parameterCount(), 4);
});

Deno.test("setting a parameter keeps the new tensor and releases the old one", () => {
  const parameter = new Parameter(tensor([1], { device }));
  const before = parameter.value;
  scoped(() => {
    parameter.value = tensor([2], { device });
  });
  assert(before.released);
  assertEquals(parameter.value.toArray(), [2]);
});

for (const where of allDevices) {
  Deno.test(`a state dict survives a safetensors file and another seed on ${where}`, () => {
    const options = { preset: "starter", width: 24, depth: 2, device: where } as const;
    const saved = VisionTransformer.create({ ...options, seed: 1 });
    const loaded = VisionTransformer.create({ ...options, seed: 2 });
    const before = values(saved);
    assert(values(loaded)["head.weight"][0] !== before["head.weight"][0]);
    const { tensors } = decodeSafetensors(encodeSafetensors(saved.stateDict()), { device: where });
    assertEquals(loaded.loadStateDict(tensors), { missing: [], unexpected: [] });
    assertEquals(values(loaded), before);
  });
}

Deno.test("loading converts between devices and float types", () => {
  const model = new Linear(2, 1, { random: 0, device });
  model.loadStateDict({
    weight: tensor([[1, 2]], { device, dtype: "float32" }),
    bias: tensor([3], { device, dtype: "float32" }),
  });
  assertEquals(model.weight.value.dtype, "float64");
  assertEquals(values(model), { weight: [1, 2], bias: [3] });
});

Deno.test("a state that does not fit is one error that names every tensor, and loads nothing", () => {
  const model = new Sequential([
    new Linear(2, 3, { random: 0, device }),
    new Linear(3, 1, { random: 0, device }),
  ]);
  const before = values(model);
  const error = assertThrows(() =>
    model.loadStateDict({
      "0.weight": tensor([[9, 9], [9, 9], [9, 9]], { device }),
      "0.bias": zeros([4], { device }),
      "1.bias": tensor(new Int32Array([1]), { device }),
      "2.weight": zeros([1, 1], { device }),
    }), StateError);
  assertStringIncludes(error.message, "missing 1.weight [1, 3]");
  assertStringIncludes(error.message, "unexpected 2.weight [1, 1]");
  assertStringIncludes(error.message, "differs 0.bias: the model has [3], the state [4]");
  assertStringIncludes(error.message, "differs 1.bias: the model has float64, the state int32");
  assertEquals(values(model), before);
});

Deno.test("a loose load tells what it left out, and still refuses other shapes", () => {
  const model = new Linear(1, 1, { random: 0, device });
  const report = model.loadStateDict(
    { weight: tensor([[5]], { device }), extra: zeros([1], { device }) },
    { strict: false },
  );
  assertEquals(report, { missing: ["bias"], unexpected: ["extra"] });
  assertEquals(model.weight.value.item(), 5);
  assertThrows(
    () => model.loadStateDict({ weight: zeros([2, 1], { device }) }, { strict: false }),
    StateError,
    "differs weight",
  );
});

Deno.test("other tensors take the parameters' places for one call only", () => {
  const model = new Linear(1, 1, { random: 0, device, bias: false });
  const own = model.weight.value;
  const x = tensor([[3]], { device });
  const other = tensor([[2]], { device });
  assertEquals(model.withTensors({ weight: other }, () => model.forward(x).item()), 6);
  assert(model.weight.value === own && !other.released);
  assertThrows(() =>
    model.withTensors({ weight: other }, () => {
      throw new RangeError("inside");
    }), RangeError);
  assert(model.weight.value === own);
  assertThrows(() => model.withTensors({ bias: other }, () => 0), ConfigError, "no place");
  assertThrows(() => model.withTensors({ weight: x.flatten() }, () => 0), ConfigError, "own is");
});

Deno.test("random states go through JSON and bring the same draws back", () => {
  const tree = new Tree();
  const x = tensor(new Float64Array(64).fill(1), { device });
  const draw = (): number[] => [...tree.drop.forward(x).dataSync()];
  draw();
  const states = JSON.parse(JSON.stringify(tree.randomStates()));
  const first = draw();
  assert(draw().some((value, at) => value !== first[at]));
  tree.restoreRandomStates(states);
  assertEquals(draw(), first);
  assertThrows(() => tree.restoreRandomStates({}), ConfigError, "drop.random");
  assertThrows(
    () => tree.restoreRandomStates({ ...states, other: new RandomStream(0).state }),
    ConfigError,
    "other",
  );
});

Deno.test("stages of a sequence are named by position, functions have none", () => {
  const net = new Sequential([
    new Linear(2, 3, { random: 0, device }),
    (x: Tensor) => x.relu(),
    new Linear(3, 1, { random: 1, device }),
  ]);
  assertEquals([...net.namedParameters().keys()], ["0.weight", "0.bias", "2.weight", "2.bias"]);
  assertEquals(net.forward(zeros([4, 2], { device })).shape, [4, 1]);
});
