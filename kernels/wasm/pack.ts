// Packing: matrices copied into the panels that the register tile reads from beginning to end.
//
// A panel holds 5 rows of the left operand or 8 columns of the right one ("lanes"), step after step along the depth.
// Four steps form a group. A right group is [step][8 lanes]. A left group begins with the fifth lane's four steps,
// then [step][4 lanes]: every part of it is one vector. The one to three steps after the last group are [step][lanes].
// Lanes that a ragged last panel lacks repeat its last lane; what they give is never stored.

import {
  add,
  constantI32,
  type FunctionBuilder,
  instruction,
  load,
  loadLane,
  type Local,
  type ModuleBuilder,
  multiply,
  shuffle,
  subtract,
  type Value,
} from "./assembler.ts";
import { minimum } from "./emit.ts";
import { i32s, type Procedure } from "./procedure.ts";
import { TILE_COLUMNS, TILE_ROWS } from "./tile.ts";

/**
 * `pack(destination, source, lanes, depth, step)`: all panels of `lanes` lanes, one after the other, each
 * `depth * width * 4` bytes. `step` is the distance in bytes along the direction that is not contiguous.
 */
export type Packer = Procedure<5>;

/** Both ways a matrix can lie in memory. */
export interface Packers {
  /** A lane's steps lie side by side, lanes `step` bytes apart: a left operand as it is, a right one transposed. */
  readonly along: Packer;
  /** A step's lanes lie side by side, steps `step` bytes apart: a right operand as it is, a left one transposed. */
  readonly across: Packer;
}

/** Where things lie in a group of four steps. */
interface PanelLayout {
  /** Lanes. */
  readonly width: number;
  /** First lanes of the runs of four that are vectors in each step. */
  readonly quads: readonly number[];
  /** Byte offset of a step's quad. */
  readonly quadOffset: (step: number, quad: number) => number;
  /** A lane outside the quads: its four steps are one vector at offset 0. */
  readonly lone: number | null;
}

const leftLayout: PanelLayout = {
  width: TILE_ROWS,
  quads: [0],
  quadOffset: (step) => 16 + 16 * step,
  lone: 4,
};

const rightLayout: PanelLayout = {
  width: TILE_COLUMNS,
  quads: [0, 4],
  quadOffset: (step, quad) => 32 * step + 4 * quad,
  lone: null,
};

/** Adds the packers of left operands to a module. */
export function defineLeftPackers(module: ModuleBuilder): Packers {
  return { along: defineAlong(module, leftLayout), across: defineAcross(module, leftLayout) };
}

/** Adds the packers of right operands to a module. */
export function defineRightPackers(module: ModuleBuilder): Packers {
  return { along: defineAlong(module, rightLayout), across: defineAcross(module, rightLayout) };
}

/** The four columns of a 4 x 4 matrix whose rows are given. */
function transposed(body: FunctionBuilder, rows: readonly Value<"v128">[]): Local<"v128">[] {
  const keep = (value: Value<"v128">) => body.local("v128", value);
  const low01 = keep(shuffle(rows[0], rows[1], [0, 4, 1, 5]));
  const high01 = keep(shuffle(rows[0], rows[1], [2, 6, 3, 7]));
  const low23 = keep(shuffle(rows[2], rows[3], [0, 4, 1, 5]));
  const high23 = keep(shuffle(rows[2], rows[3], [2, 6, 3, 7]));
  return [
    keep(shuffle(low01, low23, [0, 1, 4, 5])),
    keep(shuffle(low01, low23, [2, 3, 6, 7])),
    keep(shuffle(high01, high23, [0, 1, 4, 5])),
    keep(shuffle(high01, high23, [2, 3, 6, 7])),
  ];
}

/** Fills one panel at `destination`, which moves on to the next: groups of four steps, then single ones. */
function fillPanel(
  body: FunctionBuilder,
  layout: PanelLayout,
  destination: Local<"i32">,
  depth: Value<"i32">,
  emit: { group: () => void; single: () => void },
): void {
  const end = body.local("i32");
  const loop = (steps: Value<"i32">, bytes: number, step: () => void) => {
    body.set(end, add(destination, multiply(steps, 4 * layout.width)));
    body.if(instruction("i32.lt_u", destination, end), () => {
      body.doWhile(() => {
        step();
        body.increment(destination, bytes);
      }, () => instruction("i32.lt_u", destination, end));
    });
  };
  loop(instruction("i32.and", depth, constantI32(-4)), 16 * layout.width, emit.group);
  loop(instruction("i32.and", depth, constantI32(3)), 4 * layout.width, emit.single);
}

/** One address for each lane of a panel that begins at `source` and has `lanes` lanes left: missing lanes repeat the last. */
function laneAddresses(
  body: FunctionBuilder,
  layout: PanelLayout,
  source: Value<"i32">,
  lanes: Value<"i32">,
  step: Value<"i32"> | number,
): Local<"i32">[] {
  const last = body.local("i32", subtract(lanes, 1));
  return Array.from({ length: layout.width }, (_, lane) => {
    const existing = body.local("i32", minimum(last, lane));
    return body.local("i32", add(source, multiply(existing, step)));
  });
}

/** Stores one element of each lane, found at its address, as a step without group, and moves the addresses. */
function singleStep(
  body: FunctionBuilder,
  destination: Value<"i32">,
  addresses: readonly Local<"i32">[],
  step: Value<"i32"> | number,
): void {
  addresses.forEach((address, lane) => {
    body.store("f32.store", add(destination, 4 * lane), 0, load("f32.load", address));
    body.increment(address, step);
  });
}

function defineAlong(module: ModuleBuilder, layout: PanelLayout): Packer {
  return module.function(null, i32s(5), null, (body, destination, source, lanes, depth, step) => {
    const first = body.local("i32");
    body.for(first, 0, lanes, layout.width, () => {
      const addresses = laneAddresses(body, layout, source, subtract(lanes, first), step);
      fillPanel(body, layout, destination, depth, {
        group: () => {
          const vectors = addresses.map((address) =>
            body.local("v128", load("v128.load", address))
          );
          if (layout.lone !== null) {
            body.store("v128.store", destination, 0, vectors[layout.lone]);
          }
          for (const quad of layout.quads) {
            transposed(body, vectors.slice(quad, quad + 4)).forEach((column, k) => {
              const offset = layout.quadOffset(k, quad);
              body.store("v128.store", add(destination, offset), 0, column);
            });
          }
          for (const address of addresses) body.increment(address, 16);
        },
        single: () => singleStep(body, destination, addresses, 4),
      });
      body.increment(source, multiply(step, layout.width));
    });
  });
}

/** One panel whose steps' lanes lie side by side, of which only some exist: element by element. */
function defineRagged(module: ModuleBuilder, layout: PanelLayout): Packer {
  return module.function(null, i32s(5), null, (body, destination, source, lanes, depth, step) => {
    const addresses = laneAddresses(body, layout, source, lanes, 4);
    fillPanel(body, layout, destination, depth, {
      group: () => {
        for (let k = 0; k < 4; k++) {
          addresses.forEach((address, lane) => {
            const offset = lane === layout.lone
              ? 4 * k
              : layout.quadOffset(k, lane - lane % 4) + 4 * (lane % 4);
            body.store("f32.store", add(destination, offset), 0, load("f32.load", address));
            body.increment(address, step);
          });
        }
      },
      single: () => singleStep(body, destination, addresses, step),
    });
  });
}

function defineAcross(module: ModuleBuilder, layout: PanelLayout): Packer {
  const ragged = defineRagged(module, layout);
  return module.function(null, i32s(5), null, (body, destination, source, lanes, depth, step) => {
    const first = body.local("i32"), remaining = body.local("i32"), at = body.local("i32");
    const lone = body.local("v128");
    body.for(first, 0, lanes, layout.width, () => {
      body.set(remaining, subtract(lanes, first));
      body.if(instruction("i32.lt_u", remaining, constantI32(layout.width)), () => {
        body.call(ragged, destination, source, remaining, depth, step);
      }, () => {
        body.set(at, source);
        fillPanel(body, layout, destination, depth, {
          group: () => {
            for (let k = 0; k < 4; k++) {
              for (const quad of layout.quads) {
                const offset = layout.quadOffset(k, quad);
                const vector = load("v128.load", add(at, 4 * quad));
                body.store("v128.store", add(destination, offset), 0, vector);
              }
              if (layout.lone !== null) {
                const address = add(at, 4 * layout.lone);
                const element = k === 0
                  ? load("v128.load32_zero", address)
                  : loadLane(lone, k, address);
                body.set(lone, element);
              }
              body.increment(at, step);
            }
            if (layout.lone !== null) body.store("v128.store", destination, 0, lone);
          },
          single: () => {
            for (let lane = 0; lane < layout.width; lane++) {
              const element = load("f32.load", add(at, 4 * lane));
              body.store("f32.store", add(destination, 4 * lane), 0, element);
            }
            body.increment(at, step);
          },
        });
      });
      body.increment(source, 4 * layout.width);
    });
  });
}
