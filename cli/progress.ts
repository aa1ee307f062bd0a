// Progress of a long work: one bar that renews itself on a terminal, a plain line every few seconds
// where the output goes to a file or a pipe.

import cliProgress from "cli-progress";
import process from "node:process";
import type { Writable } from "node:stream";

/** What is shown, and where. */
export interface ProgressOptions {
  /** Steps in all. */
  total: number;
  /** What is being done: `training`. */
  label: string;
  /** Names of the values shown beside the steps, in order: `loss`, `AUC`, `images/s`. */
  fields: readonly string[];
  /** The step already done when the work begins, as in a resumed run. */
  start?: number;
  /** Where to write; the standard error output where absent. */
  stream?: Writable & { isTTY?: boolean; columns?: number };
  /** Seconds between two plain lines. */
  secondsBetweenLines?: number;
  /** The time in seconds; a test passes its own. */
  clock?: () => number;
}

/** Values beside the steps; one that is not known yet is left out. */
export type ProgressFields = Readonly<Record<string, number | string | undefined>>;

/** A running progress display. */
export interface Progress extends Disposable {
  /** Reports that a step is done, with the values that are new. */
  update(step: number, fields?: ProgressFields): void;
  /** Writes a line that stays, above the bar. */
  log(line: string): void;
  /** Shows the last state and gives the terminal back; safe to call twice. */
  stop(): void;
}

/** A bar is redrawn at most this often, so that showing progress costs none. */
const secondsBetweenRedraws = 0.1;

/** Displays that have not been stopped, so that an error is not written into a bar. */
const running = new Set<Progress>();

/** Stops every display that still runs. */
export function stopAllProgress(): void {
  for (const each of [...running]) each.stop();
}

/** Begins to show the progress of a work. */
export function progress(options: ProgressOptions): Progress {
  const { total, label, fields, start = 0, stream = process.stderr } = options;
  const { secondsBetweenLines = 10, clock = () => performance.now() / 1000 } = options;
  const began = clock();
  const values: Record<string, number | string> = {};
  const state = { step: start, shownAt: -Infinity, shownStep: -1 };
  const show = stream.isTTY ? showBar(total, start, stream) : showLines(stream);

  const redraw = (): void => {
    const { step } = state;
    const done = step - start;
    const left = done > 0 ? (clock() - began) / done * (total - step) : undefined;
    const shown = fields.filter((name) => values[name] !== undefined)
      .map((name) => `${name} ${formatValue(values[name])}`);
    if (left !== undefined && step < total) shown.push(`${formatDuration(left)} left`);
    if (step >= total) shown.push(`took ${formatDuration(clock() - began)}`);
    show.draw(step, [`${label} ${step}/${total}`, ...shown].join("  "));
    state.shownAt = clock();
    state.shownStep = step;
  };

  const display: Progress = {
    update(step, changed = {}) {
      state.step = step;
      for (const [name, value] of Object.entries(changed)) {
        if (value !== undefined) values[name] = value;
      }
      const pause = stream.isTTY ? secondsBetweenRedraws : secondsBetweenLines;
      if (clock() - state.shownAt >= pause || step >= total) redraw();
    },
    log: (line) => show.log(line),
    stop() {
      if (!running.delete(display)) return;
      if (state.shownStep !== state.step) redraw();
      show.stop();
    },
    [Symbol.dispose]: () => display.stop(),
  };
  running.add(display);
  return display;
}

/** One way to put progress on a stream. */
interface Surface {
  draw(step: number, text: string): void;
  log(line: string): void;
  stop(): void;
}

/** The part of cli-progress used here; the package brings no types of its own. */
interface MultiBar {
  create(total: number, start: number, payload: { text: string }): {
    update(step: number, payload: { text: string }): void;
  };
  log(text: string): void;
  update(): void;
  stop(): void;
}

/** A bar that renews itself. */
function showBar(total: number, start: number, stream: Writable): Surface {
  const bars: MultiBar = new cliProgress.MultiBar({
    stream,
    format: "[{bar}] {text}",
    barsize: 20,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    emptyOnZero: true,
  });
  const bar = bars.create(total, start, { text: "" });
  return {
    draw(step, text) {
      bar.update(step, { text });
      // The library redraws on a timer, which a loop of synchronous steps would starve.
      bars.update();
    },
    log(line) {
      bars.log(`${line}\n`);
      bars.update();
    },
    stop: () => bars.stop(),
  };
}

/** A plain line for each state shown. */
function showLines(stream: Writable): Surface {
  const write = (line: string): void => void stream.write(`${line}\n`);
  return { draw: (_step, text) => write(text), log: write, stop: () => {} };
}

/** A number with three or four significant digits; a text as it is. */
export function formatValue(value: number | string): string {
  if (typeof value === "string") return value;
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return size >= 0.001 ? value.toFixed(size >= 10 ? 1 : 3) : value.toExponential(1);
}

/** A time span in words: `45 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
