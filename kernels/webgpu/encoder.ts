// The order of commands: dispatches gathered in one encoder, handed to the queue in few pieces.
//
// `queue.writeBuffer` takes effect before an encoder that is not yet handed in. So uniform words are gathered too and
// written in one piece right before the commands that read them, and numbers for a buffer that waiting commands use
// (`isWaiting`) become a command among them (`write`).

import { DeviceError } from "../../errors.ts";
import type { PooledBuffer } from "./buffers.ts";
import type { WebGpuDevice } from "./device.ts";

/** Bytes of uniform words that one batch of commands can hold. */
const RING_BYTES = 1 << 16;

/** Uniform blocks begin at multiples of this: the largest value of `minUniformBufferOffsetAlignment` there is. */
export const UNIFORM_ALIGNMENT = 256;

/** Bytes of numbers that can wait to be written. */
const WRITES_BYTES = 1 << 16;

/** Single dispatches after which a batch is handed in, so that the device need not wait for the end of a long one. */
const BATCH_DISPATCHES = 256;

/** Dispatches of programs after which that is done: more than a step of a large model has, which is to be one batch. */
const PROGRAM_DISPATCHES = 4096;

/** Words of the ledger: one for each batch, and at the end the ledger's own number. */
const LEDGER_WORDS = 256;

/** Bytes of the ledger. */
export const LEDGER_BYTES: number = 4 * LEDGER_WORDS;

/** Batches of which the ledger tells whether they were carried out. */
const LEDGER_SLOTS = LEDGER_WORDS - 1;

/** A dispatch with everything made. */
export interface ReadyDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** Where its words lie in the uniform buffer of the bind group; undefined where it has none. */
  readonly uniformOffset: number | undefined;
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** Says, for a message, what a batch computes. */
export type Description = () => string;

/** The first few parts of a batch. */
function inWords(descriptions: readonly Description[]): string {
  const shown = descriptions.slice(0, 5).map((each) => each()).join("; ");
  const rest = descriptions.length > 5 ? ` and ${descriptions.length - 5} more` : "";
  return `${shown || "copies"}${rest}`;
}

/** The command stream of a device. */
export class CommandStream {
  /** Uniform words of the batch that is being gathered. */
  readonly uniforms: GPUBuffer;
  /**
   * One word for each batch since the last check: 1, and 0 when the device has carried the batch out. The last word
   * counts the checks: a copy that holds an earlier number was itself not carried out.
   */
  readonly ledger: GPUBuffer;
  readonly #gpu: WebGpuDevice;
  readonly #words = new Uint32Array(RING_BYTES / 4);
  readonly #writes: GPUBuffer;
  readonly #written = new Uint8Array(WRITES_BYTES);
  #writtenBytes = 0;
  readonly #armed: Uint32Array<ArrayBuffer> = new Uint32Array(LEDGER_WORDS).fill(1);
  readonly #handedIn: Description[][] = [];
  #descriptions: Description[] = [];
  #usedBytes = 0;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #dispatches = 0;
  #singleDispatches = 0;
  #allDispatches = 0;
  #serial = 1;

  /** What to do when the ledger has no free slot for a further batch: read it. */
  whenLedgerIsFull: () => void = () => this.clearLedger();

  /** Begins without commands. */
  constructor(gpu: WebGpuDevice) {
    this.#gpu = gpu;
    const { UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    this.uniforms = gpu.device.createBuffer({ size: RING_BYTES, usage: UNIFORM | COPY_DST });
    this.ledger = gpu.device.createBuffer({ size: LEDGER_BYTES, usage: COPY_SRC | COPY_DST });
    this.#writes = gpu.device.createBuffer({ size: WRITES_BYTES, usage: COPY_SRC | COPY_DST });
    gpu.queue.writeBuffer(this.ledger, 0, this.#armed);
  }

  /** Bytes of device memory that it holds. */
  get reserved(): number {
    return RING_BYTES + LEDGER_BYTES + WRITES_BYTES;
  }

  /** The number of the batch that is being gathered; batches so far, since each is handed in by one submit. */
  get serial(): number {
    return this.#serial;
  }

  /** Dispatches so far. */
  get dispatches(): number {
    return this.#allDispatches;
  }

  /** Whether commands that are not yet handed in use a buffer. */
  isWaiting(buffer: PooledBuffer): boolean {
    return this.#encoder !== undefined && buffer.usedIn === this.#serial;
  }

  /** Notes what the next commands belong to. */
  describe(description: Description): void {
    this.#descriptions.push(description);
  }

  /** Makes room for uniform words and a dispatch: their place stays valid until the next dispatch. */
  placeWords(words: readonly number[]): number {
    const bytes = Math.ceil(4 * words.length / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
    if (bytes > RING_BYTES) {
      throw new DeviceError(
        `webgpu: ${words.length} uniform words were given; at most ${RING_BYTES / 4} fit`,
      );
    }
    if (this.#usedBytes + bytes > RING_BYTES) this.flush();
    const offset = this.#usedBytes;
    this.#words.set(words, offset / 4);
    this.#usedBytes += bytes;
    return offset;
  }

  /** Adds a dispatch. */
  dispatch({ pipeline, bindGroup, uniformOffset, workgroups }: ReadyDispatch): void {
    const pass = this.#pass ??= this.#open().beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup, uniformOffset === undefined ? [] : [uniformOffset]);
    pass.dispatchWorkgroups(...workgroups);
    this.#dispatches++;
    this.#allDispatches++;
  }

  /** Ends a dispatch that came alone; hands the batch in where there were many. */
  endSingle(): void {
    if (++this.#singleDispatches >= BATCH_DISPATCHES) this.flush();
  }

  /** Begins a program of `dispatches` that run one after the other; its buffers count as waiting. */
  beginProgram(dispatches: number, buffers: Iterable<PooledBuffer>): void {
    if (this.#dispatches > 0 && this.#dispatches + dispatches > PROGRAM_DISPATCHES) this.flush();
    for (const buffer of buffers) buffer.usedIn = this.#serial;
  }

  /** Writes numbers into a buffer, after the commands that wait; `byteOffset` and length are multiples of 4. */
  write(buffer: PooledBuffer, byteOffset: number, data: Uint8Array<ArrayBuffer>): void {
    const { byteLength } = data;
    if (this.isWaiting(buffer)) {
      if (this.#writtenBytes + byteLength > WRITES_BYTES) this.flush();
      else {
        this.#written.set(data, this.#writtenBytes);
        this.copy(this.#writes, this.#writtenBytes, buffer.memory, byteOffset, byteLength);
        this.#writtenBytes += byteLength;
        return;
      }
    }
    this.#gpu.queue.writeBuffer(buffer.memory, byteOffset, data);
  }

  /** Adds a copy between buffers; offsets and length are multiples of 4. */
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#endPass();
    this.#open().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /** Adds the mark that this batch is carried out and a copy of the ledger, and hands the batch in. */
  flushWithLedger(to: GPUBuffer): void {
    this.#mark();
    this.#open().copyBufferToBuffer(this.ledger, 0, to, 0, LEDGER_BYTES);
    this.#handIn();
  }

  /** Hands the gathered commands in. */
  flush(): void {
    if (!this.#encoder) return;
    this.#mark();
    this.#handIn();
    // The last slot stays free for the batch that reads the ledger.
    if (this.#handedIn.length === LEDGER_SLOTS - 1) this.whenLedgerIsFull();
  }

  /** Begins a new ledger. */
  clearLedger(): void {
    this.#handedIn.length = 0;
    this.#armed[LEDGER_SLOTS]++;
    this.#gpu.queue.writeBuffer(this.ledger, 0, this.#armed);
  }

  /** Reads a copy of the ledger and begins a new one. Throws DeviceError naming what was not carried out. */
  checkLedger(words: Uint32Array): void {
    const isCopied = words[LEDGER_SLOTS] === this.#armed[LEDGER_SLOTS];
    const refused = isCopied
      ? this.#handedIn.findIndex((_, slot) => words[slot] !== 0)
      : this.#handedIn.length - 1;
    const descriptions = refused < 0 ? [] : this.#handedIn[refused];
    this.clearLedger();
    if (refused < 0) return;
    const reason = this.#gpu.failure ?? "it says why at the next call";
    throw new DeviceError(
      `webgpu: the device did not carry out a batch of commands with ${
        inWords(descriptions)
      }: ${reason}`,
    );
  }

  /** Says what the batch computes that was handed in last. */
  describeLast(): string {
    return inWords(this.#handedIn.at(-1) ?? []);
  }

  #open(): GPUCommandEncoder {
    return this.#encoder ??= this.#gpu.device.createCommandEncoder();
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  #mark(): void {
    this.#endPass();
    this.#open().clearBuffer(this.ledger, 4 * this.#handedIn.length, 4);
  }

  #handIn(): void {
    const { queue } = this.#gpu;
    const commands = this.#open().finish();
    if (this.#usedBytes > 0) {
      queue.writeBuffer(
        this.uniforms,
        0,
        this.#words.subarray(0, this.#usedBytes / 4) as Uint32Array<ArrayBuffer>,
      );
    }
    if (this.#writtenBytes > 0) {
      queue.writeBuffer(this.#writes, 0, this.#written.subarray(0, this.#writtenBytes));
    }
    queue.submit([commands]);
    this.#handedIn.push(this.#descriptions);
    this.#descriptions = [];
    this.#encoder = undefined;
    this.#usedBytes = 0;
    this.#writtenBytes = 0;
    this.#dispatches = 0;
    this.#singleDispatches = 0;
    this.#serial++;
  }
}
