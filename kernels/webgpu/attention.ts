// Kernel `attention`: scaled dot-product attention on packed query, key and value without a matrix of scores in memory
// (Dao et al. 2022, algorithm 1: running maximum and sum of each row).

import { requireFloats } from "./floats.ts";
import {
  type WebGpuRunner,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
} from "./kernel.ts";
import {
  attentionFields,
  attentionFunctions,
  attentionGrid,
  type AttentionTile,
  attentionTile,
  attentionWords,
  printOwnTokens,
  WidthPrinter,
} from "./attention_shader.ts";
import { indent, range } from "./printing.ts";

const buffers = ["x", "y", "logSumExp"];
const fields = attentionFields(buffers);

/** One block of keys: its scores, the running maximum and sum, and its share of the result. */
function printBlock({ owned, block, causal, vectors }: AttentionTile): string {
  const print = new WidthPrinter(vectors);
  const rows = range(owned), keys = range(block);
  const lines: string[] = [];
  for (const j of keys) {
    lines.push(`let token${j} = min(first + ${j}u, parameters.tokens - 1u);`);
    lines.push(`let key${j} = ${print.packed("x", `token${j}`, 1)};`);
    lines.push(`let value${j} = ${print.packed("x", `token${j}`, 2)};`);
  }
  for (const i of rows) for (const j of keys) lines.push(`var s${i}_${j} = 0.0f;`);
  const products = [
    ...rows.map((i) => `let q${i} = x[query${i} + along];`),
    ...keys.map((j) => `let k${j} = x[key${j} + along];`),
    ...rows.flatMap((i) =>
      keys.map((j) => `s${i}_${j} = ${print.multiplyAdd(`q${i}`, `k${j}`, `s${i}_${j}`)};`)
    ),
  ];
  const weights: string[] = [];
  for (const i of rows) {
    weights.push(`var largest${i} = maximum${i};`);
    for (const j of keys) {
      const last = causal ? `own${i}` : "parameters.tokens - 1u";
      weights.push(
        `let seen${i}_${j} = first + ${j}u <= ${last};`,
        `s${i}_${j} *= parameters.scale;`,
        `largest${i} = select(largest${i}, corit_maximum(largest${i}, s${i}_${j}), seen${i}_${j});`,
      );
    }
    weights.push(
      `let shrink${i} = exponential(maximum${i} - largest${i});`,
      `maximum${i} = largest${i};`,
      `sum${i} *= shrink${i};`,
    );
    for (const j of keys) {
      weights.push(
        `let p${i}_${j} = select(0.0f, exponential(s${i}_${j} - largest${i}), seen${i}_${j});`,
        `sum${i} += p${i}_${j};`,
      );
    }
  }
  // All of a place is read before any of it is written: tokens beyond the last are the last once more.
  const shares = [
    ...keys.map((j) => `let v${j} = x[value${j} + along];`),
    ...rows.map((i) =>
      `let before${i} = select(${print.type}(), y[result${i} + along] * shrink${i}, first > 0u);`
    ),
    ...rows.map((i) =>
      `y[result${i} + along] = ${
        keys.reduce((sum, j) => print.scaleAdd(`p${i}_${j}`, `v${j}`, sum), `before${i}`)
      };`
    ),
  ];
  return indent(lines, 2) + print.loop(products, 2) + indent(weights, 2) + print.loop(shares, 2);
}

function attentionKernel(tile: AttentionTile): WgslKernel {
  const { owned, block, invocations, vectors, causal } = tile;
  const print = new WidthPrinter(vectors), rows = range(owned);
  return {
    key: `attention ${owned}x${block} ${invocations} ${vectors} ${causal}`,
    uniforms: fields.length,
    source: () =>
      `\
${
        wgslBindings([
          { name: "x", type: print.type, access: "read" },
          { name: "y", type: print.type, access: "read_write" },
          { name: "logSumExp", type: "f32", access: "read_write" },
        ], fields)
      }
${attentionFunctions}\
@compute @workgroup_size(${invocations}) fn main(${wgslEntryParameters}) {
${printOwnTokens(tile, wgslInvocationIndex(invocations))}\
${
        indent(rows.flatMap((i) => [
          `let query${i} = ${print.packed("x", `own${i}`, 0)};`,
          `let result${i} = ${print.unpacked("y", `own${i}`)};`,
          `var maximum${i} = -3.0e38f;`,
          `var sum${i} = 0.0f;`,
        ]))
      }\
  let end = ${causal ? `own${owned - 1} + 1u` : "parameters.tokens"};
  for (var first = 0u; first < end; first += ${block}u) {
${printBlock(tile)}\
  }
${
        print.loop([
          ...rows.map((i) => `let all${i} = y[result${i} + along] / sum${i};`),
          ...rows.map((i) => `y[result${i} + along] = all${i};`),
        ])
      }\
${
        indent(
          rows.map((i) =>
            `logSumExp[parameters.first_logSumExp + row * parameters.tokens + own${i}] = maximum${i} + logarithm(sum${i});`
          ),
        )
      }\
}
`,
  };
}

/** y = softmax(scale * q k^T) v for each head; also the log-sum-exp of each row of scores. */
export const attention: WebGpuRunner<"attention"> = (executor, layout, [x], [y, logSumExp]) => {
  requireFloats("attention", x, y, logSumExp);
  const { batch, tokens, heads, headWidth } = layout;
  const rows = batch * tokens * heads;
  if (rows === 0) return;
  const tile = attentionTile(executor, "attention", layout, [x, y]);
  executor.launch(
    attentionKernel(tile),
    [
      { binding: x, access: "read", elements: 3 * rows * headWidth },
      { binding: y, access: "read_write", elements: rows * headWidth },
      { binding: logSumExp, access: "read_write", elements: rows },
    ],
    attentionWords(layout, tile, [x, y, logSumExp]),
    attentionGrid(layout, tile),
  );
};
