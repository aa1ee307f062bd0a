// `deno task bench loader`: training fed from files beside training fed from memory, and how fast files are listed.

import { join } from "node:path";
import { CoritDetector } from "../corit/detector.ts";
import { encodeJpeg } from "../data/image.ts";
import { Loader } from "../data/loader.ts";
import { openData, readData } from "../data/read_data.ts";
import { adamW } from "../optim/adamw.ts";
import { trainStep } from "../optim/training_step.ts";
import { RandomStream } from "../tensor/random.ts";
import { detectorBatch } from "../training/batches.ts";
import type { BenchSettings } from "./settings.ts";
import { type Contender, race } from "./measure.ts";
import { compare, type Row } from "./row.ts";

/** Pictures of each class: JPEG files of 256 x 256 pixels, as DeepfakeBench prepares faces. */
const picturesPerClass = 100;

/** The crop's side: what `deno task train` uses. */
const size = 64;

/** Crops in a batch. */
const batchSize = 32;

/** A training step of the ViT-tiny with batches of a loader; the loader runs ahead as in training. */
function trainingFrom(loader: Loader): Contender {
  const detector = CoritDetector.create({
    preset: "tiny",
    kind: "vit",
    imageSize: size,
    patchSize: 8,
    seed: 0,
  });
  const step = trainStep(
    detector,
    adamW({ learningRate: 1e-4 }),
    (model, batch: ReturnType<typeof detectorBatch>) => model.loss(batch),
  );
  return async (count) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) await step(detectorBatch(await loader.next()));
    return (performance.now() - start) / count;
  };
}

/** Writes pictures of noise over waves. */
async function writePictures(root: string): Promise<void> {
  const random = new RandomStream(0);
  const side = 256;
  const noise = new Float32Array(side * side * 3);
  for (const [label, name] of ["real", "fake"].entries()) {
    await Deno.mkdir(join(root, name));
    for (let number = 0; number < picturesPerClass; number++) {
      random.fillNormal(noise, 128 + 10 * label, 12);
      const data = Uint8Array.from(
        Uint8ClampedArray.from(noise, (value, i) => value + 60 * Math.sin(i / 900)),
      );
      const picture = { width: side, height: side, data };
      const bytes = await encodeJpeg(picture, { quality: 90, chromaSubsampling: "4:2:0" });
      await Deno.writeFile(join(root, name, `${number}.jpg`), bytes);
    }
  }
}

/** The rows of the benchmark. */
export async function benchLoader({ threads }: BenchSettings): Promise<Row[]> {
  const root = await Deno.makeTempDir();
  try {
    await writePictures(root);
    const data = await openData(root, { shares: { validation: 0.1, test: 0.1 } });
    const held = await readData(data, { size });
    const files = await readData(data, { size, memory: 0 });
    const again = await readData(data, { size, memory: 0 });
    using memory = new Loader(held.train, { batchSize });
    using first = new Loader(files.train, { batchSize });
    using later = new Loader(again.train, { batchSize });
    // The later epochs of files: every crop has been decoded once.
    for (let i = 0; i <= 2 * later.batchesPerEpoch; i++) await later.next();
    const fromMemory = trainingFrom(memory), fromFiles = trainingFrom(later);
    const [inMemory, inFiles] = await race([fromMemory, fromFiles], {
      rounds: 7,
      milliseconds: 600,
    });
    const decoding = trainingFrom(first);
    // Up to the end of the first epoch every step decodes its pictures for the first time.
    await decoding(1);
    const firstEpoch = await decoding(first.batchesPerEpoch - 1);
    const what = `ViT-tiny step, ${threads} threads`;
    return [
      compare(`${what}: crops from files`, "ms", inFiles, "from memory", inMemory),
      compare(`${what}: first epoch, decoding`, "ms", firstEpoch, "from memory", inMemory),
    ];
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
