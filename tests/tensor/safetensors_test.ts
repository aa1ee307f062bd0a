// Safetensors: a file written by hand, round trips, every kind of damage, and ten thousand random ones.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { CoritError, FormatError, ValueError } from "../../errors.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  parseSafetensors,
  RandomStream,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";

const device = "reference";

/** A file from a header and data, as the format's description says. */
function fileOf(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

function one(dtype: string, shape: number[], data: Uint8Array): Uint8Array {
  return fileOf({ x: { dtype, shape, data_offsets: [0, data.length] } }, data);
}

function decodeOne(dtype: string, shape: number[], data: Uint8Array): Tensor {
  return decodeSafetensors(one(dtype, shape, data), { device }).tensors.x;
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

Deno.test("every type that is read comes out with its values", () => {
  const halves = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555]);
  assertEquals(decodeOne("F16", [5], bytesOf(halves)).toArray(), [
    1,
    -2,
    2 ** -24,
    Infinity,
    0.333251953125,
  ]);
  const brains = new Uint16Array([0x3f80, 0xc049]);
  assertEquals(decodeOne("BF16", [2], bytesOf(brains)).toArray(), [1, -3.140625]);
  assertEquals(decodeOne("F32", [2], bytesOf(new Float32Array([1.5, -2]))).toArray(), [1.5, -2]);
  assertEquals(decodeOne("F64", [1, 1], bytesOf(new Float64Array([0.1]))).toArray(), [[0.1]]);
  const wide = decodeOne("I64", [2], bytesOf(new BigInt64Array([-(2n ** 31n), 7n])));
  assertEquals([wide.dtype, wide.toArray()], ["int32", [-(2 ** 31), 7]]);
  assertEquals(decodeOne("I32", [1], bytesOf(new Int32Array([-5]))).toArray(), [-5]);
  assertEquals(decodeOne("I8", [2], bytesOf(new Int8Array([-128, 127]))).toArray(), [-128, 127]);
  assertEquals(decodeOne("U8", [1], new Uint8Array([255])).toArray(), [255]);
  const truth = decodeOne("BOOL", [2], new Uint8Array([0, 1]));
  assertEquals([truth.dtype, truth.toArray()], ["bool", [0, 1]]);
});

Deno.test("tensors and texts come back as they were written, whatever their names and shapes", () => {
  const tensors = {
    "blocks.0.attn.qkv.weight": tensor([[1, 2, 3], [4, 5, 6]], { device, dtype: "float32" }),
    empty: tensor([], { device }),
    scalar: tensor(7, { device, dtype: "float32" }),
    index: tensor(new Int32Array([3, -1]), { device }),
    mask: tensor([1, 0, 1], { device, dtype: "bool" }),
    'umlaut ä "quoted"': tensor([2], { device }),
  };
  // An object literal's "__proto__" sets the prototype, so it is defined as a property of its own.
  const named = Object.fromEntries([
    ...Object.entries(tensors),
    ["__proto__", tensor([0.1], { device })],
  ]);
  const { tensors: found, metadata } = decodeSafetensors(
    encodeSafetensors(named, { format: "pt", step: "12" }),
    { device },
  );
  assertEquals(metadata, { format: "pt", step: "12" });
  assertEquals(Object.keys(found).sort(), Object.keys(named).sort());
  for (const [name, value] of Object.entries(named)) {
    assertEquals(found[name].shape, value.shape);
    assertEquals([...found[name].dataSync()], [...value.dataSync()]);
  }
});

Deno.test("the same tensors give the same bytes in whatever order, each aligned to its width", () => {
  const a = tensor([1], { device, dtype: "bool" });
  const b = tensor([2, 3], { device, dtype: "float64" });
  const c = tensor([4], { device, dtype: "float32" });
  const bytes = encodeSafetensors({ a, b, c });
  assertEquals(bytes, encodeSafetensors({ c, b, a }));
  const { tensors } = parseSafetensors(bytes);
  assertEquals(tensors.b.bytes.byteOffset % 8, 0);
  assertEquals(tensors.c.bytes.byteOffset % 4, 0);
  assertEquals(bytes.length, 8 + bytes[0] + 256 * bytes[1] + 16 + 4 + 1);
});

Deno.test("every kind of damage is one FormatError that says what is wrong", () => {
  const good = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const data = new Uint8Array(8);
  const cases: [string, Uint8Array, RegExp][] = [
    ["shorter than a length", new Uint8Array(7), /at least 8 bytes/],
    ["a header beyond the end", new Uint8Array([255, 0, 0, 0, 0, 0, 0, 0]), /header of 255/],
    ["a header beyond memory", new Uint8Array(16).fill(255), /header of 18446744073709551615/],
    ["no JSON", fileOf("{"), /no JSON/],
    ["not UTF-8", new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), /no JSON/],
    ["an array", fileOf([]), /no JSON object/],
    ["blanks before the object", fileOf(" {}"), /no JSON object/],
    ["null", fileOf("null"), /no JSON object/],
    ["an entry that is no object", fileOf({ x: 3 }), /"x" is no object/],
    ["an unknown type", fileOf({ x: { ...good, dtype: "F8" } }, data), /types read here are F64/],
    [
      "a type from the prototype",
      fileOf({ x: { ...good, dtype: "toString" } }, data),
      /types read/,
    ],
    ["an unknown field", fileOf({ x: { ...good, extra: 1 } }, data), /unknown field extra/],
    ["a negative length", fileOf({ x: { ...good, shape: [-2] } }, data), /shape/],
    ["a broken length", fileOf({ x: { ...good, shape: [0.5] } }, data), /shape/],
    ["a shape that is none", fileOf({ x: { ...good, shape: 2 } }, data), /shape/],
    ["one offset", fileOf({ x: { ...good, data_offsets: [0] } }, data), /offsets/],
    ["offsets backwards", fileOf({ x: { ...good, data_offsets: [8, 0] } }, data), /lies at 8 to 0/],
    ["data past the end", fileOf({ x: { ...good, data_offsets: [4, 12] } }, data), /4 to 12 of 8/],
    ["another size", fileOf({ x: { ...good, shape: [3] } }, data), /12 bytes, but occupies 8/],
    [
      "an overflowing size",
      fileOf({ x: { ...good, shape: [2 ** 52, 2 ** 52] } }, data),
      /occupies/,
    ],
    ["bytes left over", fileOf({ x: good }, new Uint8Array(9)), /end at 8, but there are 9/],
    ["a missing tensor", fileOf({}, data), /end at 0/],
    [
      "a hole",
      fileOf({ x: { ...good, data_offsets: [4, 12] } }, new Uint8Array(12)),
      /leaves a hole/,
    ],
    [
      "an overlap",
      fileOf({ x: good, y: { ...good, data_offsets: [4, 12] } }, new Uint8Array(12)),
      /overlaps/,
    ],
    ["metadata that is no text", fileOf({ __metadata__: { step: 1 } }), /names to texts/],
    ["metadata that is a list", fileOf({ __metadata__: [] }), /names to texts/],
    ["a wide number", one("I64", [1], bytesOf(new BigInt64Array([2n ** 31n]))), /fit into int32/],
    ["a half truth", one("BOOL", [1], new Uint8Array([2])), /byte of value 2/],
  ];
  for (const [what, bytes, message] of cases) {
    const error = assertThrows(() => decodeSafetensors(bytes, { device }), FormatError, "", what);
    assert(message.test(error.message), `${what}: ${error.message}`);
  }
});

Deno.test("a name that the format reserves is refused", () => {
  const x = tensor([1], { device });
  assertThrows(() => encodeSafetensors({ __metadata__: x }), ValueError, "__metadata__");
});

Deno.test("10,000 truncated or bit-flipped files are read or refused, never anything else", () => {
  const whole = encodeSafetensors({
    "head.weight": tensor([[1, 2, 3], [4, 5, 6]], { device, dtype: "float32" }),
    index: tensor(new Int32Array([1, 2]), { device }),
    mask: tensor([1, 0], { device, dtype: "bool" }),
  }, { note: "fuzz" });
  const random = new RandomStream(2026);
  let refused = 0;
  for (let round = 0; round < 10_000; round++) {
    let bytes = whole.slice();
    if (round % 4 === 0) bytes = bytes.slice(0, random.integer(bytes.length));
    else {
      // Most of the damage goes where it hurts: the length and the header.
      const reach = round % 2 === 0 ? 16 : bytes.length;
      for (let flips = 1 + random.integer(3); flips > 0; flips--) {
        bytes[random.integer(reach)] ^= 1 << random.integer(8);
      }
    }
    try {
      const { tensors } = decodeSafetensors(bytes, { device });
      const held = Object.values(tensors).reduce((sum, { size }) => sum + size, 0);
      assert(held <= bytes.length, "more elements than the file has bytes");
      for (const value of Object.values(tensors)) value.release();
    } catch (error) {
      assert(error instanceof FormatError && error instanceof CoritError, String(error));
      refused++;
    }
  }
  assert(refused > 5000 && refused < 10_000, `${refused} were refused`);
});
