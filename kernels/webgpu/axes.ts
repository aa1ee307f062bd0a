// Simplifying strided walks: as few axes as the strides allow, and the text that finds an element's place.

/** One axis of a walk. */
export interface Axis {
  /** Its number of elements. */
  readonly size: number;
  /** Elements from one to the next, for each operand. */
  readonly strides: readonly number[];
}

/** The axes of `shape` without those of length 1, neighbours joined where one stride runs through both for all operands. */
export function joinAxes(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
): Axis[] {
  const axes: Axis[] = [];
  shape.forEach((size, position) => {
    if (size === 1) return;
    const own = strides.map((each) => each[position]);
    const outer = axes.at(-1);
    const continues = outer?.strides.every((stride, operand) => stride === own[operand] * size);
    if (outer && continues) axes[axes.length - 1] = { size: outer.size * size, strides: own };
    else axes.push({ size, strides: own });
  });
  return axes;
}

/** The uniform fields that {@linkcode placeStatements} reads: sizes of all axes but the outermost, then strides. */
export function placeFields(axisCount: number, operandCount: number): string[] {
  const fields: string[] = [];
  for (let axis = 1; axis < axisCount; axis++) fields.push(`size${axis}: u32`);
  for (let operand = 0; operand < operandCount; operand++) {
    for (let axis = 0; axis < axisCount; axis++) fields.push(`stride${operand}_${axis}: u32`);
  }
  return fields;
}

/** The words for {@linkcode placeFields}. Negative strides keep their bits: indices wrap around as they should. */
export function placeWords(axes: readonly Axis[], operandCount: number): number[] {
  const words = axes.slice(1).map(({ size }) => size);
  for (let operand = 0; operand < operandCount; operand++) {
    for (const { strides } of axes) words.push(strides[operand]);
  }
  return words;
}

/** Statements that declare `place0`, `place1` and so on: where element number `index` (a text) lies in each operand. */
export function placeStatements(index: string, axisCount: number, operandCount: number): string {
  const lines: string[] = [];
  const places = Array.from({ length: operandCount }, () => [] as string[]);
  let rest = index;
  for (let axis = axisCount - 1; axis >= 0; axis--) {
    let position = rest;
    if (axis > 0) {
      lines.push(`let rest${axis} = ${rest} / parameters.size${axis};`);
      lines.push(`let position${axis} = ${rest} - rest${axis} * parameters.size${axis};`);
      position = `position${axis}`;
      rest = `rest${axis}`;
    }
    places.forEach((terms, operand) =>
      terms.push(`${position} * parameters.stride${operand}_${axis}`)
    );
  }
  places.forEach((terms, operand) =>
    lines.push(`let place${operand} = ${terms.length > 0 ? terms.join(" + ") : "0u"};`)
  );
  return lines.map((line) => `  ${line}\n`).join("");
}
