// A profile as a text table: where the time of planned steps went, and how fast each operation was.

import type { Profile } from "../tensor/profile.ts";
import { textTable } from "./table.ts";

/** The profile's operations, dearest first: runs, milliseconds, share, GFLOP/s and GB/s. */
export function profileTable(profile: Profile): string {
  const total = profile.milliseconds;
  const share = (milliseconds: number): string => `${(100 * milliseconds / total).toFixed(1)} %`;
  const rate = (amount: number, milliseconds: number): string =>
    amount === 0 ? "" : (amount / milliseconds / 1e6).toFixed(1);
  const rows = profile.byName().map(({ name, runs, milliseconds, flops, bytes }) => [
    name,
    String(runs),
    milliseconds.toFixed(1),
    share(milliseconds),
    rate(flops, milliseconds),
    rate(bytes, milliseconds),
  ]);
  const { overhead } = profile;
  return textTable(["operation", "runs", "ms", "share", "GFLOP/s", "GB/s"], [
    ...rows,
    ["outside of operations", "", overhead.toFixed(1), share(overhead), "", ""],
  ]);
}
