// What studies write: CSV that reads back, a page that needs nothing and escapes everything, Markdown.

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DataError } from "../../errors.ts";
import {
  csvOf,
  markdownOf,
  renderStudy,
  type StudyReport,
  writeStudy,
} from "../../studies/output.ts";
import { plotLandscape } from "../../studies/landscape_plot.ts";
import { resultsPage, writeResultsPage } from "../../studies/results_page.ts";
import { plotScatter } from "../../studies/scatter_plot.ts";

const svg = plotScatter({
  groups: [{ name: "swap", points: [[0.1, 0.2], [0.3, 0.4]] }],
  xAxis: { name: "predicted" },
  yAxis: { name: "measured" },
  diagonal: true,
});

const report: StudyReport = {
  title: "A <small> study",
  lead: "one & two",
  findings: ["It is so."],
  figures: [{ name: "dots", title: "Dots", about: "Two of them.", svg }],
  tables: [
    { name: "numbers", title: "Numbers", about: "", header: ["a", "b"], rows: [["x", 1 / 3]] },
    { name: "long", title: "Long", about: "", header: ["c"], rows: [[1]], fileOnly: true },
  ],
  settings: { seed: 0 },
};

Deno.test("numbers stay whole in CSV, and commas, quotes and line ends are quoted", () => {
  const rows = [["plain", 1 / 3], ['a "b", c', Infinity]];
  assertEquals(
    csvOf({ header: ["text", "number"], rows }),
    'text,number\nplain,0.3333333333333333\n"a ""b"", c",Infinity\n',
  );
});

Deno.test("Markdown and page round numbers, and say what is infinite or missing", () => {
  const table = { header: ["a", "b"], rows: [["x", 1 / 3], ["y", Infinity], ["z", NaN]] };
  assertEquals(
    markdownOf(table).split("\n"),
    ["| a | b |", "| --- | ---: |", "| x | 0.333 |", "| y | ∞ |", "| z | – |"],
  );
});

Deno.test("the page holds its figures, escapes texts, forbids requests and leaves long tables out", () => {
  const page = renderStudy(report);
  assertMatch(page, /default-src &#39;none&#39;/);
  assertMatch(page, /A &lt;small&gt; study/);
  assertMatch(page, /<svg /);
  assert(!/<script|src="http|Long/.test(page));
});

Deno.test("a study is a page, its figures as SVG and PNG, and its tables as CSV", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const page = await writeStudy(`${folder}/new`, report);
    const names = [...Deno.readDirSync(`${folder}/new`)].map(({ name }) => name).sort();
    assertEquals(names, ["dots.png", "dots.svg", "long.csv", "numbers.csv", "report.html"]);
    assertEquals(page, `${folder}/new/report.html`);
    const png = await Deno.readFile(`${folder}/new/dots.png`);
    assertEquals([...png.subarray(1, 4)], [80, 78, 71]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the results page shows what is done, and says of the rest that it is not", async () => {
  const sections = [
    { title: "Done", command: "deno task study one", about: "Why.", report },
    { title: "Open", command: "deno task study two", about: "Why not." },
  ];
  const page = resultsPage(sections);
  assertMatch(page, /## Done[\s\S]+- It is so\.[\s\S]+!\[Dots\]\(images\/results\/dots\.svg\)/);
  assertMatch(page, /\| x \| 0\.333 \|/);
  assertMatch(page, /## Open[\s\S]+has not been made yet/);
  const folder = await Deno.makeTempDir();
  try {
    assertEquals(await writeResultsPage(folder, sections), `${folder}/results.md`);
    assertMatch(await Deno.readTextFile(`${folder}/images/results/dots.svg`), /^<svg /);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a landscape is drawn with a cell for every loss", () => {
  const places = [-1, 0, 1];
  const losses = places.map((y) => places.map((x) => x * x + y * y));
  const drawn = plotLandscape({ places, losses, climb: [0.5, 0], descent: [-0.5, 0.1] });
  assertMatch(drawn, /^<svg /);
  assertMatch(drawn, /from 0\.00 to 2\.00/);
});

Deno.test("a scatter plot without points, or with a point that has no logarithm, is refused", () => {
  const axes = { xAxis: { name: "x" }, yAxis: { name: "y", scale: "log" } } as const;
  assertThrows(() => plotScatter({ ...axes, groups: [] }), DataError, "found none");
  const groups = [{ name: "a", points: [[1, 0]] as const }];
  assertThrows(() => plotScatter({ ...axes, groups }), DataError, "logarithmic");
});
