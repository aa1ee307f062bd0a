// Kernel `matmul`: batched matrix products with bias and epilogue.

import type { KernelCall, KernelParameters } from "../kernel.ts";
import { requireFloats } from "./floats.ts";
import {
  gridOf,
  type WebGpuBinding,
  type WebGpuLauncher,
  type WebGpuRunner,
  type WgslKernel,
} from "./kernel.ts";
import {
  canSumLines,
  loadOrderOf,
  planProduct,
  type Product,
  type ProductPlan,
  simplifyProduct,
} from "./matmul_plan.ts";
import { REGISTER_INVOCATIONS, registerProduct } from "./matmul_registers.ts";
import {
  BATCH_AXES,
  bindEpilogue,
  type Epilogue,
  epilogueWords,
  type FurtherOperands,
  layOutWords,
  plainEpilogue,
} from "./matmul_shader.ts";
import { subgroupProduct } from "./matmul_subgroups.ts";
import { reducesWholeColumns } from "./reduce.ts";
import { sumParts } from "./matmul_sum.ts";
import { vectorProduct } from "./matmul_vector.ts";
import { workgroupProduct } from "./matmul_workgroup.ts";

/** Operands of a product; where the depth is split, the result are the parts. */
interface Operands extends FurtherOperands {
  readonly left: WebGpuBinding;
  readonly right: WebGpuBinding;
  readonly bias?: WebGpuBinding;
  /** Where the sums of the left operand's lines go, if they are wanted. */
  readonly lineSums?: WebGpuBinding;
}

/** Elements from an operand's first to its last, the batch being walked with its strides. */
function extentOf({ axes }: Product, operand: 0 | 1, matrix: number): number {
  if (matrix === 0) return 0;
  return axes.reduce((sum, { size, strides }) => sum + (size - 1) * strides[operand], matrix);
}

function kernelOf(
  product: Product,
  plan: ProductPlan,
  epilogue: Epilogue,
  sumsLines: boolean,
): WgslKernel {
  const leftAlongDepth = product.leftDepthStride === 1;
  const rightAlongDepth = product.rightDepthStride === 1;
  switch (plan.kind) {
    case "registers":
      return registerProduct(plan.tile, epilogue);
    case "subgroups":
      return subgroupProduct(plan.tile, epilogue, sumsLines);
    case "workgroup":
      return workgroupProduct(
        plan.tile,
        { leftAlongDepth, rightAlongDepth },
        epilogue,
        sumsLines,
      );
    case "vector":
      return vectorProduct(product.rows, rightAlongDepth, epilogue);
  }
}

/** Launches a product; a batch of more axes than a shader walks goes entry by entry along the outermost. */
function launchProduct(
  executor: WebGpuLauncher,
  product: Product,
  plan: ProductPlan,
  epilogue: Epilogue,
  operands: Operands,
  starts: { left: number; right: number; result: number },
): void {
  const { axes, rows, columns, depth } = product;
  const { left, right, bias, results, lineSums } = operands;
  const entries = axes.reduce((count, { size }) => count * size, 1);
  if (axes.length > BATCH_AXES) {
    const [outer, ...inner] = axes;
    for (let index = 0; index < outer.size; index++) {
      launchProduct(executor, { ...product, axes: inner }, plan, epilogue, operands, {
        left: starts.left + index * outer.strides[0],
        right: starts.right + index * outer.strides[1],
        result: starts.result + index * (entries / outer.size) * plan.splits * rows * columns,
      });
    }
    return;
  }
  const { rowTiles, columnTiles, splits, splitDepth } = plan;
  const tiles = entries * splits * rowTiles * columnTiles;
  const axis = (index: number) => axes[axes.length - BATCH_AXES + index];
  const stride = (index: number, operand: 0 | 1) => axis(index)?.strides[operand] ?? 0;
  const words = layOutWords({
    firstLeft: left.first + starts.left,
    firstRight: right.first + starts.right,
    firstBias: bias?.first ?? 0,
    firstResult: results[0].first + starts.result,
    rows,
    columns,
    depth,
    leftLineStride: product.leftLineStride,
    leftDepthStride: product.leftDepthStride,
    rightLineStride: product.rightLineStride,
    rightDepthStride: product.rightDepthStride,
    resultRowStride: product.resultRowStride,
    resultColumnStride: product.resultColumnStride,
    biasRowStride: product.biasRowStride,
    biasColumnStride: product.biasColumnStride,
    splits,
    splitDepth,
    rowTiles,
    columnTiles,
    tiles,
    batchSize1: axis(1)?.size ?? 1,
    batchSize2: axis(2)?.size ?? 1,
    leftStride0: stride(0, 0),
    leftStride1: stride(1, 0),
    leftStride2: stride(2, 0),
    rightStride0: stride(0, 1),
    rightStride1: stride(1, 1),
    rightStride2: stride(2, 1),
  });
  const perWorkgroup = plan.kind === "registers" ? REGISTER_INVOCATIONS : 1;
  executor.launch(
    kernelOf(product, plan, epilogue, lineSums !== undefined),
    [
      {
        binding: left,
        access: "read",
        elements: starts.left + extentOf(product, 0, rows * depth),
      },
      {
        binding: right,
        access: "read",
        elements: starts.right + extentOf(product, 1, columns * depth),
      },
      ...bindEpilogue(bias, operands, starts.result + entries * splits * rows * columns),
      ...(lineSums ? [{ binding: lineSums, access: "read_write", elements: rows } as const] : []),
    ],
    [
      ...words,
      ...epilogueWords(operands, starts.result),
      ...(lineSums ? [lineSums.first] : []),
    ],
    gridOf(Math.ceil(tiles / perWorkgroup)),
  );
}

/**
 * Carries a product out. With `lineSums` it also sums each line of the left operand over the depth, where a kernel can: otherwise
 * it does nothing and returns false.
 */
function multiply(
  executor: WebGpuLauncher,
  parameters: KernelParameters["matmul"],
  inputs: readonly WebGpuBinding[],
  outputs: readonly WebGpuBinding[],
  lineSums?: WebGpuBinding,
): boolean {
  requireFloats("matmul", ...inputs, ...outputs);
  const more = inputs.slice(parameters.bias ? 3 : 2);
  const epilogue = {
    bias: parameters.bias,
    expressions: parameters.epilogue,
    more: more.length,
    half: executor.halfProducts,
  };
  const product = simplifyProduct(parameters);
  const { axes, rows, columns, depth, swapped } = product;
  const entries = axes.reduce((count, { size }) => count * size, 1);
  if (entries * rows * columns === 0) return lineSums === undefined;
  const isGradient = parameters.transposeA && !swapped && axes.length === 0 && rows > 1;
  // Factors that are rounded would be rounded in the sums too.
  if (lineSums && (!isGradient || epilogue.half)) return false;
  const [left, right] = swapped ? [inputs[1], inputs[0]] : inputs;
  const bias = parameters.bias ? inputs[2] : undefined;
  const rightAlongDepth = product.rightDepthStride === 1;
  const stridesOf = (operand: 0 | 1) => axes.map(({ strides }) => strides[operand]);
  const shape = {
    entries,
    rows,
    columns,
    depth,
    rightAlongDepth,
    left: loadOrderOf(rows, product.leftLineStride, depth, product.leftDepthStride, [
      left.first,
      ...stridesOf(0),
    ]),
    right: loadOrderOf(columns, product.rightLineStride, depth, product.rightDepthStride, [
      right.first,
      ...stridesOf(1),
    ]),
    storesVectors: !swapped && columns % 4 === 0 && outputs[0].first % 4 === 0 &&
      (bias?.first ?? 0) % 4 === 0,
    isGradient,
  };
  const plan = planProduct(shape, executor.choices, executor.lanes);
  if (lineSums && !canSumLines(plan)) return false;
  const starts = { left: 0, right: 0, result: 0 };
  if (plan.splits === 1) {
    const operands = { left, right, bias, more, results: outputs, lineSums };
    launchProduct(executor, product, plan, epilogue, operands, starts);
    return true;
  }
  const parts = executor.temporary(4 * entries * plan.splits * rows * columns);
  const operands = { left, right, more: [], results: [parts] };
  const partial = { ...plainEpilogue, half: executor.halfProducts };
  launchProduct(executor, product, plan, partial, operands, starts);
  const { splits } = plan;
  const sum = { entries, splits, matrix: rows * columns, columns: parameters.columns };
  sumParts(executor, sum, epilogue, { parts, bias, more, results: outputs });
  return true;
}

/** The epilogue of a b + bias for every batch entry. */
export const matmul: WebGpuRunner<"matmul"> = (executor, parameters, inputs, outputs) => {
  multiply(executor, parameters, inputs, outputs);
};

/** A weight's gradient, and the bias's: a product, and the sums over the depth of its left operand. */
export interface WeightGradient {
  readonly product: KernelCall<"matmul">;
  readonly sums: KernelCall<"reduce">;
}

/** Whether a call sums what another multiplies, so that one launch can do both: with the bits that two would have. */
export function weightGradientOf(
  first: KernelCall,
  second: KernelCall,
): WeightGradient | undefined {
  if (first.name !== "matmul" || second.name !== "reduce") return undefined;
  const product = first as KernelCall<"matmul">, sums = second as KernelCall<"reduce">;
  const { batch, transposeA, depth, rows } = product.parameters;
  const { kind, map, outer, length, inner } = sums.parameters;
  const [left] = product.inputs, [summed] = sums.inputs;
  const fits = batch.length === 0 && transposeA && kind === "sum" && map === undefined &&
    outer === 1 && length === depth && inner === rows && left.buffer === summed.buffer &&
    left.byteOffset === summed.byteOffset && left.dtype === "float32" &&
    summed.dtype === "float32" && sums.outputs[0].dtype === "float32" &&
    reducesWholeColumns(sums.parameters);
  return fits ? { product, sums } : undefined;
}

/** Carries both out by one launch; false where that cannot be, and nothing is done. */
export function weightGradient(
  executor: WebGpuLauncher,
  { product }: WeightGradient,
  inputs: readonly WebGpuBinding[],
  outputs: readonly WebGpuBinding[],
  sums: WebGpuBinding,
): boolean {
  return multiply(executor, product.parameters, inputs, outputs, sums);
}
