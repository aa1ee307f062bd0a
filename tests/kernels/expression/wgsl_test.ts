// WGSL text: its structure, and, where this machine has a WebGPU device, what it computes.

import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { derivative, derivatives } from "../../../kernels/expression/derivative.ts";
import { type Expression, input } from "../../../kernels/expression/expression.ts";
import { functionRows } from "../../../kernels/expression/function_rows.ts";
import * as functions from "../../../kernels/expression/functions.ts";
import { toFunction } from "../../../kernels/expression/to_function.ts";
import { toWgsl, toWgslFunction, wgslPrelude } from "../../../kernels/expression/to_wgsl.ts";
import { assertWithin, samplePoints } from "./sampling.ts";

const [x, y] = [input(0), input(1)];

/** Every row's value and derivatives by name, of one or two inputs. */
const cases = functionRows.flatMap((row) => {
  const value = row.build(x, y);
  const all = [value, ...derivatives(value, [0, 1].slice(0, row.inputs))];
  return all.map((expression, order) => ({ row, expression, order }));
});

/** The functions of WGSL itself that printed code may call. */
const builtIns = [
  "abs",
  "sqrt",
  "floor",
  "ceil",
  "round",
  "trunc",
  "select",
  "fma",
  "f32",
  "i32",
  "bitcast",
];

Deno.test("printed code defines before it uses, calls known functions only, and closes what it opens", () => {
  const declared = [...wgslPrelude.matchAll(/(?:fn|var<private>) (\w+)/g)].map((match) => match[1]);
  for (const { row, expression } of cases) {
    const { statements, results } = toWgsl([expression], (index) => `x${index}`);
    const known = new Set([...builtIns, ...declared, "x0", "x1", "u32"]);
    for (const statement of [...statements, ...results.map((result) => `let end = ${result};`)]) {
      assertMatch(statement, /^let \w+ = .+;$/);
      assertEquals(statement.match(/\(/g)?.length, statement.match(/\)/g)?.length);
      const [, name, text] = statement.match(/^let (\w+) = (.+);$/)!;
      for (const [word] of text.matchAll(/(?<![\w.])[a-z_]\w*/g)) {
        assert(known.has(word), `${row.name}: ${word} in ${statement}`);
      }
      known.add(name);
    }
  }
});

Deno.test("constants have a type and no NaN or infinity stands in the text", () => {
  const { statements } = toWgsl(
    [
      functions.where(functions.lessThan(x, 0), NaN, functions.where(x, Infinity, -Infinity)),
      x.mul(1e-3).add(3).sub(1e20),
      x.mul(-0.1),
    ],
    () => "value",
    "v",
  );
  const text = statements.join("\n");
  assertNotMatch(text, /nan(?!_bits)|inf(?!inity_bits)/i);
  assertMatch(text, /bitcast<f32>\(corit_nan_bits\)/);
  assertMatch(text, /fma\(value, 0\.0010000000474974513f, 3\.0f\)/);
  assertMatch(text, /100000002004087730000\.0f/);
  assertMatch(text, /\(-0\.10000000149011612f\)/);
  assertMatch(text, /^let v0 = /);
});

Deno.test("tests for NaN look at bits, never at x == x", () => {
  const { statements } = toWgsl([functions.notEqual(x, x), functions.equal(x, x)], () => "x");
  assertEquals(statements, ["let t0 = corit_is_nan(x);", "let t1 = (!t0);"]);
});

Deno.test("conditions become numbers where numbers are asked for, and numbers conditions", () => {
  const { statements, results } = toWgsl(
    [functions.lessThan(x, y).mul(2), functions.logicalAnd(x, y), functions.where(x, y, 1)],
    (index) => "ab"[index],
  );
  assertEquals(statements, [
    "let t0 = (a < b);",
    "let t1 = (select(0.0f, 1.0f, t0) * 2.0f);",
    "let t2 = (corit_is_true(a) && corit_is_true(b));",
    "let t3 = select(1.0f, b, corit_is_true(a));",
  ]);
  assertEquals(results, ["t1", "select(0.0f, 1.0f, t2)", "t3"]);
});

Deno.test("a product that goes into one sum is fused, one that is used twice is not", () => {
  const product = x.mul(y);
  assertEquals(toWgsl([product.add(1)], (i) => `x${i}`).statements, [
    "let t0 = fma(x0, x1, 1.0f);",
  ]);
  assertEquals(toWgsl([x.sub(y.mul(3))], (i) => `x${i}`).statements, [
    "let t0 = fma(-x1, 3.0f, x0);",
  ]);
  assertEquals(toWgsl([product.add(1), product], (i) => `x${i}`).statements.length, 2);
  assertEquals(
    toWgslFunction("f", x.add(y), 2),
    "fn f(x0: f32, x1: f32) -> f32 {\n  let t0 = (x0 + x1);\n  return t0;\n}\n",
  );
});

const adapter = await globalThis.navigator?.gpu?.requestAdapter() ?? null;

/** Cases to a shader: a software device nests at most 80 branches. */
const CASES_AT_ONCE = 32;

/** Values of expressions of two inputs, each at points of its own, computed by one shader. */
async function onDevice(
  device: GPUDevice,
  expressions: readonly Expression[],
  points: readonly (readonly Float32Array[])[],
): Promise<Float32Array[]> {
  const count = points[0][0].length;
  const texts = expressions.map((each, index) => toWgslFunction(`row${index}`, each, 2));
  const branches = expressions.map((_, index) => `case ${index}u: { result = row${index}(a, b); }`);
  device.pushErrorScope("validation");
  const module = device.createShaderModule({
    code: `${wgslPrelude}
@group(0) @binding(0) var<storage, read> points: array<f32>;
@group(0) @binding(1) var<storage, read_write> results: array<f32>;
${texts.join("\n")}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${count}u) { return; }
  let at = id.y * ${count}u + id.x;
  let a = points[2u * at];
  let b = points[2u * at + 1u];
  var result = 0.0f;
  switch (id.y) { ${branches.join("\n")} default: {} }
  results[at] = result;
}`,
  });
  const compute = { module, entryPoint: "main" };
  const pipeline = device.createComputePipeline({ layout: "auto", compute });
  const data = new Float32Array(2 * count * expressions.length);
  points.forEach(([a, b = a], index) => {
    for (let i = 0; i < count; i++) {
      data[2 * (index * count + i)] = a[i];
      data[2 * (index * count + i) + 1] = b[i];
    }
  });
  const bytes = data.byteLength / 2;
  const buffer = (size: number, usage: number) => device.createBuffer({ size, usage });
  const source = buffer(2 * bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
  const results = buffer(bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
  const readable = buffer(bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  device.queue.writeBuffer(source, 0, data);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  const entries = [source, results].map((each, binding) => ({
    binding,
    resource: { buffer: each },
  }));
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }),
  );
  pass.dispatchWorkgroups(Math.ceil(count / 64), expressions.length);
  pass.end();
  encoder.copyBufferToBuffer(results, 0, readable, 0, bytes);
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  assertEquals(error?.message, undefined);
  await readable.mapAsync(GPUMapMode.READ);
  const all = new Float32Array(readable.getMappedRange().slice(0));
  for (const each of [source, results, readable]) each.destroy();
  return expressions.map((_, index) => all.subarray(index * count, (index + 1) * count));
}

Deno.test({
  name: "on a WebGPU device the functions and their derivatives are what float64 says",
  ignore: adapter === null,
  fn: async () => {
    const count = 512;
    const points = cases.map(({ row }, index) => {
      const domain = row.domains[0].map(({ low, high, ...rest }) => ({
        ...rest,
        low: rest.logarithmic ? low : Math.max(low, -86),
        high: rest.logarithmic ? high : Math.min(high, 86),
      }));
      return samplePoints(domain, count, index);
    });
    const device = await adapter!.requestDevice();
    const results: Float32Array[] = [];
    for (let first = 0; first < cases.length; first += CASES_AT_ONCE) {
      const expressions = cases.slice(first, first + CASES_AT_ONCE).map((each) => each.expression);
      results.push(
        ...await onDevice(device, expressions, points.slice(first, first + CASES_AT_ONCE)),
      );
    }
    device.destroy();
    cases.forEach(({ row, expression, order }, index) => {
      const exact = toFunction([expression], 2);
      const at = (place: number) => points[index].map((each) => each[place]);
      const bound = order === 0 ? row.value : row.derivative;
      // WGSL grants a division 2.5 ulp where float32 arithmetic has a half, and products need not be fused.
      assertWithin(
        results[index],
        (place) => exact(at(place))[0],
        { ulps: 2 * bound.ulps + 5, absolute: 2 * (bound.absolute ?? 0) },
        (place) => `${row.name}, derivative ${order}, at ${at(place)}`,
      );
    });
  },
});

Deno.test({
  name: "on a WebGPU device NaN, infinities and zeros give what float64 gives",
  ignore: adapter === null,
  fn: async () => {
    const special = Float32Array.of(
      ...[NaN, Infinity, -Infinity, 0, -0, 1, -1, 100, -100, 3, -3, 0.5, -0.5, 2, 1e30],
    );
    const names = [
      ...["exp", "expm1", "log", "log1p", "tanh", "erf", "erfc", "normalCdf", "gaussian"],
      ...[
        "sigmoid",
        "sigmoidSlope",
        "softplus",
        "relu",
        "sqrt",
        "rsqrt",
        "sign",
        "isNaN",
        "isFinite",
      ],
    ] as const;
    const pairs = [...special].flatMap((a) => [...special].map((b) => [a, b]));
    const bases = Float32Array.from(pairs, ([a]) => a);
    const exponents = Float32Array.from(pairs, ([, b]) => b);
    const repeated = Float32Array.from(pairs, (_, index) => special[index % special.length]);
    const expressions = [...names.map((name) => functions[name](x)), functions.pow(x, y)];
    const points = expressions.map((_, index) =>
      index < names.length ? [repeated] : [bases, exponents]
    );
    const device = await adapter!.requestDevice();
    const results = await onDevice(device, expressions, points);
    device.destroy();
    expressions.forEach((expression, index) => {
      const exact = toFunction([expression], 2);
      results[index].forEach((result, place) => {
        const point = points[index].map((each) => each[place]);
        const wanted = Math.fround(exact(point)[0]);
        const isRight = Object.is(result, wanted) ||
          Math.abs(result - wanted) <= 3e-6 * Math.abs(wanted) ||
          (Math.abs(wanted) < 1e-37 && Math.abs(result) < 1e-37);
        assert(isRight, `${expression.key} at ${point}: ${result} instead of ${wanted}`);
      });
    });
  },
});

Deno.test("a second derivative prints too", () => {
  const second: Expression = derivative(derivative(functions.gelu(x), 0), 0);
  assert(toWgsl([second], () => "x").statements.length > 10);
});
