// The frame of every page that is written: self-contained, no script, nothing fetched.

import { type Markup, markup, trusted } from "./markup.ts";
import { reportStyle } from "./report_style.ts";

/** What the page may do: show its own pictures and styles, and nothing else. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** A page with a title, a sentence under it, its sections, and a last line. */
export function page(
  { title, lead, sections, footer }: {
    readonly title: string;
    readonly lead?: string;
    readonly sections: readonly (Markup | undefined)[];
    readonly footer: string;
  },
): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title}</title>
<style>${trusted(reportStyle)}</style>
</head>
<body>
<main>
<header><h1>${title}</h1>${lead !== undefined && markup`<p class="lead">${lead}</p>`}</header>
${sections}
<footer>${footer}</footer>
</main>
</body>
</html>
`.text;
}

/** A table; the first column is flush left. */
export function tableOf(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): Markup {
  return markup`<div class="card scroll below"><table>
<thead><tr>${heads.map((head) => markup`<th>${head}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => markup`<tr>${row.map((cell) => markup`<td>${cell}</td>`)}</tr>\n`)}
</tbody></table></div>
`;
}
