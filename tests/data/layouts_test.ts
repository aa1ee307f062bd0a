// Every layout that is known is recognized by looking, with its classes, methods, splits and videos.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { assignSplits, splitNames } from "../../data/assign_splits.ts";
import { listData, type ListedData, type ListOptions } from "../../data/list_data.ts";
import { ConfigError, DataError, FormatError } from "../../errors.ts";
import { numbered, treeOf } from "./tree.ts";

/** What was found, by path: `label method against split video`. */
function found({ list }: ListedData, root: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: list.count }, (_, row) => {
    const { label, method, against, split } = list.kind(row);
    const video = list.video(row).replace(`${root}/`, "");
    const words = [label, method, against && `vs ${against}`, split, video && `in ${video}`];
    return [
      list.path(row).replace(`${root}/`, ""),
      words.filter((w) => w !== "" && w !== undefined).join(" "),
    ];
  }));
}

async function listed(paths: readonly string[], options?: ListOptions) {
  const root = await treeOf(paths);
  const data = await listData(root, options);
  return { root, data, found: found(data, root) };
}

/** The part of each file, by path. */
function parts({ list }: ListedData, root: string, seed = 0): Record<string, string> {
  const { codes } = assignSplits(list, seed, { validation: 0.15, test: 0.25 });
  return Object.fromEntries(
    Array.from(codes, (code, row) => [list.path(row).replace(`${root}/`, ""), splitNames[code]]),
  );
}

Deno.test("real and fake folders: families, splits above, generators above, loose files", async () => {
  const plain = await listed(["real/a.png", "real/sub/b.png", "fake/x.png", "fake/swap/a.png"]);
  assertEquals(plain.data.layout, "real and fake folders");
  assertEquals(plain.found, {
    "fake/swap/a.png": "1 swap",
    "fake/x.png": "1 fake",
    "real/a.png": "0 real",
    "real/sub/b.png": "0 real",
  });
  const split = await listed([
    "train/real/a.png",
    "train/fake/s/b.png",
    "Val/real/c.png",
    "test/fake/d.png",
  ]);
  assertEquals(split.found, {
    "Val/real/c.png": "0 real validation",
    "test/fake/d.png": "1 fake test",
    "train/fake/s/b.png": "1 s train",
    "train/real/a.png": "0 real train",
  });
  const above = await listed([
    "ddim/real/a.png",
    "ddim/fake/b.png",
    "gan/Real/c.png",
    "gan/Fake/d.png",
  ]);
  assertEquals(above.found["ddim/real/a.png"], "0 real vs ddim");
  assertEquals(above.found["gan/Fake/d.png"], "1 gan");
});

Deno.test("folders of numbered pictures are videos, named collections are not", async () => {
  const frames = numbered(3, (i) => `real/000/${i}.png`);
  const fakes = numbered(3, (i) => `fake/swap/000_003/frame_${i}.png`);
  const collection = ["real/museum/cat.png", "real/museum/dog.png"];
  const { data, root, found } = await listed([...frames, ...fakes, ...collection]);
  assertEquals(found["real/000/1.png"], "0 real in real/000");
  assertEquals(found["fake/swap/000_003/frame_1.png"], "1 swap in fake/swap/000_003");
  assertEquals(found["real/museum/cat.png"], "0 real");
  // The forgery is made of videos 000 and 003: it shares its source with the real one.
  const sources = new Map(
    Array.from(
      { length: data.list.count },
      (_, row) => [data.list.path(row).replace(`${root}/`, ""), data.list.sources[row]],
    ),
  );
  assertEquals(sources.get("real/000/1.png"), sources.get("fake/swap/000_003/frame_1.png"));
  assert(sources.get("real/museum/cat.png") !== sources.get("real/museum/dog.png"));
  const none = await listed([...frames, ...fakes], { videos: "none" });
  assertEquals(none.found["real/000/1.png"], "0 real");
});

Deno.test("of a long video evenly spaced frames are taken, in the order of their numbers", async () => {
  const frames = numbered(20, (i) => `real/v/${i}.png`);
  const { found } = await listed([...frames, ...numbered(2, (i) => `fake/s/w/${i}.png`)], {
    framesPerVideo: 4,
  });
  const names = Object.keys(found).filter((name) => name.startsWith("real"));
  assertEquals(names, ["real/v/4.png", "real/v/9.png", "real/v/14.png", "real/v/19.png"]);
});

Deno.test("UniversalFakeDetect: generators, classes, ProGAN's training classes, a class called train", async () => {
  const { data, found } = await listed([
    "train/airplane/0_real/1.png",
    "train/train/1_fake/2.png",
    "val/car/1_fake/3.png",
    "test/progan/train/0_real/4.png",
    "test/progan/airplane/1_fake/5.png",
    "test/biggan/1_fake/6.png",
  ]);
  assertEquals(data.layout, "UniversalFakeDetect");
  assertEquals(found, {
    "test/biggan/1_fake/6.png": "1 biggan test",
    "test/progan/airplane/1_fake/5.png": "1 progan test",
    "test/progan/train/0_real/4.png": "0 real vs progan test",
    "train/airplane/0_real/1.png": "0 real vs progan train",
    "train/train/1_fake/2.png": "1 progan train",
    "val/car/1_fake/3.png": "1 progan validation",
  });
});

Deno.test("GenImage: nature and ai below each generator, val is the test set", async () => {
  const names = ["train/nature", "train/ai", "val/nature", "val/ai"];
  const { data, root, found } = await listed(
    ["Midjourney/imagenet_mj", "ADM"].flatMap((generator) =>
      names.flatMap((name) =>
        numbered(30, (i) => `${generator}/${name}/${generator[0]}${name[0]}${i}.png`)
      )
    ),
  );
  assertEquals(data.layout, "GenImage");
  assertEquals(found["Midjourney/imagenet_mj/val/ai/Mv3.png"], "1 Midjourney test");
  assertEquals(found["ADM/train/nature/At3.png"], "0 real vs ADM train");
  const part = parts(data, root);
  for (const [path, split] of Object.entries(part)) {
    assert(path.includes("/val/") ? split === "test" : split !== "test", `${path}: ${split}`);
  }
  assert(Object.values(part).includes("validation"));
});

Deno.test("FaceForensics++: one compression, official splits, both originals of a forgery in one part", async () => {
  const videos = ["000", "003", "100", "101"];
  const paths = [
    ...videos.map((name) => `original_sequences/youtube/c23/frames/${name}/0.png`),
    "original_sequences/youtube/c40/frames/000/0.png",
    "manipulated_sequences/Deepfakes/c23/frames/000_003/0.png",
    "manipulated_sequences/Deepfakes/c23/masks/000_003/0.png",
    "manipulated_sequences/Face2Face/c23/frames/101_100/0.png",
  ];
  const { data, root, found } = await listed(paths);
  assertEquals(data.layout, "FaceForensics++");
  assertEquals(found, {
    "manipulated_sequences/Deepfakes/c23/frames/000_003/0.png":
      "1 Deepfakes in manipulated_sequences/Deepfakes/c23/frames/000_003",
    "manipulated_sequences/Face2Face/c23/frames/101_100/0.png":
      "1 Face2Face in manipulated_sequences/Face2Face/c23/frames/101_100",
    ...Object.fromEntries(videos.map((name) => [
      `original_sequences/youtube/c23/frames/${name}/0.png`,
      `0 real in original_sequences/youtube/c23/frames/${name}`,
    ])),
  });
  assertStringIncludes(data.notes.join(), "c40 left out");
  const sources = new Set(data.list.sources);
  assertEquals(sources.size, 2);

  await Deno.writeTextFile(join(root, "train.json"), '[["000", "003"]]');
  await Deno.writeTextFile(join(root, "val.json"), "[]");
  await Deno.writeTextFile(join(root, "test.json"), '[["100", "101"]]');
  const unsplit = await listData(root);
  assertStringIncludes(unsplit.notes.join(), "split by seed");
  await Deno.writeTextFile(join(root, "val.json"), '[["200", "201"]]');
  const split = await listData(root);
  const part = parts(split, root);
  assertEquals(part["manipulated_sequences/Face2Face/c23/frames/101_100/0.png"], "test");
  assertEquals(part["original_sequences/youtube/c23/frames/100/0.png"], "test");
  await assertRejects(() => listData(root, { compression: "raw" }), ConfigError, "c23, c40");
  const only = await listData(root, { compression: "c40" }).catch((error) => error);
  assert(only instanceof DataError, "c40 has no forgeries");
  await Deno.writeTextFile(join(root, "train.json"), "{}");
  await assertRejects(() => listData(root), FormatError, "list of pairs");
});

Deno.test("Celeb-DF: the list of testing videos decides, forgeries belong to the video they were made of", async () => {
  const { root } = await listed([
    "Celeb-real/frames/id0_0000/0.png",
    "Celeb-real/frames/id1_0000/0.png",
    "YouTube-real/frames/00170/0.png",
    "Celeb-synthesis/frames/id0_id1_0000/0.png",
  ]);
  await Deno.writeTextFile(
    join(root, "List_of_testing_videos.txt"),
    "1 YouTube-real/00170.mp4\r\n0 Celeb-synthesis/id0_id1_0000.mp4\r\n",
  );
  const data = await listData(root);
  assertEquals(data.layout, "Celeb-DF");
  assertEquals(found(data, root), {
    "Celeb-real/frames/id0_0000/0.png": "0 real train in Celeb-real/frames/id0_0000",
    "Celeb-real/frames/id1_0000/0.png": "0 real train in Celeb-real/frames/id1_0000",
    "Celeb-synthesis/frames/id0_id1_0000/0.png":
      "1 Celeb-synthesis test in Celeb-synthesis/frames/id0_id1_0000",
    "YouTube-real/frames/00170/0.png": "0 real test in YouTube-real/frames/00170",
  });
});

Deno.test("DF40: a folder a method, its domain below; without real pictures it says where they are", async () => {
  const forged = ["simswap/ff/000_003/0.png", "sd2.1/cdf/frames/7/1.png", "heygen/fake/v/0.png"];
  const { data, found } = await listed([
    ...forged,
    "heygen/real/v/0.png",
    "real/000/0.png",
    "real/003/0.png",
  ]);
  assertEquals(data.layout, "DF40");
  assertEquals(found, {
    "heygen/fake/v/0.png": "1 heygen in heygen/fake/v",
    "heygen/real/v/0.png": "0 real vs heygen in heygen/real/v",
    "real/000/0.png": "0 real in real/000",
    "real/003/0.png": "0 real in real/003",
    "sd2.1/cdf/frames/7/1.png": "1 sd2.1 in sd2.1/cdf/frames/7",
    "simswap/ff/000_003/0.png": "1 simswap in simswap/ff/000_003",
  });
  const root = await treeOf(forged.slice(0, 2));
  await assertRejects(() => listData(root), DataError, "DF40 ships forgeries only");
});

Deno.test("a manifest as CSV and JSONL: paths from its folder, labels in words, video, source and split", async () => {
  const root = await treeOf(["a b/ü.png", "c.png", "d.png"]);
  const csv =
    'Path,Label,Generator,Split,Video\n"a b/ü.png",real,,train,\nc.png,FAKE,gan,test,clip 7\n';
  await Deno.writeTextFile(join(root, "list.csv"), csv);
  const data = await listData(join(root, "list.csv"));
  assertEquals(data.layout, "manifest");
  assertEquals(found(data, root), { "a b/ü.png": "0 real train", "c.png": "1 gan test in clip 7" });
  const lines = [{ image: "c.png", label: 1, source: "s" }, {
    image: join(root, "d.png"),
    label: 0,
    source: "s",
  }];
  await Deno.writeTextFile(
    join(root, "manifest.jsonl"),
    lines.map((line) => JSON.stringify(line)).join("\n"),
  );
  const fromFolder = await listData(root);
  assertEquals(found(fromFolder, root), { "c.png": "1 fake", "d.png": "0 real" });
  assertEquals(new Set(fromFolder.list.sources).size, 1);

  const refused: [text: string, words: string][] = [
    ["path,label\nc.png,maybe\n", "line 1: expected a label"],
    ["path,kind\nc.png,1\n", 'expected a column "label"'],
    ["path,label,split\nc.png,1,later\n", "expected a split"],
    ["path,label\nc.png,1,2\n", "not a table"],
  ];
  for (const [text, words] of refused) {
    await Deno.writeTextFile(join(root, "list.csv"), text);
    await assertRejects(() => listData(join(root, "list.csv")), FormatError, words);
  }
  await Deno.writeTextFile(join(root, "bad.jsonl"), '{"path": "c.png", "label": 1}\n{"path');
  await assertRejects(() => listData(join(root, "bad.jsonl")), FormatError, "line 2: not JSON");
});

Deno.test("DeepfakeBench's JSON: frames found from the file upwards, test before train, labels are methods", async () => {
  const root = await treeOf([
    "datasets/rgb/FF/real/000/0.png",
    "datasets/rgb/FF/real/003/0.png",
    "datasets/rgb/FF/df/000_003/0.png",
  ]);
  const frames = (name: string, label: string) => ({ label, frames: [`FF\\${name}\\0.png`] });
  const content = {
    "FaceForensics++": {
      "FF-real": {
        train: { c23: { "000": frames("real\\000", "FF-real") }, c40: {} },
        test: { c23: { "003": frames("real\\003", "FF-real") }, c40: {} },
      },
      "FF-DF": {
        train: { c23: { "000_003": frames("df\\000_003", "FF-DF") }, c40: {} },
        test: { c23: { "000_003": frames("df\\000_003", "FF-DF") }, c40: {} },
      },
    },
  };
  await Deno.mkdir(join(root, "preprocessing", "dataset_json"), { recursive: true });
  const path = join(root, "preprocessing", "dataset_json", "FaceForensics++.json");
  await Deno.writeTextFile(path, JSON.stringify(content));
  const data = await listData(path);
  const top = join(root, "datasets", "rgb", "FF");
  assertEquals(found(data, top), {
    "df/000_003/0.png": "1 FF-DF test in df/000_003",
    "real/000/0.png": "0 real train in real/000",
    "real/003/0.png": "0 real test in real/003",
  });
  assertStringIncludes(data.notes.join(), "1 entries of pictures that are in several splits");
  await Deno.writeTextFile(
    path,
    JSON.stringify({ X: { X_Real: { train: { v: { label: "X_Real" } } } } }),
  );
  await assertRejects(() => listData(path), FormatError, "X_Real/v");
  await Deno.writeTextFile(
    path,
    JSON.stringify({
      X: { X_Real: { train: { v: { label: "X_Real", frames: ["gone/0.png"] } } } },
    }),
  );
  await assertRejects(() => listData(path), DataError, "looked for gone/0.png");
});

Deno.test("a place without a layout, without a class, or that is not there is refused with what would do", async () => {
  const root = await treeOf(["cats/1.png", "dogs/2.png"]);
  const error = await assertRejects(() => listData(root), DataError);
  assertStringIncludes(error.message, "the folders cats, dogs");
  assertStringIncludes(error.message, "0_real");
  await assertRejects(() => listData(join(root, "none")), DataError, "no such folder or file");
  await assertRejects(
    () => listData(join(root, "cats/1.png")),
    DataError,
    "expected a folder, a manifest",
  );
  await Deno.mkdir(join(root, "real"));
  await assertRejects(() => listData(root), DataError, "found no real ones");
});

Deno.test("a split moves nothing when pictures are added, and changes with the seed", async () => {
  const paths = numbered(60, (i) => `${i % 2 ? "real" : "fake"}/${i}.png`);
  const { data, root } = await listed(paths);
  const before = parts(data, root);
  const more = await listed([...paths, "real/more.png"]);
  const after = parts(more.data, more.root);
  for (const [path, split] of Object.entries(before)) assertEquals(after[path], split);
  const other = parts(data, root, 1);
  assert(Object.keys(before).some((path) => other[path] !== before[path]));
  const share = (name: string) =>
    Object.values(before).filter((split) => split === name).length / 60;
  assert(share("train") > 0.4 && share("test") > 0.1 && share("validation") > 0.02);
});
