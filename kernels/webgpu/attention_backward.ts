// Kernel `attentionBackward`: the gradient of attention, its weights computed anew from the scores and each row's log-sum-exp
// (Dao et al. 2022, algorithm 4, in two launches instead of atomics).
//
// One shader serves both launches. Whoever owns queries needs, for each key, q . k and g . v; whoever owns keys needs, for each
// query, k . q and v . g: two rows of its own (the first and the second) against two rows of the other.

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

const fields = attentionFields(["x", "y", "logSumExp", "gradient", "result", "shares"]);

/** Which tokens an invocation owns. */
type Owner = "queries" | "keys";

/** Statements that find the two rows of a token, as texts of buffer and place. */
function rowsOf(print: WidthPrinter, role: Owner, name: string, token: string): string[] {
  return role === "queries"
    ? [
      `let ${name}First = ${print.packed("x", token, 0)};`,
      `let ${name}Second = ${print.unpacked("gradient", token)};`,
    ]
    : [
      `let ${name}First = ${print.packed("x", token, 1)};`,
      `let ${name}Second = ${print.packed("x", token, 2)};`,
    ];
}

/** Statements that load what is kept for each query: the log-sum-exp of its scores and its share g . y. */
function queryNumbers(name: string, token: string): string[] {
  const place = `row * parameters.tokens + ${token}`;
  return [
    `let ${name}LogSumExp = logSumExp[parameters.first_logSumExp + ${place}];`,
    `let ${name}Share = shares[parameters.first_shares + ${place}];`,
  ];
}

/** One block of others: scores, their gradients, and the block's part of the result. */
function printBlock({ owned, block, causal, vectors }: AttentionTile, owner: Owner): string {
  const print = new WidthPrinter(vectors);
  const own = range(owned), others = range(block);
  const ownsQueries = owner === "queries";
  const otherRole: Owner = ownsQueries ? "keys" : "queries";
  const secondBuffer = (role: Owner) => role === "queries" ? "gradient" : "x";
  const lines: string[] = [];
  for (const j of others) {
    lines.push(`let token${j} = min(first + ${j}u, parameters.tokens - 1u);`);
    lines.push(...rowsOf(print, otherRole, `other${j}`, `token${j}`));
    if (!ownsQueries) lines.push(...queryNumbers(`other${j}`, `token${j}`));
  }
  for (const i of own) {
    for (const j of others) lines.push(`var s${i}_${j} = 0.0f;`, `var t${i}_${j} = 0.0f;`);
  }
  const products = [
    ...own.flatMap((i) => [
      `let a${i} = x[own${i}First + along];`,
      `let c${i} = ${secondBuffer(owner)}[own${i}Second + along];`,
    ]),
    ...others.flatMap((j) => [
      `let b${j} = x[other${j}First + along];`,
      `let d${j} = ${secondBuffer(otherRole)}[other${j}Second + along];`,
    ]),
    ...own.flatMap((i) =>
      others.flatMap((j) => [
        `s${i}_${j} = ${print.multiplyAdd(`a${i}`, `b${j}`, `s${i}_${j}`)};`,
        `t${i}_${j} = ${print.multiplyAdd(`c${i}`, `d${j}`, `t${i}_${j}`)};`,
      ])
    ),
  ];
  const slopes: string[] = [];
  for (const i of own) {
    for (const j of others) {
      const query = ownsQueries ? `own${i}` : `other${j}`;
      const [key, queryToken] = ownsQueries
        ? [`first + ${j}u`, `own${i}`]
        : [`own${i}`, `first + ${j}u`];
      const isSeen = `first + ${j}u < parameters.tokens${
        causal ? ` && ${key} <= ${queryToken}` : ""
      }`;
      slopes.push(
        `let p${i}_${j} = select(0.0f, exponential(fma(parameters.scale, s${i}_${j}, -${query}LogSumExp)), ${isSeen});`,
        `let slope${i}_${j} = parameters.scale * p${i}_${j} * (t${i}_${j} - ${query}Share);`,
      );
    }
  }
  const sumOf = (i: number, weight: string, value: string, before: string) =>
    others.reduce((sum, j) => print.scaleAdd(`${weight}${i}_${j}`, `${value}${j}`, sum), before);
  const results = ownsQueries ? [["result", "slope", "b"]] : [
    ["result", "slope", "b"],
    ["resultValue", "p", "d"],
  ];
  // All of a place is read before any of it is written: tokens beyond the last are the last once more.
  const sums = [
    ...others.map((j) => `let b${j} = x[other${j}First + along];`),
    ...(ownsQueries ? [] : others.map((j) => `let d${j} = gradient[other${j}Second + along];`)),
    ...results.flatMap(([name]) =>
      own.map((i) =>
        `let ${name}Before${i} = select(${print.type}(), result[${name}${i} + along], first > begin);`
      )
    ),
    ...results.flatMap(([name, weight, value]) =>
      own.map((i) =>
        `result[${name}${i} + along] = ${sumOf(i, weight, value, `${name}Before${i}`)};`
      )
    ),
  ];
  return indent(lines, 2) + print.loop(products, 2) + indent(slopes, 2) + print.loop(sums, 2);
}

function backwardKernel(tile: AttentionTile, owner: Owner): WgslKernel {
  const { owned, block, invocations, vectors, causal } = tile;
  const print = new WidthPrinter(vectors), own = range(owned);
  const ownsQueries = owner === "queries";
  const shares = ownsQueries
    ? indent(own.map((i) => `var own${i}Share = 0.0f;`)) +
      print.loop(own.map((i) =>
        `own${i}Share = ${
          print.multiplyAdd(
            `gradient[own${i}Second + along]`,
            `y[${print.unpacked("y", `own${i}`)} + along]`,
            `own${i}Share`,
          )
        };`
      )) +
      indent(own.flatMap((i) => [
        `let own${i}LogSumExp = logSumExp[parameters.first_logSumExp + row * parameters.tokens + own${i}];`,
        `shares[parameters.first_shares + row * parameters.tokens + own${i}] = own${i}Share;`,
      ]))
    : "";
  const [begin, end] = !causal
    ? ["0u", "parameters.tokens"]
    : ownsQueries
    ? ["0u", `own${owned - 1} + 1u`]
    : ["firstOwn", "parameters.tokens"];
  return {
    key: `attentionBackward ${owner} ${owned}x${block} ${invocations} ${vectors} ${causal}`,
    uniforms: fields.length,
    source: () =>
      `\
${
        wgslBindings([
          { name: "x", type: print.type, access: "read" },
          ...(ownsQueries ? [{ name: "y", type: print.type, access: "read" } as const] : []),
          { name: "logSumExp", type: "f32", access: "read" },
          { name: "gradient", type: print.type, access: "read" },
          { name: "result", type: print.type, access: "read_write" },
          { name: "shares", type: "f32", access: ownsQueries ? "read_write" : "read" },
        ], fields)
      }
${attentionFunctions}\
@compute @workgroup_size(${invocations}) fn main(${wgslEntryParameters}) {
${printOwnTokens(tile, wgslInvocationIndex(invocations))}\
${
        indent(own.flatMap((i) => [
          ...rowsOf(print, owner, `own${i}`, `own${i}`),
          `let result${i} = ${print.packed("result", `own${i}`, ownsQueries ? 0 : 1)};`,
          ...(ownsQueries
            ? []
            : [`let resultValue${i} = ${print.packed("result", `own${i}`, 2)};`]),
        ]))
      }\
${shares}\
  let begin = ${begin};
  let end = ${end};
  for (var first = begin; first < end; first += ${block}u) {
${printBlock(tile, owner)}\
  }
}
`,
  };
}

/** The gradient of query, key and value, as `kernels/reference/attention.ts` writes it out. */
export const attentionBackward: WebGpuRunner<"attentionBackward"> = (
  executor,
  layout,
  [x, y, logSumExp, gradient],
  [result],
) => {
  requireFloats("attentionBackward", x, y, logSumExp, gradient, result);
  const { batch, tokens, heads, headWidth } = layout;
  const rows = batch * tokens * heads;
  if (rows * headWidth === 0) return;
  const tile = attentionTile(executor, "attentionBackward", layout, [x, y, gradient, result]);
  const shares = executor.temporary(4 * rows);
  const words = attentionWords(layout, tile, [x, y, logSumExp, gradient, result, shares]);
  for (const owner of ["queries", "keys"] as const) {
    executor.launch(
      backwardKernel(tile, owner),
      [
        { binding: x, access: "read", elements: 3 * rows * headWidth },
        ...(owner === "queries"
          ? [{ binding: y, access: "read", elements: rows * headWidth } as const]
          : []),
        { binding: logSumExp, access: "read", elements: rows },
        { binding: gradient, access: "read", elements: rows * headWidth },
        { binding: result, access: "read_write", elements: 3 * rows * headWidth },
        { binding: shares, access: owner === "queries" ? "read_write" : "read", elements: rows },
      ],
      words,
      attentionGrid(layout, tile),
    );
  }
};
