// Kernel `pointwise`: every element of every output from the same element of the inputs.
//
// Two shapes of shader: `flat`, where every input is read in a row or is one number, takes four elements to an
// invocation; `strided` walks any broadcast, one element to an invocation.

import { type Expression, inputsOf } from "../expression/expression.ts";
import { toWgsl, wgslPrelude } from "../expression/to_wgsl.ts";
import type { DType } from "../kernel.ts";
import { type Axis, joinAxes, placeFields, placeStatements, placeWords } from "./axes.ts";
import { wgslStored, wgslStorePrelude } from "./elements.ts";
import {
  type BoundBuffer,
  type BufferDeclaration,
  floatWord,
  gridOf,
  type WebGpuBinding,
  type WebGpuRunner,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
  wgslType,
} from "./kernel.ts";
import { liftNumbers } from "./lift.ts";

const WORKGROUP = 64;

/** Elements to an invocation of the flat shader. */
const QUAD = 4;

/** An input as the shader reads it. */
interface Reader {
  /** Its index in the expressions. */
  readonly index: number;
  readonly dtype: DType;
  /** The output in whose memory it lies, with the same shape; undefined where it has a binding of its own. */
  readonly inOutput: number | undefined;
  /** One number for all elements. */
  readonly isScalar: boolean;
}

/** What a shader depends on. */
interface PointwiseVariant {
  readonly expressions: readonly Expression[];
  readonly readers: readonly Reader[];
  readonly outputs: readonly DType[];
  /** Numbers lifted out of the expressions, and the input that the first of them is. */
  readonly numberCount: number;
  readonly firstNumber: number;
  /** Axes of the strided shader; undefined for the flat one. */
  readonly axisCount: number | undefined;
}

/** A name for a variant: equal for equal shaders. */
function keyOf(variant: PointwiseVariant): string {
  const { expressions, readers, outputs, axisCount } = variant;
  const inputs = readers.map(({ index, dtype, inOutput, isScalar }) =>
    `x${index}:${dtype}${isScalar ? " scalar" : ""}${
      inOutput === undefined ? "" : ` in ${inOutput}`
    }`
  );
  const shape = axisCount === undefined ? "flat" : `${axisCount} axes`;
  return `pointwise ${shape} ${inputs} -> ${outputs} ${expressions.map(({ key }) => key)}`;
}

/** The inputs that have bindings of their own. */
function ownReaders({ readers }: PointwiseVariant): readonly Reader[] {
  return readers.filter(({ inOutput }) => inOutput === undefined);
}

/** The text of an element as a number: `text` has the type of `stored`, the element is of `dtype`. */
function asNumber(text: string, stored: DType, dtype: DType): string {
  const type = wgslType(dtype);
  const bits = wgslType(stored) === type ? text : `bitcast<${type}>(${text})`;
  return type === "i32" ? `f32(${bits})` : bits;
}

/** `fn compute`: all expressions of one element, with its inputs as parameters. */
function computeFunction({ expressions, readers, outputs, firstNumber }: PointwiseVariant): string {
  const { statements, results } = toWgsl(
    expressions,
    (index) => index < firstNumber ? `x${index}` : `parameters.number${index - firstNumber}`,
  );
  const parameters = readers.map(({ index }) => `x${index}: f32`).join(", ");
  const fields = outputs.map((dtype, at) => `  y${at}: ${wgslType(dtype)},\n`).join("");
  const values = results.map((result, at) => wgslStored(result, outputs[at])).join(", ");
  const lines = statements.map((line) => `  ${line}\n`).join("");
  return `struct Values {\n${fields}}\nfn compute(${parameters}) -> Values {\n${lines}  return Values(${values});\n}\n`;
}

/** The fields of the uniform block. */
function fieldsOf(variant: PointwiseVariant): string[] {
  const { outputs, numberCount, axisCount } = variant;
  const own = ownReaders(variant);
  const fields = ["count: u32"];
  own.forEach(({ index }) => fields.push(`first${index}: u32`));
  outputs.forEach((_, at) => fields.push(`firstOutput${at}: u32`));
  if (axisCount !== undefined) fields.push(...placeFields(axisCount, own.length));
  for (let at = 0; at < numberCount; at++) fields.push(`number${at}: f32`);
  return fields;
}

/** The body of the flat shader. */
function flatBody({ readers, outputs }: PointwiseVariant): string {
  const lines = [
    `let quad = ${wgslInvocationIndex(WORKGROUP)};`,
    `let at = quad * ${QUAD}u;`,
    "if (at >= parameters.count) { return; }",
  ];
  const parts = ["x", "y", "z", "w"] as const;
  const operand = new Map<Reader, (part: string) => string>();
  for (const reader of readers) {
    const { index, dtype, inOutput, isScalar } = reader;
    if (isScalar) {
      lines.push(
        `let scalar${index} = ${
          asNumber(`input${index}[parameters.first${index}]`, dtype, dtype)
        };`,
      );
      operand.set(reader, () => `scalar${index}`);
    } else {
      const stored = inOutput === undefined ? dtype : outputs[inOutput];
      const text = inOutput === undefined
        ? `input${index}[parameters.first${index} / ${QUAD}u + quad]`
        : `output${inOutput}[parameters.firstOutput${inOutput} / ${QUAD}u + quad]`;
      lines.push(`let four${index} = ${text};`);
      operand.set(reader, (part) => asNumber(`four${index}.${part}`, stored, dtype));
    }
  }
  for (const part of parts) {
    lines.push(
      `let value_${part} = compute(${
        readers.map((reader) => operand.get(reader)!(part)).join(", ")
      });`,
    );
  }
  const place = (at: number) => `output${at}[parameters.firstOutput${at} / ${QUAD}u + quad]`;
  lines.push(`if (at + ${QUAD}u <= parameters.count) {`);
  outputs.forEach((dtype, at) => {
    const values = parts.map((part) => `value_${part}.y${at}`).join(", ");
    lines.push(`  ${place(at)} = vec4<${wgslType(dtype)}>(${values});`);
  });
  lines.push("} else {");
  outputs.forEach((_, at) => {
    parts.slice(0, 3).forEach((part, position) => {
      const store = `${place(at)}.${part} = value_${part}.y${at};`;
      lines.push(
        `  ${position === 0 ? store : `if (at + ${position}u < parameters.count) { ${store} }`}`,
      );
    });
  });
  lines.push("}");
  return lines.map((line) => `  ${line}\n`).join("");
}

/** The body of the strided shader. */
function stridedBody(variant: PointwiseVariant, axisCount: number): string {
  const { readers, outputs } = variant;
  const own = ownReaders(variant);
  const operands = readers.map(({ index, dtype, inOutput }) => {
    if (inOutput !== undefined) {
      const text = `output${inOutput}[parameters.firstOutput${inOutput} + index]`;
      return asNumber(text, outputs[inOutput], dtype);
    }
    const operand = own.findIndex((reader) => reader.index === index);
    return asNumber(`input${index}[parameters.first${index} + place${operand}]`, dtype, dtype);
  });
  const stores = outputs.map((_, at) =>
    `  output${at}[parameters.firstOutput${at} + index] = values.y${at};\n`
  );
  return `\
  let index = ${wgslInvocationIndex(WORKGROUP)};
  if (index >= parameters.count) { return; }
${placeStatements("index", axisCount, own.length)}\
  let values = compute(${operands.join(", ")});
${stores.join("")}`;
}

/** The shader of a variant. */
function pointwiseKernel(variant: PointwiseVariant): WgslKernel {
  const { outputs, axisCount } = variant;
  const fields = fieldsOf(variant);
  const isFlat = axisCount === undefined;
  const declare = (
    name: string,
    dtype: DType,
    wide: boolean,
    access: "read" | "read_write",
  ): BufferDeclaration => ({
    ...{ name, access },
    type: wide ? `vec4<${wgslType(dtype)}>` : wgslType(dtype),
  });
  return {
    key: keyOf(variant),
    uniforms: fields.length,
    source: () => {
      const buffers = [
        ...ownReaders(variant).map(({ index, dtype, isScalar }) =>
          declare(`input${index}`, dtype, isFlat && !isScalar, "read")
        ),
        ...outputs.map((dtype, at) => declare(`output${at}`, dtype, isFlat, "read_write")),
      ];
      return `\
${wgslBindings(buffers, fields)}
${wgslPrelude}${wgslStorePrelude}
${computeFunction(variant)}
@compute @workgroup_size(${WORKGROUP}) fn main(${wgslEntryParameters}) {
${isFlat ? flatBody(variant) : stridedBody(variant, axisCount)}}
`;
    },
  };
}

/** Whether two bindings show the same operand. */
function isSame(a: WebGpuBinding, b: WebGpuBinding): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.first === b.first;
}

/** One past the highest element that an input is read at. */
function extentOf(axes: readonly Axis[], operand: number): number {
  return axes.reduce(
    (sum, { size, strides }) => sum + (size - 1) * Math.max(0, strides[operand]),
    1,
  );
}

/** Computes every element of the outputs from the inputs' elements. */
export const pointwise: WebGpuRunner<"pointwise"> = (executor, parameters, inputs, outputs) => {
  const { shape, inputStrides } = parameters;
  if (shape.includes(0)) return;
  const { expressions, numbers } = liftNumbers(parameters.expressions, inputs.length);
  const read = inputsOf(...expressions).filter((index) => index < inputs.length);
  const inOutput = read.map((index) => {
    const at = outputs.findIndex((output) => isSame(output, inputs[index]));
    return at < 0 ? undefined : at;
  });
  const own = read.filter((_, at) => inOutput[at] === undefined);
  const axes = joinAxes(shape, own.map((index) => inputStrides[index]));
  const strides = own.map((_, operand) => axes.length === 0 ? 0 : axes[0].strides[operand]);
  const isFlat = axes.length <= 1 && strides.every((stride) => stride === 0 || stride === 1) &&
    [...outputs, ...own.filter((_, at) => strides[at] === 1).map((index) => inputs[index])]
      .every(({ first }) => first % QUAD === 0);
  const variant: PointwiseVariant = {
    expressions,
    readers: read.map((index, at) => ({
      ...{ index, dtype: inputs[index].dtype, inOutput: inOutput[at] },
      isScalar: isFlat && inOutput[at] === undefined && strides[own.indexOf(index)] === 0,
    })),
    outputs: outputs.map(({ dtype }) => dtype),
    numberCount: numbers.length,
    firstNumber: inputs.length,
    axisCount: isFlat ? undefined : axes.length,
  };
  const count = shape.reduce((product, length) => product * length, 1);
  const buffers: BoundBuffer[] = [
    ...own.map((index, operand): BoundBuffer => ({
      ...{ binding: inputs[index], access: "read", elements: extentOf(axes, operand) },
    })),
    ...outputs.map((binding): BoundBuffer => ({ binding, access: "read_write", elements: count })),
  ];
  const words = [
    count,
    ...own.map((index) => inputs[index].first),
    ...outputs.map(({ first }) => first),
    ...(isFlat ? [] : placeWords(axes, own.length)),
    ...numbers.map(floatWord),
  ];
  const perGroup = WORKGROUP * (isFlat ? QUAD : 1);
  executor.launch(pointwiseKernel(variant), buffers, words, gridOf(Math.ceil(count / perGroup)));
};
