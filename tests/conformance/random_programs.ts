// Random programs: graphs of operations drawn from a seed, the same on every device, whose numbers stay of moderate size.

import {
  add,
  concat,
  expand,
  flip,
  gelu,
  layerNorm,
  logSoftmax,
  matmul,
  maximum,
  narrow,
  packedAttention,
  pad,
  permute,
  RandomStream,
  reshape,
  rmsNorm,
  softmax,
  softplus,
  type Tensor,
  transpose,
} from "../../tensor/mod.ts";

/** Lengths of the inputs' axes: none, one and odd ones are as likely as others. */
const lengths = [0, 1, 2, 3, 5, 8, 17];

/** The shapes of a program's inputs. */
export function drawShapes(seed: number): number[][] {
  const random = new RandomStream(seed, 1);
  return Array.from({ length: 3 }, () => {
    const rank = random.integer(4);
    return Array.from({ length: rank }, () => lengths[random.integer(lengths.length)]);
  });
}

/** An operation on a tensor that has been made, or undefined where its shape does not allow it. */
type Step = (x: Tensor, random: RandomStream, made: readonly Tensor[]) => Tensor | undefined;

const pick = <Value>(random: RandomStream, values: readonly Value[]): Value =>
  values[random.integer(values.length)];

/** An axis that is not empty. */
function axisOf({ shape }: Tensor, random: RandomStream): number | undefined {
  const axes = shape.flatMap((length, axis) => length > 0 ? [axis] : []);
  return axes.length > 0 ? pick(random, axes) : undefined;
}

/** Another tensor that broadcasts with this one. */
function partnerOf(x: Tensor, random: RandomStream, made: readonly Tensor[]): Tensor {
  const fitting = made.filter(({ shape }) =>
    shape.length <= x.shape.length && shape.every((length, axis) => {
      const own = x.shape[x.shape.length - shape.length + axis];
      return length === own || length === 1;
    })
  );
  return pick(random, fitting.length > 0 ? fitting : [x]);
}

/** The operations, by family. */
const steps: readonly Step[] = [
  // Pointwise.
  (x, random) =>
    pick(random, [gelu, softplus, (y: Tensor) => y.tanh(), (y: Tensor) => y.sigmoid()])(x),
  (x) => x.square().add(1).sqrt(),
  (x, random, made) => add(x, partnerOf(x, random, made)).mul(0.5),
  (x, random, made) => x.tanh().mul(partnerOf(x, random, made).tanh()),
  (x, random, made) => maximum(x, partnerOf(x, random, made).sub(0.3)),
  // Reductions.
  (x, random) => {
    const axis = axisOf(x, random);
    if (axis === undefined) return undefined;
    return pick(random, ["mean", "max"] as const) === "mean"
      ? x.mean(axis, { keepAxes: true })
      : x.max(axis, { keepAxes: true });
  },
  (x, random) => {
    const axis = axisOf(x, random);
    return axis === undefined ? undefined : x.sum(axis).mul(1 / Math.sqrt(x.shape[axis]));
  },
  // Products.
  (x) => {
    if (x.shape.length < 2) return undefined;
    return matmul(x, x, { transposeB: true }).mul(1 / Math.max(1, x.shape.at(-1)!)).tanh();
  },
  (x) => {
    if (x.shape.length < 2) return undefined;
    return matmul(x, x, { transposeA: true }).mul(1 / Math.max(1, x.shape.at(-2)!)).tanh();
  },
  // Shapes.
  (x) => reshape(x, [x.size]),
  (x) => x.shape.length < 2 ? undefined : transpose(x),
  (x, random) => {
    const rank = x.shape.length;
    return rank === 0 ? undefined : permute(x, Array.from(random.permutation(rank)));
  },
  (x, random) => {
    const axis = axisOf(x, random);
    if (axis === undefined || x.shape[axis] < 2) return undefined;
    return narrow(x, axis, 1, x.shape[axis] - 1);
  },
  (x, random) =>
    x.shape.length === 0 ? undefined : concat([x, x.neg()], random.integer(x.shape.length)),
  (x, random) => expand(x, [1 + random.integer(3), ...x.shape]),
  (x, random) => x.shape.length === 0 ? undefined : flip(x, random.integer(x.shape.length)),
  (x, random) =>
    x.shape.length === 0
      ? undefined
      : pad(x, x.shape.map(() => [random.integer(2), random.integer(3)])),
  // Norms, softmax, attention.
  (x) => x.shape.length === 0 ? undefined : layerNorm(x, { epsilon: 0.1 }),
  (x) => x.shape.length === 0 ? undefined : rmsNorm(x, { epsilon: 0.1 }),
  (x) => x.shape.length === 0 ? undefined : softmax(x),
  (x) => x.shape.length === 0 || x.size === 0 ? undefined : logSoftmax(x).mul(0.3),
  (x) => {
    if (x.shape.length !== 3 || x.shape[2] === 0) return undefined;
    return packedAttention(concat([x, x.mul(0.5), x.tanh()], 2), 1);
  },
];

/** Tensors larger than this are not worked on further. */
const largest = 3000;

/** Carries a program of `count` operations out. Equal seeds and shapes give equal operations. */
export function runProgram(seed: number, count: number, inputs: readonly Tensor[]): Tensor[] {
  const random = new RandomStream(seed, 2);
  const made = [...inputs];
  for (let i = 0; i < count; i++) {
    const small = made.filter(({ size }) => size <= largest);
    // The newest is taken as often as all others, so that programs become deep.
    const x = random.bernoulli(0.5) ? small.at(-1)! : pick(random, small);
    const result = pick(random, steps)(x, random, small);
    if (result) made.push(result);
  }
  return made.slice(inputs.length);
}
