// What was found in a data set, as lines to read.

import type { DataReport } from "./look.ts";
import { problemLines } from "./problem.ts";
import { suspicious } from "./separability.ts";

/** The whole report as text. */
export function dataReportText(report: DataReport): string {
  const { path, layout, notes, splits, videos, sources, looked, pictures, sides } = report;
  const facts: [string, string][] = [
    ["data", path],
    ["layout", [layout, ...notes].join("; ")],
    ["splits", splits],
    ["sources", `${whole(sources)}${videos > 0 ? `, ${whole(videos)} videos` : ""}`],
  ];
  if (sides) {
    facts.push(
      [
        "files",
        looked < pictures ? `${whole(looked)} of ${whole(pictures)} looked at` : "all looked at",
      ],
      ["sizes", `${sides[0]} to ${sides[2]} pixels, the middle ${sides[1]}`],
    );
  }
  const lines = facts.map(([name, text]) => `  ${name.padEnd(10)} ${text}`);
  lines.push("", ...countLines(report));
  if (report.encodings.length > 0) lines.push("", ...encodingLines(report));
  const warnings = dataWarnings(report);
  if (warnings.length > 0) lines.push("", ...warnings.map((warning) => `  warning: ${warning}`));
  const { problems, ignored } = report;
  if (problems.length > 0) {
    lines.push("", ...problemLines(problems).map((line) => `  problem: ${line}`));
  }
  const others = Object.entries(ignored).map(([ending, count]) => `${whole(count)} ${ending}`);
  if (others.length > 0) lines.push("", `  passed over: ${others.join(", ")}`);
  return lines.join("\n");
}

/** What a reader of the results must know: leaks, wrong labels, classes that the files give away. */
export function dataWarnings({ duplicates, separations, counts }: DataReport): string[] {
  const warnings: string[] = [];
  const found = suspicious(separations);
  if (found.length > 0) {
    const words = found.map(({ by, auc }) => `${by} (AUC ${auc.toFixed(2)})`).join(", ");
    warnings.push(
      `the files alone tell real from forged: by ${words}. A detector may learn that instead of the ` +
        "forgery; bring both classes to one format, size and compression first",
    );
  }
  const { files, inBothClasses, inSeveralParts, examples } = duplicates;
  const example = examples.length > 0 ? `, such as ${examples[0].join(" and ")}` : "";
  if (inBothClasses > 0) {
    warnings.push(
      `${whole(inBothClasses)} files are real in one place and forged in another${example}`,
    );
  }
  if (inSeveralParts > 0) {
    warnings.push(
      `${whole(inSeveralParts)} files are in more than one of train, validation and test${example}`,
    );
  }
  if (files > inBothClasses && files > inSeveralParts) {
    warnings.push(`${whole(files)} files have the same bytes as another${example}`);
  }
  const [real, ...methods] = Object.values(counts)
    .map(({ train, validation, test }) => train + validation + test);
  const forged = methods.reduce((sum, count) => sum + count, 0);
  if (Math.max(real, forged) > 20 * Math.min(real, forged)) {
    warnings.push(
      `the classes are very unequal: ${whole(real)} real and ${
        whole(forged)
      } forged; batches take as ` +
        "many of both, so the smaller class comes again and again",
    );
  }
  return warnings;
}

function countLines({ counts }: DataReport): string[] {
  const rows = [
    ["", "train", "validation", "test"],
    ...Object.entries(counts).map(([name, { train, validation, test }]) => [
      name,
      ...[train, validation, test].map(whole),
    ]),
  ];
  return columns(rows);
}

/** The most frequent encodings; the others together. */
function encodingLines({ encodings }: DataReport): string[] {
  const shown = encodings.slice(0, 8), others = encodings.slice(8);
  const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
  const rows = shown.map(({ name, real, forged }) => [name, percent(real), percent(forged)]);
  if (others.length > 0) {
    const sum = (of: "real" | "forged"): number =>
      others.reduce((total, encoding) => total + encoding[of], 0);
    rows.push([`${others.length} others`, percent(sum("real")), percent(sum("forged"))]);
  }
  return columns([["encoding", "real", "forged"], ...rows]);
}

/** Rows as columns, the first to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  return rows.map((row) =>
    "  " + row.map((cell, at) => at === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[at] + 2))
      .join("")
  );
}

function whole(value: number): string {
  return value.toLocaleString("en-US");
}
