// The detector: no label reaches its forward pass, batches have no order, gradients are right.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { gradientCheck, gradients } from "../../autograd/mod.ts";
import {
  type CoritDetector,
  defaultTaps,
  type DetectorOptions,
  gradientProxy,
  injectSignal,
  integrateHierarchy,
  proxySources,
  regionMask,
} from "../../corit/mod.ts";
import { ConfigError, ShapeError } from "../../errors.ts";
import { adamW, sam, trainStepSync } from "../../optim/mod.ts";
import {
  executorOf,
  indexSelect,
  recordingOn,
  scoped,
  type Tensor,
  tensor,
  zeros,
} from "../../tensor/mod.ts";
import { exact, normal } from "./oracle.ts";
import { seasoned, smallBatch, smallDetector } from "./small.ts";

const textDirections = normal(9, [2, 12]);

/** Every combination of parts that differs in its forward pass. */
const variants: Record<string, DetectorOptions> = {
  vit: { kind: "vit" },
  nothing: { hri: false, rrm: false, rsi: false },
  hri: { hri: true },
  rrm: { hri: false, rrm: true },
  rsi: { hri: false, rsi: true, rsiAlpha: 0.3 },
  "class token": { hri: false, rrm: true, rsi: true, pooling: "token" },
  ...Object.fromEntries(proxySources.map((proxy) => [proxy, {
    proxy,
    hri: true,
    rrm: true,
    rsi: true,
    rsiAlpha: 0.3,
    textDirections: proxy === "text" ? textDirections : undefined,
  }])),
};

const shapes = (detector: CoritDetector) =>
  Object.fromEntries(
    [...detector.namedParameters()].map(([name, { shape }]) => [name, shape]),
  );

Deno.test("no part has learned weights: the parameters are the plain transformer's, but for the head's width under HRI", () => {
  const plain = shapes(smallDetector({ kind: "vit" }));
  for (const [name, options] of Object.entries(variants)) {
    const own = shapes(smallDetector(options));
    if (options.pooling === "token") continue;
    const width = options.hri ? 2 * 2 * 12 : 12;
    assertEquals(own, { ...plain, "head.weight": [1, width] }, name);
  }
  const [token, tokenVit] = [{ ...variants["class token"] }, { kind: "vit", pooling: "token" }] as [
    DetectorOptions,
    DetectorOptions,
  ];
  assertEquals(shapes(smallDetector(token)), shapes(smallDetector(tokenVit)));
  assert(
    Object.keys(plain).every((name) => /^(backbone\.|head\.|mask_head\.)/.test(name)),
    "names begin with backbone, head or mask_head",
  );
  assertEquals([...smallDetector().namedBuffers().keys()], [
    "prototypes.directions",
    "prototypes.weights",
  ]);
  assertEquals([...smallDetector({ kind: "vit" }).namedBuffers().keys()], []);
});

Deno.test("no label reaches the forward pass: other labels and masks change no score by a bit", () => {
  const batch = smallBatch();
  const flipped = {
    ...batch,
    labels: batch.labels.mul(-1).add(1),
    masks: batch.masks.mul(-1).add(1),
  };
  for (const [name, options] of Object.entries(variants)) {
    const detector = seasoned(options);
    const scores = (given: typeof batch) => {
      const { loss, taps } = detector.lossWithTaps(given);
      const seen = taps.map(({ tokens, proxies }) => [tokens.toArray(), proxies?.toArray()]);
      return { loss: loss.item(), seen, after: detector.probabilities(given.images).toArray() };
    };
    const before = detector.probabilities(batch.images).toArray();
    const [one, other] = [scores(batch), scores(flipped)];
    assert(one.loss !== other.loss, "the labels do reach the loss");
    assertEquals(one.seen, other.seen, name);
    assertEquals(one.after, before, name);
    assertEquals(other.after, before, name);
  }
});

Deno.test("the order of a batch permutes the scores, bit for bit", () => {
  const order = [5, 2, 7, 0, 3, 1, 6, 4];
  for (const device of ["reference", "wasm"] as const) {
    const { images } = smallBatch(1, device);
    const shuffled = indexSelect(images, tensor(Int32Array.from(order), { device }));
    for (const [name, options] of Object.entries(variants)) {
      const text = options.textDirections?.on(device);
      const detector = seasoned({ ...options, device, textDirections: text });
      const scores = detector.probabilities(images).dataSync();
      const permuted = detector.probabilities(shuffled).dataSync();
      assertEquals([...permuted], order.map((image) => scores[image]), `${name} on ${device}`);
    }
  }
});

Deno.test("the forward pass is its parts, put together by hand", () => {
  const { images } = smallBatch();
  for (
    const options of [
      { hri: true, rrm: true, rsi: true, rsiAlpha: 0.2 },
      { hri: true, rrm: false, rsi: false, tapWeights: [0.5, 2] },
      { hri: false, rrm: true, rsi: true, rsiAlpha: 0.7 },
    ]
  ) {
    const detector = seasoned(options).evaluate();
    const { backbone, grid, head } = detector;
    const directions = detector.prototypes!.directions.value;
    const mean = (tokens: Tensor, mask: Tensor) =>
      tokens.slice(undefined, [1]).mul(mask.unsqueeze(2)).sum(1)
        .div(mask.sum(1, { keepAxes: true }));
    const look = (tokens: Tensor, reading: Tensor, tap: number) => {
      const q = gradientProxy("attention", {
        tokens,
        grid,
        reading,
        directions: directions.slice(tap),
      });
      const mask = options.rrm ? regionMask(q, { grid }) : q.slice(undefined, undefined, 0).mul(0)
        .add(1);
      return { q, mask };
    };
    const first = backbone.blocks[0].inspect(backbone.embed(images));
    const atFirst = look(first.output, first.reading, 0);
    const onward = options.rsi
      ? injectSignal(first.output, atFirst.q, atFirst.mask, options.rsiAlpha!)
      : first.output;
    const second = backbone.blocks[1].inspect(onward);
    const { mask } = look(second.output, second.reading, 1);
    const features = options.hri
      ? integrateHierarchy([first.output, second.output], {
        grid,
        mask,
        weights: options.tapWeights,
      })
      : backbone.fcNorm!.forward(mean(second.output, mask));
    const expected = head.forward(features).sigmoid().toArray() as number[][];
    const found = detector.probabilities(images).toArray() as number[];
    found.forEach((probability, image) =>
      assertAlmostEquals(probability, expected[image][0], 1e-12)
    );
  }
});

Deno.test("the plain detector is the transformer, its pooling and one linear layer", () => {
  const { images } = smallBatch();
  for (const pooling of ["mean", "token"] as const) {
    const detector = smallDetector({ kind: "vit", pooling });
    const { backbone, head } = detector;
    const expected = head.forward(backbone.forward(images)).sigmoid().toArray() as number[][];
    assertEquals(detector.probabilities(images).toArray(), expected.flat());
  }
  // With every part off, CoRIT is the same function, from the same initial weights.
  const off = smallDetector({ hri: false, rrm: false, rsi: false }).probabilities(images);
  const plain = smallDetector({ kind: "vit" }).probabilities(images);
  assert(off.sub(plain).abs().max().item() < 1e-14);
});

Deno.test("before their first update the prototypes mask and inject nothing", () => {
  const { images } = smallBatch();
  const plain = smallDetector({ hri: false, rrm: false, rsi: false }).probabilities(images);
  for (const proxy of ["attention", "prototype"] as const) {
    const fresh = smallDetector({ hri: false, rrm: true, rsi: true, proxy });
    assertEquals(fresh.inspect(images).regionMask.min().item(), 1);
    assertEquals(fresh.probabilities(images).toArray(), plain.toArray());
  }
});

Deno.test("gradients flow through every part: the loss against central differences", () => {
  const { images, labels, masks, hasMask } = smallBatch();
  const part = (x: Tensor) => x.slice([2, 4]);
  const batch = {
    images: part(images),
    labels: part(labels),
    masks: part(masks),
    hasMask: part(hasMask),
  };
  // The region is a step function of the weights, so it stays as it is over a small difference. What RSI injects is
  // a constant to differentiation by its definition, and has a test of its own.
  for (const options of [{ kind: "vit" }, { hri: true, rrm: true }] as const) {
    const detector = seasoned({ labelSmoothing: 0.1, ...options });
    const cells = [...detector.namedParameters()];
    const initial = cells.map(([, { value }]) => value);
    // A random direction for each parameter: the loss is checked as a function of how far each one moves along its own.
    const directions = cells.map(([, { shape }], at) => normal(at, shape));
    gradientCheck(
      (steps) =>
        detector.withTensors(
          Object.fromEntries(
            cells.map((
              [name],
              at,
            ) => [name, initial[at].add(directions[at].mul(steps.slice(at)))]),
          ),
          () => detector.loss(batch),
        ),
      [zeros([cells.length], { device: "reference" })],
    );
  }
});

Deno.test("every parameter takes part in the loss, with every part on or off", () => {
  for (const [name, options] of Object.entries(variants)) {
    const detector = seasoned(options);
    const parameters = [...detector.namedParameters()];
    const found = recordingOn(() =>
      gradients(detector.loss(smallBatch()), parameters.map(([, { value }]) => value))
    );
    parameters.forEach(([parameter], at) => {
      assert(found[at].abs().max().item() > 0, `${name}: ${parameter}`);
    });
  }
});

Deno.test("the loss is binary cross-entropy of the image and of the patches whose mask counts", () => {
  const batch = smallBatch();
  const labelSmoothing = 0.2, maskLossWeight = 0.7;
  const detector = smallDetector({ labelSmoothing, maskLossWeight });
  const entropy = (p: number, y: number) => -y * Math.log(p) - (1 - y) * Math.log(1 - p);
  const { probabilities, tokenProbabilities } = detector.inspect(batch.images);
  const scores = probabilities.toArray() as number[];
  const labels = batch.labels.toArray() as number[];
  const classification = scores.reduce(
    (sum, p, image) => sum + entropy(p, labels[image] * 0.8 + 0.1) / scores.length,
    0,
  );
  const masks = batch.masks.toArray() as number[][][];
  const tokens = tokenProbabilities.toArray() as number[][];
  let mask = 0;
  for (const image of [0, 1, 2, 3, 4, 5]) {
    tokens[image].forEach((p, patch) => {
      const [top, left] = [4 * Math.floor(patch / 4), 4 * (patch % 4)];
      const inside = masks[image].slice(top, top + 4).flatMap((line) => line.slice(left, left + 4));
      const share = inside.reduce((sum, x) => sum + x, 0) / 16;
      mask += entropy(p, share) / (6 * 16);
    });
  }
  const losses = detector.losses(batch);
  assertAlmostEquals(losses.classification.item(), classification, 1e-12);
  assertAlmostEquals(losses.mask.item(), mask, 1e-12);
  assertAlmostEquals(losses.total.item(), classification + maskLossWeight * mask, 1e-12);
  assertAlmostEquals(detector.loss(batch).item(), losses.total.item(), 1e-15);

  const { images } = batch;
  const without = detector.losses({ images, labels: batch.labels });
  assertAlmostEquals(without.total.item(), classification, 1e-12);
  assertEquals(without.mask.item(), 0);
  const none = detector.losses({ ...batch, hasMask: batch.hasMask.mul(0) });
  assertEquals(none.mask.item(), 0);
});

Deno.test("the losses of single images average to the loss of the batch, with and without masks", () => {
  const batch = smallBatch();
  const { images, labels, masks } = batch;
  const detector = smallDetector({ labelSmoothing: 0.2, maskLossWeight: 0.7 });
  const cases = [batch, { images, labels, masks }, { images, labels }, {
    ...batch,
    hasMask: batch.hasMask.mul(0),
  }];
  for (const each of cases) {
    const losses = detector.sampleLosses(each);
    assertEquals(losses.shape, labels.shape);
    assertAlmostEquals(losses.mean().item(), detector.loss(each).item(), 1e-12);
  }
  // An image's loss is its own: another image in the batch does not move it.
  const [first] = detector.sampleLosses({ images, labels, masks }).toArray() as number[];
  const alone = detector.sampleLosses({
    images: images.slice([0, 1]),
    labels: labels.slice([0, 1]),
    masks: masks.slice([0, 1]),
  });
  assertAlmostEquals(alone.item(), first, 1e-12);
});

Deno.test("scores come from evaluation mode, unrecorded, and leave the mode as it was", () => {
  const { images } = smallBatch();
  const detector = seasoned({ dropout: 0.5, dropPath: 0.5, rrm: true, rsi: true });
  detector.backbone.blocks[0].evaluate();
  const modes = () => [...detector.namedModules().values()].map(({ training }) => training);
  const before = modes();
  const streams = detector.randomStates();
  const scores = recordingOn(() => detector.probabilities(images));
  assertEquals(scores.origin, undefined);
  assertEquals(scores.toArray(), detector.probabilities(images).toArray());
  assertEquals([modes(), detector.randomStates()], [before, streams]);
});

Deno.test("an inspection shows the score, the region that was read, the patches' scores and the proxy's size", () => {
  const { images } = smallBatch();
  for (const [name, options] of Object.entries(variants)) {
    const detector = seasoned(options);
    const seen = detector.inspect(images);
    assertEquals(seen.probabilities.toArray(), detector.probabilities(images).toArray(), name);
    for (const map of [seen.regionMask, seen.tokenProbabilities, seen.proxyMagnitude]) {
      assertEquals(map.shape, [8, 16]);
    }
    const sizes = (seen.regionMask.toArray() as number[][])
      .map((mask) => mask.reduce((sum, inside) => sum + inside, 0));
    assert(sizes.every((size) => options.rrm ? size >= 1 && size <= 8 : size === 16), name);
    assertEquals(seen.proxyMagnitude.max().item() > 0, options.kind !== "vit", name);
  }
});

Deno.test("scores leave nothing behind, and a step's tensors go with its scope", () => {
  const executor = executorOf("reference");
  const detector = seasoned({ proxy: "view", rrm: true, rsi: true });
  const batch = smallBatch();
  const before = executor.memory().buffers;
  scoped(() => {
    detector.probabilities(batch.images);
    assertEquals(executor.memory().buffers, before + 1);
  });
  scoped(() => {
    recordingOn(() => detector.loss(batch));
    detector.afterFirstPass();
  });
  assertEquals(executor.memory().buffers, before);
});

Deno.test("under SAM the prototypes move once a step, and the loss falls", () => {
  const detector = smallDetector({ rrm: true });
  const optimizer = sam(adamW({ learningRate: 0.01 }), { radius: 0.01 });
  const step = trainStepSync(
    detector,
    optimizer,
    (model, batch: ReturnType<typeof smallBatch>) => model.loss(batch),
  );
  const batch = smallBatch();
  const weights = () => detector.prototypes!.weights.value.dataSync()[0];
  const losses = Array.from({ length: 10 }, (_, at) => {
    const { loss } = step(batch);
    assertAlmostEquals(weights(), 1 - 0.9 ** (at + 1), 1e-12);
    return loss;
  });
  assert(losses[9] < losses[0]);
  // Validation scores and losses move nothing.
  const state = detector.prototypes!.directions.value.toArray();
  detector.evaluate();
  detector.loss(batch);
  detector.afterFirstPass();
  assertEquals(detector.prototypes!.directions.value.toArray(), state);
});

Deno.test("a step replayed from its plan is the step as written, bit for bit, whichever parts are on", () => {
  const device = "wasm";
  const batches = [1, 2, 3, 4, 5].map((seed) => smallBatch(seed, device));
  for (const [name, options] of Object.entries(variants)) {
    const [planned, written] = [true, false].map((plan) => {
      const textDirections = options.textDirections?.on(device);
      const detector = smallDetector({ ...options, device, textDirections, dropPath: 0.2 });
      const step = trainStepSync(
        detector,
        sam(adamW({ learningRate: 0.01 }), { radius: 0.01 }),
        (model, batch: ReturnType<typeof smallBatch>) => model.loss(batch),
        { plan },
      );
      for (const batch of batches) step(batch);
      assert(!step.explainPlan().includes("not planned"), `${name}: ${step.explainPlan()}`);
      return detector.stateDict();
    });
    for (const [key, value] of Object.entries(planned)) {
      assertEquals(value.dataSync(), written[key].dataSync(), `${name}: ${key}`);
    }
  }
});

Deno.test("a saved detector scores the same after loading, prototypes and all", () => {
  const { images } = smallBatch();
  const detector = seasoned({ rrm: true });
  const other = smallDetector({ rrm: true, seed: 4 });
  const expected = detector.probabilities(images).toArray();
  assert(other.probabilities(images).toArray() !== expected);
  other.loadStateDict(detector.stateDict());
  assertEquals(other.probabilities(images).toArray(), expected);
});

Deno.test("the summary counts every parameter, and two operations for each weight of a head and place", () => {
  const detector = smallDetector();
  const summary = detector.summary();
  assertEquals(summary.parameters, detector.parameterCount());
  const rows = Object.fromEntries(summary.rows.map((row) => [row.name, row]));
  assertEquals(rows.head.flops, 2 * 48);
  assertEquals(rows.mask_head.flops, 2 * 12 * 16);
  assertEquals(rows["backbone.blocks.1.mlp"].flops, 2 * 2 * 17 * 12 * 24);
});

Deno.test("taps are every block of a shallow transformer, else the ends of its quarters", () => {
  assertEquals(defaultTaps(3), [1, 2, 3]);
  assertEquals(defaultTaps(12), [3, 6, 9, 12]);
  assertEquals(defaultTaps(24), [6, 12, 18, 24]);
  assertEquals(smallDetector().parts?.taps, [1, 2]);
  assertEquals(smallDetector({ taps: [2] }).parts?.taps, [2]);
  assertEquals(smallDetector({ taps: [2] }).head.weight.shape, [1, 24]);
});

Deno.test("options that do not fit are refused by name", () => {
  const refuse = (options: DetectorOptions, message: string) =>
    assertThrows(() => smallDetector(options), ConfigError, message);
  refuse({ taps: [2, 1] }, "ascending");
  refuse({ taps: [1, 3] }, "blocks of 1 to 2");
  refuse({ tapWeights: [1] }, "1 tapWeights for 2 taps");
  refuse({ tapWeights: [0, 0] }, "not all 0");
  refuse({ tapWeights: [1, -1] }, "at least 0");
  refuse({ rsiAlpha: -1 }, "rsiAlpha");
  refuse({ classToken: false }, "class token");
  refuse({ proxy: "text" }, "needs textDirections");
  refuse({ textDirections }, 'for the proxy "text"');
  refuse({ proxy: "text", textDirections: exact([[1, 2]]) }, "[2, 12]");
  refuse({ maskLossWeight: -1 }, "maskLossWeight");
  refuse({ labelSmoothing: 1 }, "labelSmoothing");
  refuse({ width: 13 }, "heads");
  // deno-lint-ignore no-explicit-any -- what a caller without types can pass
  refuse({ proxy: "gradient" as any }, "there is no proxy");
  // deno-lint-ignore no-explicit-any -- what a caller without types can pass
  refuse({ kind: "cnn" as any }, "kind");
  const plain = smallDetector({ kind: "vit", classToken: false });
  assertEquals(plain.probabilities(smallBatch().images).shape, [8]);
});

Deno.test("labels and masks of another shape are refused", () => {
  const batch = smallBatch();
  const detector = smallDetector();
  assertThrows(() => detector.loss({ ...batch, labels: exact([0, 1]) }), ShapeError);
  assertThrows(() => detector.loss({ ...batch, masks: exact([[0, 1]]) }), ShapeError);
});
