// The one linear memory of the WebAssembly executor, and the allocator over it: two-level segregated free lists
// whose neighbours merge when freed (after Masmano et al., "TLSF: a new dynamic memory allocator", ECRTS 2004).

import { DeviceError } from "../../errors.ts";
import type { DeviceBuffer } from "../kernel.ts";

const PAGE_BYTES = 65536;

/** Addresses are multiples of this: a cache line. Sizes are counted in it. */
const UNIT_BYTES = 64;

/** Classes to each power of two are 2^4: blocks in one list differ in size by at most a sixteenth. */
const CLASS_BITS = 4;

/** Blocks of a request's own class that are looked at (they may be too small) before larger classes are. */
const OWN_CLASS_TRIES = 8;

/** The memory grows by at least this share of itself, and at least this many bytes. */
const GROWTH_SHARE = 1 / 8;
const GROWTH_BYTES = 4 << 20;

/** The page count a memory may reach: one less than 4 GiB, so that an end address never wraps to zero. */
const MAXIMUM_PAGES = 65535;

/** A stretch of the memory, free or in use. Neighbours in memory are linked; so are free blocks of one class. */
export interface MemoryBlock {
  /** First byte. */
  readonly address: number;
  /** Bytes, a multiple of 64. */
  size: number;
  free: boolean;
  /** Neighbours in memory. */
  before: MemoryBlock | null;
  after: MemoryBlock | null;
  /** Neighbours in the free list of its class. */
  previousFree: MemoryBlock | null;
  nextFree: MemoryBlock | null;
}

/** A buffer of the WebAssembly executor: a block of its memory. */
export class WasmBuffer implements DeviceBuffer {
  /** The byte address in the executor's memory. */
  readonly address: number;
  /** Bytes as asked for. */
  readonly byteLength: number;
  /** The memory that it lies in. */
  readonly memory: WasmMemory;
  /** The block behind it, null once released. */
  block: MemoryBlock | null;

  /** Wraps a block that holds at least `byteLength` bytes. */
  constructor(memory: WasmMemory, block: MemoryBlock, byteLength: number) {
    this.memory = memory;
    this.block = block;
    this.address = block.address;
    this.byteLength = byteLength;
  }
}

/** How a {@linkcode WasmMemory} is made. */
export interface WasmMemoryOptions {
  /** Whether other threads can see it. */
  readonly shared: boolean;
  /** Bytes that it may grow to, rounded down to pages of 64 KiB; at most (and unless told otherwise) 4 GiB less one page. */
  readonly maximumBytes?: number;
}

/** The class of blocks of `units` units: exact below 16, then sixteen to each power of two. */
function classOf(units: number): number {
  if (units < 1 << CLASS_BITS) return units;
  const exponent = 31 - Math.clz32(units);
  // The leading bit of the mantissa adds one more row, which is why the exponent counts from CLASS_BITS.
  return ((exponent - CLASS_BITS) << CLASS_BITS) + (units >>> (exponent - CLASS_BITS));
}

const CLASS_COUNT = classOf(0xffff_ffff / UNIT_BYTES) + 1;

/** A WebAssembly memory with an allocator. Nothing else may grow it. */
export class WasmMemory {
  /** The memory that kernels import. */
  readonly memory: WebAssembly.Memory;
  /** Whether other threads can see it. */
  readonly shared: boolean;
  readonly #maximumPages: number;
  readonly #lists: (MemoryBlock | null)[] = new Array(CLASS_COUNT).fill(null);
  /** One bit for each class whose list is not empty. */
  readonly #occupied = new Uint32Array(Math.ceil(CLASS_COUNT / 32));
  #last: MemoryBlock | null = null;
  #words!: Int32Array<ArrayBufferLike>;
  #floats!: Float32Array<ArrayBufferLike>;

  /** Makes an empty memory. Throws DeviceError where the system refuses its address range. */
  constructor(options: WasmMemoryOptions) {
    const asked = Math.floor((options.maximumBytes ?? Infinity) / PAGE_BYTES);
    this.#maximumPages = Math.max(1, Math.min(asked, MAXIMUM_PAGES));
    this.shared = options.shared;
    try {
      this.memory = new WebAssembly.Memory({
        initial: 1,
        maximum: this.#maximumPages,
        shared: this.shared,
      });
    } catch (cause) {
      throw new DeviceError(
        `wasm: the system refused a memory of at most ${this.#maximumPages * PAGE_BYTES} bytes; ` +
          "ask for less with the option maximumBytes",
        { cause },
      );
    }
    this.#refresh();
    // The first line stays unused: no buffer has address 0.
    this.#append(UNIT_BYTES, PAGE_BYTES - UNIT_BYTES);
  }

  /** Every word of the memory as it is now. Growing replaces it: do not keep it over an allocation. */
  get words(): Int32Array<ArrayBufferLike> {
    return this.#words;
  }

  /** Every word of the memory as float32; see {@linkcode words}. */
  get floats(): Float32Array<ArrayBufferLike> {
    return this.#floats;
  }

  /** Bytes taken from the system. */
  get reserved(): number {
    return this.#words.byteLength;
  }

  /** Takes a block of at least `byteLength` bytes at a multiple of 64. Throws DeviceError when memory is exhausted. */
  take(byteLength: number): MemoryBlock {
    if (!(byteLength >= 0 && byteLength <= MAXIMUM_PAGES * PAGE_BYTES)) {
      throw new DeviceError(this.#exhausted(byteLength));
    }
    const size = Math.max(1, Math.ceil(byteLength / UNIT_BYTES)) * UNIT_BYTES;
    const block = this.#find(size, OWN_CLASS_TRIES) ?? this.#grow(size) ??
      this.#find(size, Infinity);
    if (block === null) throw new DeviceError(this.#exhausted(byteLength));
    this.#unlink(block);
    if (block.size > size) {
      const rest = this.#insertAfter(block, block.address + size, block.size - size);
      block.size = size;
      this.#link(rest);
    }
    block.free = false;
    return block;
  }

  /** Gives a block back and merges it with free neighbours. */
  give(block: MemoryBlock): void {
    let merged = block;
    const { before, after } = block;
    if (after?.free) {
      this.#unlink(after);
      this.#absorb(block, after);
    }
    if (before?.free) {
      this.#unlink(before);
      this.#absorb(before, block);
      merged = before;
    }
    merged.free = true;
    this.#link(merged);
  }

  /** A free block of at least `size` bytes, still linked. */
  #find(size: number, ownClassTries: number): MemoryBlock | null {
    const own = classOf(size / UNIT_BYTES);
    let block = this.#lists[own];
    for (let tries = 0; block !== null && tries < ownClassTries; tries++) {
      if (block.size >= size) return block;
      block = block.nextFree;
    }
    // Any block of a higher class fits.
    let index = (own + 1) >>> 5;
    let bits = this.#occupied[index] & (~0 << ((own + 1) & 31));
    while (bits === 0) {
      if (++index >= this.#occupied.length) return null;
      bits = this.#occupied[index];
    }
    return this.#lists[(index << 5) + 31 - Math.clz32(bits & -bits)];
  }

  /** Grows the memory until its last block is free and holds `size` bytes; null where it may not or cannot. */
  #grow(size: number): MemoryBlock | null {
    const pages = this.reserved / PAGE_BYTES;
    const room = this.#maximumPages - pages;
    const atEnd = this.#last?.free ? this.#last.size : 0;
    const needed = Math.ceil((size - atEnd) / PAGE_BYTES);
    const step = Math.ceil(Math.max(pages * GROWTH_SHARE, GROWTH_BYTES / PAGE_BYTES));
    const grown = [Math.min(room, Math.max(needed, step)), needed].find((count) => {
      if (count < needed || count > room) return false;
      try {
        this.memory.grow(count);
        return true;
      } catch {
        return false; // The system has less than that.
      }
    });
    if (grown === undefined) return null;
    this.#refresh();
    return this.#append(pages * PAGE_BYTES, grown * PAGE_BYTES);
  }

  /** Adds fresh bytes at the end, merged with a free last block; returns the block that holds them. */
  #append(address: number, size: number): MemoryBlock {
    if (this.#last?.free) {
      this.#unlink(this.#last);
      this.#last.size += size;
    } else {
      this.#insertAfter(this.#last, address, size);
    }
    const block = this.#last!;
    this.#link(block);
    return block;
  }

  /** A new free block, not yet in a list, behind another one in memory. */
  #insertAfter(before: MemoryBlock | null, address: number, size: number): MemoryBlock {
    const after = before?.after ?? null;
    const block: MemoryBlock = {
      address,
      size,
      free: true,
      before,
      after,
      previousFree: null,
      nextFree: null,
    };
    if (before) before.after = block;
    if (after) after.before = block;
    else this.#last = block;
    return block;
  }

  /** Lengthens `block` by the block behind it. */
  #absorb(block: MemoryBlock, after: MemoryBlock): void {
    block.size += after.size;
    block.after = after.after;
    if (after.after) after.after.before = block;
    else this.#last = block;
  }

  /** Puts a free block at the head of its list, so that what was freed last (and is in cache) is used first. */
  #link(block: MemoryBlock): void {
    const index = classOf(block.size / UNIT_BYTES);
    const head = this.#lists[index];
    block.previousFree = null;
    block.nextFree = head;
    if (head) head.previousFree = block;
    this.#lists[index] = block;
    this.#occupied[index >>> 5] |= 1 << (index & 31);
  }

  /** Takes a free block out of its list. */
  #unlink(block: MemoryBlock): void {
    const { previousFree, nextFree } = block;
    if (nextFree) nextFree.previousFree = previousFree;
    if (previousFree) {
      previousFree.nextFree = nextFree;
      return;
    }
    const index = classOf(block.size / UNIT_BYTES);
    this.#lists[index] = nextFree;
    if (!nextFree) this.#occupied[index >>> 5] &= ~(1 << (index & 31));
  }

  #refresh(): void {
    this.#words = new Int32Array(this.memory.buffer);
    this.#floats = new Float32Array(this.memory.buffer);
  }

  #exhausted(byteLength: number): string {
    return `wasm: cannot reserve ${byteLength} bytes: ${this.reserved} of at most ` +
      `${this.#maximumPages * PAGE_BYTES} bytes are taken; release tensors (scopes do it), ` +
      "or work on smaller batches";
  }
}
