// A table of a model's parameters and floating-point operations.

import type { Module } from "./module.ts";
import type { VisionTransformer } from "./vision_transformer.ts";

/** One layer of a summary. */
export interface SummaryRow {
  /** Its name in the state dict. */
  readonly name: string;
  /** What comes out for one image. */
  readonly output: readonly number[];
  /** Elements of its parameters. */
  readonly parameters: number;
  /** How many of them are trained. */
  readonly trained: number;
  /** Floating-point operations of its matrix products in one forward pass of one image, two for a multiply and add. */
  readonly flops: number;
}

/** A model, layer by layer. */
export class ModelSummary {
  /** Sums rows. */
  constructor(readonly rows: readonly SummaryRow[]) {}

  /** Elements of all parameters. */
  get parameters(): number {
    return this.rows.reduce((total, row) => total + row.parameters, 0);
  }

  /** Elements that are trained. */
  get trained(): number {
    return this.rows.reduce((total, row) => total + row.trained, 0);
  }

  /** Floating-point operations of one forward pass of one image. */
  get flops(): number {
    return this.rows.reduce((total, row) => total + row.flops, 0);
  }

  /** The table as text. */
  toString(): string {
    const whole = (value: number) => value.toLocaleString("en-US");
    const { parameters, trained, flops } = this;
    const total: SummaryRow = { name: "total", output: [], parameters, trained, flops };
    const cells = [
      ["layer", "output", "parameters", "trained", "MFLOP"],
      ...[...this.rows, total].map((row) => [
        row.name,
        row.output.join(" x "),
        whole(row.parameters),
        whole(row.trained),
        (row.flops / 1e6).toFixed(2),
      ]),
    ];
    const widths = cells[0].map((_, at) => Math.max(...cells.map((row) => row[at].length)));
    return cells
      .map((row) =>
        row.map((cell, at) => at < 2 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))
          .join("  ").trimEnd()
      )
      .join("\n");
  }
}

function counts(prefix: string, model: Module): { parameters: number; trained: number } {
  let parameters = 0;
  let trained = 0;
  for (const [name, parameter] of model.namedParameters()) {
    if (name !== prefix && !name.startsWith(`${prefix}.`)) continue;
    parameters += parameter.size;
    if (parameter.trained) trained += parameter.size;
  }
  return { parameters, trained };
}

/** The layers of a vision transformer, each block as attention and perceptron with the norm before it. */
export function summarizeVisionTransformer(model: VisionTransformer): ModelSummary {
  const { imageSize, patchSize, width, inputs, classes, mlpRatio } = model.config;
  const patches = (imageSize / patchSize) ** 2;
  const tokens = patches + model.prefixTokens;
  const hidden = Math.round(width * mlpRatio);
  const rows: SummaryRow[] = [];
  const row = (name: string, output: readonly number[], flops: number, also: string[] = []) => {
    const parts = [name, ...also].map((prefix) => counts(prefix, model));
    rows.push({
      name,
      output,
      flops,
      parameters: parts.reduce((sum, part) => sum + part.parameters, 0),
      trained: parts.reduce((sum, part) => sum + part.trained, 0),
    });
  };
  const area = patchSize * patchSize;
  // Of the fixed inputs only the log-DCT has products that count: one [area, area] matrix for each channel.
  const fixed = inputs.includes("log-dct") ? 2 * 3 * patches * area * area : 0;
  row("patch_embed", [patches, width], fixed + 2 * patches * 3 * inputs.length * area * width);
  if (model.clsToken) row("cls_token", [1, width], 0);
  if (model.regToken) row("reg_token", [model.config.registers, width], 0);
  row("pos_embed", [model.posEmbed.shape[1], width], 0);
  if (model.normPre) row("norm_pre", [tokens, width], 0);
  model.blocks.forEach((block, index) => {
    const name = `blocks.${index}`;
    const projections = 2 * tokens * width * 4 * width;
    const scores = 2 * 2 * tokens * tokens * width;
    const scale = (which: string) => block.ls1 ? [`${name}.${which}`] : [];
    row(`${name}.attn`, [tokens, width], projections + scores, [`${name}.norm1`, ...scale("ls1")]);
    row(`${name}.mlp`, [tokens, width], 2 * 2 * tokens * width * hidden, [
      `${name}.norm2`,
      ...scale("ls2"),
    ]);
  });
  row(model.norm ? "norm" : "fc_norm", [width], 0);
  if (model.head) row("head", [classes], 2 * width * classes);
  return new ModelSummary(rows);
}
