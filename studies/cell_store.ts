// Results of cells on disk, by configuration: what was computed once is never computed again.

import { fileError, readJsonIfThere, writeFileAtomically } from "../training/files.ts";
import { type Cell, cellKey } from "./cell.ts";
import type { CellResult } from "./cell_result.ts";

/** A cell with what it came to. */
export interface DoneCell {
  readonly cell: Cell;
  readonly result: CellResult;
}

/** A folder of finished cells: one JSON file each, named by {@linkcode cellKey}. */
export class CellStore {
  private constructor(readonly folder: string) {}

  /**
   * Opens a folder, made where it is missing.
   *
   * @throws {FileError} It cannot be made.
   */
  static async open(folder: string): Promise<CellStore> {
    try {
      await Deno.mkdir(folder, { recursive: true });
    } catch (error) {
      throw fileError("make", folder, error);
    }
    return new CellStore(folder);
  }

  /**
   * What a cell came to, or undefined where it has not been computed.
   *
   * @throws {FormatError} The file is damaged; remove it to compute the cell anew.
   */
  async read(cell: Cell): Promise<CellResult | undefined> {
    const advice = "remove it to compute the cell anew";
    return (await readJsonIfThere<DoneCell>(this.#path(cell), advice))?.result;
  }

  /** Keeps what a cell came to. */
  async write(cell: Cell, result: CellResult): Promise<void> {
    await writeFileAtomically(this.#path(cell), `${JSON.stringify({ cell, result }, null, 1)}\n`);
  }

  /** Of some cells, those that are done, in their order. */
  async done(cells: readonly Cell[]): Promise<DoneCell[]> {
    const done: DoneCell[] = [];
    for (const cell of cells) {
      const result = await this.read(cell);
      if (result) done.push({ cell, result });
    }
    return done;
  }

  #path(cell: Cell): string {
    return `${this.folder}/${cellKey(cell)}.json`;
  }
}
