// HTML as values: a tagged template that escapes everything except what was marked as markup.

/** A piece of HTML that is safe to put into a page as it stands. */
export class Markup {
  /** Wraps HTML; only `markup` and `trusted` make it. */
  constructor(readonly text: string) {}
}

/** What may stand in a template: text is escaped, markup is not, lists are joined, `undefined` and `false` vanish. */
export type MarkupPart = Markup | string | number | undefined | false | readonly MarkupPart[];

/** Builds HTML from a template literal, escaping every interpolated text, also inside quoted attributes. */
export function markup(literals: TemplateStringsArray, ...parts: readonly MarkupPart[]): Markup {
  const pieces = literals.map((literal, i) => literal + (i < parts.length ? render(parts[i]) : ""));
  return new Markup(pieces.join(""));
}

/** Marks text as HTML: for the SVG and the style sheet that this project wrote itself. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

/** One part as text. */
function render(part: MarkupPart): string {
  if (part === undefined || part === false) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "string" || typeof part === "number") return escape(`${part}`);
  return part.map(render).join("");
}

/** The five characters that mean something in HTML, as entities. */
function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
