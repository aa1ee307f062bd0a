// TensorFlow.js as a peer, on its WebGPU backend: `matmul N`, or `vit`, one training step of the encoder that
// docs/performance.md describes.

import { serve, smallNumbers } from "./protocol.ts";

// Its backend asks for a window before it looks for WebGPU.
Reflect.set(globalThis, "window", globalThis);
const [what, size] = Deno.args;
const start = performance.now();
const tf = await import("npm:@tensorflow/tfjs-core@4.22.0");
await import("npm:@tensorflow/tfjs-backend-webgpu@4.22.0");
// Brings the gradients with it.
await import("npm:@tensorflow/tfjs-layers@4.22.0");
if (!await tf.setBackend("webgpu")) throw new Error("tfjs: the backend webgpu does not start");
await tf.ready();

type Value = ReturnType<typeof tf.tensor>;

function numbers(shape: number[], scale: number): Value {
  return tf.tensor(smallNumbers(shape, scale), shape);
}

async function matmul(): Promise<void> {
  const length = Number(size);
  const a = numbers([length, length], 1), b = numbers([length, length], 1);
  await serve(async () => {
    const product = tf.matMul(a, b);
    // Reading one element waits for the whole product.
    const corner = tf.slice(product, [0, 0], [1, 1]);
    await corner.data();
    tf.dispose([product, corner]);
  });
}

async function vit(): Promise<void> {
  const { batch, tokens, width, heads, depth, classes } = JSON.parse(size);
  const headWidth = width / heads;
  const variables = new Map<string, ReturnType<typeof tf.variable>>();
  const linear = (name: string, inputs: number, outputs: number): void => {
    variables.set(`${name}.weight`, tf.variable(numbers([inputs, outputs], 0.03)));
    variables.set(`${name}.bias`, tf.variable(tf.zeros([outputs])));
  };
  const norm = (name: string): void => {
    variables.set(`${name}.scale`, tf.variable(tf.ones([width])));
    variables.set(`${name}.bias`, tf.variable(tf.zeros([width])));
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
  const target = tf.oneHot(
    tf.tensor1d(Int32Array.from({ length: batch }, (_, i) => i % classes), "int32"),
    classes,
  );

  const layerNorm = (name: string, value: Value): Value => {
    const { mean, variance } = tf.moments(value, -1, true);
    const centred = tf.mul(tf.sub(value, mean), tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(
      tf.mul(centred, variables.get(`${name}.scale`)!),
      variables.get(`${name}.bias`)!,
    );
  };
  const apply = (name: string, value: Value): Value => {
    const weight = variables.get(`${name}.weight`)!;
    const [inputs, outputs] = weight.shape;
    const rows = tf.reshape(value, [-1, inputs]) as ReturnType<typeof tf.tensor2d>;
    const product = tf.add(
      tf.matMul(rows, weight as ReturnType<typeof tf.tensor2d>),
      variables.get(`${name}.bias`)!,
    );
    return tf.reshape(product, [...value.shape.slice(0, -1), outputs]);
  };
  const attention = (packed: Value): Value => {
    const parts = tf.reshape(packed, [batch, tokens, 3, heads, headWidth]);
    const [q, k, v] = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]), 0);
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(headWidth));
    const mixed = tf.matMul(tf.softmax(scores), v);
    return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, tokens, width]);
  };
  const gelu = (value: Value): Value =>
    tf.mul(tf.mul(value, 0.5), tf.add(tf.erf(tf.mul(value, Math.SQRT1_2)), 1));
  const loss = () => {
    let value = x;
    for (let block = 0; block < depth; block++) {
      const normed = layerNorm(`${block}.norm1`, value);
      value = tf.add(value, apply(`${block}.proj`, attention(apply(`${block}.qkv`, normed))));
      const hidden = gelu(apply(`${block}.fc1`, layerNorm(`${block}.norm2`, value)));
      value = tf.add(value, apply(`${block}.fc2`, hidden));
    }
    const first = tf.reshape(
      tf.slice(layerNorm("norm", value), [0, 0, 0], [batch, 1, width]),
      [batch, width],
    );
    const logarithms = tf.logSoftmax(apply("head", first));
    return tf.neg(tf.mean(tf.sum(tf.mul(logarithms, target), -1))) as ReturnType<typeof tf.scalar>;
  };
  const optimizer = tf.train.sgd(0.01);
  const once = async (): Promise<void> => {
    const cost = optimizer.minimize(loss, true, [...variables.values()])!;
    await cost.data();
    // The step ends when the last weight is written, not when the loss is known.
    const end = tf.slice(variables.get("0.qkv.weight")!, [0, 0], [1, 1]);
    await end.data();
    tf.dispose([cost, end]);
  };
  await once();
  console.log(`first ${performance.now() - start}`);
  await serve(once);
}

if (what === "matmul") await matmul();
else await vit();
