// Signal injection: a fixed ratio at every depth, a constant to differentiation.

import { assert, assertEquals } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { injectSignal } from "../../corit/mod.ts";
import { mul, recordingOn, sum } from "../../tensor/mod.ts";
import { assertClose, average, exact, length, minus, normal, scaled, vectors } from "./oracle.ts";

const tokens = normal(1, [2, 7, 5], 4);
const proxies = normal(2, [2, 6, 5]);
const mask = exact([[1, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1]]);
const inside = mask.toArray() as number[][];

Deno.test("what is injected is alpha times as long as its token, in the region and the class token alone", () => {
  for (const alpha of [0.05, 0.5, 2]) {
    const injected = vectors(injectSignal(tokens, proxies, mask, alpha));
    vectors(tokens).forEach((image, b) =>
      image.forEach((token, at) => {
        const ratio = length(minus(injected[b][at], token)) / length(token);
        const expected = at === 0 || inside[b][at - 1] ? alpha : 0;
        assert(Math.abs(ratio - expected) < 1e-12, `token ${at}: ${ratio}`);
      })
    );
  }
});

Deno.test("the ratio is alpha at every depth, whatever the blocks do to the tokens between", () => {
  let now = tokens;
  for (let depth = 0; depth < 5; depth++) {
    const next = injectSignal(now, proxies, mask, 0.1);
    const [before, after] = [vectors(now)[0][0], vectors(next)[0][0]];
    assert(Math.abs(length(minus(after, before)) / length(before) - 0.1) < 1e-12);
    now = next.mul(3).tanh().mul(depth + 1);
  }
});

Deno.test("the direction is that of the region's mean proxy", () => {
  const injected = vectors(injectSignal(tokens, proxies, mask, 0.3));
  vectors(proxies).forEach((image, b) => {
    const signal = average(image.filter((_, at) => inside[b][at]));
    const classToken = vectors(tokens)[b][0];
    const expected = scaled(signal, 0.3 * length(classToken) / length(signal));
    assertClose(minus(injected[b][0], classToken), expected, 1e-12);
  });
});

Deno.test("no proxy, no injection", () => {
  assertEquals(injectSignal(tokens, proxies.mul(0), mask, 1).toArray(), tokens.toArray());
});

Deno.test("gradients pass through the tokens unchanged", () => {
  const direction = normal(3, [2, 7, 5]);
  const loss = recordingOn(() => sum(mul(injectSignal(tokens, proxies, mask, 0.5), direction)));
  assertEquals(gradients(loss, [tokens])[0].toArray(), direction.toArray());
});
