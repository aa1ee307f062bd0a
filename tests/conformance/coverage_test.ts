// The table of rows is complete: every operation has one, and golden values where PyTorch has the operation.

import { assertEquals } from "@std/assert";
import * as operations from "../../tensor/operations/mod.ts";
import { families, readGolden } from "./golden.ts";
import { rows } from "./operations.ts";

Deno.test("every operation has a row", () => {
  const names = new Set(rows.map((row) => row.name));
  const missing = Object.keys(operations).filter((name) => !names.has(name)).sort();
  // These compute nothing: one forgets the history, the other moves to a device.
  assertEquals(missing, ["detach", "on"]);
});

Deno.test("every row has a name of its own", () => {
  assertEquals(new Set(rows.map((row) => row.name)).size, rows.length);
});

Deno.test("every row has golden values, or no counterpart in PyTorch", () => {
  const covered = new Set(families.flatMap((family) => readGolden(family).map((c) => c.operation)));
  const missing = rows.map((row) => row.name).filter((name) => !covered.has(name));
  // A user's own formula, and a conversion of types.
  assertEquals(missing, ["pointwise", "to"]);
});
