// Numbers and marks as the report prints them.

import { colourStops } from "./colour_map.ts";
import { type Markup, markup } from "./markup.ts";

/** A whole number with groups of three digits. */
export function countText(value: number): string {
  return value.toLocaleString("en-US");
}

/** A metric between 0 and 1, to three digits. */
export function metricText(value: number): string {
  return value.toFixed(3);
}

/** Both ends of an interval. */
export function rangeText(interval: { readonly low: number; readonly high: number }): string {
  return `${metricText(interval.low)} to ${metricText(interval.high)}`;
}

/** A share as a percentage. */
export function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(4))} %`;
}

/** Seconds as hours, minutes and seconds. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60, rest = whole % 60;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`;
}

/** A small mark: trained on, or not. */
export function familyTag(trained: boolean): Markup {
  return trained
    ? markup`<span class="tag in">trained on</span>`
    : markup`<span class="tag cross">never trained on</span>`;
}

/** The colours of a detector's heat map, from 0 to 1. */
export function heatRamp(): Markup {
  const ramp = `background:linear-gradient(90deg,${colourStops("inferno", 12).join(",")})`;
  return markup`0<span class="ramp" style="${ramp}"></span>to 1`;
}
