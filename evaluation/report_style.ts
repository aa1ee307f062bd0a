// The style sheet of the report: system fonts, light and dark scheme, readable in print, nothing fetched.

/** The report's CSS. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --paper: #f4f6f9; --card: #fefefe; --ink: #1b2230; --muted: #5c6678; --line: #e3e7ee;
  --accent: #0b6cb0; --accent-soft: #dcebf7; --other: #d0570a; --other-soft: #fbe6d8;
  --note: #fdf6e3; --note-line: #e6c35c;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #0e1218; --card: #151a22; --ink: #e8ebf1; --muted: #9aa5b8; --line: #2c3442;
    --accent: #56b4e9; --accent-soft: #17324a; --other: #f0803c; --other-soft: #43260f;
    --note: #231f12; --note-line: #7a6420;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif;
  -webkit-font-smoothing: antialiased;
}
main { max-width: 1120px; margin: 0 auto; padding: 48px 24px 64px; }
header { margin-bottom: 28px; }
h1 { font-size: 32px; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 6px; font-weight: 700; }
h2 { font-size: 20px; letter-spacing: -0.01em; margin: 44px 0 8px; font-weight: 650; }
h3 { font-size: 15px; margin: 0 0 2px; font-weight: 600; }
p { margin: 0 0 12px; max-width: 72ch; }
.lead, .about { color: var(--muted); }
.about { font-size: 14.5px; margin-bottom: 16px; max-width: 110ch; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px;
}
.card .about { margin: 0 0 8px; font-size: 13.5px; }
.below { margin-top: 16px; }
.grid { display: grid; gap: 16px; }
.two { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.headline { grid-template-columns: minmax(0, 1.15fr) minmax(0, 1.15fr) minmax(0, 1fr); }
.label {
  font-size: 12.5px; text-transform: uppercase; letter-spacing: 0.06em; color: var(--muted); font-weight: 600;
}
.number {
  font-size: 52px; line-height: 1.1; font-weight: 700; letter-spacing: -0.03em; margin: 4px 0 2px;
  font-variant-numeric: tabular-nums;
}
.accent { color: var(--accent); }
.other { color: var(--other); }
.gauge { position: relative; height: 10px; border-radius: 5px; background: var(--line); margin: 14px 0 4px; }
.gauge i { position: absolute; display: block; border-radius: 5px; }
.gauge .range { top: 0; height: 10px; opacity: 0.45; background: currentColor; }
.gauge .point { top: -3px; height: 16px; width: 4px; margin-left: -2px; background: currentColor; border-radius: 2px; }
.gauge .chance { left: 50%; top: -3px; height: 16px; width: 0; border-left: 1.5px dashed var(--muted); border-radius: 0; }
.scale { position: relative; height: 18px; font-size: 11.5px; color: var(--muted); }
.scale span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.scale span { left: 50%; }
.scale span:first-child { left: 0; transform: none; }
.scale span:last-child { left: 100%; transform: translateX(-100%); }
.verdict { font-size: 14px; margin: 8px 0 0; color: var(--muted); }
.facts { margin: 12px 0 0; display: grid; grid-template-columns: auto 1fr; gap: 7px 16px; font-size: 15px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; text-align: right; font-weight: 600; font-variant-numeric: tabular-nums; }
.note {
  background: var(--note); border: 1px solid var(--note-line); border-radius: 12px; padding: 16px 22px; margin-top: 16px;
}
.note ul { margin: 6px 0 0; padding-left: 20px; }
.note li { margin: 5px 0; font-size: 14.5px; max-width: 100ch; }
.note dfn { font-style: normal; font-weight: 650; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--muted); font-weight: 600; font-size: 12.5px; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.scroll th, .scroll td { padding: 8px 7px; }
.beside .below { margin: 0 0 10px; }
tr:last-child td { border-bottom: 0; }
tr.over td { font-weight: 650; }
tr.over.in td { background: var(--accent-soft); }
tr.over.cross td { background: var(--other-soft); }
.tag { display: inline-block; font-size: 11.5px; border-radius: 999px; padding: 1px 9px; margin-left: 8px; font-weight: 600; }
.tag.in { background: var(--accent-soft); color: var(--accent); }
.tag.cross { background: var(--other-soft); color: var(--other); }
figure { margin: 0; }
.corit-plot { display: block; width: 100%; }
.centred { display: flex; flex-direction: column; }
.centred .corit-plot { margin: auto 0; }
.roc .corit-plot { max-width: 420px; margin: 0 auto; }
.sample { padding: 14px 16px 12px; }
.sample h3 { display: flex; align-items: baseline; justify-content: space-between; gap: 8px; margin-bottom: 10px; }
.sample .score { font-weight: 600; font-size: 13.5px; color: var(--muted); font-variant-numeric: tabular-nums; }
.sample .pictures { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 8px; }
.sample figcaption { font-size: 12px; color: var(--muted); margin-top: 4px; text-align: center; }
.sample img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; display: block; outline: 1px solid var(--muted); outline-offset: -1px; }
.sample .whole img { aspect-ratio: auto; object-fit: contain; }
.sample .path { overflow-wrap: anywhere; }
.missing {
  aspect-ratio: 1; border-radius: 6px; border: 1px dashed var(--line); color: var(--muted); font-size: 12px;
  display: flex; align-items: center; justify-content: center;
}
.ramp { display: inline-block; width: 120px; height: 9px; border-radius: 5px; vertical-align: baseline; margin: 0 6px; }
.settings td { white-space: normal; text-align: left; padding: 5px 10px; font-size: 13.5px; overflow-wrap: anywhere; }
.settings td:first-child { color: var(--muted); width: 42%; }
.settings code { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { margin-top: 40px; font-size: 13.5px; color: var(--muted); border-top: 1px solid var(--line); padding-top: 16px; }
@media (max-width: 860px) {
  .two, .headline { grid-template-columns: minmax(0, 1fr); }
  main { padding: 28px 16px 48px; }
}
@media print {
  body { background: #fff; font-size: 12px; }
  .card, .note { break-inside: avoid; }
}
`;
