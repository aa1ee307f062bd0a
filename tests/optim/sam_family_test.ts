// SAM's relatives in training: planned, resumed to the same bits, without leaks; and what they refuse.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, StateError } from "../../errors.ts";
import {
  adamW,
  arenaGroups,
  clipNorm,
  corGuidedSam,
  cosineRadius,
  esam,
  friendlySam,
  gsam,
  linearRadius,
  lookSam,
  type LossFunction,
  type Optimizer,
  ParameterArena,
  radiusFollowingRate,
  sam,
  sgd,
  trainStepSync,
} from "../../optim/mod.ts";
import {
  crossEntropy,
  decodeSafetensors,
  encodeSafetensors,
  executorOf,
  type Tensor,
} from "../../tensor/mod.ts";
import { allDevices } from "../conformance/devices.ts";
import { type Bare, bare } from "./drive.ts";
import { assertNear, type Batch, batchOf, bits, device, loss, Network, square } from "./network.ts";

const base = (): Optimizer => clipNorm(adamW({ learningRate: 0.02, weightDecay: 0.1 }), 0.5);
const radius = 0.05;
const sampleLosses = (model: Network, { x, y }: Batch): Tensor =>
  crossEntropy(model.forward(x), y, { reduction: "none" });

/** An optimizer and the loss that it is used with. */
interface Member {
  readonly optimizer: Optimizer;
  readonly loss: LossFunction<Network, Batch>;
}

const relatives: Readonly<Record<string, () => Member>> = {
  asam: () => ({ optimizer: sam(base(), { radius, adaptive: true }), loss }),
  "sam of the head": () => ({
    optimizer: sam(base(), { radius, perturb: (name) => name.startsWith("second") }),
    loss,
  }),
  gsam: () => ({ optimizer: gsam(base(), { radius, alpha: 0.3 }), loss }),
  lookSam: () => ({ optimizer: lookSam(base(), { radius, every: 3 }), loss }),
  friendlySam: () => ({ optimizer: friendlySam(base(), { radius }), loss }),
  esam: () => {
    const optimizer = esam(base(), { radius, beta: 0.7, gamma: 0.5, random: 3 });
    return { optimizer, loss: optimizer.lossOf(sampleLosses) };
  },
  corGuidedSam: () => ({
    optimizer: corGuidedSam(base(), {
      every: 3,
      groupOf: (name) => name.split(".")[0],
      criticalRadius: ({ step, gradientNorm }, { name }) => gradientNorm / (step + name.length),
    }),
    loss,
  }),
};

for (const where of allDevices) {
  for (const [name, make] of Object.entries(relatives)) {
    Deno.test(`${name} is planned, and a saved run goes on to the same bits, on ${where}`, () => {
      const begin = (seed: number) => {
        const model = new Network(seed, where);
        const { optimizer, loss } = make();
        return { model, optimizer, step: trainStepSync(model, optimizer, loss) };
      };
      const straight = begin(1);
      for (let at = 0; at < 4; at++) straight.step(batchOf(at, where));
      const { tensors, numbers } = straight.optimizer.state();
      const files = {
        model: encodeSafetensors(straight.model.stateDict()),
        optimizer: encodeSafetensors(tensors),
        others: JSON.stringify({ numbers, random: straight.model.randomStates() }),
      };
      const second = begin(99);
      second.model.loadStateDict(decodeSafetensors(files.model, { device: where }).tensors);
      const others = JSON.parse(files.others);
      second.optimizer.restore({
        tensors: decodeSafetensors(files.optimizer, { device: where }).tensors,
        numbers: others.numbers,
      });
      second.model.restoreRandomStates(others.random);
      for (let at = 4; at < 8; at++) {
        const batch = batchOf(at, where);
        assertEquals(second.step(batch), straight.step(batch));
      }
      assertEquals(bits(second.model), bits(straight.model));
      const told = straight.step.explainPlan();
      assert(told.includes("later pass") && !told.includes("not planned"), told);
    });

    Deno.test(`${name} loses no memory over steps, on ${where}`, () => {
      const { optimizer, loss } = make();
      const step = trainStepSync(new Network(1, where), optimizer, loss);
      const batch = batchOf(2, where);
      for (let at = 0; at < 8; at++) step(batch);
      const { buffers, bytes } = executorOf(where).memory();
      for (let at = 0; at < 12; at++) step(batch);
      const after = executorOf(where).memory();
      assertEquals([after.buffers, after.bytes], [buffers, bytes]);
    });
  }
}

Deno.test("LookSAM takes a second pass every k steps, ESAM over some of the samples", () => {
  const passes = ({ optimizer, loss }: Member) => {
    const step = trainStepSync(new Network(1), optimizer, loss);
    return [0, 1, 2, 3, 4, 5, 6].map((at) => step(batchOf(at)).losses.length);
  };
  assertEquals(passes(relatives.lookSam()), [2, 1, 1, 2, 1, 1, 2]);
  const seen: number[] = [];
  const optimizer = esam(base(), { radius, beta: 1, gamma: 0.25 });
  const counted = optimizer.lossOf((model: Network, batch: Batch) => {
    seen.push(batch.x.shape[0]);
    return sampleLosses(model, batch);
  });
  trainStepSync(new Network(1), optimizer, counted, { plan: false })(batchOf(1));
  assertEquals(seen, [12, 12, 3]);
});

Deno.test("ESAM refuses a loss that does not tell samples apart, and accumulation", () => {
  const plain = trainStepSync(new Network(1), esam(base(), { radius }), loss);
  assertThrows(() => plain(batchOf(1)), ConfigError, "lossOf");
  const { optimizer, loss: sampled } = relatives.esam();
  const parts = trainStepSync(new Network(1), optimizer, sampled, { accumulate: 2 });
  assertThrows(() => parts(batchOf(1)), ConfigError, "do not accumulate");
  const whole = trainStepSync(new Network(1), esam(base(), { radius, gamma: 1 }), loss, {
    accumulate: 2,
  });
  assertEquals(whole(batchOf(1)).step, 1);
});

Deno.test("with nothing left out ESAM is SAM, and GSAM without alpha is too", () => {
  const trained = ({ optimizer, loss }: Member) => {
    const model = new Network(1, device, 0);
    const step = trainStepSync(model, optimizer, loss);
    for (let at = 0; at < 4; at++) step(batchOf(at));
    return Object.values(bits(model)).flat();
  };
  const plain = trained({ optimizer: sam(base(), { radius }), loss });
  const efficient = esam(base(), { radius, beta: 1, gamma: 1 });
  assertEquals(trained({ optimizer: efficient, loss: efficient.lossOf(sampleLosses) }), plain);
  assertNear(trained({ optimizer: gsam(base(), { radius, alpha: 0 }), loss }), plain);
});

const contextAt = (step: number, learningRate = 0) =>
  ({ step, learningRate }) as Parameters<ReturnType<typeof linearRadius>>[0];

Deno.test("radii move along their schedules and stay at their end", () => {
  const range = { from: 0.3, to: 0.1, total: 5 };
  const [line, wave] = [linearRadius(range), cosineRadius(range)];
  [0.3, 0.25, 0.2, 0.15, 0.1, 0.1].forEach((expected, step) =>
    assertAlmostEquals(line(contextAt(step)), expected, 1e-15)
  );
  [0.3, 0.2 + 0.1 * Math.SQRT1_2, 0.2, 0.2 - 0.1 * Math.SQRT1_2, 0.1, 0.1].forEach(
    (expected, step) => assertAlmostEquals(wave(contextAt(step)), expected, 1e-15),
  );
  assertThrows(() => linearRadius({ ...range, total: 0 })(contextAt(0)), ConfigError, "total");
  assertThrows(
    () => radiusFollowingRate({ radius: [0, 1], rate: [1, 1] }),
    ConfigError,
    "rates rise",
  );
});

/** The radii of some steps of COR-guided SAM, by group, and the weights' distance at the top. */
function guided(critical: number, groups: boolean) {
  const asked: string[] = [];
  const optimizer = corGuidedSam(sgd({ learningRate: 0 }), {
    fraction: 0.5,
    every: 2,
    maximum: 3,
    groupOf: groups ? (name) => name : undefined,
    criticalRadius: ({ step }, { name, entries }) => {
      asked.push(`${step} ${name} ${entries.length}`);
      return critical;
    },
  });
  const model = bare(device, [3, 4], [2]);
  const tops: number[][] = [];
  const step = trainStepSync(model, optimizer, ({ weights }: Bare) => {
    tops.push(weights.flatMap(({ value }) => [...value.dataSync()]));
    const [a, b] = weights.map(({ value }) => value);
    return a.square().sum().add(b.square().sum());
  }, { plan: false });
  const passes = [0, 1, 2].map(() => step(undefined).losses.length);
  return { asked, passes, top: tops[1], last: optimizer.lastRadius, radii: optimizer.radii };
}

Deno.test("COR-guided SAM asks every k steps, for all parameters or for each group", () => {
  const together = guided(2, false);
  assertEquals(together.asked, ["0 all 2", "2 all 2"]);
  assertEquals(together.passes, [2, 2, 2]);
  assertEquals(together.last, 1);
  const length = Math.sqrt(29);
  assertNear(together.top, [3 + 3 / length, 4 + 4 / length, 2 + 2 / length]);
  const apart = guided(2, true);
  assertEquals(apart.asked, [0, 0, 2, 2].map((step, at) => `${step} weights.${at % 2} 1`));
  assertNear(apart.top, [3.6, 4.8, 3]);
  assertAlmostEquals(apart.last, Math.SQRT2, 1e-15);
  assertEquals(apart.radii, { "weights.0": 1, "weights.1": 1 });
});

Deno.test("where every radius descends the largest is taken, where none does there is no climb", () => {
  assertEquals(guided(Infinity, false).last, 3);
  const none = guided(0, false);
  assertEquals([none.last, none.passes], [0, [1, 1, 1]]);
  for (const wrong of [NaN, -1]) {
    assertThrows(() => guided(wrong, false), ConfigError, "the critical radius of all at step 1");
  }
});

Deno.test("options outside of their range are refused by name", () => {
  const inner = sgd({ learningRate: 1 });
  const criticalRadius = () => 1;
  const refused: [() => Optimizer, string][] = [
    [() => gsam(inner, { radius: NaN }), "gsam: the radius"],
    [() => gsam(inner, { radius, alpha: -1 }), "gsam: alpha"],
    [() => lookSam(inner, { radius, every: 0 }), "lookSam: every"],
    [() => lookSam(inner, { radius, alpha: NaN }), "lookSam: alpha"],
    [() => friendlySam(inner, { radius, sigma: -1 }), "friendlySam: sigma"],
    [() => friendlySam(inner, { radius, decay: 1 }), "friendlySam: the decay"],
    [() => esam(inner, { radius, beta: 0 }), "esam: beta"],
    [() => esam(inner, { radius, gamma: 2 }), "esam: gamma"],
    [() => corGuidedSam(inner, { criticalRadius, fraction: 0 }), "the fraction"],
    [() => corGuidedSam(inner, { criticalRadius, every: 0.5 }), "every"],
    [() => corGuidedSam(inner, { criticalRadius, maximum: Infinity }), "the radius"],
  ];
  for (const [make, message] of refused) assertThrows(make, ConfigError, message);
});

Deno.test("the state of another optimizer is refused", () => {
  const plain = adamW({ learningRate: 0.1 });
  trainStepSync(bare(device, [1]), plain, square)(undefined);
  const state = plain.state();
  for (
    const other of [
      lookSam(adamW({ learningRate: 0.1 }), { radius }),
      friendlySam(adamW({ learningRate: 0.1 }), { radius }),
      corGuidedSam(adamW({ learningRate: 0.1 }), { criticalRadius: () => 1 }),
    ]
  ) assertThrows(() => other.restore(state), StateError, "not one of");
});

Deno.test("groups of an arena are runs that hold their parameters and the padding behind them", () => {
  const arena = new ParameterArena(bare(device, [1, 2], [3], [4], [5]));
  const groups = arenaGroups(
    arena,
    (name) => ({ "weights.0": "a", "weights.1": "a", "weights.3": "a", "weights.2": "b" })[name],
  );
  assertEquals(groups, [
    { name: "a", runs: [{ offset: 0, size: 128 }, { offset: 192, size: 64 }] },
    { name: "b", runs: [{ offset: 128, size: 64 }] },
  ]);
});
