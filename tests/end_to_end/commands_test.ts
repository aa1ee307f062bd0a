// The commands, as a user types them: train, evaluate, detect; and one clear line where something is wrong.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import sharp from "sharp";
import { encodePng } from "../../data/image.ts";
import { starterPhotographs } from "../../data/photographs.ts";
import { DataError } from "../../errors.ts";
import { parseTrainingConfig } from "../../training/config.ts";
import { train } from "../../training/train.ts";
import { inFolder, run, tiny, writePictures } from "./command.ts";
import { openOnnx, openWeights, recognizeNaming } from "../../weights/mod.ts";

/** Whether a path is there. */
function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A refusal: code 1, nothing on the standard output but what came before, one line of error. */
async function refusal(
  name: string,
  args: string[],
  env?: Record<string, string>,
): Promise<string> {
  const { code, stderr } = await run(name, args, env);
  assertEquals(code, 1, stderr);
  const lines = stderr.trimEnd().split("\n");
  assertMatch(lines.at(-1)!, /^\w+Error: /);
  return lines.at(-1)!;
}

Deno.test("train, evaluate and detect, one after another, say the same of the same run", () =>
  inFolder(async (folder) => {
    await writePictures(`${folder}/pictures`);
    const out = `${folder}/runs/first`;
    const trained = await run("train", [
      ...tiny,
      `--data=${folder}/pictures`,
      "--families=spectral",
      "--test-families=swap",
      `--out=${out}`,
      "--steps=20",
      "--evaluate-every=10",
      "--tensorboard",
    ]);
    assertEquals(trained.code, 0, trained.stderr);
    // First what it will do, then what it does, then what came out.
    const told = [
      "CoRIT around a vision transformer (starter):",
      "20 steps of 4 real crops and their 4 forged twins; AdamW, learning rate 0.001 under SAM, radius",
      "wasm, 1 thread",
      out,
      "photographs  real crops  spectral  swap (never trained on)",
      "The best validation AUC was",
      "in-domain, over all",
      "cross-domain, over all",
      "of a forged and a real crop it ranks the forged one higher",
      `${out}/report.html`,
      `deno task detect ${out}`,
    ];
    let at = 0;
    for (const text of told) {
      const found = trained.stdout.indexOf(text, at);
      assert(found >= 0, `"${text}" is not told after character ${at} of:\n${trained.stdout}`);
      at = found;
    }
    assertMatch(trained.stderr, /step 20\/20 {2}loss [\d.]+ {2}AUC [\d.]+ {2}images\/s \d+/);
    assert(!trained.stdout.includes("\x1b") && !trained.stderr.includes("\x1b"));

    const summary = JSON.parse(await Deno.readTextFile(`${out}/summary.json`));
    assert((await Deno.stat(`${out}/events.out.tfevents.0.corit`)).size > 1000);
    const evaluated = await run("evaluate", [out, "--json", "--threads=1"]);
    assertEquals(evaluated.code, 0, evaluated.stderr);
    const scores = JSON.parse(evaluated.stdout);
    for (const part of ["inDomain", "crossDomain", "families", "threshold"]) {
      assertEquals(scores[part], summary[part]);
    }
    const readable = await run("evaluate", [out]);
    assertEquals(readable.code, 0, readable.stderr);
    assertStringIncludes(readable.stdout, `${out}: weights after step ${summary.best.step}`);
    assertStringIncludes(readable.stdout, summary.inDomain.auc.toFixed(3));
    assertStringIncludes(readable.stdout, "mean, never trained on");
    const page = `${folder}/page.html`;
    const distorted = await run("evaluate", [
      out,
      out,
      "--robustness",
      "--distortions=contrast",
      "--json",
    ]);
    assertEquals(distorted.code, 0, distorted.stderr);
    const [once, twice] = JSON.parse(distorted.stdout);
    assertEquals(once, twice);
    assertEquals(
      once.robustness.map(({ level, strength }: Record<string, number>) => [level, strength]),
      [[1, 0.85], [2, 0.725], [3, 0.6], [4, 0.475], [5, 0.35]],
    );
    assertEquals(once.frames.realCount + once.frames.forgedCount, summary.sampleCount);

    // Of pictures elsewhere it has seen none: all are tested, in-domain as far as it knows their kind.
    await writePictures(`${folder}/elsewhere`, 20);
    const elsewhere = await run("evaluate", [out, `--data=${folder}/elsewhere`, "--json"]);
    assertEquals(elsewhere.code, 0, elsewhere.stderr);
    const found = JSON.parse(elsewhere.stdout);
    assertEquals(found.sampleCount, 40);
    assertEquals(Object.keys(found.inDomain.weights), ["spectral"]);
    await Deno.remove(`${folder}/elsewhere/fake/spectral`, { recursive: true });
    const foreign = await run("evaluate", [out, `--data=${folder}/elsewhere`]);
    assertEquals(foreign.code, 0, foreign.stderr);
    assertStringIncludes(foreign.stdout, "swap (not trained on)");
    assertStringIncludes(foreign.stdout, "Kinds of forgery it has never seen (swap)");
    assert(!foreign.stdout.includes("in-domain"), foreign.stdout);

    // A crop of the detector's own size gets its own score; a large picture is seen through windows.
    const crop = `${folder}/pictures/fake/spectral/000.png`;
    const large = `${folder}/large.jpg`;
    await sharp({ create: { width: 700, height: 400, channels: 3, background: "#888" } }).jpeg()
      .toFile(large);
    const detected = await run("detect", [out, crop, large, "--json"]);
    assertEquals(detected.code, 0, detected.stderr);
    const [small, big] = detected.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals([small.image, small.windows.length], [crop, 1]);
    assertAlmostEquals(small.probability, small.windows[0].probability, 1e-12);
    assertEquals(big.lookedAt, { width: 288, height: 165 });
    assertEquals(big.windows.length, 9 * 6);
    assertEquals(small.flagged, small.probability >= summary.threshold);
    for (const { heatmap } of [small, big]) {
      assert(heatmap.startsWith(`${out}/heatmaps/`));
      assertEquals((await sharp(heatmap).metadata()).format, "png");
    }
    const told2 = await run("detect", [out, crop, `--heatmaps=${folder}/maps`]);
    assertEquals(told2.code, 0, told2.stderr);
    assertStringIncludes(told2.stdout, `${small.probability.toFixed(3)}  `);
    assertStringIncludes(told2.stdout, `heat map: ${folder}/maps/000.png`);

    // A folder as a table and as a page; a picture and a list of paths through standard input.
    const table = await run("detect", [
      out,
      `${folder}/pictures/fake/swap`,
      "--csv",
      `--html=${page}`,
    ]);
    assertEquals(table.code, 0, table.stderr);
    const [head, ...rows] = table.stdout.trim().split("\n");
    assertEquals(head, "path,frame,seconds,probability,threshold,flagged,windows,heatmap");
    const swaps = [...Deno.readDirSync(`${folder}/pictures/fake/swap`)].map(({ name }) => name);
    assertEquals(rows.length, swaps.length);
    const html = await Deno.readTextFile(page);
    for (
      const text of [
        "A score is no proof",
        "forged by spectral",
        `${swaps.length} looked at`,
        "data:image/",
      ]
    ) {
      assertStringIncludes(html, text);
    }
    const through = await run("detect", [out, "-", "--json"], {}, await Deno.readFile(crop));
    assertEquals(through.code, 0, through.stderr);
    assertEquals(JSON.parse(through.stdout).image, "standard input");
    assertEquals(JSON.parse(through.stdout).probability, small.probability);
    const paths = new TextEncoder().encode(`${crop}\n${large}\n`);
    const listed = await run("detect", [out, "-", "--json"], {}, paths);
    assertEquals(listed.stdout, detected.stdout);
    const nothing = await run("detect", [out, "-"], {}, new Uint8Array(0));
    assertStringIncludes(nothing.stderr, "DataError: standard input: expected a picture, or paths");

    // Faces alone: the largest of each picture, and a line where there is none.
    const [portrait] = await starterPhotographs();
    const alone = ["--faces=largest", "--json", `--heatmaps=${folder}/maps`];
    const faces = await run("detect", [out, portrait.path, large, ...alone]);
    assertEquals(faces.code, 1);
    const face = JSON.parse(faces.stdout);
    assertEquals(face.image, portrait.path);
    assert(face.lookedAt.width === face.lookedAt.height && face.lookedAt.width < 128);
    assertStringIncludes(faces.stderr, `DataError: ${large}: no face was found`);

    // The detector and its encoder, for other runtimes.
    const whole = await run("export", [out]);
    assertEquals(whole.code, 0, whole.stderr);
    using graph = await openOnnx(`${out}/detector.onnx`);
    assert([...graph.shapes.values()].some((shape) => shape.length === 2));
    const encoder = await run("export", [out, "--format=safetensors"]);
    assertEquals(encoder.code, 0, encoder.stderr);
    {
      using source = await openWeights(`${out}/encoder.safetensors`);
      assertEquals(recognizeNaming(source.shapes.keys()).name, "timm");
    }

    // What cannot be looked at is a line each; the others are looked at all the same.
    const empty = `${folder}/empty.jpg`, cut = `${folder}/cut.png`, text = `${folder}/text.jpg`;
    await Deno.writeFile(empty, new Uint8Array(0));
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
    const png = await encodePng({ width: 64, height: 64, data: noise });
    await Deno.writeFile(cut, png.subarray(0, png.length / 2));
    await Deno.writeTextFile(text, "no picture at all");
    const mixed = await run("detect", [out, empty, crop, cut, text, `${folder}/none.jpg`]);
    assertEquals(mixed.code, 1);
    assertStringIncludes(mixed.stdout, crop);
    const errors = mixed.stderr.trim().split("\n");
    assertEquals(errors.length, 5, mixed.stderr);
    assertStringIncludes(
      errors[0],
      `FormatError: ${empty}: expected a picture, but found an empty`,
    );
    assertStringIncludes(errors[1], `FormatError: ${cut}: the picture is damaged or cut off`);
    assertStringIncludes(errors[2], `FormatError: ${text}: not a picture`);
    assertStringIncludes(errors[3], `FileError: ${folder}/none.jpg: cannot be read`);
    assertEquals(errors[4], "DataError: 4 of 5 images could not be looked at; see above");
    assertEquals(
      [...Deno.readDirSync(`${out}/heatmaps`)].map(({ name }) => name).sort(),
      [...swaps, "000.png", "large.png", "standard input.png"].sort(),
    );

    // Weights that were changed on the disk are not used.
    const weights = `${out}/best/step-${summary.best.step}/weights.safetensors`;
    const bytes = await Deno.readFile(weights);
    bytes[bytes.length >> 1] ^= 1;
    await Deno.writeFile(weights, bytes);
    for (const [name, args] of [["evaluate", [out]], ["detect", [out, crop]]] as const) {
      assertEquals(
        await refusal(name, [...args]),
        `FormatError: ${weights}: the checksum does not fit; the file was cut off, changed or damaged`,
      );
    }
  }));

Deno.test("a mistyped option or preset, a missing run and contradictions are one line, and leave nothing", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const cases: [name: string, args: string[], message: string][] = [
      [
        "train",
        ["--setps=5", `--out=${out}`],
        "ConfigError: unknown option --setps; did you mean --steps?",
      ],
      [
        "train",
        ["--preset=smal", `--out=${out}`],
        'ConfigError: --preset: got "smal", expected one of starter, tiny, small, base, large; ' +
        'did you mean "small"?',
      ],
      [
        "train",
        ["--taps=7", `--out=${out}`],
        "ConfigError: CoritDetector: taps must be blocks of 1 to 3",
      ],
      ["train", [`--resume=${out}`], `FileError: there is no run in ${out}: it has no config.json`],
      [
        "train",
        [`--resume=${out}`, "--steps=9"],
        "ConfigError: --steps cannot be changed by --resume",
      ],
      [
        "train",
        [`--data=${folder}/none`, `--out=${out}`],
        `DataError: ${folder}/none: no such folder or file`,
      ],
      ["evaluate", [], "ConfigError: evaluate takes at least one run"],
      ["evaluate", [out], `FileError: there is no run in ${out}`],
      [
        "detect",
        [out],
        "ConfigError: detect takes a run and at least one picture, video or folder",
      ],
      ["detect", [out, "a.jpg"], `FileError: there is no run in ${out}`],
    ];
    for (const [name, args, message] of cases) {
      assertStringIncludes(await refusal(name, args), message);
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), []);
  }));

Deno.test("without a network for the photographs, training says so and leaves nothing", () =>
  inFolder(async (folder) => {
    const before = ["CORIT_CACHE", "NPM_CONFIG_REGISTRY"].map((name) =>
      [name, Deno.env.get(name)] as const
    );
    Deno.env.set("CORIT_CACHE", `${folder}/cache`);
    // The port of discarded packets: nothing answers there.
    Deno.env.set("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/");
    try {
      const config = parseTrainingConfig({ out: `${folder}/run`, threads: 1 });
      const error = await assertRejects(() => train(config), DataError);
      assertStringIncludes(error.message, "the photographs could not be installed from npm");
      assertStringIncludes(error.message, "--data DIR");
      assert(!exists(`${folder}/run`));
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
    }
  }));

/** Mounts a file system of some bytes over a folder, where this process may. */
async function mount(folder: string, size: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder],
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

async function unmount(folder: string): Promise<void> {
  await new Deno.Command("umount", { args: [folder] }).output();
}

const canMount = await (async () => {
  const folder = await Deno.makeTempDir();
  const mounted = await mount(folder, "64k");
  if (mounted) await unmount(folder);
  await Deno.remove(folder);
  return mounted;
})();

Deno.test({
  name: "a disk that fills up during training is one line; with more space the run goes on",
  ignore: !canMount,
  fn: () =>
    inFolder(async (folder) => {
      await writePictures(`${folder}/pictures`, 24);
      const disk = `${folder}/disk`, out = `${disk}/run`;
      await Deno.mkdir(disk);
      assert(await mount(disk, "12m"));
      try {
        const message = await refusal("train", [
          ...tiny,
          `--data=${folder}/pictures`,
          `--out=${out}`,
          "--steps=6",
          "--checkpoint-every=2",
          "--evaluate-every=6",
        ]);
        assertMatch(
          message,
          /^FileError: cannot write .*\/checkpoints\/step-\d: the disk is full; free some space/,
        );
        const names = [...Deno.readDirSync(`${out}/checkpoints`)].map(({ name }) => name);
        assertEquals(names, ["step-2"]);
        await new Deno.Command("mount", { args: ["-o", "remount,size=64m", disk] }).output();
        const resumed = await run("train", [`--resume=${out}`]);
        assertEquals(resumed.code, 0, resumed.stderr);
        assert(exists(`${out}/summary.json`));
      } finally {
        await unmount(disk);
      }
    }),
});
