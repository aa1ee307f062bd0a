// What a study leaves: figures as SVG and PNG, the numbers behind them as CSV, a page that holds all.

import { type Markup, markup, type MarkupPart, trusted } from "../evaluation/markup.ts";
import { page } from "../evaluation/page.ts";
import { svgToPng } from "../evaluation/plot_theme.ts";
import { fileError, writeFileAtomically } from "../training/files.ts";

/** A figure of a study. */
export interface StudyFigure {
  /** Its file's name without ending. */
  readonly name: string;
  /** Heading on the page. */
  readonly title: string;
  /** What it shows and how to read it. */
  readonly about: string;
  /** The picture. */
  readonly svg: string;
}

/** A table of a study: on the page as it is, and as CSV. */
export interface StudyTable {
  /** Its file's name without ending. */
  readonly name: string;
  /** Heading on the page. */
  readonly title: string;
  /** What it shows and how to read it. */
  readonly about: string;
  /** Names of the columns. */
  readonly header: readonly string[];
  /** Cells; numbers stay whole in the CSV and are rounded on the page. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** Left out of the page, where there are too many rows to read. */
  readonly fileOnly?: boolean;
}

/** Everything that a study came to. */
export interface StudyReport {
  /** The page's heading. */
  readonly title: string;
  /** One sentence below it. */
  readonly lead: string;
  /** What the numbers say, and what they do not. */
  readonly findings: readonly string[];
  /** In the order of the page. */
  readonly figures: readonly StudyFigure[];
  /** After the figures. */
  readonly tables: readonly StudyTable[];
  /** How it was made: names and values. */
  readonly settings: Readonly<Record<string, string | number>>;
}

/**
 * Writes a study into a folder: `NAME.svg`, `NAME.png` and `NAME.csv` of its figures and tables, and `report.html`,
 * which needs none of them, no script and no network.
 *
 * @returns The path of the page.
 * @throws {FileError} The folder cannot be written.
 */
export async function writeStudy(folder: string, report: StudyReport): Promise<string> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError("make", folder, error);
  }
  for (const { name, svg } of report.figures) {
    await writeFileAtomically(`${folder}/${name}.svg`, svg);
    await writeFileAtomically(`${folder}/${name}.png`, await svgToPng(svg));
  }
  for (const table of report.tables) {
    await writeFileAtomically(`${folder}/${table.name}.csv`, csvOf(table));
  }
  const page = `${folder}/report.html`;
  await writeFileAtomically(page, renderStudy(report));
  return page;
}

/** A table as CSV (RFC 4180, lines end in a newline alone). */
export function csvOf({ header, rows }: Pick<StudyTable, "header" | "rows">): string {
  const cell = (value: string | number): string => {
    const text = `${value}`;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
}

/** A table as Markdown, numbers rounded. */
export function markdownOf({ header, rows }: Pick<StudyTable, "header" | "rows">): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(header),
    line(header.map((_, at) => at === 0 ? "---" : "---:")),
    ...rows.map((row) => line(row.map(shown))),
  ].join("\n");
}

/** The page of a study. */
export function renderStudy(report: StudyReport): string {
  const { title, lead, findings, figures, tables, settings } = report;
  return page({
    title,
    lead,
    sections: [
      findings.length > 0
        ? markup`<section class="note"><h3>What the numbers say</h3>
<ul>${findings.map((finding) => markup`<li>${finding}</li>\n`)}</ul></section>
`
        : undefined,
      markup`<h2>Figures</h2>
<div class="grid two">
${figures.map(figureCard)}</div>
${tables.filter(({ fileOnly }) => !fileOnly).map(tableCard)}
<h2>How it was made</h2>
<div class="card"><table class="settings"><tbody>
${
        Object.entries(settings).map(([name, value]) =>
          markup`<tr><td>${name}</td><td><code>${value}</code></td></tr>\n`
        )
      }</tbody></table></div>
`,
    ],
    footer:
      "Written by CoRIT. Figures lie beside this page as SVG and PNG, the numbers behind them " +
      "as CSV.",
  });
}

function figureCard({ title, about, svg }: StudyFigure): Markup {
  return markup`<figure class="card"><h3>${title}</h3><p class="about">${about}</p>
${trusted(svg)}</figure>
`;
}

function tableCard({ title, about, header, rows }: StudyTable): MarkupPart {
  return markup`<h2>${title}</h2>
<p class="about">${about}</p>
<div class="card scroll"><table><thead><tr>${header.map((name) => markup`<th>${name}</th>`)}</tr>
</thead><tbody>
${rows.map((row) => markup`<tr>${row.map((cell) => markup`<td>${shown(cell)}</td>`)}</tr>\n`)}
</tbody></table></div>
`;
}

/** A number with three significant digits; text as it is. */
function shown(value: string | number): string {
  if (typeof value === "string") return value;
  if (value === Infinity) return "∞";
  return Number.isNaN(value) ? "–" : `${Number(value.toPrecision(3))}`;
}
