// jax-js as a peer: `matmul N`, or `vit`, one training step of the encoder that docs/performance.md describes, on its
// WebAssembly or its WebGPU backend.
//
// With one thread the globals that its thread pool needs are taken away before it is imported.

import { serve, smallNumbers } from "./protocol.ts";

const [what, size, threads, device] = Deno.args;
const start = performance.now();
if (threads === "1") {
  for (const name of ["SharedArrayBuffer", "Worker"]) Reflect.deleteProperty(globalThis, name);
}
const { blockUntilReady, defaultDevice, init, jit, nn, numpy: np, tree, valueAndGrad } =
  await import("npm:@jax-js/jax@0.1.25");
const backend = device === "webgpu" ? "webgpu" : "wasm";
await init(backend);
defaultDevice(backend);

function numbers(shape: number[], scale: number) {
  return np.array(smallNumbers(shape, scale)).reshape(shape);
}

async function matmul(): Promise<void> {
  const length = Number(size);
  const a = numbers([length, length], 1), b = numbers([length, length], 1);
  const product = jit((x: typeof a, y: typeof a) => np.matmul(x, y));
  await serve(async () => {
    const c = product(a.ref, b.ref);
    await blockUntilReady(c);
    c.dispose();
  });
}

async function vit(): Promise<void> {
  const { batch, tokens, width, heads, depth, classes } = JSON.parse(size);
  type Value = ReturnType<typeof numbers>;
  type Parameters = Record<string, Value>;
  const parameters: Parameters = {};
  const linear = (name: string, inputs: number, outputs: number): void => {
    parameters[`${name}.weight`] = numbers([inputs, outputs], 0.03);
    parameters[`${name}.bias`] = np.zeros([outputs]);
  };
  const norm = (name: string): void => {
    parameters[`${name}.scale`] = np.ones([width]);
    parameters[`${name}.bias`] = np.zeros([width]);
  };
  for (let block = 0; block < depth; block++) {
    norm(`${block}.norm1`);
    linear(`${block}.qkv`, width, 3 * width);
    linear(`${block}.proj`, width, width);
    norm(`${block}.norm2`);
    linear(`${block}.fc1`, width, 4 * width);
    linear(`${block}.fc2`, 4 * width, width);
  }
  norm("norm");
  linear("head", width, classes);
  const x = numbers([batch, tokens, width], 1);
  const target = np.array(Int32Array.from({ length: batch }, (_, i) => i % classes), {
    dtype: np.int32,
  });

  // Every function takes ownership of its arguments: what is used again is passed as `.ref`.
  const layerNorm = (p: Parameters, name: string, value: Value): Value =>
    nn.standardize(value, -1, { epsilon: 1e-5 })
      .mul(p[`${name}.scale`]).add(p[`${name}.bias`]);
  const apply = (p: Parameters, name: string, value: Value): Value =>
    np.matmul(value, p[`${name}.weight`]).add(p[`${name}.bias`]);
  const attention = (packed: Value): Value => {
    const parts = packed.reshape([batch, tokens, 3, heads, width / heads]);
    const part = (index: number): Value => parts.ref.slice([], [], index);
    const [q, k, v] = [part(0), part(1), part(2)];
    parts.dispose();
    return nn.dotProductAttention(q, k, v).reshape([batch, tokens, width]);
  };
  const loss = (p: Parameters, input: Value, labels: Value): Value => {
    let value = input;
    for (let block = 0; block < depth; block++) {
      const normed = layerNorm(p, `${block}.norm1`, value.ref);
      const mixed = apply(p, `${block}.proj`, attention(apply(p, `${block}.qkv`, normed)));
      value = value.add(mixed);
      const hidden = apply(p, `${block}.fc1`, layerNorm(p, `${block}.norm2`, value.ref));
      value = value.add(apply(p, `${block}.fc2`, nn.gelu(hidden, { approximate: false })));
    }
    const logits = apply(p, "head", layerNorm(p, "norm", value).slice([], 0));
    const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(labels, classes));
    return np.sum(chosen).mul(-1 / batch);
  };
  const step = jit((p: Parameters, input: Value, labels: Value) => {
    const [value, slopes] = valueAndGrad(loss)(tree.ref(p), input, labels);
    const next: Parameters = {};
    for (const name of Object.keys(p)) next[name] = p[name].sub(slopes[name].mul(0.01));
    return [value, next] as const;
  });
  let current = parameters;
  const once = async (): Promise<void> => {
    const [value, next] = step(current, x.ref, target.ref);
    current = next;
    await value.data();
    await blockUntilReady(tree.ref(current));
  };
  await once();
  console.log(`first ${performance.now() - start}`);
  await serve(once);
}

if (what === "matmul") await matmul();
else await vit();
