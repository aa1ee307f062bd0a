// How attention is cut into blocks that fit a thread's scratch, and where its operands lie.

import { UnsupportedError } from "../../errors.ts";
import type { AttentionLayout } from "../kernel.ts";
import { add, type Local, multiply, type Value } from "./assembler.ts";
import type { KernelBody } from "./emit.ts";
import { SCRATCH_BYTES } from "./kernel.ts";
import { EDGE_BYTES, RIGHT_STEP_BYTES, TILE_COLUMNS, TILE_ROWS } from "./tile.ts";

/** Query rows and keys of a block that are asked for: its scores then take at most 130 KiB of the second-level cache. */
const MAXIMUM_ROWS = 100;
const MAXIMUM_KEYS = 320;

/** A block of query rows times keys. The cut depends on the shape alone, as the order of sums must. */
export interface AttentionBlock {
  readonly rows: number;
  readonly keys: number;
}

/** Names and sizes of the parts of the scratch, in floats, for one block. */
export type ScratchParts<Name extends string> = (block: AttentionBlock) => Record<Name, number>;

/** Byte offsets into the scratch: of the parts, of an edge tile, and of a row of zeros. */
export type ScratchOffsets<Name extends string> = Record<Name | "edge" | "zeros", number>;

/** A count rounded up to whole tiles. */
export function tiledRows(count: number): number {
  return Math.ceil(count / TILE_ROWS) * TILE_ROWS;
}

/** A count rounded up to whole tiles. */
export function tiledColumns(count: number): number {
  return Math.ceil(count / TILE_COLUMNS) * TILE_COLUMNS;
}

/** Cuts `length` evenly into pieces of at most `maximum`, themselves multiples of `unit`. */
function evenPiece(length: number, maximum: number, unit: number): number {
  const pieces = Math.max(1, Math.ceil(length / maximum));
  return Math.max(1, Math.ceil(length / pieces / unit)) * unit;
}

function offsetsOf<Name extends string>(parts: Record<Name, number>): {
  offsets: ScratchOffsets<Name>;
  end: number;
} {
  const sizes = { edge: EDGE_BYTES / 4, zeros: RIGHT_STEP_BYTES / 4, ...parts };
  const offsets: Partial<Record<string, number>> = {};
  let end = 0;
  for (const [name, floats] of Object.entries<number>(sizes)) {
    offsets[name] = end;
    end += Math.ceil(floats / 16) * 64;
  }
  return { offsets: offsets as ScratchOffsets<Name>, end };
}

/**
 * The largest blocks that fit the scratch, and where their parts lie.
 * Throws UnsupportedError where even the smallest does not fit: heads more than about 12,000 wide.
 */
export function cutAttention<Name extends string>(
  kernel: string,
  layout: AttentionLayout,
  parts: ScratchParts<Name>,
): { block: AttentionBlock; offsets: ScratchOffsets<Name> } {
  const { tokens, headWidth } = layout;
  let maximumRows = MAXIMUM_ROWS, maximumKeys = MAXIMUM_KEYS;
  for (;;) {
    const block = {
      rows: evenPiece(tokens, maximumRows, TILE_ROWS),
      keys: evenPiece(tokens, maximumKeys, TILE_COLUMNS),
    };
    const { offsets, end } = offsetsOf(parts(block));
    if (end <= SCRATCH_BYTES) return { block, offsets };
    const canHaveFewerKeys = maximumKeys > TILE_COLUMNS, canHaveFewerRows = maximumRows > TILE_ROWS;
    if (canHaveFewerKeys && (maximumKeys > maximumRows || !canHaveFewerRows)) {
      maximumKeys = Math.max(TILE_COLUMNS, maximumKeys / 2);
    } else if (canHaveFewerRows) {
      maximumRows = Math.max(TILE_ROWS, maximumRows / 2);
    } else {
      throw new UnsupportedError(
        `${kernel}: heads of width ${headWidth} need ${end} bytes of a thread's ${SCRATCH_BYTES}; ` +
          "use more and narrower heads, or matmul and softmax",
      );
    }
  }
}

/** Sizes that kernels are told, in tokens, heads and bytes. */
export interface AttentionSizes {
  readonly tokens: Local<"i32">;
  readonly heads: Local<"i32">;
  readonly headWidth: Local<"i32">;
}

/** Where the rows of one head of one batch entry lie, and how far apart. */
export interface HeadPlace {
  /** Bytes from the beginning of a packed tensor to the head's first query, and from a token to the next. */
  readonly packed: Local<"i32">;
  readonly packedStep: Local<"i32">;
  /** Bytes between a token's query, key and value. */
  readonly partStep: Local<"i32">;
  /** The same for [batch, tokens, heads, headWidth]. */
  readonly unpacked: Local<"i32">;
  readonly unpackedStep: Local<"i32">;
  /** Bytes from the beginning of [batch, heads, tokens] to the head's first token. */
  readonly row: Local<"i32">;
}

/** Finds head number `index` of all batch entries' heads. */
export function placeHead(
  body: KernelBody,
  { tokens, heads, headWidth }: AttentionSizes,
  index: Value<"i32">,
): HeadPlace {
  const [entry, head] = body.divide(index, heads);
  const unpackedStep = body.variable(multiply(multiply(heads, headWidth), 4));
  const packedStep = body.variable(multiply(unpackedStep, 3));
  const headStart = body.variable(multiply(multiply(head, headWidth), 4));
  const firstToken = body.variable(multiply(entry, tokens));
  return {
    packed: body.variable(add(multiply(firstToken, packedStep), headStart)),
    packedStep,
    partStep: unpackedStep,
    unpacked: body.variable(add(multiply(firstToken, unpackedStep), headStart)),
    unpackedStep,
    row: body.variable(multiply(multiply(index, tokens), 4)),
  };
}
