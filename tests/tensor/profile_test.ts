// Profiles of planned functions: every operation of a replay is there, with its operations counted.

import { assert, assertEquals } from "@std/assert";
import { profileTable } from "../../evaluation/profile_table.ts";
import {
  matmul,
  packedAttention,
  plan,
  startProfile,
  stopProfile,
  type Tensor,
  zeros,
} from "../../tensor/mod.ts";

for (const device of ["reference", "wasm"] as const) {
  Deno.test(`${device}: a profile counts what a replay runs`, () => {
    const w = zeros([7, 5], { device });
    const step = plan((x: Tensor) =>
      packedAttention(
        matmul(x, w, { transposeB: true }).relu().reshape([2, 3, 7]).slice([], [], [
          0,
          6,
        ]),
        2,
      )
    );
    const x = zeros([6, 5], { device });
    for (let call = 0; call < 3; call++) step(x);
    const profile = startProfile();
    for (let call = 0; call < 4; call++) step(x);
    stopProfile();
    step(x);
    assertEquals(profile.operations.map(({ name, runs }) => [name, runs]), [
      ["matmul + pointwise", 4],
      ["slice", 4],
      ["attention", 4],
    ]);
    const [product, , attention] = profile.operations;
    assertEquals(product.shapes, "[6, 5], [7, 5] -> [6, 7]");
    assertEquals(product.flops, 2 * 6 * 5 * 7);
    assertEquals(product.bytes, (6 * 5 + 7 * 5 + 6 * 7) * (device === "wasm" ? 4 : 8));
    assertEquals(attention.flops, 2 * 2 * 2 * 3 * 3 * 2);
    assertEquals(profile.slices.length, 12);
    assert(profile.milliseconds >= 0 && profile.overhead >= 0);
    assertEquals(JSON.parse(profile.chromeTrace()).traceEvents.length, 12);
    assert(profileTable(profile).includes("outside of operations"));
    step.reset();
  });
}
