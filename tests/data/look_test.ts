// The report on a data set: counts, encodings, duplicates, problems, and classes that the files alone give away.

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { encodeJpeg } from "../../data/image.ts";
import { lookAtData } from "../../data/look.ts";
import { pictureFacts } from "../../data/picture_facts.ts";
import { openData } from "../../data/read_data.ts";
import { dataReportText, dataWarnings } from "../../data/report_text.ts";
import { separations, suspicious } from "../../data/separability.ts";
import { numbered, treeOf } from "./tree.ts";

async function look(root: string, most?: number) {
  return await lookAtData(await openData(root), { most });
}

Deno.test("classes, methods, sizes and encodings are counted; like files warn of nothing", async () => {
  const root = await treeOf([
    ...numbered(30, (i) => `real/${i}.png`),
    ...numbered(30, (i) => `fake/${i % 2 ? "swap" : "blend"}/f${i}.png`),
  ]);
  const report = await look(root);
  assertEquals([report.looked, report.pictures, report.sources, report.videos], [60, 60, 60, 0]);
  assertEquals(report.sides, ["24 x 20", "24 x 20", "24 x 20"]);
  assertEquals(report.encodings, [{ name: "png", real: 1, forged: 1 }]);
  const total = (name: string) => Object.values(report.counts[name]).reduce((sum, n) => sum + n);
  assertEquals(["real", "swap", "blend"].map(total), [30, 15, 15]);
  assertEquals(dataWarnings(report).filter((text) => text.startsWith("the files alone")), []);
  assertStringIncludes(dataReportText(report), "real and fake folders");
});

Deno.test("one class as JPEG and one as PNG is warned of", async () => {
  const root = await treeOf([
    ...numbered(30, (i) => `real/${i}.jpg`),
    ...numbered(30, (i) => `fake/f${i}.png`),
  ]);
  const report = await look(root);
  const jpeg = report.encodings.find(({ name }) => name !== "png");
  assertEquals(jpeg, { name: "jpeg quality 90, 4:2:0", real: 1, forged: 0 });
  assertAlmostEquals(report.separations[0].auc, 1, 1e-12);
  assertStringIncludes(dataWarnings(report)[0], "the files alone tell real from forged");
  assertStringIncludes(dataReportText(report), "warning: the files alone");
});

Deno.test("the same bytes in both classes and in several parts are found", async () => {
  const root = await treeOf([
    ...numbered(20, (i) => `real/${i}.png`),
    ...numbered(20, (i) => `fake/f${i}.png`),
  ]);
  await Deno.copyFile(join(root, "real/3.png"), join(root, "fake/copy.png"));
  const { duplicates } = await look(root);
  assert(duplicates.inBothClasses >= 2);
  assert(duplicates.files >= duplicates.inBothClasses);
  assert(duplicates.examples.some((pair) => pair.some((path) => path.endsWith("fake/copy.png"))));
});

Deno.test("a sample takes of every kind, the small ones whole", async () => {
  const root = await treeOf([
    ...numbered(40, (i) => `real/${i}.png`),
    "fake/rare/1.png",
    "fake/rare/2.png",
  ]);
  const report = await look(root, 12);
  assertEquals(report.looked, 12);
  assertEquals(report.pictures, 42);
  assertStringIncludes(dataReportText(report), "12 of 42 looked at");
});

Deno.test("broken files are problems of the report, not its end", async () => {
  const root = await treeOf([...numbered(4, (i) => `real/${i}.png`), "fake/1.png"]);
  const png = await Deno.readFile(join(root, "real/1.png"));
  await Deno.writeFile(join(root, "real/cut.png"), png.subarray(0, png.length - 10));
  await Deno.writeFile(join(root, "fake/empty.jpg"), new Uint8Array());
  const { problems } = await look(root);
  assertEquals(problems.map(({ path, what }) => [path.split("/").at(-1), what]), [
    ["empty.jpg", "an empty file (zero bytes)"],
    ["cut.png", "the picture is cut off: its end is missing"],
  ]);
});

Deno.test("a JPEG's quality is read from its tables", async () => {
  const image = {
    width: 32,
    height: 32,
    data: new Uint8Array(32 * 32 * 3).map((_, i) => (i * 31) % 256),
  };
  for (const quality of [30, 50, 75, 90, 95]) {
    const bytes = await encodeJpeg(image, { quality, chromaSubsampling: "4:4:4" });
    const { compression, format, width } = await pictureFacts("a.jpg", bytes);
    assertEquals([format, width], ["jpeg", 32]);
    const found = Number(/quality (\d+), 4:4:4/.exec(compression)![1]);
    assert(Math.abs(found - quality) <= 1, `${found} for ${quality}`);
  }
});

Deno.test("a property with many values that says nothing does not seem to tell the classes apart", () => {
  const facts = numbered(400, (i) => `${i * 7919}`).map((hash, i) => ({
    bytes: 1000 + (i * 37) % 101,
    width: 10 + i,
    height: 10,
    format: "png",
    compression: "",
    hash,
  }));
  const labels = facts.map((_, i) => (i % 2) as 0 | 1);
  const found = separations(facts, labels);
  assertEquals(suspicious(found), []);
  assertEquals(found.find(({ by }) => by === "file format")!.auc, 0.5);
  assertEquals(separations(facts, labels.map(() => 1)), []);
});
