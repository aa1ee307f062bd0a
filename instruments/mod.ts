/**
 * Instruments for any model: what its gradients and its loss landscape look like.
 *
 * @module
 */

export { type GradientGroup, type GroupGsnr, type GsnrOptions, measureGsnr } from "./gsnr.ts";
