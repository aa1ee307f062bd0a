// Dispatches laid out once and encoded many times: what a planned step is on this executor.

import type { Program } from "../kernel.ts";
import type { PooledBuffer } from "./buffers.ts";
import type { ReadyDispatch } from "./encoder.ts";
import type { BoundBuffer, WebGpuBinding, WgslKernel } from "./kernel.ts";
import {
  bindingOf,
  type CallDescription,
  describeCall,
  EngineLauncher,
  type WebGpuEngine,
} from "./launcher.ts";
import { bindGroupKey, type ResolvedLaunch, uniformStride } from "./pipelines.ts";

/** A launch that waits for the program's uniform buffer. */
interface PendingLaunch {
  readonly launch: ResolvedLaunch;
  readonly words: readonly number[];
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** A launcher that keeps what it is asked to launch. A run makes no buffer and no bind group. */
export class WebGpuProgram extends EngineLauncher implements Program {
  readonly #calls: CallDescription[] = [];
  readonly #pending: PendingLaunch[] = [];
  readonly #dispatches: ReadyDispatch[] = [];
  /** Temporary memory that no call uses now; every call begins with all of it. */
  readonly #free: PooledBuffer[] = [];
  readonly #taken: PooledBuffer[] = [];
  /** All memory that its dispatches touch. */
  readonly #buffers = new Set<PooledBuffer>();
  #uniforms: PooledBuffer | undefined;

  readonly #beforeRun: () => void;
  #hasRun = false;

  /** Begins an empty program on an engine; `beforeRun` is called before each run. */
  constructor(engine: WebGpuEngine, beforeRun: () => void) {
    super(engine);
    this.#beforeRun = beforeRun;
  }

  /** The number of dispatches. */
  get launches(): number {
    return this.#pending.length;
  }

  /** Begins a call. */
  beginCall(call: CallDescription): void {
    this.#calls.push(call);
  }

  /** Keeps a launch. */
  launch(
    kernel: WgslKernel,
    buffers: readonly BoundBuffer[],
    words: readonly number[],
    workgroups: readonly [x: number, y: number, z: number],
  ): void {
    if (workgroups.includes(0)) return;
    const call = this.#calls.at(-1)!;
    const launch = this.engine.cache.resolve(
      kernel,
      buffers,
      workgroups,
      () => describeCall(call),
    );
    for (const { buffer } of launch.ranges) this.#buffers.add(buffer);
    this.#pending.push({ launch, words, workgroups });
  }

  /** Memory that is the call's own until it ends. */
  temporary(byteLength: number): WebGpuBinding {
    let best = -1;
    this.#free.forEach(({ size }, at) => {
      if (size >= byteLength && (best < 0 || size < this.#free[best].size)) best = at;
    });
    const [known] = best < 0 ? [] : this.#free.splice(best, 1);
    const buffer = known ?? this.engine.pool.take(byteLength);
    this.#taken.push(buffer);
    return bindingOf(buffer);
  }

  /** Ends a call: the next one may use its temporary memory. */
  endCall(): void {
    this.#free.push(...this.#taken);
    this.#taken.length = 0;
  }

  /** Writes all uniform words and makes the bind groups, after the last call. */
  finish(): void {
    const { pool, cache } = this.engine;
    const offsets: number[] = [];
    let byteLength = 0;
    for (const { words } of this.#pending) {
      offsets.push(byteLength);
      byteLength += uniformStride(words.length);
    }
    const uniforms = this.#uniforms = pool.take(byteLength);
    const all = new Uint32Array(byteLength / 4);
    this.#pending.forEach(({ words }, at) => all.set(words, offsets[at] / 4));
    // An idle buffer of the pool may still be in use by commands that wait.
    this.engine.stream.write(uniforms, 0, new Uint8Array(all.buffer));
    this.#buffers.add(uniforms);
    const groups = new Map<string, GPUBindGroup>();
    this.#pending.forEach(({ launch, workgroups }, at) => {
      const key = bindGroupKey(launch);
      let bindGroup = groups.get(key);
      if (!bindGroup) groups.set(key, bindGroup = cache.makeBindGroup(launch, uniforms.memory));
      const uniformOffset = launch.uniformBytes > 0 ? offsets[at] : undefined;
      this.#dispatches.push({ pipeline: launch.pipeline, bindGroup, uniformOffset, workgroups });
    });
  }

  /**
   * Encodes all dispatches in order behind what is waiting. They are handed in with the next reading, so that the programs
   * of a training step are one batch.
   */
  run(): void {
    const { gpu, pool, stream } = this.engine;
    gpu.assertWorking();
    this.#beforeRun();
    // What was recorded to make the program needed more memory than the program does.
    if (!this.#hasRun) pool.trim();
    this.#hasRun = true;
    stream.beginProgram(this.#dispatches.length, this.#buffers);
    stream.describe(this.#describe);
    for (const dispatch of this.#dispatches) stream.dispatch(dispatch);
  }

  /** Gives temporary memory and uniform words back; the program cannot run any more. */
  release(): void {
    const { pool } = this.engine;
    for (const buffer of [...this.#free, ...this.#taken]) pool.give(buffer);
    if (this.#uniforms) pool.give(this.#uniforms);
    this.#uniforms = undefined;
    this.#buffers.clear();
    for (const list of [this.#free, this.#taken, this.#dispatches, this.#pending, this.#calls]) {
      list.length = 0;
    }
  }

  readonly #describe = (): string =>
    `a program of ${this.#calls.length} calls: ${this.#calls.map(describeCall).join("; ")}`;
}
