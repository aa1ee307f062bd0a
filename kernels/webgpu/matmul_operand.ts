// How the matrix product's register tile loads an operand: the lines it needs (rows of the left, columns of the right), some
// steps of the depth at a time.

import { range } from "./printing.ts";

/**
 * Along what an operand is loaded, four elements at once: `depth` where the steps of a line are neighbours in memory, `lines`
 * where the lines of a step are, both with everything a multiple of four; `strided` loads single elements, however they lie.
 */
export type LoadOrder = "depth" | "lines" | "strided";

/** Statements, and the texts of what they have loaded. */
export interface Loads {
  readonly statements: readonly string[];
  /** One element, a f32. */
  readonly element: (line: number, step: number) => string;
  /** The elements of lines 4 * group to 4 * group + 3, a vec4. */
  readonly group: (group: number, step: number) => string;
}

/** An operand and the lines of it that a tile needs, as texts of the shader. */
export interface OperandLines {
  readonly name: "left" | "right";
  readonly order: LoadOrder;
  /** How many lines; a multiple of 4 where they are loaded along the lines. */
  readonly count: number;
  /** The first line, and how many lines the operand has. */
  readonly first: string;
  readonly all: string;
  /** Whether groups of four lines stay together where they are beyond the last: their results are stored at once. */
  readonly grouped: boolean;
  /** Whether its elements are rounded to float16. */
  readonly half: boolean;
}

/** Statements that find the beginnings of the lines, in units of what is loaded. Lines beyond the last become the last. */
export function printLineStarts(
  { name, order, count, first, all, grouped }: OperandLines,
): string[] {
  const start = `${name}Start`, stride = `parameters.${name}LineStride`;
  if (order === "lines") {
    return range(count / 4).map((group) =>
      `let ${name}${group} = (${start} + min(${first} + ${4 * group}u, ${all} - 4u)) / 4u;`
    );
  }
  const unit = order === "depth" ? " / 4u" : "";
  return range(count).map((line) => {
    const place = grouped
      ? `(min(${first} + ${line - line % 4}u, ${all} - 4u) + ${line % 4}u)`
      : `min(${first} + ${line}u, ${all} - 1u)`;
    return `let ${name}${line} = (${start} + ${place} * ${stride})${unit};`;
  });
}

/** Loads `steps` steps of the depth from `depth` on: four, or one where the order is not `depth`. */
export function printLoads({ name, order, count, half }: OperandLines, steps: number): Loads {
  const rounded = (loaded: string): string => {
    if (!half) return loaded;
    return order === "strided" ? `f32(f16(${loaded}))` : `vec4<f32>(vec4<f16>(${loaded}))`;
  };
  const quadruple = (group: number, text: (line: number) => string) =>
    `vec4<f32>(${range(4).map((i) => text(4 * group + i)).join(", ")})`;
  if (order === "depth") {
    const element = (line: number, step: number) => `${name}Value${line}.${"xyzw"[step]}`;
    return {
      statements: range(count).map((line) =>
        `let ${name}Value${line} = ${rounded(`${name}[${name}${line} + depth / 4u]`)};`
      ),
      element,
      group: (group, step) => quadruple(group, (line) => element(line, step)),
    };
  }
  const unit = order === "lines" ? " / 4u" : "";
  const statements = range(steps).map((step) =>
    `let ${name}Step${step} = (depth + ${step}u) * (parameters.${name}DepthStride${unit});`
  );
  const loadsOfStep = order === "lines" ? count / 4 : count;
  for (const step of range(steps)) {
    for (const load of range(loadsOfStep)) {
      statements.push(
        `let ${name}Value${load}_${step} = ${
          rounded(`${name}[${name}${load} + ${name}Step${step}]`)
        };`,
      );
    }
  }
  if (order === "lines") {
    return {
      statements,
      element: (line, step) => `${name}Value${line >> 2}_${step}.${"xyzw"[line & 3]}`,
      group: (group, step) => `${name}Value${group}_${step}`,
    };
  }
  const element = (line: number, step: number) => `${name}Value${line}_${step}`;
  return { statements, element, group: (group, step) => quadruple(group, (l) => element(l, step)) };
}
