/**
 * Every operation as a function.
 *
 * @module
 */

export * from "./attention.ts";
export * from "./convolution.ts";
export * from "./indexing.ts";
export * from "./layout.ts";
export * from "./loss.ts";
export * from "./matmul.ts";
export * from "./normalize.ts";
export * from "./pad.ts";
export * from "./pointwise.ts";
export * from "./reduce.ts";
export * from "./resize.ts";
