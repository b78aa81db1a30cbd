/**
 * The tiny allocator: several pointer-free objects below 16 bytes share one 16-byte slot.
 *
 * Go's packing: the offset is aligned to 8, 4 or 2 when the size is a multiple of it (and to 8 for 12 bytes, so that on 32 bits a
 * 64-bit field in it stays aligned). Go's miss rule: when an object does not fit, it gets a slot of its own, and that slot becomes the
 * current block only if it has more room left than the old one (size < tinyOffset), or there was none.
 *
 * The slots are those of span class 5. So that each object can be freed on its own, the masks of mspan's tiny-bits.ts note where
 * objects start. A block that stops being current is closed; if all its objects are freed by then, its slot is freed too.
 */
import { TINY_SPAN_CLASS } from "@mallocgc/sizeclass";
import type { Heap } from "@mallocgc/mheap";
import type { SpanPtr, Spans, TinyBits } from "@mallocgc/mspan";
import type { Addr, Ptr, Region } from "@mallocgc/sysmem";
import { MCache } from "./cache-record.ts";
import type { Cache } from "./cache.ts";

const { alloc: ALLOC, tiny: TINY, tinyOffset: TINY_OFFSET, tinyMasks: TINY_MASKS, tinyAllocs: TINY_ALLOCS } = MCache.offset;
const TINY_CLASS = TINY_SPAN_CLASS;
const TINY_BLOCK = 16;
const ZERO = 1;
const NIL = 0 as Addr;

/** Takes the slots of tiny blocks that have died; whoever knows how a slot is freed gives one. */
export interface SlotSink {
  free(s: SpanPtr, slot: number): boolean;
}

/** The tiny allocator of one P. */
export class Tiny {
  readonly mem: Int32Array;
  readonly f64: Float64Array;
  readonly base: Ptr;
  private readonly cache: Cache;
  private readonly spans: Spans;
  private readonly bits: TinyBits;
  private readonly heap: Heap;
  private readonly slots: SlotSink;
  private readonly collected: boolean;

  constructor(region: Region, base: Ptr, cache: Cache, spans: Spans, bits: TinyBits, heap: Heap, slots: SlotSink, collected = false) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.base = base;
    this.cache = cache;
    this.spans = spans;
    this.bits = bits;
    this.heap = heap;
    this.slots = slots;
    this.collected = collected;
  }

  /** An object of 1 to 15 bytes, zeroed; 0 when the region is exhausted. */
  alloc(size: number): Addr {
    const mem = this.mem;
    const base = this.base;
    let offset = mem[base + TINY_OFFSET]!;
    if ((size & 7) === 0 || size === 12) offset = (offset + 7) & ~7;
    else if ((size & 3) === 0) offset = (offset + 3) & ~3;
    else if ((size & 1) === 0) offset = (offset + 1) & ~1;
    const tiny = mem[base + TINY]!;
    if (tiny === 0 || offset + size > TINY_BLOCK) return this.allocSlow(size);
    if (!this.collected) this.bits.add(mem[base + TINY_MASKS]!, offset);
    mem[base + TINY_OFFSET] = offset + size;
    const at = (base + TINY_ALLOCS) >>> 1;
    this.f64[at] = this.f64[at]! + 1;
    if (offset + size === TINY_BLOCK) this.closeCurrent();
    return ((tiny + offset) >>> 0) as Addr;
  }

  /** The object gets a slot of its own, which becomes the current block if more is left in it than in the old one. */
  private allocSlow(size: number): Addr {
    const mem = this.mem;
    const base = this.base;
    const addr = this.cache.alloc(TINY_CLASS, ZERO);
    if (addr === NIL) return NIL;
    if (this.collected) {
      if (mem[base + TINY] === 0 || size < mem[base + TINY_OFFSET]!) {
        mem[base + TINY] = addr;
        mem[base + TINY_OFFSET] = size;
      }
      return addr;
    }
    const s = mem[base + ALLOC + TINY_CLASS]! as SpanPtr;
    const slot = this.spans.slotOf(s, addr);
    if (this.bits.block(s) === 0 && !this.heap.attachTinyBits(s)) {
      this.slots.free(s, slot);
      return NIL;
    }
    const masks = this.bits.masksOf(s, slot);
    this.bits.open(masks);
    if (mem[base + TINY] === 0 || size < mem[base + TINY_OFFSET]!) {
      this.closeCurrent();
      mem[base + TINY] = addr;
      mem[base + TINY_OFFSET] = size;
      mem[base + TINY_MASKS] = masks;
    } else {
      this.close(addr, masks);
    }
    return addr;
  }

  /** Lets go of the current block, as before the cache is given back. */
  closeCurrent(): void {
    const mem = this.mem;
    const tiny = mem[this.base + TINY]!;
    if (tiny === 0) return;
    mem[this.base + TINY] = 0;
    mem[this.base + TINY_OFFSET] = 0;
    this.close(tiny, mem[this.base + TINY_MASKS]!);
  }

  private close(addr: number, masks: number): void {
    if (this.collected || !this.bits.close(masks)) return;
    const s = this.heap.spanOf(addr);
    this.slots.free(s, this.spans.slotOf(s, addr));
  }
}
