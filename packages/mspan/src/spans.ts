/**
 * Spans: reading, filling in and allocating from span records (the model is told in span.ts).
 *
 * The fast path is `nextFreeFast`: one test, three loads of the record and two stores. It knows only the 32-slot window in
 * `allocCache`; `nextFree` moves the window on. Both are for the holder alone. Nothing here takes a lock.
 *
 * A window may be *cut*: `allocCache` has only its first slots, so that the fast path misses at a slot of the holder's choice (mcache: one that the heap profile
 * samples). Nothing is lost by that, whoever has the span next: the window's end is found from `freeIndex` and `allocBits`.
 */
import { CLASS_TO_SIZE, NUM_SIZE_CLASSES } from "@mallocgc/sizeclass";
import { PAGE_SHIFT, type Addr, type Ptr, type Region, type TableSpec } from "@mallocgc/sysmem";
import { FREED_HELD } from "./freed-word.ts";
import { heapBitsBytes, inlineBitsBytes, SPAN_CLASS_TO_NELEMS } from "./span-shape.ts";
import { MSpan, SCAN_NEVER, SPAN_DEAD, SPAN_IN_USE, type SpanPtr } from "./span.ts";

const {
  startAddr: START_ADDR, elemSize: ELEM_SIZE, nelems: NELEMS, freeIndex: FREE_INDEX, allocCache: ALLOC_CACHE,
  allocBits: ALLOC_BITS, needzero: NEEDZERO, spanClass: SPAN_CLASS, npages: NPAGES, limit: LIMIT,
  ownAllocBits: OWN_ALLOC_BITS, heldSince: HELD_SINCE, state: STATE, sweepgen: SWEEPGEN, freed: FREED,
  freedBits: FREED_BITS, ownFreedBits: OWN_FREED_BITS, allocCount: ALLOC_COUNT, holder: HOLDER, onSet: ON_SET,
  next: NEXT, prev: PREV, tinyBits: TINY_BITS, specials: SPECIALS, sampled: SAMPLED, largeType: LARGE_TYPE, divMagic: DIV_MAGIC,
  freeIndexForScan: FREE_INDEX_FOR_SCAN, heapBits: HEAP_BITS,
} = MSpan.offset;
const DEAD = SPAN_DEAD;
const IN_USE = SPAN_IN_USE;
const NEVER = SCAN_NEVER;
const HELD = FREED_HELD;
const NIL = 0;
const PAGE_BITS = PAGE_SHIFT;
const NELEMS_OF = SPAN_CLASS_TO_NELEMS;
const SIZE_OF = CLASS_TO_SIZE;
/** Go's magic numbers: for every offset in a span of that class, offset * magic >>> 32 = offset / size. As signed words; 0 for large objects. */
const MAGIC_OF = Int32Array.from({ length: NUM_SIZE_CLASSES }, (_, sizeClass) => (sizeClass === 0 ? 0 : Math.floor(0xffffffff / SIZE_OF[sizeClass]!) + 1));
/** Words of a cache line. */
const LINE = 16;
/** Words of allocation bits of the span with the most slots. */
const MAX_BITS_WORDS = 32;

/** Bits set in a 32-bit word. */
export function popcount32(x: number): number {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  return Math.imul(x, 0x01010101) >>> 24;
}

/** The window of slots from `index` on that exist: all 32, or those below `nelems`. */
function slotsFrom(index: number, nelems: number): number {
  const left = nelems - index;
  return left >= 32 ? -1 : (1 << left) - 1;
}

/** Span records of one region, as one thread sees them. */
export class Spans {
  readonly mem: Int32Array;
  /** The word that holds the heap's sweepgen: +2 for each collection. */
  readonly heapSweepgen: Ptr;
  /** Words that are zero for ever: the allocation bits of every span in which nothing was merged yet. */
  readonly noBits: Ptr;

  constructor(region: Region, state: Ptr) {
    this.mem = region.i32;
    this.heapSweepgen = state;
    this.noBits = (state + LINE) as Ptr;
  }

  /** The table this layer keeps in the region: the heap's sweepgen on a cache line of its own, then the bits of spans that have none yet. */
  static tables(): TableSpec[] {
    return [{ name: "mspan", bytes: (LINE + MAX_BITS_WORDS) * 4, align: 64, doc: "the heap's sweepgen; zero bits" }];
  }

  /** Next free slot of the window as an address, or 0 when the window is spent. Holder only; no lock, no Atomics. */
  nextFreeFast(s: SpanPtr): Addr {
    const mem = this.mem;
    const cache = mem[s + ALLOC_CACHE]!;
    if (cache === 0) return NIL as Addr;
    const bit = 31 - Math.clz32(cache & -cache);
    const slot = mem[s + FREE_INDEX]! + bit;
    mem[s + ALLOC_CACHE] = (cache >>> bit) >>> 1;
    mem[s + FREE_INDEX] = slot + 1;
    return ((mem[s + START_ADDR]! + Math.imul(slot, mem[s + ELEM_SIZE]!)) >>> 0) as Addr;
  }

  /** Next free slot as an address, or 0 when the span is spent; then `freeIndex` equals `nelems`. Holder only. */
  nextFree(s: SpanPtr): Addr {
    if (this.mem[s + ALLOC_CACHE] === 0 && !this.nextWindow(s)) return NIL as Addr;
    return this.nextFreeFast(s);
  }

  /**
   * The window is spent: lays out the next one, which has at least one slot. False when the span is spent; then `freeIndex` equals `nelems`. The slots from
   * `freeIndex` to the end of its 32 come first: there are some when the window was cut. Holder only.
   */
  nextWindow(s: SpanPtr): boolean {
    const mem = this.mem;
    const nelems = mem[s + NELEMS]!;
    const allocBits = mem[s + ALLOC_BITS]!;
    let index = mem[s + FREE_INDEX]!;
    let window = 0;
    while (index < nelems) {
      window = (~mem[allocBits + (index >>> 5)]! & slotsFrom(index & ~31, nelems)) >>> (index & 31);
      if (window !== 0) break;
      index = (index | 31) + 1;
    }
    mem[s + FREE_INDEX] = index < nelems ? index : nelems;
    mem[s + ALLOC_CACHE] = window;
    return window !== 0;
  }

  /** Cuts the window to its first `n` slots, of which it has more; the rest are found again when these are spent. Holder only. */
  cutWindow(s: SpanPtr, n: number): void {
    const mem = this.mem;
    const window = mem[s + ALLOC_CACHE]!;
    let rest = window;
    for (let i = 0; i < n; i++) rest &= rest - 1;
    mem[s + ALLOC_CACHE] = window ^ rest;
  }

  /** Whether every slot was handed out: the holder's search has come to the end. */
  isSpent(s: SpanPtr): boolean {
    return this.mem[s + FREE_INDEX] === this.mem[s + NELEMS];
  }

  /** Starts the search for free slots anew at slot 0, from `allocBits` as they are. Holder only. */
  rewind(s: SpanPtr): void {
    const mem = this.mem;
    mem[s + ALLOC_CACHE] = ~mem[mem[s + ALLOC_BITS]!]! & slotsFrom(0, mem[s + NELEMS]!);
    // Pairs with wasHandedOutConfirmed: who reads the new freeIndex also reads the allocBits written before it.
    Atomics.store(mem, s + FREE_INDEX, 0);
  }

  /** The slot that holds address `addr` of span `s`, also for an address inside the slot. May be beyond `nelems`. */
  slotOf(s: SpanPtr, addr: number): number {
    return (((addr - this.mem[s + START_ADDR]!) >>> 0) / (this.mem[s + ELEM_SIZE]! >>> 0)) | 0;
  }

  /** The address of a slot. */
  slotAddr(s: SpanPtr, slot: number): Addr {
    return ((this.mem[s + START_ADDR]! + Math.imul(slot, this.mem[s + ELEM_SIZE]!)) >>> 0) as Addr;
  }

  /** Whether the slot was handed out, by plain reads: a `false` may be stale, and is to be confirmed. */
  wasHandedOut(s: SpanPtr, slot: number): boolean {
    const mem = this.mem;
    if (slot >= mem[s + NELEMS]!) return false;
    return slot < mem[s + FREE_INDEX]! || ((mem[mem[s + ALLOC_BITS]! + (slot >>> 5)]! >>> (slot & 31)) & 1) === 1;
  }

  /** As {@link wasHandedOut}, by ordered reads: pairs with the store of freeIndex in `rewind`. */
  wasHandedOutConfirmed(s: SpanPtr, slot: number): boolean {
    const mem = this.mem;
    if (slot >= mem[s + NELEMS]!) return false;
    if (slot < Atomics.load(mem, s + FREE_INDEX)) return true;
    return ((Atomics.load(mem, mem[s + ALLOC_BITS]! + (slot >>> 5)) >>> (slot & 31)) & 1) === 1;
  }

  /** Word `w` of what was handed out and not merged back: `allocBits`, and all below `freeIndex`. */
  handedOutWord(s: SpanPtr, w: number): number {
    const mem = this.mem;
    const below = mem[s + FREE_INDEX]! - (w << 5);
    if (below >= 32) return -1;
    const word = mem[mem[s + ALLOC_BITS]! + w]!;
    return below > 0 ? word | ((1 << below) - 1) : word;
  }

  /**
   * Slots handed out and not merged back, counted from the bits: exact for the holder, and for anyone while the holder rests.
   * The fast path keeps no count of its own.
   */
  countHandedOut(s: SpanPtr): number {
    const nelems = this.mem[s + NELEMS]!;
    const nwords = (nelems + 31) >>> 5;
    let n = 0;
    for (let w = 0; w < nwords; w++) n += popcount32(this.handedOutWord(s, w));
    return n;
  }

  /**
   * Fills in the record `s` for the pages at `base`, all slots free, and publishes it as in use, held by nobody's mcache yet.
   * `npages` is the class's own for a size class, any for large objects (span class 0 or 1). `needzero` says whether the
   * pages may hold old bytes. The caller holds the pages and the record alone.
   */
  init(s: SpanPtr, base: Addr, npages: number, spanClass: number, needzero: number): void {
    const mem = this.mem;
    const sizeClass = spanClass >> 1;
    const nbytes = npages << PAGE_BITS;
    const elemSize = sizeClass === 0 ? nbytes : SIZE_OF[sizeClass]!;
    const nelems = NELEMS_OF[spanClass]!;
    mem[s + START_ADDR] = base;
    mem[s + ELEM_SIZE] = elemSize;
    mem[s + NELEMS] = nelems;
    mem[s + FREE_INDEX] = 0;
    mem[s + NEEDZERO] = needzero;
    mem[s + SPAN_CLASS] = spanClass;
    mem[s + NPAGES] = npages;
    mem[s + LIMIT] = base + Math.imul(elemSize, nelems);
    mem[s + HELD_SINCE] = 0;
    mem[s + ALLOC_COUNT] = 0;
    mem[s + HOLDER] = 0;
    mem[s + ON_SET] = 0;
    mem[s + NEXT] = 0;
    mem[s + PREV] = 0;
    mem[s + TINY_BITS] = 0;
    mem[s + SPECIALS] = 0;
    mem[s + SAMPLED] = 0;
    mem[s + LARGE_TYPE] = 0;
    mem[s + DIV_MAGIC] = MAGIC_OF[sizeClass]!;
    mem[s + FREE_INDEX_FOR_SCAN] = NEVER;
    mem[s + HEAP_BITS] = 0;
    mem[s + FREED] = HELD;
    mem[s + ALLOC_BITS] = this.noBits;
    const inline = sizeClass === 0 ? 0 : inlineBitsBytes(elemSize);
    if (inline === 0) {
      mem[s + FREED_BITS] = s + OWN_FREED_BITS;
      mem[s + OWN_FREED_BITS] = 0;
      mem[s + OWN_FREED_BITS + 1] = 0;
    } else {
      const freedBits = (base + nbytes - (inline >>> 1)) >>> 2;
      const heapBits = heapBitsBytes(elemSize, npages, (spanClass & 1) === 1) >>> 2;
      const first = freedBits - (inline >>> 3) - heapBits;
      mem[s + FREED_BITS] = freedBits;
      if (heapBits !== 0) mem[s + HEAP_BITS] = first;
      if (needzero !== 0) mem.fill(0, first, freedBits + (inline >>> 3));
    }
    mem[s + ALLOC_CACHE] = slotsFrom(0, nelems);
    mem[s + SWEEPGEN] = mem[this.heapSweepgen]!;
    // Publishes the record: pairs with the load of the state in the page map's lookup of addresses from outside.
    Atomics.store(mem, s + STATE, IN_USE);
  }

  /**
   * Where the span's own allocation bits are, whether or not `allocBits` points there yet. A fresh span borrows `noBits`, so that the memory
   * at its end, which may never have been touched, stays untouched until something was freed.
   */
  ownAllocBits(s: SpanPtr): Ptr {
    const mem = this.mem;
    const freedBits = mem[s + FREED_BITS]!;
    if (freedBits === s + OWN_FREED_BITS) return (s + OWN_ALLOC_BITS) as Ptr;
    return (freedBits - (inlineBitsBytes(mem[s + ELEM_SIZE]!) >>> 3)) as Ptr;
  }

  /** Marks the record dead: from here on no address resolves to it. The caller holds the span alone. */
  retire(s: SpanPtr): void {
    Atomics.store(this.mem, s + STATE, DEAD);
  }

  /** Where the heap bits of a span with small objects and pointers start, as a word index; 0 when it has none. */
  heapBits(s: SpanPtr): Ptr {
    return this.mem[s + HEAP_BITS]! as Ptr;
  }

  state(s: SpanPtr): number {
    return Atomics.load(this.mem, s + STATE);
  }
  base(s: SpanPtr): Addr {
    return (this.mem[s + START_ADDR]! >>> 0) as Addr;
  }
  limit(s: SpanPtr): Addr {
    return (this.mem[s + LIMIT]! >>> 0) as Addr;
  }
  npages(s: SpanPtr): number {
    return this.mem[s + NPAGES]!;
  }
  elemSize(s: SpanPtr): number {
    return this.mem[s + ELEM_SIZE]! >>> 0;
  }
  nelems(s: SpanPtr): number {
    return this.mem[s + NELEMS]!;
  }
  spanClass(s: SpanPtr): number {
    return this.mem[s + SPAN_CLASS]!;
  }
  allocCount(s: SpanPtr): number {
    return this.mem[s + ALLOC_COUNT]!;
  }
}
