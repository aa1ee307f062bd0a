// A process that trains cells: one line of JSON in, one line out, until its input ends.

import { linesOf } from "./lines.ts";
import { useDevice } from "../training/device.ts";
import type { Cell } from "./cell.ts";
import type { CellResult } from "./cell_result.ts";
import { trainCell } from "./train_cell.ts";

/** What a worker answers a cell with. */
export type CellAnswer = { readonly result: CellResult } | { readonly failure: string };

if (import.meta.main) {
  await useDevice({ device: "wasm", threads: 1 });
  for await (const line of linesOf(Deno.stdin.readable)) {
    let answer: CellAnswer;
    try {
      answer = { result: await trainCell(JSON.parse(line) as Cell) };
    } catch (error) {
      answer = { failure: error instanceof Error ? `${error.name}: ${error.message}` : `${error}` };
    }
    console.log(JSON.stringify(answer));
  }
  Deno.exit(0);
}
