// docs/results.md: what the studies came to, written from what is done and from nothing else.

import { fileError, writeFileAtomically } from "../training/files.ts";
import { markdownOf, type StudyReport } from "./output.ts";
import type { PilotAnswer } from "./pilot.ts";

/** A study as the page shows it. */
export interface ResultsSection {
  /** Heading. */
  readonly title: string;
  /** The command that makes it. */
  readonly command: string;
  /** What was asked, in a few sentences. */
  readonly about: string;
  /** The study; absent where it has not been made. */
  readonly report?: StudyReport;
  /** Names of the figures that are shown; all where absent. */
  readonly figures?: readonly string[];
  /** Names of the tables that are shown; all but the longest where absent. */
  readonly tables?: readonly string[];
  /** Answers to what pilots claimed. */
  readonly pilots?: readonly PilotAnswer[];
}

/**
 * Writes `results.md` and its figures (SVG, in `images/results/`) into a folder of documentation.
 *
 * @returns The page's path.
 */
export async function writeResultsPage(
  folder: string,
  sections: readonly ResultsSection[],
): Promise<string> {
  const images = `${folder}/images/results`;
  try {
    await Deno.mkdir(images, { recursive: true });
  } catch (error) {
    throw fileError("make", images, error);
  }
  for (const { report, figures } of sections) {
    for (const { name, svg } of report?.figures ?? []) {
      if (figures && !figures.includes(name)) continue;
      await writeFileAtomically(`${images}/${name}.svg`, svg);
    }
  }
  const path = `${folder}/results.md`;
  await writeFileAtomically(path, resultsPage(sections));
  return path;
}

/** The page's text. */
export function resultsPage(sections: readonly ResultsSection[]): string {
  return [
    "# Results",
    "Written by `deno task study results` from the studies that are done. Every number stands beside " +
    "the command that makes it; the folders named there hold a page, all figures, and the numbers " +
    "behind them as CSV. The forgeries are made by program from a few dozen photographs, and the " +
    "networks are small: nothing here measures today's image generators, and nothing here is a " +
    "figure of the paper whose abstract this project follows.",
    ...sections.flatMap(sectionText),
  ].join("\n\n") + "\n";
}

function sectionText(section: ResultsSection): string[] {
  const { title, command, about, report, figures, tables, pilots } = section;
  const head = [`## ${title}`, about, `    ${command}`];
  if (!report) return [...head, "This study has not been made yet."];
  const shownFigures = report.figures.filter(({ name }) => !figures || figures.includes(name));
  const shownTables = report.tables.filter(({ name, fileOnly }) =>
    !fileOnly && (!tables || tables.includes(name))
  );
  return [
    ...head,
    report.findings.map((finding) => `- ${finding}`).join("\n"),
    ...pilots === undefined ? [] : [
      "Against the pilots, which another engine made with one or two seeds:",
      markdownOf({
        header: ["the pilots said", "this sweep", "numbers"],
        rows: pilots.map(({ claim, verdict, numbers }) => [claim, verdict, numbers]),
      }),
    ],
    ...shownFigures.map(({ name, title, about }) =>
      `![${title}](images/results/${name}.svg)\n\n_${title}._ ${about}`
    ),
    ...shownTables.flatMap((table) => [`### ${table.title}`, table.about, markdownOf(table)]),
    "How it was made:",
    Object.entries(report.settings).map(([name, value]) => `- ${name}: ${value}`).join("\n"),
  ].filter((part) => part !== "");
}
