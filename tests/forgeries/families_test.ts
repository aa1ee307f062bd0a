// Tests of the forgery families: masks say where pixels changed, strengths are as stated, equal streams forge alike.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ConfigError, FormatError } from "../../errors.ts";
import { resize } from "../../data/resize.ts";
import { forgeryFamilies, forgeryFamilyNames, parseFamilies } from "../../forgeries/families.ts";
import type { Forgery, ForgeryFamily } from "../../forgeries/forgery.ts";
import {
  cachedAutoencoder,
  loadAutoencoder,
  trainAutoencoder,
} from "../../forgeries/autoencoder_network.ts";
import { loadGenerators } from "../../forgeries/generators.ts";
import { drawRegion, paintRegion } from "../../forgeries/region.ts";
import { upsample } from "../../forgeries/resample.ts";
import { selfBlend } from "../../forgeries/self_blend.ts";
import { spectral } from "../../forgeries/spectral.ts";
import { splice } from "../../forgeries/splice.ts";
import { swap } from "../../forgeries/swap.ts";
import { RandomStream } from "../../tensor/random.ts";
import { parseSafetensors } from "../../tensor/safetensors.ts";
import { installEsrgan } from "../../weights/mod.ts";
import { texture } from "./textures.ts";

const SIZE = 64;
const image = texture(SIZE, 1);
const donor = () => texture(SIZE, 2);

/** An autoencoder that has learned a little from drawn textures. */
async function trainedAutoencoder(folder: string): Promise<string> {
  return await cachedAutoencoder({
    folder,
    seed: 3,
    recipe: { steps: 12, batch: 2, learningRate: 1e-2 },
    photographs: [{ id: "drawn", kind: "face", path: "" }],
    sources: () => Promise.resolve([{ image: texture(160, 4), kind: "face" }]),
  });
}

const folder = await Deno.makeTempDir();
const generators = await loadGenerators({
  superResolution: await installEsrgan(2),
  autoencoder: await trainedAutoencoder(folder),
});

function forged(family: ForgeryFamily, seed: number): Forgery {
  return family.forge({ image, donor, generators }, new RandomStream(seed));
}

/** Mean and standard deviation of one channel under a mask. */
function moments(data: Uint8Array, mask: Float32Array, channel: number): [number, number] {
  let weight = 0, sum = 0, squares = 0;
  mask.forEach((share, pixel) => {
    const value = data[pixel * 3 + channel];
    weight += share;
    sum += share * value;
    squares += share * value * value;
  });
  return [sum / weight, Math.sqrt(squares / weight - (sum / weight) ** 2)];
}

for (const name of forgeryFamilyNames) {
  const family = forgeryFamilies[name];

  Deno.test(`${name}: pixels change where the mask says and nowhere else`, () => {
    for (let seed = 0; seed < (family.generator ? 4 : 20); seed++) {
      const { image: result, mask } = forged(family, seed);
      assertEquals([result.width, result.height, result.data.length], [64, 64, 64 * 64 * 3]);
      let inside = 0, changed = 0;
      for (let pixel = 0; pixel < SIZE * SIZE; pixel++) {
        const differs = [0, 1, 2].some((c) =>
          result.data[pixel * 3 + c] !== image.data[pixel * 3 + c]
        );
        if (mask[pixel] === 0) assert(!differs, `pixel ${pixel} outside the mask changed`);
        if (mask[pixel] > 0.5) {
          inside++;
          changed += differs ? 1 : 0;
        }
      }
      // A wave of period 4 may cross zero at every other pixel.
      assert(changed > (name === "spectral" ? 0.4 : 0.8) * inside, `${changed} of ${inside}`);
      assert(inside > 200);
      assertEquals(mask.every((share) => share === 1), !family.local);
    }
  });

  Deno.test(`${name}: equal streams forge alike, others differ, and the recipe is JSON`, () => {
    const first = forged(family, 5), second = forged(family, 5);
    // A family that draws little may draw the same twice.
    const third = [6, 7, 8, 9, 10].map((seed) => forged(family, seed))
      .find(({ recipe }) => JSON.stringify(recipe) !== JSON.stringify(first.recipe))!;
    assertEquals([...first.image.data], [...second.image.data]);
    assertEquals(JSON.parse(JSON.stringify(first.recipe)), first.recipe);
    assertEquals(first.recipe.family, name);
    assertNotEquals([...first.image.data], [...third.image.data]);
    assertNotEquals(first.recipe, third.recipe);
  });
}

Deno.test("regions are ellipses of radius 0.2 to 0.38 of the side with a soft edge inside the frame", () => {
  for (let seed = 0; seed < 50; seed++) {
    const shape = drawRegion(SIZE, SIZE, new RandomStream(seed));
    for (const radius of shape.radii) assert(radius >= 0.199 * SIZE && radius <= 0.381 * SIZE);
    assert(shape.edge >= 0.5 && shape.edge <= 1.5);
    const reach = Math.max(...shape.radii);
    for (const centre of shape.centre) {
      assert(centre >= reach - 0.01 && centre <= SIZE - reach + 0.01);
    }
    const mask = paintRegion({ ...shape, waves: [] }, SIZE, SIZE);
    const area = mask.reduce((sum, share) => sum + share, 0);
    assertAlmostEquals(area / (Math.PI * shape.radii[0] * shape.radii[1]), 1, 0.04);
    assert(mask.some((share) => share > 0.1 && share < 0.9), "a soft edge");
  }
});

Deno.test("swap gives the donor's region the mean and deviation of what it covers", () => {
  for (let seed = 0; seed < 10; seed++) {
    const { image: result, mask } = swap({ image, donor }, new RandomStream(seed));
    for (let channel = 0; channel < 3; channel++) {
      const [mean, deviation] = moments(image.data, mask, channel);
      const core = mask.map((share) => (share === 1 ? 1 : 0));
      const [newMean, newDeviation] = moments(result.data, core, channel);
      assertAlmostEquals(newMean, mean, 4);
      assertAlmostEquals(newDeviation / deviation, 1, 0.15);
    }
  }
});

Deno.test("swap shows the donor: inside, the forged picture follows it and not the original", () => {
  const other = donor();
  const { image: result, mask } = swap({ image, donor: () => other }, new RandomStream(3));
  const correlation = (data: Uint8Array): number => {
    const core = mask.map((share) => (share === 1 ? 1 : 0));
    const [meanA, deviationA] = moments(result.data, core, 1);
    const [meanB, deviationB] = moments(data, core, 1);
    let sum = 0, count = 0;
    core.forEach((share, pixel) => {
      sum += share * (result.data[pixel * 3 + 1] - meanA) * (data[pixel * 3 + 1] - meanB);
      count += share;
    });
    return sum / count / deviationA / deviationB;
  };
  assert(correlation(other.data) > 0.98);
  assert(Math.abs(correlation(image.data)) < 0.5);
});

Deno.test("self-blend's changes stay within the stated strengths and both kinds occur", () => {
  const opacities = new Set<unknown>(), sharpened = new Set<boolean>();
  for (let seed = 0; seed < 60; seed++) {
    const { recipe, mask } = selfBlend({ image }, new RandomStream(seed));
    const { sharpen, sigma, shift, gain, colour, opacity } = recipe as unknown as {
      sharpen: number;
      sigma: number;
      shift: number[];
      gain: number;
      colour: number[];
      opacity: number;
    };
    assert(sharpen === 0 ? sigma === 1.2 : sharpen >= 1 && sharpen <= 2);
    assert(shift.every((pixels) => Number.isInteger(pixels) && Math.abs(pixels) <= 3));
    assert(gain >= 0.88 && gain <= 1.12 && colour.every((levels) => Math.abs(levels) <= 15));
    assertAlmostEquals(Math.max(...mask), opacity, 0.005);
    opacities.add(opacity);
    sharpened.add(sharpen > 0);
  }
  assertEquals([opacities.size, sharpened.size], [2, 2]);
});

Deno.test("self-blend of a constant picture moves its colour by gain, offset and opacity", () => {
  const grey = { width: SIZE, height: SIZE, data: new Uint8Array(SIZE * SIZE * 3).fill(100) };
  const { image: result, mask, recipe } = selfBlend({ image: grey }, new RandomStream(8));
  const { gain, colour } = recipe as unknown as { gain: number; colour: number[] };
  mask.forEach((share, pixel) => {
    for (let c = 0; c < 3; c++) {
      const expected = 100 + share * ((100 - 128) * gain + 128 + colour[c] - 100);
      assertAlmostEquals(result.data[pixel * 3 + c], expected, 0.51);
    }
  });
});

/** Sum of squared differences between neighbours. */
function gradientEnergy(data: Uint8Array): number {
  let sum = 0;
  for (let y = 0; y < SIZE - 1; y++) {
    for (let i = y * SIZE * 3; i < (y + 1) * SIZE * 3 - 3; i++) {
      sum += (data[i + 3] - data[i]) ** 2 + (data[i + SIZE * 3] - data[i]) ** 2;
    }
  }
  return sum;
}

Deno.test("upsample gives back the contrast between neighbours that halving took, within its limit", () => {
  let exact = 0;
  for (let seed = 0; seed < 20; seed++) {
    const { image: result, recipe } = upsample({ image }, new RandomStream(seed));
    const ratio = gradientEnergy(result.data) / gradientEnergy(image.data);
    const gain = Number(recipe.gain);
    assert(gain >= 0 && gain <= 2);
    if (gain === 2) assert(ratio < 1.02);
    else if (gain > 0) {
      assertAlmostEquals(ratio, 1, 0.02);
      exact++;
    }
  }
  assert(exact >= 3);
});

Deno.test("upsample keeps a constant picture but for the transposed convolution's checkerboard", () => {
  const grey = { width: SIZE, height: SIZE, data: new Uint8Array(SIZE * SIZE * 3).fill(150) };
  for (const method of ["nearest", "bilinear"] as const) {
    const { image: result } = upsample({ image: grey }, new RandomStream(1), { methods: [method] });
    assert(result.data.every((value) => value === 150));
  }
  const { image: board, recipe } = upsample({ image: grey }, new RandomStream(1), {
    methods: ["transposed-convolution"],
  });
  const kernel = recipe.kernel as number[];
  for (let y = 4; y < SIZE - 4; y++) {
    for (let x = 4; x < SIZE - 4; x++) {
      // A constant picture shows, per phase, the sum of the four taps that meet there.
      const rows = y % 2 === 0 ? [1, 3] : [2, 0], columns = x % 2 === 0 ? [1, 3] : [2, 0];
      const sum = rows.flatMap((row) => columns.map((column) => kernel[row * 4 + column]))
        .reduce((total, tap) => total + tap);
      const value = board.data[(y * SIZE + x) * 3];
      assertEquals(value, board.data[((y % 2 + 4) * SIZE + x % 2 + 4) * 3]);
      if (recipe.gain === 0) assertAlmostEquals(value, 150 * sum, 0.51);
    }
  }
});

Deno.test("upsampling leaves no power at the finest frequency, but for the checkerboard", () => {
  const finest = (data: Uint8Array): number => {
    let sum = 0;
    for (let y = 0; y < SIZE; y++) {
      let line = 0;
      for (let x = 0; x < SIZE; x++) {
        const window = Math.sin(Math.PI * (x + 0.5) / SIZE) ** 2; // so that the ends do not leak in
        line += (x % 2 ? -1 : 1) * window * data[(y * SIZE + x) * 3 + 1];
      }
      sum += line * line;
    }
    return sum;
  };
  const share = (method: "nearest" | "bilinear" | "transposed-convolution") => {
    const { image: result } = upsample({ image }, new RandomStream(2), { methods: [method] });
    return finest(result.data) / finest(image.data);
  };
  assert(share("nearest") < 0.05);
  assert(share("bilinear") < 0.05);
  assert(share("transposed-convolution") > 0.5);
});

Deno.test("spectral adds one wave of the stated period and amplitude", () => {
  const grey = { width: SIZE, height: SIZE, data: new Uint8Array(SIZE * SIZE * 3).fill(120) };
  const periods = new Set<unknown>();
  for (let seed = 0; seed < 40; seed++) {
    const { image: result, recipe } = spectral({ image: grey }, new RandomStream(seed));
    const period = [2, 8 / 3, 16 / 5, 4].find((value) =>
      Math.abs(value - Number(recipe.period)) < 0.01
    )!;
    const strength = Number(recipe.strength);
    assert(strength >= 2 && strength <= 4);
    periods.add(recipe.period);
    // Amplitude along x by the discrete Fourier transform; 64 is a multiple of 16 = 5 x 16 / 5.
    const amplitude = (at: (along: number, across: number) => number): number => {
      let cosine = 0, sine = 0;
      for (let along = 0; along < SIZE; along++) {
        let line = 0;
        for (let across = 0; across < SIZE; across++) line += at(along, across);
        cosine += line * Math.cos(2 * Math.PI * along / period);
        sine += line * Math.sin(2 * Math.PI * along / period);
      }
      return Math.hypot(cosine, sine) / SIZE ** 2 * (period === 2 ? 1 : 2);
    };
    const across = amplitude((x, y) => result.data[(y * SIZE + x) * 3] - 120);
    const down = amplitude((y, x) => result.data[(y * SIZE + x) * 3] - 120);
    assertAlmostEquals(across, recipe.direction === "rows" ? 0 : strength, 0.5);
    assertAlmostEquals(down, recipe.direction === "columns" ? 0 : strength, 0.5);
  }
  assertEquals(periods.size, 4);
});

Deno.test("splice pastes the donor's own colours, a part of the ellipse that hangs together", () => {
  const other = donor();
  for (let seed = 0; seed < 10; seed++) {
    const { image: result, mask, recipe } = splice(
      { image, donor: () => other },
      new RandomStream(seed),
    );
    const { from, to, scale, mirrored } = recipe as unknown as {
      from: number[];
      to: number[];
      scale: number;
      mirrored: boolean;
    };
    assert(scale >= 0.8 && scale <= 1.25);
    let inside = 0;
    mask.forEach((share, pixel) => {
      if (share < 1) return;
      inside++;
      const x = pixel % SIZE + 0.5 - to[0], y = Math.floor(pixel / SIZE) + 0.5 - to[1];
      const sx = from[0] + (mirrored ? -x : x) / scale, sy = from[1] + y / scale;
      const near = [0, 1].flatMap((dy) =>
        [0, 1].map((dx) => {
          const px = Math.min(SIZE - 1, Math.max(0, Math.floor(sx - 0.5) + dx));
          const py = Math.min(SIZE - 1, Math.max(0, Math.floor(sy - 0.5) + dy));
          return other.data[(py * SIZE + px) * 3 + 1];
        })
      );
      const value = result.data[pixel * 3 + 1];
      assert(
        value >= Math.min(...near) - 1 && value <= Math.max(...near) + 1,
        "between its pixels",
      );
    });
    assert(inside > 100);
  }
});

Deno.test("a family that forges by a network says so where it is not given", () => {
  for (const name of ["super-resolution", "autoencoder"] as const) {
    assertThrows(
      () => forgeryFamilies[name].forge({ image, donor }, new RandomStream(0)),
      ConfigError,
      "loadGenerators",
    );
  }
});

Deno.test("super-resolution is ESRGAN's picture of half the frame", () => {
  const { image: result, recipe } = forged(forgeryFamilies["super-resolution"], 1);
  const half = resize(image, 32, 32, recipe.down as "box");
  const enlarged = generators.superResolution!(half);
  assertEquals([enlarged.width, enlarged.height], [SIZE, SIZE]);
  if (recipe.gain === 0) assertEquals(result.data, enlarged.data);
  // What ESRGAN makes is nearer to the original than interpolation.
  const away = (data: Uint8Array) =>
    data.reduce((sum, value, i) => sum + (value - image.data[i]) ** 2, 0);
  assert(away(enlarged.data) < 1.1 * away(resize(half, SIZE, SIZE, "bilinear").data));
});

Deno.test("an autoencoder is trained once, kept with its recipe, and the same each time", async () => {
  const path = await trainedAutoencoder(folder);
  const before = (await Deno.stat(path)).mtime;
  assertEquals(await trainedAutoencoder(folder), path);
  assertEquals((await Deno.stat(path)).mtime, before);
  const { metadata } = parseSafetensors(await Deno.readFile(path));
  assertEquals(JSON.parse(metadata.recipe), { steps: 12, batch: 2, learningRate: 0.01, seed: 3 });
  assertEquals(JSON.parse(metadata.photographs), ["drawn"]);
  const again = await trainedAutoencoder(await Deno.makeTempDir());
  assertEquals(await Deno.readFile(again), await Deno.readFile(path));
  const network = await loadAutoencoder(path);
  assertEquals(network.remake(image), generators.autoencoder!(image));
  await Deno.writeFile(again, new Uint8Array(9));
  await assertRejects(() => loadAutoencoder(again), FormatError, "trained anew");
});

Deno.test("training lowers an autoencoder's error", async () => {
  const errors: number[] = [];
  const recipe = { seed: 0, steps: 20, batch: 2, learningRate: 1e-2 };
  const sources = [{ image: texture(160, 5), kind: "face" as const }];
  await trainAutoencoder(sources, recipe, (_, error) => errors.push(error));
  assert(errors.at(-1)! < 0.7 * errors[0], errors.join(" "));
});

Deno.test("family names are checked and ordered", () => {
  assertEquals(parseFamilies(["spectral", "swap", "spectral"]), ["swap", "spectral"]);
  assertThrows(() => parseFamilies(["swop"]), ConfigError, '"swop"');
  assertThrows(() => parseFamilies([]), ConfigError, "none");
  assertThrows(() => parseFamilies(["toString"]), ConfigError, '"toString"');
});
