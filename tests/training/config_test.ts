// A training configuration is complete, checked, and says clearly what is wrong with a bad one.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ConfigError } from "../../errors.ts";
import { starterFamilyNames } from "../../forgeries/families.ts";
import { parseTrainingConfig } from "../../training/config.ts";
import { trainingOptions } from "../../training/config_table.ts";
import { isComputed, rowsOf, shapeOf } from "../../training/options.ts";

/** The message with which an object is refused. */
function refusal(object: Record<string, unknown>): string {
  return assertThrows(() => parseTrainingConfig(object), ConfigError).message;
}

Deno.test("an empty object gives the recipe of the starter benchmark", () => {
  const { out, ...config } = parseTrainingConfig({});
  assert(/^runs\/\d{4}-\d{2}-\d{2}-\d{6}-corit$/.test(out), out);
  assertEquals(config, {
    detector: "corit",
    preset: "starter",
    backbone: "none",
    tune: "probe",
    tuneBlocks: 2,
    loraRank: 4,
    loraTargets: ["qkv", "proj"],
    views: 2,
    imageSize: 64,
    patchSize: 8,
    patchInputs: ["log-dct"],
    pooling: "mean",
    dropout: 0,
    dropPath: 0,
    cgp: "attention",
    textDirections: "",
    rrm: false,
    rsi: false,
    rsiAlpha: 0.1,
    hri: true,
    taps: [],
    data: "starter",
    trainOn: "",
    skipBroken: false,
    frames: 32,
    videos: "auto",
    compression: "",
    dataMemory: 1024,
    families: ["swap", "self-blend", "upsample"],
    testFamilies: ["spectral"],
    splitSeed: 0,
    trainPairs: 10_000,
    validationPairs: 600,
    testPairs: 1600,
    twins: true,
    flip: 0.5,
    crop: 0,
    colour: 0,
    blur: 0,
    jpeg: 0,
    mixup: 0,
    cutmix: 0,
    steps: 560,
    batchPairs: 32,
    accumulate: 1,
    optimizer: "adamw",
    learningRate: 1e-3,
    warmup: 0.07,
    finalLearningRate: 0,
    weightDecay: 0.05,
    betas: [0.9, 0.98],
    momentum: 0.9,
    clipNorm: 1,
    layerDecay: 1,
    ema: 0,
    maskLossWeight: 1,
    labelSmoothing: 0,
    sam: true,
    samRule: "sam",
    rho: 0.01,
    rhoSchedule: "constant",
    rhoEnd: 0,
    samStart: 0,
    perturb: "all",
    gsamAlpha: 0.1,
    lookSamEvery: 5,
    lookSamAlpha: 0.7,
    friendlySigma: 1,
    friendlyDecay: 0.9,
    esamBeta: 0.5,
    esamGamma: 0.5,
    corFraction: 0.5,
    corEvery: 50,
    corPairs: 32,
    corMaximum: 0.05,
    corBlocks: false,
    evaluateEvery: 100,
    checkpointEvery: 100,
    gsnrEvery: 140,
    gsnrPairs: 200,
    gsnrEstimateEvery: 25,
    onCollapse: "warn",
    collapseWindow: 50,
    earlyStopping: 0,
    maxSeconds: 0,
    resume: "",
    seed: 0,
    device: "auto",
    precision: "full",
    threads: 0,
    tensorboard: false,
    profile: false,
    explainPlan: false,
  });
});

Deno.test("a parsed configuration, stored as JSON, parses to itself", () => {
  const config = parseTrainingConfig({ families: ["spectral"], rho: 0.2, betas: [0.8, 0.9] });
  assertEquals(parseTrainingConfig(JSON.parse(JSON.stringify(config))), config);
});

Deno.test("defaults are fresh each time", () => {
  parseTrainingConfig({}).families.push("spectral");
  assertEquals(parseTrainingConfig({}).families, ["swap", "self-blend", "upsample"]);
});

Deno.test("the families not trained on are the cross-domain test, whatever is trained on", () => {
  fc.assert(fc.property(fc.subarray([...starterFamilyNames], { minLength: 1 }), (families) => {
    const { testFamilies } = parseTrainingConfig({ families });
    assertEquals([...families, ...testFamilies].sort(), [...starterFamilyNames].sort());
  }));
});

Deno.test("a data set of one's own has families of its own", () => {
  const config = parseTrainingConfig({ data: "faces", families: ["face2face"] });
  assertEquals(config.families, ["face2face"]);
  assertEquals(config.testFamilies, []);
  assertEquals(parseTrainingConfig({ data: "faces" }).families, []);
});

const refused: [object: Record<string, unknown>, message: string][] = [
  [{ familes: ["swap"] }, "unknown option familes; did you mean families?"],
  [{ "learning-rate": 1 }, "unknown option learning-rate; did you mean learningRate?"],
  [
    { blurriness: 1 },
    `unknown option blurriness: there are ${Object.keys(trainingOptions.rows).join(", ")}`,
  ],
  [
    { preset: "smal" },
    'preset: got "smal", expected one of starter, tiny, small, base, large; did you mean "small"?',
  ],
  [{ preset: 3 }, "preset: got 3, expected one of starter, tiny, small, base, large"],
  [{ steps: "700" }, 'steps: got "700", expected a whole number, at least 1'],
  [{ steps: 0 }, "steps: got 0, expected a whole number, at least 1"],
  [{ steps: 1.5 }, "steps: got 1.5, expected a whole number, at least 1"],
  [{ steps: null }, "steps: got null, expected a whole number, at least 1"],
  [{ learningRate: 0 }, "learningRate: got 0, expected a number, above 0"],
  [{ warmup: 1.1 }, "warmup: got 1.1, expected a number, at least 0, at most 1"],
  [{ betas: [0.9, 1] }, "betas: got 1, expected 2 values, each a number, at least 0, below 1"],
  [
    { betas: [0.9] },
    "betas: got [0.9], expected 2 values, each a number, at least 0, below 1",
  ],
  [{ sam: "yes" }, 'sam: got "yes", expected true or false'],
  [{ taps: [4, "last"] }, 'taps: got "last", expected a list, each a whole number, at least 1'],
  [
    { patchInputs: ["log-dtc"] },
    'patchInputs: got "log-dtc", expected a list, each one of log-dct, high-pass; ' +
    'did you mean "log-dct"?',
  ],
  [
    { families: ["swop"] },
    'the starter benchmark has no family "swop", only swap, self-blend, upsample, spectral, ' +
    "splice, super-resolution, autoencoder; " +
    'did you mean "swap"?',
  ],
  [
    { families: [] },
    "families is empty; name at least one of swap, self-blend, upsample, spectral, splice, " +
    "super-resolution, autoencoder to train on",
  ],
  [{ families: ["swap", "swap"] }, 'family "swap" is named twice'],
  [
    { families: ["swap"], testFamilies: ["swap"] },
    'family "swap" cannot be trained on and held back for the cross-domain test: ' +
    "leave it out of families or of testFamilies",
  ],
  [
    { cgp: "text" },
    'cgp text and textDirections go together, but cgp is text and textDirections is ""',
  ],
  [{ imageSize: 60 }, "imageSize 60 is not a multiple of patchSize 8: try 64"],
];

for (const [object, message] of refused) {
  Deno.test(`${JSON.stringify(object)} is refused`, () => assertEquals(refusal(object), message));
}

Deno.test("no object of any kind gives anything but a configuration or a ConfigError", () => {
  const names = rowsOf(trainingOptions).map(([name]) => name);
  const name = fc.oneof(fc.constantFrom(...names), fc.string());
  fc.assert(fc.property(fc.dictionary(name, fc.jsonValue()), (object) => {
    try {
      parseTrainingConfig(object);
    } catch (error) {
      assert(error instanceof ConfigError, String(error));
    }
  }));
});

Deno.test("every default is allowed by its own row, and every row has one line of help", () => {
  for (const [name, { schema, initial, help, group }] of rowsOf(trainingOptions)) {
    if (!isComputed(initial)) assert(schema.safeParse(initial).success, name);
    assert(help.length > 5 && help.length <= 75 && !help.includes("\n"), `${name}: ${help}`);
    assert(group.length > 0, name);
    assert(shapeOf(schema).words.length > 0, name);
  }
});
