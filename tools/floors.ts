// The floors of the house, lowest first, as docs/architecture.md draws them: the one list that the
// import check reads.

/** Rooms (folders) and root files by floor. An import may only go to a lower floor. */
export const floors: readonly (readonly string[])[] = [
  ["errors.ts"],
  ["kernels"],
  ["tensor"],
  ["autograd", "nn", "data"],
  ["optim", "corit", "weights"],
  ["instruments", "evaluation", "forgeries", "faces"],
  ["mod.ts", "training"],
  ["studies"],
  ["cli"],
];

/** What runs in a browser and depends on nothing: no package, no Node module, no `Deno`. */
export const core: readonly string[] = [
  "kernels",
  "tensor",
  "autograd",
  "nn",
  "optim",
  "instruments",
  "corit",
];

/** Folders that use the house from outside; no room imports them. */
export const outside: readonly string[] = ["bench", "docs", "examples", "tests", "tools"];

/** Names for JSR's standard library: for rooms outside the core, and for everything outside. */
export const compat = "compat";
