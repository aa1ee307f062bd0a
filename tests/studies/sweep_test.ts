// A sweep's plan, its matching of strengths, its store and what it makes of finished trainings.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { DataError, FormatError } from "../../errors.ts";
import { type Cell, cellDefaults, cellKey } from "../../studies/cell.ts";
import type { CellResult } from "../../studies/cell_result.ts";
import { CellStore, type DoneCell } from "../../studies/cell_store.ts";
import { matchStrengths, nextMatchCells } from "../../studies/match_strengths.ts";
import { answerPilots } from "../../studies/pilot.ts";
import { runCells } from "../../studies/run_cells.ts";
import { sweepCells, type SweepPlan } from "../../studies/sweep_plan.ts";
import { curvesOf } from "../../studies/sweep_results.ts";

const plan: SweepPlan = {
  families: ["swap", "upsample"],
  radii: [0, 0.1, 0.4],
  seeds: [0, 1],
  budgets: [10, 20],
  controlRadii: [0.4],
  strengths: { swap: 1, upsample: 0.5 },
};

/** A finished cell with the given AUC and probe at each budget. */
function done(cell: Cell, auc: number, probeAuc = 0.9): DoneCell {
  const looks = cell.budgets.map((step) => ({
    step,
    auc,
    probeAuc,
    loss: auc > 0.52 ? 0.5 : Math.LN2,
    gradientNorm: 1,
    shares: { embedding: 0.5, "block 1": 0.3, head: 0.2 },
  }));
  const result: CellResult = { looks, untrainedProbeAuc: 0.6, gsnr: [], radii: [], seconds: 1 };
  return { cell, result };
}

/** A sweep in which swap has lost half of its skill at 0.2 and upsample never. */
const finished = sweepCells(plan).map((cell) =>
  done(cell, cell.family === "upsample" ? 0.8 : { 0: 0.9, 0.1: 0.8, 0.4: 0.6 }[cell.rho]!)
);

Deno.test("a sweep has a cell for every family, radius and seed, whole seeds first, controls last", () => {
  const cells = sweepCells(plan);
  assertEquals(cells.length, 2 * 3 * 2 + 2 * 1 * 2 * 2);
  assertEquals(cells.slice(0, 6).map(({ seed }) => seed), [0, 0, 0, 0, 0, 0]);
  assertEquals(cells.slice(0, 12).every(({ climb }) => climb === "all"), true);
  assertEquals(cells.slice(12).some(({ climb }) => climb === "all"), false);
  assertEquals(cells.filter(({ instruments }) => instruments).map(({ rho }) => rho), [0, 0, 0, 0]);
  assertEquals(new Set(cells.map(cellKey)).size, cells.length);
  assertEquals(cells.find(({ family }) => family === "upsample")?.strength, 0.5);
});

Deno.test("a cell's name follows from its settings, whatever their order, and changes with each", () => {
  const [cell] = sweepCells(plan);
  const reversed = Object.fromEntries(Object.entries(cell).reverse()) as unknown as Cell;
  assertEquals(cellKey(reversed), cellKey(cell));
  const changes: Partial<Cell>[] = [
    { rho: 0.5 },
    { seed: 9 },
    { strength: 0.9 },
    { labelNoise: 0.1 },
    { budgets: [10] },
    { climb: "head" },
    { learningRate: 1 },
    { testedOn: "validation" },
  ];
  for (const change of changes) assertNotEquals(cellKey({ ...cell, ...change }), cellKey(cell));
});

Deno.test("strengths are matched where the rising curves reach what the hardest family does", () => {
  const matchPlan = {
    families: ["swap", "spectral"] as const,
    strengths: [0.25, 0.5, 1],
    seeds: [0, 1],
    budget: 10,
  };
  const aucs: Record<string, number> = {
    "swap 1": 0.7,
    "spectral 0.25": 0.6,
    "spectral 0.5": 0.8,
    "spectral 1": 0.9,
  };
  let trained: DoneCell[] = [];
  const rounds: string[] = [];
  for (;;) {
    const cells = nextMatchCells(matchPlan, trained);
    if (cells.length === 0) break;
    assertEquals(cells.every(({ rho, testedOn }) => rho === 0 && testedOn === "validation"), true);
    rounds.push([...new Set(cells.map((cell) => `${cell.family} ${cell.strength}`))].join(", "));
    trained = [
      ...trained,
      ...cells.map((cell) =>
        // Seeds differ; their mean counts.
        done(cell, aucs[`${cell.family} ${cell.strength}`] + (cell.seed === 0 ? 0.01 : -0.01))
      ),
    ];
  }
  // The hardest family is tried once, the other downwards until it is harder.
  assertEquals(rounds, ["swap 1, spectral 1", "spectral 0.5", "spectral 0.25"]);
  const { target, families } = matchStrengths(matchPlan, trained);
  assertAlmostEquals(target, 0.7, 1e-9);
  assertEquals(families.map(({ family, strength }) => [family, strength]), [
    ["swap", 1],
    // Halfway between 0.25 and 0.5 in the logarithm.
    ["spectral", 0.354],
  ]);
  assertThrows(() => matchStrengths(matchPlan, trained, 0.59), DataError, "smaller strengths");
  assertThrows(() => matchStrengths(matchPlan, trained.slice(2)), DataError, "no training");
  assertEquals(nextMatchCells(matchPlan, trained, 0.55).length, 2);
});

Deno.test("a family out of order is pooled before it is matched", () => {
  const matchPlan = {
    families: ["swap"] as const,
    strengths: [0.25, 0.5, 1],
    seeds: [0],
    budget: 10,
  };
  const trained = [1, 0.5, 0.25].map((strength) =>
    done(
      { ...cellDefaults, family: "swap", strength, rho: 0, seed: 0 },
      { 0.25: 0.5, 0.5: 0.7, 1: 0.6 }[strength]!,
    )
  );
  // 0.7 and 0.6 are pooled to 0.65 at both: 0.575 is halfway from 0.5, at 0.25 * sqrt 2.
  const { families: [{ strength }] } = matchStrengths(matchPlan, trained, 0.575);
  assertEquals(strength, 0.354);
});

Deno.test("curves have the mean over seeds, the half-skill radius and what failed there", () => {
  const of = (family: string) =>
    finished.filter(({ cell }) => cell.family === family && cell.climb === "all");
  const [first, second] = curvesOf(of("swap"));
  assertEquals([first.budget, second.budget], [10, 20]);
  assertEquals(first.points.map(({ auc }) => auc.mean), [0.9, 0.8, 0.6]);
  assertAlmostEquals(first.radius.radius, 0.2, 1e-9);
  assertEquals(first.failure.rho, 0.4);
  assertAlmostEquals(first.failure.readOut, 0.25, 1e-9);
  assertEquals(first.failure.verdict, "read-out");
  assertEquals(curvesOf(of("upsample"))[0].failure.verdict, "none");
  const dead = of("swap").map(({ cell }) =>
    done(cell, cell.rho < 0.4 ? 0.9 : 0.5, cell.rho < 0.4 ? 0.9 : 0.55)
  );
  const [curve] = curvesOf(dead);
  assertEquals([curve.failure.verdict, curve.points[2].guesses], ["features", true]);
});

Deno.test("a seed counts once all of its radii are done", () => {
  const partly = finished.filter(({ cell }) =>
    cell.family === "swap" && cell.climb === "all" && !(cell.seed === 1 && cell.rho === 0.4)
  );
  assertEquals(curvesOf(partly)[0].points[0].seeds, [0]);
  assertEquals(curvesOf(partly.slice(0, 2).filter(({ cell }) => cell.seed === 1)), []);
});

Deno.test("pilots are answered with what the intervals resolve", () => {
  const curves = ["swap", "upsample"].flatMap((family) =>
    curvesOf(finished.filter(({ cell }) => cell.family === family && cell.climb === "all"))
  );
  const answers = answerPilots(curves);
  const of = (words: string) => answers.find(({ claim }) => claim.startsWith(words))!;
  assertEquals(of("upsample outlasts swap").verdict, "agrees");
  assertEquals(of("swap outlasts spectral").verdict, "open");
  assertEquals(of("the radius of swap grows").verdict, "open");
  assertEquals(of("where the detector").verdict, "agrees");
});

Deno.test("finished cells are kept, read again, and not computed again; damaged ones are named", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = await CellStore.open(`${folder}/cells`);
    const cells = sweepCells(plan);
    assertEquals(await store.read(cells[0]), undefined);
    for (const { cell, result } of finished) await store.write(cell, result);
    assertEquals((await store.done(cells)).length, cells.length);
    assertEquals(await store.read(cells[3]), finished[3].result);
    const told: number[] = [];
    await runCells(cells, { store, processes: 2, onProgress: (done) => told.push(done) });
    assertEquals(told, [cells.length]);
    await Deno.writeTextFile(`${folder}/cells/${cellKey(cells[0])}.json`, "{");
    await assertRejects(() => store.read(cells[0]), FormatError, "remove it");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("processes train cells to the same bits as here, and twins differ in the forgery alone", async () => {
  const { trainCell } = await import("../../studies/train_cell.ts");
  const { matchedCrops } = await import("../../studies/matched_crops.ts");
  const { setThreads } = await import("../../tensor/mod.ts");
  const folder = await Deno.makeTempDir();
  try {
    const cell: Cell = {
      ...cellDefaults,
      family: "spectral",
      strength: 0.5,
      rho: 0.05,
      seed: 3,
      budgets: [1, 2],
      batchPairs: 2,
      trainPairs: 8,
      testPairs: 4,
    };
    const store = await CellStore.open(folder);
    await runCells([cell], { store, processes: 1 });
    const there = await store.read(cell);
    setThreads(1);
    const here = await trainCell(cell);
    assertEquals({ ...there, seconds: 0 }, { ...here, seconds: 0 });
    assertEquals(here.looks.map(({ step }) => step), [1, 2]);
    assertAlmostEquals(Object.values(here.looks[1].shares).reduce((a, b) => a + b, 0), 1, 1e-9);

    const options = { split: "train", size: 32, pairs: 8 } as const;
    const half = await matchedCrops({ ...options, family: "spectral", strength: 0.5 });
    const whole = await matchedCrops({ ...options, family: "spectral", strength: 1 });
    const swap = await matchedCrops({ ...options, family: "swap", strength: 1 });
    for (let row = 0; row < half.count; row += 2) {
      assertEquals(whole.image(row), half.image(row));
      assertEquals(swap.image(row), half.image(row));
      const distance = (set: typeof half) =>
        set.image(row).data.reduce(
          (sum, value, at) => sum + Math.abs(value - set.image(row + 1).data[at]),
          0,
        );
      assert(distance(half) < distance(whole));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
