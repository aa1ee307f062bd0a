// The reference kernels against results worked out by hand.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DeviceError, ReleasedError } from "../../errors.ts";
import { input, maximum } from "../../kernels/expression/mod.ts";
import type { DType, KernelParameters } from "../../kernels/kernel.ts";
import { ReferenceExecutor } from "../../kernels/reference/mod.ts";
import { float64, int32, run } from "./reference_harness.ts";

Deno.test("a fresh buffer reads as NaN, or -1 as int32", () => {
  const executor = new ReferenceExecutor();
  const buffer = executor.allocate(16);
  assertEquals(executor.read({ buffer, byteOffset: 0, dtype: "float64" }, 2)[1], NaN);
  assertEquals(executor.read({ buffer, byteOffset: 4, dtype: "float32" }, 1)[0], NaN);
  assertEquals(executor.read({ buffer, byteOffset: 8, dtype: "int32" }, 1)[0], -1);
});

Deno.test("memory counts what is handed out and not released", () => {
  const executor = new ReferenceExecutor();
  const first = executor.allocate(24);
  executor.allocate(8);
  assertEquals(executor.memory(), { buffers: 2, bytes: 32, reserved: 32 });
  executor.release(first);
  assertEquals(executor.memory(), { buffers: 1, bytes: 8, reserved: 8 });
});

Deno.test("a released buffer can be neither read nor released again", () => {
  const executor = new ReferenceExecutor();
  const buffer = executor.allocate(8);
  executor.release(buffer);
  assertThrows(() => executor.read({ buffer, byteOffset: 0, dtype: "float64" }, 1), ReleasedError);
  assertThrows(() => executor.release(buffer), ReleasedError);
});

Deno.test("a buffer of another executor is refused", () => {
  const executor = new ReferenceExecutor();
  const foreign = { byteLength: 8 };
  assertThrows(() => executor.release(foreign), DeviceError);
  assertThrows(
    () => executor.read({ buffer: foreign, byteOffset: 0, dtype: "float64" }, 1),
    DeviceError,
  );
});

Deno.test("memory that cannot be had is a DeviceError", () => {
  assertThrows(() => new ReferenceExecutor().allocate(2 ** 52), DeviceError, "4503599627370496");
});

Deno.test("what is read is a copy", () => {
  const executor = new ReferenceExecutor();
  const binding = { buffer: executor.allocate(8), byteOffset: 0, dtype: "float64" } as const;
  executor.write(binding, Float64Array.of(1));
  const before = executor.read(binding, 1);
  executor.write(binding, Float64Array.of(2));
  assertEquals(before[0], 1);
});

Deno.test("pointwise evaluates every expression on broadcast inputs", () => {
  const [x, y] = [input(0), input(1)];
  const parameters = {
    expressions: [x.add(y), x.mul(y)],
    shape: [2, 3],
    inputStrides: [[3, 1], [1, 0]],
  };
  assertEquals(
    run("pointwise", parameters, [float64(1, 2, 3, 4, 5, 6), int32(10, 20)], [
      { count: 6 },
      { count: 6, dtype: "int32" },
    ]),
    [[11, 12, 13, 24, 25, 26], [10, 20, 30, 80, 100, 120]],
  );
});

Deno.test("pointwise rounds toward zero into int32 and computes scalars", () => {
  const scalar = { expressions: [input(0).div(2)], shape: [], inputStrides: [[]] };
  assertEquals(run("pointwise", scalar, [float64(-3)], [{ count: 1, dtype: "int32" }]), [[-1]]);
  const empty = { expressions: [input(0)], shape: [0, 2], inputStrides: [[2, 1]] };
  assertEquals(run("pointwise", empty, [float64()], [{ count: 0 }]), [[]]);
});

Deno.test("pointwise may write over an input", () => {
  const executor = new ReferenceExecutor();
  const x = { buffer: executor.allocate(24), byteOffset: 0, dtype: "float64" } as const;
  executor.write(x, Float64Array.of(1, 2, 3));
  const square = { expressions: [input(0).mul(input(0))], shape: [3], inputStrides: [[1]] };
  executor.run("pointwise", square, [x], [x]);
  assertEquals(executor.read(x, 3), Float64Array.of(1, 4, 9));
});

Deno.test("copy transposes, reverses, repeats and leaves the rest alone", () => {
  const source = float64(1, 2, 3, 4, 5, 6);
  const copy = (parameters: KernelParameters["copy"], initial: number[]) =>
    run("copy", parameters, [source], [{ count: initial.length, initial }])[0];
  const zeros = [0, 0, 0, 0, 0, 0];
  assertEquals(
    copy({
      shape: [3, 2],
      sourceOffset: 0,
      sourceStrides: [1, 3],
      destinationOffset: 0,
      destinationStrides: [2, 1],
    }, zeros),
    [1, 4, 2, 5, 3, 6],
  );
  assertEquals(
    copy({
      shape: [6],
      sourceOffset: 5,
      sourceStrides: [-1],
      destinationOffset: 0,
      destinationStrides: [1],
    }, zeros),
    [6, 5, 4, 3, 2, 1],
  );
  assertEquals(
    copy({
      shape: [2, 2],
      sourceOffset: 1,
      sourceStrides: [0, 1],
      destinationOffset: 1,
      destinationStrides: [3, 1],
    }, [9, 9, 9, 9, 9, 9]),
    [9, 2, 3, 9, 2, 3],
  );
  assertEquals(
    copy({
      shape: [0, 3],
      sourceOffset: 0,
      sourceStrides: [3, 1],
      destinationOffset: 2,
      destinationStrides: [3, 1],
    }, [7, 7]),
    [7, 7],
  );
  assertEquals(
    copy({
      shape: [],
      sourceOffset: 4,
      sourceStrides: [],
      destinationOffset: 1,
      destinationStrides: [],
    }, [0, 0]),
    [0, 5],
  );
});

Deno.test("fill writes one value, rounded to the type", () => {
  assertEquals(run("fill", { count: 3, value: 2.5 }, [], [{ count: 3 }]), [[2.5, 2.5, 2.5]]);
  assertEquals(run("fill", { count: 2, value: -2.5 }, [], [{ count: 2, dtype: "int32" }]), [[
    -2,
    -2,
  ]]);
});

Deno.test("convert rounds toward zero into int32, saturating, and makes anything but zero true", () => {
  const values = float64(1.9, -1.9, 0, NaN, 1e10, -1e10);
  const convert = (dtype: DType) =>
    run("convert", { count: 6 }, [values], [{ count: 6, dtype }])[0];
  assertEquals(convert("int32"), [1, -1, 0, 0, 2147483647, -2147483648]);
  assertEquals(convert("bool"), [1, 1, 0, 1, 1, 1]);
  assertEquals(convert("float32")[0], Math.fround(1.9));
});

Deno.test("reduce sums, and finds extremes along the middle axis", () => {
  const x = float64(1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6);
  const layout = { outer: 2, length: 3, inner: 2 };
  const reduce = (kind: "sum" | "max" | "min") =>
    run("reduce", { ...layout, kind }, [x], [{ count: 4 }])[0];
  assertEquals(reduce("sum"), [9, 12, -9, -12]);
  assertEquals(reduce("max"), [5, 6, -1, -2]);
  assertEquals(reduce("min"), [1, 2, -5, -6]);
});

Deno.test("reduce maps its inputs first", () => {
  const product = {
    outer: 1,
    length: 3,
    inner: 1,
    kind: "sum",
    map: input(0).mul(input(1)),
  } as const;
  const inputs = [float64(1, 2, 3), float64(4, 5, 6)];
  assertEquals(run("reduce", product, inputs, [{ count: 1 }]), [[32]]);
});

Deno.test("reducing nothing gives 0 and the infinities; NaN wins an extreme", () => {
  const reduce = (kind: "sum" | "max" | "min", ...x: number[]) =>
    run("reduce", { outer: 1, length: x.length, inner: 1, kind }, [float64(...x)], [{
      count: 1,
    }])[0][0];
  assertEquals([reduce("sum"), reduce("max"), reduce("min")], [0, -Infinity, Infinity]);
  assertEquals([reduce("max", 1, NaN, 2), reduce("min", 1, NaN, 2)], [NaN, NaN]);
});

Deno.test("argReduce gives the first extreme, and the first NaN before any", () => {
  const argReduce = (kind: "max" | "min", ...x: number[]) =>
    run("argReduce", { outer: 1, length: x.length, inner: 1, kind }, [float64(...x)], [{
      count: 1,
      dtype: "int32",
    }])[0][0];
  assertEquals(argReduce("max", 1, 5, 2, 5), 1);
  assertEquals(argReduce("min", 3, 1, 2, 1), 1);
  assertEquals(argReduce("max", 1, NaN, 9, NaN), 1);
  assertEquals(argReduce("min", NaN, 1), 0);
});

Deno.test("cumulativeSum runs from either end", () => {
  const x = float64(1, 2, 3, 4, 5, 6);
  const layout = { outer: 1, length: 3, inner: 2 };
  const run1 = (reverse: boolean) =>
    run("cumulativeSum", { ...layout, reverse }, [x], [{ count: 6 }])[0];
  assertEquals(run1(false), [1, 2, 4, 6, 9, 12]);
  assertEquals(run1(true), [9, 12, 8, 10, 5, 6]);
});

Deno.test("sort is stable and puts NaN last in either direction", () => {
  const x = float64(2, NaN, 1, 2, -0, 0, Infinity);
  const sort = (descending: boolean) =>
    run("sort", { outer: 1, length: 7, inner: 1, descending }, [x], [{
      count: 7,
      dtype: "int32",
    }])[0];
  assertEquals(sort(false), [4, 5, 2, 0, 3, 6, 1]);
  assertEquals(sort(true), [6, 0, 3, 2, 4, 5, 1]);
});

Deno.test("matmul multiplies batches, transposed operands, repeated operands and adds a bias", () => {
  const product = {
    batch: [],
    batchStridesA: [],
    batchStridesB: [],
    rows: 2,
    columns: 2,
    depth: 3,
    transposeA: false,
    transposeB: false,
    bias: false,
  };
  const a = float64(1, 2, 3, 4, 5, 6);
  const b = float64(7, 8, 9, 10, 11, 12);
  const expected = [58, 64, 139, 154];
  assertEquals(run("matmul", product, [a, b], [{ count: 4 }])[0], expected);
  assertEquals(
    run("matmul", { ...product, transposeA: true }, [float64(1, 4, 2, 5, 3, 6), b], [{
      count: 4,
    }])[0],
    expected,
  );
  assertEquals(
    run("matmul", { ...product, transposeB: true }, [a, float64(7, 9, 11, 8, 10, 12)], [{
      count: 4,
    }])[0],
    expected,
  );
  assertEquals(
    run("matmul", { ...product, bias: true }, [a, b, float64(100, -100)], [{ count: 4 }])[0],
    [158, -36, 239, 54],
  );
  const activation = maximum(input(0), 60);
  assertEquals(
    run("matmul", { ...product, bias: true, epilogue: [activation] }, [a, b, float64(1, -100)], [
      { count: 4 },
    ])[0],
    [60, 60, 140, 60],
  );
  const batched = { batch: [2, 2], batchStridesA: [1, 0], batchStridesB: [0, 1] };
  assertEquals(
    run(
      "matmul",
      { ...product, ...batched, rows: 1, columns: 1, depth: 1 },
      [float64(2, 3), float64(5, 7)],
      [{ count: 4 }],
    )[0],
    [10, 14, 15, 21],
  );
});

Deno.test("a product over no depth is zero, plus the bias", () => {
  const empty = {
    batch: [],
    batchStridesA: [],
    batchStridesB: [],
    rows: 2,
    columns: 1,
    depth: 0,
    transposeA: false,
    transposeB: false,
    bias: true,
  };
  assertEquals(
    run("matmul", empty, [float64(), float64(), float64(3)], [{ count: 2 }])[0],
    [3, 3],
  );
});

Deno.test("gather reads at indices of its own or shared ones; scatterAdd adds them back", () => {
  const layout = { outer: 2, length: 2, inner: 2 };
  const source = float64(1, 2, 3, 4, 5, 6, 7, 8);
  const shared = { ...layout, count: 3, indexStrides: [0, 1, 0] as const };
  const [picked] = run("gather", shared, [source, int32(1, 0, 1)], [{ count: 12 }]);
  assertEquals(picked, [3, 4, 1, 2, 3, 4, 7, 8, 5, 6, 7, 8]);
  const own = { ...layout, count: 1, indexStrides: [2, 2, 1] as const };
  assertEquals(run("gather", own, [source, int32(0, 1, 1, 0)], [{ count: 4 }])[0], [1, 4, 7, 6]);
  assertEquals(
    run("scatterAdd", shared, [float64(...picked), int32(1, 0, 1)], [{ count: 8 }])[0],
    [1, 2, 6, 8, 5, 6, 14, 16],
  );
});

const windows = {
  batch: 1,
  channels: 1,
  height: 2,
  width: 3,
  kernel: [2, 2],
  stride: [1, 2],
  dilation: [1, 1],
  padding: [0, 1, 0, 0],
  outputHeight: 1,
  outputWidth: 2,
} as const;

Deno.test("unfold writes each window as a column, with `fill` in the padding", () => {
  // The rows are [1 2 3] and [4 5 6]; the windows start at columns -1 and 1.
  assertEquals(
    run("unfold", { ...windows, fill: 9 }, [float64(1, 2, 3, 4, 5, 6)], [{ count: 8 }])[0],
    [9, 2, 1, 3, 9, 5, 4, 6],
  );
});

Deno.test("unfold dilates its kernel", () => {
  const dilated: KernelParameters["unfold"] = {
    ...windows,
    dilation: [1, 2],
    padding: [0, 0, 0, 0],
    outputWidth: 1,
    fill: 0,
  };
  assertEquals(
    run("unfold", dilated, [float64(1, 2, 3, 4, 5, 6)], [{
      count: 4,
    }])[0],
    [1, 3, 4, 6],
  );
});

Deno.test("fold is the adjoint of unfold: <unfold x, y> = <x, fold y>", () => {
  const layout = {
    batch: 2,
    channels: 2,
    height: 5,
    width: 4,
    kernel: [3, 2],
    stride: [2, 1],
    dilation: [1, 2],
    padding: [1, 0, 2, 1],
    outputHeight: 3,
    outputWidth: 3,
  } as const;
  const x = Array.from({ length: 80 }, (_, i) => Math.sin(i + 1));
  const y = Array.from({ length: 2 * 2 * 6 * 9 }, (_, i) => Math.cos(i));
  const [columns] = run("unfold", { ...layout, fill: 0 }, [float64(...x)], [{ count: y.length }]);
  const [pixels] = run("fold", layout, [float64(...y)], [{ count: x.length }]);
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  assertAlmostEquals(dot(columns, y), dot(x, pixels), 1e-12);
});

Deno.test("findNonFinite names the first NaN or infinity", () => {
  const find = (...x: number[]) =>
    run("findNonFinite", { count: x.length }, [float64(...x)], [{ count: 1, dtype: "int32" }])[0];
  assertEquals(find(1, 2), [-1]);
  assertEquals(find(1, -Infinity, NaN), [1]);
  assertEquals(find(), [-1]);
});
