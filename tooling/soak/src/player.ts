/**
 * One thread's random work on the heap, and what it holds the heap to.
 *
 *     allocate   the address is aligned as Go aligns that size; usableSize is what roundupsize says (for tiny objects: at least the size);
 *                zeroed memory is zero over all of it; then it is stamped over all of it
 *     free       the stamp is whole
 *     give       the block is left for another thread, which checks the stamp and frees it
 *     take       the same, from the other side
 *     misuse     freeing an interior, nil, outside or fractional address is refused with the right code, and the block is whole afterwards
 *
 * When the heap is exhausted, that must be said with `ERR_HEAP_EXHAUSTED`; then a quarter of the thread's blocks is freed.
 */
import { roundupsize } from "@mallocgc/sizeclass";
import { EXCHANGE_SIZE, type Control, type Parcel } from "./control.ts";
import { SoakFailure } from "./failure.ts";
import { Rng } from "./rng.ts";
import { firstDamage, stamp, type Views } from "./stamp.ts";

/** What a player needs of a heap. */
export interface HeapUnderTest extends Views {
  readonly maxBytes: number;
  mallocgc(size: number, options: { readonly noscan: boolean; readonly zeroed: boolean }): number;
  free(addr: number): void;
  usableSize(addr: number): number;
}

/** How a player is inclined during a phase. */
export interface Mood {
  /** Blocks it holds at most. */
  readonly maxLive: number;
  /** Bytes it holds at most. */
  readonly maxLiveBytes: number;
  /** How often, in a hundred, it allocates rather than frees. */
  readonly allocate: number;
  /** How often, in a hundred, it gives a block away rather than free it. */
  readonly give: number;
}

const TINY_SIZE = 16;
const LARGEST_CLASS = 32768;
const PAGE = 8192;

/** A thread's blocks, and what it does next. */
export class Player {
  heap: HeapUnderTest;
  private readonly control: Control;
  private readonly thread: number;
  private readonly seed: number;
  private readonly rng: Rng;
  private readonly blocks: Parcel[] = [];
  private liveBytes = 0;

  constructor(heap: HeapUnderTest, control: Control, thread: number, seed: number) {
    this.heap = heap;
    this.control = control;
    this.thread = thread;
    this.seed = seed;
    this.rng = new Rng(seed);
  }

  /** Does step number `step`. */
  step(step: number, mood: Mood): void {
    const { rng } = this;
    rng.restart(this.seed, step);
    const kind = rng.below(1000);
    if (kind < 3) this.misuse();
    else if (kind < 100) this.take();
    else if (this.blocks.length < mood.maxLive && this.liveBytes < mood.maxLiveBytes && rng.below(100) < mood.allocate) this.allocate();
    else this.release(mood.give);
    this.control.count(this.thread, "steps", 1);
  }

  /** Frees every block this thread holds, and what lies in the exchange. */
  freeAll(): void {
    while (this.blocks.length > 0) this.free(this.remove(this.blocks.length - 1));
    for (let slot = 0; slot < EXCHANGE_SIZE; slot++) {
      const parcel = this.control.take(slot);
      if (parcel !== undefined) this.free(parcel);
    }
  }

  private allocate(): void {
    const { heap, rng } = this;
    const size = randomSize(rng);
    const noscan = rng.below(5) !== 0;
    const zeroed = rng.below(3) !== 0;
    const word = rng.next() | 0;
    let addr: number;
    try {
      addr = heap.mallocgc(size, { noscan, zeroed });
    } catch (error) {
      if (codeOf(error) !== "ERR_HEAP_EXHAUSTED") throw error;
      this.control.count(this.thread, "exhausted", 1);
      for (let n = Math.ceil(this.blocks.length / 4); n > 0; n--) this.free(this.remove(rng.below(this.blocks.length)));
      return;
    }
    this.control.count(this.thread, "allocations", 1);
    const what = `${size} bytes${noscan ? "" : " with pointers"} at ${addr}`;
    const usable = heap.usableSize(addr);
    if (size === 0) {
      if (usable !== 0) throw new SoakFailure(`${what}: usableSize is ${usable}, not 0`);
      heap.free(addr);
      return;
    }
    const tiny = noscan && size < TINY_SIZE;
    if (tiny ? usable < size || usable > TINY_SIZE : usable !== roundupsize(size, noscan)) {
      throw new SoakFailure(`${what}: usableSize is ${usable}, expected ${tiny ? `${size} to ${TINY_SIZE}` : roundupsize(size, noscan)}`);
    }
    const align = alignmentOf(size, noscan);
    if (addr === 0 || addr % align !== 0 || addr + usable > heap.maxBytes) {
      throw new SoakFailure(`${what}: not a multiple of ${align} inside the region`);
    }
    if (zeroed) {
      const dirty = firstDamage(heap, addr, usable, 0);
      if (dirty >= 0) throw new SoakFailure(`${what}: byte ${dirty} of ${usable} is not zero but ${heap.u8[addr + dirty]!}`);
    }
    stamp(heap, addr, usable, word);
    this.blocks.push({ addr, usable, stamp: word });
    this.liveBytes += usable;
  }

  private release(give: number): void {
    const { rng } = this;
    if (this.blocks.length === 0) return;
    const block = this.remove(rng.below(this.blocks.length));
    if (rng.below(100) < give && this.control.give(rng.below(EXCHANGE_SIZE), block)) this.control.count(this.thread, "handedOver", 1);
    else this.free(block);
  }

  private take(): void {
    const parcel = this.control.take(this.rng.below(EXCHANGE_SIZE));
    if (parcel !== undefined) this.free(parcel);
  }

  private free(block: Parcel): void {
    this.check(block, "before it was freed");
    try {
      this.heap.free(block.addr);
    } catch (cause) {
      throw new SoakFailure(`a live block of ${block.usable} bytes at ${block.addr} could not be freed: ${String(cause)}`, { cause });
    }
    this.control.count(this.thread, "frees", 1);
  }

  /** Frees what is no block. All of it concerns this thread's own memory, or none, so no other thread can make it valid meanwhile. */
  private misuse(): void {
    const { heap, rng } = this;
    const outside = rng.below(3);
    if (outside === 0) this.refused(0, "ERR_ADDRESS_NIL");
    else if (outside === 1) this.refused(heap.maxBytes + 8 * rng.below(100), "ERR_ADDRESS_OUTSIDE");
    else this.refused(rng.below(1000) + 0.5, "ERR_ADDRESS");
    if (this.blocks.length === 0) return;
    const block = this.blocks[rng.below(this.blocks.length)]!;
    if (block.usable > 1) this.refused(block.addr + 1 + rng.below(block.usable - 1), "ERR_ADDRESS_INTERIOR");
    this.check(block, "after an address inside it was freed, which was refused");
  }

  private refused(addr: number, expected: string): void {
    try {
      this.heap.free(addr);
    } catch (error) {
      if (codeOf(error) !== expected) throw error;
      this.control.count(this.thread, "refused", 1);
      return;
    }
    throw new SoakFailure(`free(${addr}) was not refused with ${expected}`);
  }

  private check(block: Parcel, when: string): void {
    const damage = firstDamage(this.heap, block.addr, block.usable, block.stamp);
    if (damage >= 0) {
      const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
      const found = this.heap.i32[(block.addr + damage) >>> 2]!;
      throw new SoakFailure(
        `the block of ${block.usable} bytes at ${block.addr} was written over at byte ${damage} ${when}: stamp ${hex(block.stamp)}, found ${hex(found)}`,
      );
    }
  }

  /** Takes block `i` out of the list, which does not keep its order. */
  private remove(i: number): Parcel {
    const { blocks } = this;
    const block = blocks[i]!;
    const last = blocks.pop()!;
    if (i < blocks.length) blocks[i] = last;
    this.liveBytes -= block.usable;
    return block;
  }
}

/** Mostly small, of every class; some empty, some tiny, few large. */
function randomSize(rng: Rng): number {
  const kind = rng.below(1000);
  if (kind < 10) return 0;
  if (kind < 210) return 1 + rng.below(15);
  if (kind < 700) return 16 + rng.below(113);
  if (kind < 920) return 129 + rng.below(1024 - 128);
  if (kind < 998) return 1025 + rng.below(1 + rng.below(LARGEST_CLASS - 1024));
  return LARGEST_CLASS - 8 + rng.below(rng.below(10) === 0 ? 1 << 20 : 1 << 17);
}

/** What the address of a block of that size is a multiple of, as in Go with pointers of 4 bytes. */
function alignmentOf(size: number, noscan: boolean): number {
  if (noscan && size < TINY_SIZE) {
    if (size % 8 === 0 || size === 12) return 8;
    if (size % 4 === 0) return 4;
    return size % 2 === 0 ? 2 : 1;
  }
  const usable = roundupsize(size, noscan);
  // Behind a type header, which is 8 bytes long.
  if (!noscan && size > 128 && usable + 8 <= LARGEST_CLASS) return 8;
  return Math.min(usable & -usable, PAGE);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
