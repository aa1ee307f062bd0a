// How fast the WebAssembly kernels are at the shapes of training, one by one: `deno run -A bench/kernels.ts [FILTER]`.
//
// Matrix products are compared with the peak of one thread, sampled in between, so that a busy machine disturbs both.
// Times are the best of many: what the code can do, not what a busy machine let it.

import { textTable } from "../evaluation/table.ts";
import type { Binding, KernelName, KernelParameters } from "../kernels/kernel.ts";
import { WasmExecutor } from "../kernels/wasm/executor.ts";
import { RandomStream } from "../tensor/random.ts";
import { samplePeak } from "./peak.ts";

/** A batch of matrix products; the layout says of each operand whether it is transposed: NN, NT, TN, TT. */
export interface ProductShape {
  readonly count?: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly layout: "NN" | "NT" | "TN" | "TT";
}

/** What was measured of a product: GFLOP/s for each number of threads, and of the peak of one thread. */
export interface ProductTiming {
  readonly shape: ProductShape;
  readonly rates: readonly number[];
  readonly peak: number;
}

/** A linear layer's product with its two gradients: dX = dY W^T, dW = X^T dY. */
function linear(rows: number, columns: number, depth: number): ProductShape[] {
  return [
    { rows, columns, depth, layout: "NN" },
    { rows, columns: depth, depth: columns, layout: "NT" },
    { rows: depth, columns, depth: rows, layout: "TN" },
  ];
}

/** Attention as plain products: scores, their use, a gradient. */
function heads(count: number, tokens: number, width: number): ProductShape[] {
  return [
    { count, rows: tokens, columns: tokens, depth: width, layout: "NT" },
    { count, rows: tokens, columns: width, depth: tokens, layout: "NN" },
    { count, rows: tokens, columns: width, depth: tokens, layout: "TN" },
  ];
}

/** Squares; a ViT of width 192 with 16 x 65 tokens; the starter model of width 96 with 64 x 65; heads and odd ones. */
export const productShapes: readonly ProductShape[] = [
  { rows: 512, columns: 512, depth: 512, layout: "NN" },
  { rows: 1024, columns: 1024, depth: 1024, layout: "NN" },
  ...linear(1040, 576, 192),
  ...linear(1040, 192, 192),
  ...linear(1040, 768, 192),
  ...linear(1040, 192, 768),
  ...heads(48, 65, 64),
  ...linear(4160, 288, 96),
  ...linear(4160, 384, 96),
  ...linear(4160, 96, 384),
  ...heads(192, 65, 32),
  ...linear(16, 2, 192),
  { rows: 1, columns: 768, depth: 768, layout: "NN" },
  { rows: 1, columns: 768, depth: 768, layout: "NT" },
  { rows: 1040, columns: 4, depth: 192, layout: "NN" },
  { rows: 192, columns: 4, depth: 1040, layout: "TN" },
  { rows: 16, columns: 768, depth: 768, layout: "NN" },
  { rows: 64, columns: 64, depth: 64, layout: "NN" },
];

/** A short name: `48x 65x65x64 NT`, rows x columns x depth. */
export function nameOf({ count = 1, rows, columns, depth, layout }: ProductShape): string {
  return `${count > 1 ? `${count}x ` : ""}${rows}x${columns}x${depth} ${layout}`;
}

const random = new RandomStream(0);

/** A tensor of `count` random numbers. */
function filled(executor: WasmExecutor, count: number): Binding {
  const binding: Binding = {
    buffer: executor.allocate(4 * count),
    byteOffset: 0,
    dtype: "float32",
  };
  executor.write(binding, Float32Array.from({ length: count }, () => random.normal()));
  return binding;
}

/** Repeats within one timing, so that it lasts long enough to be read off the clock. */
const TIMED_MILLISECONDS = 0.5;

/** The best milliseconds of one call for each number of threads, taking turns; `between` runs after each round. */
function bestTimes(
  executor: WasmExecutor,
  threads: readonly number[],
  call: () => void,
  { milliseconds, between = () => {} }: { milliseconds: number; between?: () => void },
): number[] {
  const best = threads.map(() => Infinity);
  const warm = performance.now();
  let calls = 0;
  while (performance.now() - warm < milliseconds / 3) {
    executor.setThreads(threads[calls++ % threads.length]);
    call();
  }
  const repeats = Math.max(1, Math.ceil(TIMED_MILLISECONDS * calls / (performance.now() - warm)));
  const start = performance.now();
  while (performance.now() - start < milliseconds) {
    between();
    threads.forEach((count, index) => {
      executor.setThreads(count);
      call();
      for (let trial = 0; trial < 3; trial++) {
        const from = performance.now();
        for (let repeat = 0; repeat < repeats; repeat++) call();
        best[index] = Math.min(best[index], (performance.now() - from) / repeats);
      }
    });
  }
  return best;
}

/** Times our products of some shapes. */
export function timeProducts(
  executor: WasmExecutor,
  shapes: readonly ProductShape[],
  { threads = [1, 2], milliseconds = 1500 }: { threads?: number[]; milliseconds?: number } = {},
): ProductTiming[] {
  return shapes.map((shape) => {
    const { count = 1, rows, columns, depth, layout } = shape;
    const inputs = [rows * depth, depth * columns].map((size) => filled(executor, count * size));
    const output = filled(executor, count * rows * columns);
    const parameters: KernelParameters["matmul"] = {
      batch: [count],
      batchStridesA: [rows * depth],
      batchStridesB: [depth * columns],
      rows,
      columns,
      depth,
      transposeA: layout[0] === "T",
      transposeB: layout[1] === "T",
      bias: false,
    };
    let peak = 0;
    const times = bestTimes(
      executor,
      threads,
      () => executor.run("matmul", parameters, inputs, [output]),
      { milliseconds, between: () => peak = Math.max(peak, samplePeak()) },
    );
    for (const { buffer } of [...inputs, output]) executor.release(buffer);
    const flops = 2 * count * rows * columns * depth;
    return { shape, rates: times.map((time) => flops / time / 1e6), peak };
  });
}

/** A kernel that is timed as it is: its parameters, and how many elements its operands have. */
interface Timed<Name extends KernelName> {
  readonly name: Name;
  readonly parameters: KernelParameters[Name];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

function timed<Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  inputs: readonly number[],
  outputs: readonly number[],
): Timed<KernelName> {
  return { name, parameters, inputs, outputs } as Timed<KernelName>;
}

/** Softmax, layer normalization and attention at the sizes of a model. */
function modelKernels(batch: number, tokens: number, heads: number, headWidth: number) {
  const length = heads * headWidth, rows = batch * tokens, size = rows * length;
  const scores = { rows: rows * heads, length: tokens, logarithm: false };
  const all = scores.rows * tokens;
  const norm = { rows, length, epsilon: 1e-5 };
  const layout = { batch, tokens, heads, headWidth, scale: headWidth ** -0.5, causal: false };
  return [
    timed("softmax", scores, [all], [all]),
    timed("softmaxBackward", scores, [all, all], [all]),
    timed("layerNorm", norm, [size, length, length], [size]),
    timed("layerNormBackward", norm, [size, length, size], [size, length, length]),
    timed("attention", layout, [3 * size], [size, scores.rows]),
    timed("attentionBackward", layout, [3 * size, size, scores.rows, size], [3 * size]),
  ];
}

function describe({ name, parameters }: Timed<KernelName>): string {
  return `${name} ${
    Object.values(parameters).filter((value) => Number.isInteger(value)).join("x")
  }`;
}

if (import.meta.main) {
  const filter = Deno.args[0] ?? "";
  const threads = [1, 2];
  const executor = new WasmExecutor({ threads: 2 });
  await executor.ready();
  const rows: string[][] = [];
  for (const shape of productShapes.filter((each) => nameOf(each).includes(filter))) {
    const [{ rates, peak }] = timeProducts(executor, [shape]);
    const shares = rates.map((rate) => `${rate.toFixed(1)} (${(100 * rate / peak).toFixed(0)} %)`);
    rows.push([nameOf(shape), ...shares, (rates[1] / rates[0]).toFixed(2), peak.toFixed(1)]);
  }
  console.log(
    textTable(["product", "1 thread GFLOP/s", "2 threads", "ratio", "peak of 1"], rows),
  );
  const kernels = [...modelKernels(16, 65, 3, 64), ...modelKernels(64, 65, 3, 32)];
  const times: string[][] = [];
  for (const kernel of kernels.filter((each) => describe(each).includes(filter))) {
    const [inputs, outputs] = [kernel.inputs, kernel.outputs].map((counts) =>
      counts.map((count) => filled(executor, count))
    );
    const { name, parameters } = kernel;
    const best = bestTimes(
      executor,
      threads,
      () => executor.run(name, parameters, inputs, outputs),
      { milliseconds: 1500 },
    );
    for (const { buffer } of [...inputs, ...outputs]) executor.release(buffer);
    times.push([describe(kernel), ...best.map((time) => time.toFixed(3))]);
  }
  console.log(`\n${textTable(["kernel", "1 thread ms", "2 threads ms"], times)}`);
  executor.close();
}
