// The float64 special functions against values computed to 40 digits.

import { assert, assertEquals } from "@std/assert";
import {
  complementaryErrorFunction,
  errorFunction,
  exponentOf,
  highBits,
  logistic,
  logisticSlope,
  normalDistribution,
  roundToEven,
} from "../../../kernels/expression/special_functions.ts";

/** Requires a relative error below a bound. */
function assertRelative(actual: number, wanted: number, bound: number, what: string): void {
  assert(Math.abs(actual - wanted) <= bound * Math.abs(wanted), `${what}: ${actual}, ${wanted}`);
}

Deno.test("the error function and its complement", () => {
  // x, erf(x), erfc(x) from mpmath with 40 digits.
  const known = [
    [1e-10, 1.1283791670955126e-10, 0.99999999988716208],
    [0.1, 0.1124629160182849, 0.8875370839817151],
    [0.5, 0.52049987781304654, 0.47950012218695346],
    [0.9, 0.79690821242283214, 0.20309178757716786],
    [1.5, 0.96610514647531073, 0.033894853524689273],
    [1.99, 0.995111413199617, 0.004888586800383003],
    [2.01, 0.99552484935524824, 0.0044751506447517629],
    [3, 0.99997790950300141, 2.2090496998585441e-5],
    [4.5, 0.99999999980338396, 1.9661604415428875e-10],
    [6.5, 1.0, 3.8421483271206475e-20],
    [10, 1.0, 2.0884875837625448e-45],
    [20, 1.0, 5.3958656116079009e-176],
    [26, 1.0, 5.6631924088561428e-296],
  ];
  for (const [x, erf, erfc] of known) {
    assertRelative(errorFunction(x), erf, 1e-15, `erf(${x})`);
    assertRelative(errorFunction(-x), -erf, 1e-15, `erf(-${x})`);
    assertRelative(complementaryErrorFunction(x), erfc, 2e-13, `erfc(${x})`);
    assertRelative(normalDistribution(-x * Math.SQRT2), erfc / 2, 1e-12, `cdf(-sqrt(2) ${x})`);
  }
  assertEquals([errorFunction(Infinity), errorFunction(-Infinity)], [1, -1]);
  assertEquals(complementaryErrorFunction(-Infinity), 2);
  assertEquals(errorFunction(NaN), NaN);
  assertEquals(complementaryErrorFunction(NaN), NaN);
  assertEquals(Object.is(errorFunction(-0), -0), true);
});

Deno.test("rounding goes to even at ties and keeps the sign of zero", () => {
  const known = [[0.5, 0], [1.5, 2], [2.5, 2], [-0.5, -0], [-1.5, -2], [-2.5, -2], [2.4, 2], [
    -2.6,
    -3,
  ]];
  for (const [value, wanted] of known) assert(Object.is(roundToEven(value), wanted), String(value));
  for (const value of [NaN, Infinity, -Infinity, 0, -0, 2 ** 53]) {
    assert(Object.is(roundToEven(value), value));
  }
});

Deno.test("the logistic function is exact in both tails", () => {
  assertRelative(logistic(-700), Math.exp(-700), 1e-15, "left tail");
  assertEquals(logistic(0), 0.5);
  assertEquals(logistic(800), 1);
  assertRelative(logisticSlope(40), Math.exp(-40), 1e-15, "slope, right tail");
  assertEquals(logisticSlope(0), 0.25);
});

Deno.test("exponents are relative to [sqrt(1/2), sqrt(2)), high bits are twelve", () => {
  assertEquals([0.71, 1, 1.41, 1.42, 2, 3, 1e-40].map(exponentOf), [0, 0, 0, 1, 1, 2, -133]);
  for (const value of [Math.PI, -1e-15, 12345.678]) {
    const high = highBits(value);
    assert(Math.abs(high - value) <= Math.abs(value) * 2 ** -11);
    assertEquals(Math.fround(high * high), high * high);
  }
});
