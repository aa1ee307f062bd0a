// The product of a packed left operand and a right one that is read in place.

import {
  add,
  constantI32,
  instruction,
  type ModuleBuilder,
  multiply,
  subtract,
} from "./assembler.ts";
import type { Packer } from "./pack.ts";
import { i32s, type Procedure } from "./procedure.ts";
import { type Multiplier, RIGHT_STEP_BYTES, TILE_COLUMNS } from "./tile.ts";

/**
 * result [rows, columns] = initial + left right, for a right operand whose columns lie side by side.
 *
 * Parameters: left, rows, depth, columns; right and the bytes between its rows; initial, the bytes between its rows and
 * between its panels of 8 columns; result and the bytes between its rows; edge, as for the multiplier; panel: scratch
 * for one right panel, 32 bytes for each step of the depth: the ragged last one is packed, since nothing may be
 * read behind the operand's end.
 */
export type InPlaceMultiplier = Procedure<13>;

/** Adds {@linkcode InPlaceMultiplier} to a module. */
export function defineInPlaceMultiplier(
  module: ModuleBuilder,
  multiplier: Multiplier,
  packAcross: Packer,
): InPlaceMultiplier {
  return module.function(
    null,
    i32s(13),
    null,
    // deno-fmt-ignore
    (body, left, rows, depth, columns, right, rightStep,
      initial, initialStep, initialPanelStep, result, resultStep, edge, panel) => {
      const whole = body.local("i32", instruction("i32.and", columns, constantI32(-TILE_COLUMNS)));
      const rest = body.local("i32", subtract(columns, whole));
      const panelStep = constantI32(RIGHT_STEP_BYTES);
      body.call(multiplier, left, rows, depth, whole, right, rightStep, panelStep,
        initial, initialStep, initialPanelStep, result, resultStep, edge);
      body.if(rest, () => {
        const bytes = multiply(whole, 4);
        const panels = instruction("i32.div_u", whole, constantI32(TILE_COLUMNS));
        body.call(packAcross, panel, add(right, bytes), rest, depth, rightStep);
        body.call(multiplier, left, rows, depth, rest, panel, panelStep, panelStep,
          add(initial, multiply(initialPanelStep, panels)), initialStep, initialPanelStep,
          add(result, bytes), resultStep, edge);
      });
    },
  );
}
