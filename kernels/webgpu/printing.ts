// Small helpers of the functions that print shaders.

/** The numbers from 0 to `count` - 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Lines of a shader, indented by `depth` steps. */
export function indent(lines: readonly string[], depth = 1): string {
  return lines.map((line) => `${"  ".repeat(depth)}${line}\n`).join("");
}
