// What `gsnr`, `cor` and `landscape` share: one run in, a page with figures and CSV files out.

import { ConfigError } from "../errors.ts";
import { markdownOf, type StudyReport, writeStudy } from "../studies/output.ts";
import { loadRunProbe, type RunProbe } from "../studies/run_probe.ts";
import { type Progress, progress } from "./progress.ts";

/**
 * Loads the one run that a command names, makes its report and writes it beside the run.
 *
 * @param out The folder; `RUN/NAME` where empty.
 * @throws {ConfigError} Not one run is named.
 */
export async function studyRun(
  name: string,
  positional: readonly string[],
  out: string,
  make: (probe: RunProbe) => Promise<StudyReport>,
): Promise<void> {
  const [path, ...others] = positional;
  if (path === undefined || others.length > 0) {
    throw new ConfigError(
      `${name} takes one run, but got ${positional.length}: deno task ${name} runs/NAME`,
    );
  }
  let bar: Progress | undefined;
  const probe = await loadRunProbe(path, ({ what, done, total }) => {
    bar ??= progress({ total, label: what, fields: [] });
    bar.update(done);
  });
  bar?.stop();
  const report = await make(probe);
  const page = await writeStudy(out === "" ? `${path}/${name}` : out, report);
  const shown = report.tables.filter(({ fileOnly }) => !fileOnly).slice(0, 1).map(markdownOf);
  console.log(`\n${report.findings.join("\n")}\n\n${shown.join("\n\n")}\n\n${page}\n`);
}
