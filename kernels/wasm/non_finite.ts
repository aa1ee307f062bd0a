// Kernel `findNonFinite`: where the first NaN or infinity is. It tests bits: no comparison of numbers is trusted.

import {
  add,
  constantI32,
  instruction,
  load,
  multiply,
  splatI32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { numberKind } from "./elements.ts";
import { defineKernel, minimum, wordAt } from "./emit.ts";
import { splitWork, type WasmRunner } from "./kernel.ts";

/** Words to an item. */
const CHUNK = 16384;

/** A number's bits without its sign; above those of the largest number are infinity and the NaNs. */
const MAGNITUDE = 0x7fff_ffff;
const LARGEST = 0x7f7f_ffff;

/** Whether the word at an address is not finite. */
function isNonFinite(address: Value<"i32">): Value<"i32"> {
  const magnitude = instruction("i32.and", load("i32.load", address), constantI32(MAGNITUDE));
  return instruction("i32.gt_u", magnitude, constantI32(LARGEST));
}

/** Items are chunks; each writes the index of its first find, or -1, to its slot. Arguments: source, slots, count. */
const search = defineKernel("findNonFinite search", (body) => {
  const { code } = body;
  const [source, slots, count] = body.arguments(3);
  const mask = code.local("v128", splatI32x4(MAGNITUDE));
  const largest = code.local("v128", splatI32x4(LARGEST));
  const read = body.variable(0), left = body.variable(0), found = body.variable(0);
  const anyOfFour = (offset: number) => {
    const magnitude = instruction("v128.and", load("v128.load", add(read, offset)), mask);
    return instruction("i32x4.gt_s", magnitude, largest);
  };
  body.forItems((item) => {
    const first = body.variable(multiply(item, CHUNK));
    const rest = body.variable(subtract(count, first));
    code.set(left, minimum(rest, CHUNK));
    code.set(read, wordAt(source, first));
    code.set(found, constantI32(-1));
    code.block((done) => {
      // Sixteen words at a time until they hold a find, then word by word.
      const sixteenLeft = () => instruction("i32.ge_u", left, constantI32(16));
      code.block((near) => {
        code.if(sixteenLeft(), () => {
          code.doWhile(() => {
            const low = instruction("v128.or", anyOfFour(0), anyOfFour(16));
            const high = instruction("v128.or", anyOfFour(32), anyOfFour(48));
            code.exitIf(near, instruction("v128.any_true", instruction("v128.or", low, high)));
            code.increment(read, 64);
            code.increment(left, -16);
          }, sixteenLeft);
        });
      });
      code.exitIf(done, instruction("i32.eqz", left));
      code.doWhile(() => {
        code.if(isNonFinite(read), () => {
          const bytes = subtract(read, source);
          code.set(found, instruction("i32.shr_u", bytes, constantI32(2)));
          code.exit(done);
        });
        code.increment(read, 4);
        code.increment(left, -1);
      }, () => left);
    });
    code.store("i32.store", wordAt(slots, item), 0, found);
  });
});

/** One item: the first slot that is not -1, or -1. Arguments: slots, how many, destination. */
const firstFound = defineKernel("findNonFinite first", (body) => {
  const { code } = body;
  const [slots, count, destination] = body.arguments(3);
  const slot = body.variable(0), found = body.variable(0);
  body.forItems(() => {
    code.set(found, constantI32(-1));
    code.block((done) => {
      code.for(slot, 0, count, 1, () => {
        code.set(found, load("i32.load", wordAt(slots, slot)));
        code.exitIf(done, instruction("i32.ge_s", found, constantI32(0)));
      });
    });
    code.store("i32.store", destination, 0, found);
  });
});

/** Index of the first NaN or infinity among `count` elements, or -1; integers are always finite. */
export const findNonFinite: WasmRunner<"findNonFinite"> = (
  executor,
  { count },
  [source],
  [output],
) => {
  const chunks = numberKind(source) === "i32" ? 0 : Math.ceil(count / CHUNK);
  const slots = executor.temporary(4 * chunks);
  executor.launch(
    search,
    [source.address, slots, count],
    chunks,
    splitWork(chunks, CHUNK * 0.1),
  );
  executor.launch(firstFound, [slots, chunks, output.address], 1);
};
