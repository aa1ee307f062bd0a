// NaN, infinities and zeros of either sign: devices agree with the reference, and the reference with the definition.

import { assertEquals } from "@std/assert";
import * as operations from "../../tensor/operations/mod.ts";
import { type Device, type Operable, scoped, type Tensor, tensor } from "../../tensor/mod.ts";
import { assertClose } from "./compare.ts";
import { allDevices, comparedDevices } from "./devices.ts";

const special = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -2];

const unary: Record<string, (x: Tensor) => Tensor> = {
  neg: operations.neg,
  abs: operations.abs,
  sign: operations.sign,
  floor: operations.floor,
  ceil: operations.ceil,
  round: operations.round,
  square: operations.square,
  sqrt: operations.sqrt,
  rsqrt: operations.rsqrt,
  exp: operations.exp,
  expm1: operations.expm1,
  log: operations.log,
  log1p: operations.log1p,
  tanh: operations.tanh,
  sigmoid: operations.sigmoid,
  erf: operations.erf,
  relu: operations.relu,
  silu: operations.silu,
  softplus: operations.softplus,
  gelu: operations.gelu,
  leakyRelu: operations.leakyRelu,
  elu: operations.elu,
  clamp: (x) => operations.clamp(x, -1, 1),
  logicalNot: operations.logicalNot,
  toBool: (x) => operations.to(x, "bool"),
  toInt: (x) => operations.to(x, "int32"),
  max: (x) => operations.max(x),
  min: (x) => operations.min(x),
  argmax: operations.argmax,
  argmin: operations.argmin,
  sum: (x) => operations.sum(x),
  cumsum: (x) => operations.cumsum(x),
  sortUp: (x) => operations.sort(x).values,
  sortDown: (x) => operations.sort(x, { descending: true }).values,
  argsort: operations.argsort,
};

const binary: Record<string, (a: Operable, b: Operable) => Tensor> = {
  add: operations.add,
  sub: operations.sub,
  mul: operations.mul,
  div: operations.div,
  minimum: operations.minimum,
  maximum: operations.maximum,
  equal: operations.equal,
  notEqual: operations.notEqual,
  less: operations.less,
  lessEqual: operations.lessEqual,
  greater: operations.greater,
  greaterEqual: operations.greaterEqual,
  logicalAnd: operations.logicalAnd,
  logicalOr: operations.logicalOr,
};

/** Compares one call on a device with the reference. */
function assertAgrees(call: (device: Device) => Tensor, device: Device, what: string): void {
  scoped(() => {
    const closeness = { tolerance: 1e-6, floor: 1e-3 };
    assertClose(call(device).dataSync(), call("reference").dataSync(), closeness, what);
  });
}

/** Registers the tests of a device. */
function testSpecialValues(device: Device): void {
  for (const [name, operation] of Object.entries(unary)) {
    Deno.test(`${name} on ${device} treats NaN, infinities and zeros as the reference does`, () => {
      assertAgrees((on) => operation(tensor(special, { device: on })), device, name);
      // Alone, where no vector lane helps, and in the last place of an odd length.
      for (const value of special) {
        assertAgrees((on) => operation(tensor([value], { device: on })), device, name);
        assertAgrees((on) => operation(tensor([2, 3, 4, 5, value], { device: on })), device, name);
      }
    });
  }
  for (const [name, operation] of Object.entries(binary)) {
    Deno.test(`${name} on ${device} treats NaN, infinities and zeros as the reference does`, () => {
      assertAgrees(
        (on) => {
          const x = tensor(special, { device: on });
          return operation(operations.unsqueeze(x, 1), x);
        },
        device,
        name,
      );
    });
  }
}

/** Registers the tests of a device against closed forms. */
function testInfinities(device: Device): void {
  Deno.test(`softmax on ${device} gives -Infinity no weight`, () => {
    const x = tensor([-Infinity, 0, 0], { device });
    assertEquals(operations.softmax(x).toArray(), [0, 0.5, 0.5]);
    assertEquals(operations.logSoftmax(x).dataSync()[0], -Infinity);
  });
  Deno.test(`logsumexp on ${device} is finite beside -Infinity and infinite beside Infinity`, () => {
    const of = (...x: number[]) => operations.logsumexp(tensor(x, { device })).item();
    assertClose([of(-Infinity, 0, 0)], [Math.log(2)], { tolerance: 1e-6, floor: 0 }, "logsumexp");
    assertEquals(of(Infinity, 0), Infinity);
    assertEquals(of(-Infinity, -Infinity), -Infinity);
  });
}

Deno.test("NaN wins an extremum, comes last when sorted, and equals nothing", () => {
  const x = tensor([1, NaN, 2], { device: "reference" });
  assertEquals(operations.max(x).item(), NaN);
  assertEquals(operations.maximum(x, 0).toArray(), [1, NaN, 2]);
  assertEquals(operations.argsort(x, { descending: true }).toArray(), [2, 0, 1]);
  assertEquals(operations.equal(x, x).toArray(), [1, 0, 1]);
  assertEquals(operations.relu(x).toArray(), [1, NaN, 2]);
});

comparedDevices.forEach(testSpecialValues);
allDevices.forEach(testInfinities);
