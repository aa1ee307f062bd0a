// Where a run computes: the option, then the environment, then all cores.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../errors.ts";
import { threadCount } from "../../training/device.ts";

Deno.test("the option decides over CORIT_THREADS, and that over the number of cores", () => {
  const before = Deno.env.get("CORIT_THREADS");
  try {
    Deno.env.delete("CORIT_THREADS");
    assertEquals(threadCount(0), navigator.hardwareConcurrency);
    Deno.env.set("CORIT_THREADS", "3");
    assertEquals([threadCount(0), threadCount(2)], [3, 2]);
    Deno.env.set("CORIT_THREADS", "two");
    assertThrows(() => threadCount(0), ConfigError, '"two"');
  } finally {
    if (before === undefined) Deno.env.delete("CORIT_THREADS");
    else Deno.env.set("CORIT_THREADS", before);
  }
});
