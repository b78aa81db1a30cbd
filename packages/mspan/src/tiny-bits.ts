/**
 * Which tiny objects share a 16-byte slot, and which of them are freed: what explicit free needs to know of the tiny allocator.
 *
 * The side block of a span holds one 32-bit word per slot, two masks of 16 bits (bit = offset in the slot):
 *
 *     starts   low half: an object starts here; written by the P whose tiny block it is, plain
 *     freed    high half: that object is freed, or no object starts here; atomic
 *
 * An open block takes more objects. Closing it sets the freed bits of all offsets that are no start, so that
 *
 *     the block is dead  <=>  freed = 0xffff, and exactly one thread sees it become so
 *
 * A dead block's word is cleared before its slot is freed. `starts` = 0 tells a plain 16-byte object from a tiny block.
 */
import type { Ptr, Region } from "@mallocgc/sysmem";
import { MSpan, type SpanPtr } from "./span.ts";

/** The object is freed; others of its block live. */
export const TINY_FREED = 0;
/** The object was the last of its block: the slot is to be freed. */
export const TINY_BLOCK_DEAD = 1;
/** No live tiny object starts at that offset. */
export const TINY_NOT_LIVE = 2;

const { tinyBits: TINY_BITS } = MSpan.offset;
const ALL = 0xffff;

/** The masks of tiny blocks in one region, as one thread sees them. */
export class TinyBits {
  readonly mem: Int32Array;
  readonly u16: Uint16Array;

  constructor(region: Region) {
    this.mem = region.i32;
    this.u16 = region.u16;
  }

  /** Words of the side block of a span with `nelems` slots. */
  static words(nelems: number): number {
    return nelems;
  }

  /** Gives the span its side block, all zero. The P that holds the span. */
  attach(s: SpanPtr, block: Ptr): void {
    Atomics.store(this.mem, s + TINY_BITS, block);
  }

  /** The span's side block, or 0. */
  block(s: SpanPtr): Ptr {
    return this.mem[s + TINY_BITS]! as Ptr;
  }

  /** Whether the slot is a tiny block with objects in it. */
  isTinyBlock(s: SpanPtr, slot: number): boolean {
    const block = this.mem[s + TINY_BITS]!;
    return block !== 0 && this.u16[(block + slot) << 1] !== 0;
  }

  /** The index of the slot's masks: the half-word of its starts; that of its freed bits follows. */
  masksOf(s: SpanPtr, slot: number): number {
    return (this.mem[s + TINY_BITS]! + slot) << 1;
  }

  /** Notes the first object of a new block, at offset 0. The P whose tiny block it is. */
  open(masks: number): void {
    const u16 = this.u16;
    u16[masks] = 1;
    // What a double free has left behind that passed its test just before the last block died.
    if (u16[masks + 1] !== 0) Atomics.store(u16, masks + 1, 0);
  }

  /** Notes an object at `offset` of the block with those masks. The P whose tiny block it is. */
  add(masks: number, offset: number): void {
    this.u16[masks] = this.u16[masks]! | (1 << offset);
  }

  /** No more objects will be added. Returns whether all of them are freed already: then the slot is the caller's to free. */
  close(masks: number): boolean {
    const u16 = this.u16;
    const rest = ~u16[masks]! & ALL;
    if (rest === 0) return false;
    if ((Atomics.or(u16, masks + 1, rest) | rest) !== ALL) return false;
    this.clear(masks);
    return true;
  }

  /** Frees the object at `offset`. Any thread. Returns one of the TINY_ codes; when the block is dead, its slot is the caller's to free. */
  free(s: SpanPtr, slot: number, offset: number): number {
    const u16 = this.u16;
    const at = this.masksOf(s, slot);
    const bit = 1 << offset;
    if ((u16[at]! & bit) === 0) return TINY_NOT_LIVE;
    const old = Atomics.or(u16, at + 1, bit);
    if ((old & bit) !== 0) return TINY_NOT_LIVE;
    if ((old | bit) !== ALL) return TINY_FREED;
    this.clear(at);
    return TINY_BLOCK_DEAD;
  }

  /** Whether a tiny object, live or freed, starts at `offset`. */
  isStart(s: SpanPtr, slot: number, offset: number): boolean {
    return ((this.u16[this.masksOf(s, slot)]! >>> offset) & 1) === 1;
  }

  /** Whether a live tiny object starts at `offset`. */
  isLive(s: SpanPtr, slot: number, offset: number): boolean {
    const at = this.masksOf(s, slot);
    const bit = 1 << offset;
    return (this.u16[at]! & bit) !== 0 && (Atomics.load(this.u16, at + 1) & bit) === 0;
  }

  /** Bytes from the object at `offset` to the next object of its block, or to the block's end. */
  extent(s: SpanPtr, slot: number, offset: number): number {
    const starts = this.u16[this.masksOf(s, slot)]!;
    const above = starts >>> (offset + 1);
    return above === 0 ? 16 - offset : 32 - Math.clz32(above & -above);
  }

  private clear(at: number): void {
    this.u16[at] = 0;
    Atomics.store(this.u16, at + 1, 0);
  }
}
