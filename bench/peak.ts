// The most that one thread of this engine can multiply and add: independent chains of relaxed fused multiply-adds on
// four float32 lanes, without memory. The limit that kernels are measured against, in the same run.

import {
  constantF32,
  instruction,
  lane,
  type Local,
  ModuleBuilder,
  multiplyAdd,
  splatF32x4,
  type Value,
} from "../kernels/wasm/assembler.ts";

/** Chains of dependent operations: two units with a latency of four or five cycles need eight to ten. */
const CHAINS = 12;
/** Operations of each chain in one turn of the loop. */
const UNROLL = 4;
/** Turns of the loop in one sample: about a millisecond. */
const TURNS = 10_000;
/** Multiplications and additions of one sample: four lanes, two each. */
const FLOPS = TURNS * UNROLL * CHAINS * 4 * 2;

function compile(): (turns: number) => number {
  const module = new ModuleBuilder({ shared: false });
  module.function("run", ["i32"], "f32", (body, turns) => {
    const chains = Array.from(
      { length: CHAINS },
      (_, chain): Local<"v128"> => body.local("v128", splatF32x4(chain)),
    );
    // x * 0.999 + 0.5 converges: no overflow, no denormal numbers.
    const factor = body.local("v128", splatF32x4(0.999));
    const summand = body.local("v128", splatF32x4(0.5));
    const turn = body.local("i32");
    body.for(turn, 0, turns, 1, () => {
      for (let i = 0; i < UNROLL; i++) {
        for (const chain of chains) body.set(chain, multiplyAdd(chain, factor, summand));
      }
    });
    const total = chains.reduce<Value<"v128">>(
      (sum, chain) => instruction("f32x4.add", sum, chain),
      splatF32x4(0),
    );
    body.result(instruction("f32.add", lane(total, 0), constantF32(0)));
  });
  const memory = new WebAssembly.Memory({ initial: 0, maximum: 65536 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    env: { memory },
  });
  return instance.exports.run as (turns: number) => number;
}

let run: ((turns: number) => number) | undefined;

/** One sample of about a millisecond in GFLOP/s, for measuring between other things. */
export function samplePeak(): number {
  if (run === undefined) {
    run = compile();
    const start = performance.now();
    while (performance.now() - start < 200) run(TURNS);
  }
  const start = performance.now();
  run(TURNS);
  return FLOPS / (performance.now() - start) / 1e6;
}

/** GFLOP/s of one thread: the best of many samples. */
export function measurePeak(samples = 100): number {
  let best = 0;
  for (let i = 0; i < samples; i++) best = Math.max(best, samplePeak());
  return best;
}

if (import.meta.main) {
  console.log(`relaxed-FMA peak of one thread: ${measurePeak().toFixed(1)} GFLOP/s`);
}
