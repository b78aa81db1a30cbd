/**
 * mallocgc and free, by size and address.
 *
 *     0                      the shared zero address
 *     1..15, no pointers     the tiny allocator
 *     16..32760              a slot of the cached span of its class (with pointers and above 128 B: 8 bytes more, for the type header)
 *     larger                 whole pages of their own
 *
 * `malloc` tests that the size is an integer and small, looks up the class, and calls the cache: no lock, no atomic operation. All else is in
 * functions of its own. An address is what `mallocgc` returned, nothing else: the first byte of a slot, 8 bytes into it behind a type
 * header, or the start of a tiny object.
 */
import {
  MALLOC_HEADER_SIZE, MAX_SMALL_SIZE, MIN_SIZE_FOR_MALLOC_HEADER, SIZE_TO_CLASS128, SIZE_TO_CLASS8, TINY_SIZE, TINY_SPAN_CLASS,
} from "@mallocgc/sizeclass";
import { MCache, type Cache, type Tiny } from "@mallocgc/mcache";
import type { Central } from "@mallocgc/mcentral";
import type { Heap as PageHeap } from "@mallocgc/mheap";
import { MSpan, TINY_BLOCK_DEAD, TINY_NOT_LIVE, type FreedBits, type SpanPtr, type Spans, type TinyBits } from "@mallocgc/mspan";
import { PAGE_SIZE, type Addr, type Region } from "@mallocgc/sysmem";
import { HeapError, HeapExhaustedError, describeValue } from "./errors.ts";
import type { Layers } from "./layers.ts";
import type { SlotFreer } from "./slot-freer.ts";

const {
  startAddr: START_ADDR, elemSize: ELEM_SIZE, needzero: NEEDZERO, spanClass: SPAN_CLASS, freeIndex: FREE_INDEX, allocCache: ALLOC_CACHE,
  allocCount: ALLOC_COUNT, holder: HOLDER, largeType: LARGE_TYPE,
} = MSpan.offset;
const { largeAllocs: LARGE_ALLOCS, largeAllocBytes: LARGE_ALLOC_BYTES, tiny: TINY, tinyOffset: TINY_OFFSET } = MCache.offset;
const CLASS8 = SIZE_TO_CLASS8;
const CLASS128 = SIZE_TO_CLASS128;
const SMALLEST = TINY_SIZE;
const LARGEST_SMALL = MAX_SMALL_SIZE - MALLOC_HEADER_SIZE;
const HEADER = MALLOC_HEADER_SIZE;
const HEADER_ABOVE = MIN_SIZE_FOR_MALLOC_HEADER;
const TINY_CLASS = TINY_SPAN_CLASS;
const TINY_BLOCK = TINY_SIZE;
const PAGE = PAGE_SIZE;
const NOT_LIVE = TINY_NOT_LIVE;
const BLOCK_DEAD = TINY_BLOCK_DEAD;
const NIL = 0 as Addr;

/** What a collected heap does besides, where memory is short or large. */
export interface CollectorHooks {
  /** Before a large object of `nbytes` is taken. */
  beforeLarge(nbytes: number): void;
  /** A large object was taken. */
  afterLarge(spanClass: number, nbytes: number): void;
  /** The region is full: whether what was done about it may have made room for `nbytes`. */
  makeRoom(nbytes: number): boolean;
}

/** Allocation and free for one P. */
export class Allocator {
  readonly mem: Int32Array;
  readonly f64: Float64Array;
  /** Where allocations of no bytes point. */
  readonly zeroAddr: Addr;
  private readonly layers: Layers;
  private readonly cache: Cache;
  private readonly tiny: Tiny;
  private readonly central: Central;
  private readonly pages: PageHeap;
  private readonly spans: Spans;
  private readonly freed: FreedBits;
  private readonly tinyBits: TinyBits;
  private readonly freer: SlotFreer;
  private readonly collector: CollectorHooks | undefined;

  constructor(region: Region, layers: Layers, zeroAddr: Addr, collector?: CollectorHooks) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.zeroAddr = zeroAddr;
    this.layers = layers;
    this.cache = layers.cache;
    this.tiny = layers.tiny;
    this.central = layers.central;
    this.pages = layers.pages;
    this.spans = layers.spans;
    this.freed = layers.freed;
    this.tinyBits = layers.tinyBits;
    this.freer = layers.freer;
    this.collector = collector;
  }

  /** A block without pointers of at least `size` bytes, zeroed if `zero` is 1. */
  malloc(size: number, zero: number): Addr {
    // The test of the type keeps what is no number (a bigint, a symbol) out of the arithmetic, which would throw an error of its own.
    const n = typeof size === "number" ? size | 0 : -1;
    if (n !== size || n < SMALLEST || n > LARGEST_SMALL) return this.mallocOdd(size, zero);
    const sizeClass = n <= 1016 ? CLASS8[(n + 7) >>> 3]! : CLASS128[(n - 897) >>> 7]!;
    const spanClass = (sizeClass << 1) | 1;
    const addr = this.cache.alloc(spanClass, zero);
    return addr === NIL ? this.allocAfterReclaim(spanClass, size, zero) : addr;
  }

  /**
   * Zeroed memory for an object of `n` bytes with pointers, of a collected heap. Up to 128 bytes `ptrMask` says where they are, a bit for each word; above,
   * the type at `typeAddr`.
   */
  mallocTyped(n: number, ptrMask: number, typeAddr: number): Addr {
    if (n > HEADER_ABOVE) return this.mallocWithHeader(n, typeAddr);
    const spanClass = CLASS8[(n + 7) >>> 3]! << 1;
    const addr = this.cache.allocTyped(spanClass, ptrMask);
    return addr === NIL ? this.typedAfterReclaim(spanClass, n, ptrMask) : addr;
  }

  private mallocWithHeader(n: number, typeAddr: number): Addr {
    if (n > LARGEST_SMALL) return this.mallocLarge(n, 0, 1, typeAddr);
    const slot = n + HEADER;
    const sizeClass = slot <= 1016 ? CLASS8[(slot + 7) >>> 3]! : CLASS128[(slot - 897) >>> 7]!;
    const spanClass = sizeClass << 1;
    let addr = this.cache.alloc(spanClass, 1);
    if (addr === NIL) addr = this.allocAfterReclaim(spanClass, n, 1);
    this.mem[addr >>> 2] = typeAddr;
    return ((addr + HEADER) >>> 0) as Addr;
  }

  /** A block that may hold pointers, of a by-hand heap. */
  mallocScan(size: number, zero: number): Addr {
    if (this.collector !== undefined) {
      throw new HeapError("ERR_TYPE", "in a collected heap memory with pointers has a type, which says where they are: declare one, and use heap.alloc or heap.new");
    }
    const n = checkSize(size);
    if (n === 0) return this.zeroAddr;
    const header = n > HEADER_ABOVE ? HEADER : 0;
    if (n > LARGEST_SMALL) return this.mallocLarge(n, 0, zero, 0);
    const slot = n + header;
    const sizeClass = slot <= 1016 ? CLASS8[(slot + 7) >>> 3]! : CLASS128[(slot - 897) >>> 7]!;
    const spanClass = sizeClass << 1;
    let addr = this.cache.alloc(spanClass, zero);
    if (addr === NIL) addr = this.allocAfterReclaim(spanClass, n, zero);
    return ((addr + header) >>> 0) as Addr;
  }

  private mallocOdd(size: number, zero: number): Addr {
    const n = checkSize(size);
    if (n === 0) return this.zeroAddr;
    if (n > LARGEST_SMALL) return this.mallocLarge(n, 1, zero, 0);
    const addr = this.tiny.alloc(n);
    if (addr !== NIL) return addr;
    this.reclaim(TINY_CLASS);
    let again = this.tiny.alloc(n);
    if (again === NIL && this.makeRoom(n)) again = this.tiny.alloc(n);
    if (again === NIL) throw this.exhausted(n);
    return again;
  }

  private mallocLarge(size: number, spanClass: number, zero: number, typeAddr: number): Addr {
    const mem = this.mem;
    const npages = Math.ceil(size / PAGE);
    this.collector?.beforeLarge(npages * PAGE);
    let s = this.pages.alloc(npages, spanClass);
    if (s === 0) {
      this.layers.releaseAll();
      s = this.pages.alloc(npages, spanClass);
      if (s === 0 && this.makeRoom(size)) s = this.pages.alloc(npages, spanClass);
      if (s === 0) throw this.exhausted(size);
    }
    const addr = (mem[s + START_ADDR]! >>> 0) as Addr;
    mem[s + FREE_INDEX] = 1;
    mem[s + ALLOC_CACHE] = 0;
    mem[s + ALLOC_COUNT] = 1;
    // A block is its user's: from here on whoever takes over from this thread, if it dies, leaves it alone.
    if (this.collector === undefined) mem[s + HOLDER] = 0;
    const count = (this.cache.base + LARGE_ALLOCS) >>> 1;
    const bytes = (this.cache.base + LARGE_ALLOC_BYTES) >>> 1;
    this.f64[count] = this.f64[count]! + 1;
    this.f64[bytes] = this.f64[bytes]! + npages * PAGE;
    if ((mem[s + NEEDZERO]! & zero) !== 0) this.cache.clearer.clear(addr, npages * PAGE);
    this.cache.sampleLarge(s, spanClass, npages * PAGE);
    if (this.collector !== undefined) this.publishLarge(s, typeAddr, npages * PAGE);
    return addr;
  }

  /** A collected large object: new if this P is black; swept by way of the full set of its class, as any span. */
  private publishLarge(s: SpanPtr, typeAddr: number, nbytes: number): void {
    const mem = this.mem;
    const spanClass = mem[s + SPAN_CLASS]!;
    mem[s + LARGE_TYPE] = typeAddr;
    if (this.cache.black) this.cache.blackenLarge(s);
    this.central.uncacheSpan(s);
    this.collector!.afterLarge(spanClass, nbytes);
  }

  private makeRoom(nbytes: number): boolean {
    return this.collector?.makeRoom(nbytes) === true;
  }

  private exhausted(nbytes: number): HeapExhaustedError {
    return new HeapExhaustedError(nbytes, this.layers.config.maxBytes, this.collector !== undefined);
  }

  /** The region is full: gives back what this P holds, offers what was freed in full spans, and tries once more. */
  private allocAfterReclaim(spanClass: number, size: number, zero: number): Addr {
    this.reclaim(spanClass);
    let addr = this.cache.alloc(spanClass, zero);
    if (addr === NIL && this.makeRoom(size)) addr = this.cache.alloc(spanClass, zero);
    if (addr === NIL) throw this.exhausted(size);
    return addr;
  }

  /** The same for an object with heap bits. */
  private typedAfterReclaim(spanClass: number, size: number, ptrMask: number): Addr {
    this.reclaim(spanClass);
    let addr = this.cache.allocTyped(spanClass, ptrMask);
    if (addr === NIL && this.makeRoom(size)) addr = this.cache.allocTyped(spanClass, ptrMask);
    if (addr === NIL) throw this.exhausted(size);
    return addr;
  }

  private reclaim(spanClass: number): void {
    this.layers.releaseAll();
    this.central.reclaim(spanClass);
  }

  /** Frees the block that `mallocgc` returned as `addr`. Any thread may free any block. */
  free(addr: number): void {
    if (this.collector !== undefined) {
      throw new HeapError("ERR_COLLECTED", "nothing is freed by hand in a collected heap: drop the last root or reference; or make the heap with gc: false");
    }
    const s = typeof addr === "number" ? this.pages.spanOf(addr) : 0;
    const spanClass = this.mem[s + SPAN_CLASS]!;
    if (s !== 0 && (spanClass & 1) === 1) {
      const slot = this.spans.slotOf(s, addr);
      if (this.spans.slotAddr(s, slot) === addr && (spanClass !== TINY_CLASS || !this.tinyBits.isTinyBlock(s, slot))) {
        if (this.freer.free(s, slot)) return;
      }
    }
    this.freeSlow(addr);
  }

  /** Tiny objects, objects behind a header, the zero address, and every kind of wrong address. */
  private freeSlow(addr: number): void {
    if (addr === this.zeroAddr) return;
    const s = this.resolve(addr);
    const slot = this.spans.slotOf(s, addr);
    const offset = addr - this.spans.slotAddr(s, slot);
    if (this.mem[s + SPAN_CLASS] === TINY_CLASS && this.tinyBits.isTinyBlock(s, slot)) {
      const result = this.tinyBits.free(s, slot, offset);
      if (result === NOT_LIVE) throw notAllocated(addr);
      if (result === BLOCK_DEAD) this.freer.free(s, slot);
      return;
    }
    if (!this.freer.free(s, slot)) throw notAllocated(addr);
  }

  /** Bytes that the block at `addr` may use. */
  usableSize(addr: number): number {
    if (addr === this.zeroAddr) return 0;
    const s = this.resolve(addr);
    const slot = this.spans.slotOf(s, addr);
    const offset = addr - this.spans.slotAddr(s, slot);
    if (this.mem[s + SPAN_CLASS] === TINY_CLASS && this.tinyBits.isTinyBlock(s, slot)) {
      // First how far the block is handed out, then where its objects start: an object that came in between is seen as a start.
      const end = this.tinyEnd(addr - offset);
      return Math.min(end - offset, this.tinyBits.extent(s, slot, offset));
    }
    return this.spans.elemSize(s) - offset;
  }

  /** How many bytes of the tiny block at `block` are handed out for good: all 16, but for a block that some P still fills. */
  private tinyEnd(block: number): number {
    const { mem } = this;
    const { processors } = this.layers;
    for (let id = 0; id < processors.length; id++) {
      const cache = processors.mcacheOf(id);
      if (Atomics.load(mem, cache + TINY) >>> 0 !== block) continue;
      const end = Atomics.load(mem, cache + TINY_OFFSET);
      // Looked at again: the P may have closed the block meanwhile, and `end` be another block's.
      if (Atomics.load(mem, cache + TINY) >>> 0 === block) return end;
    }
    return TINY_BLOCK;
  }

  /**
   * The span of a live block whose address is exactly `addr`.
   *
   * @throws HeapError that says what `addr` is instead.
   */
  resolve(addr: number): SpanPtr {
    const s = this.lookup(addr);
    const spans = this.spans;
    const slot = spans.slotOf(s, addr);
    if (slot >= spans.nelems(s)) throw new HeapError("ERR_ADDRESS_UNUSED", `address ${addr} lies in the part of a span that is never handed out`);
    const offset = addr - spans.slotAddr(s, slot);
    if (this.collector !== undefined) {
      if (!spans.wasHandedOutConfirmed(s, slot)) throw notAllocated(addr);
      // A collected tiny block is kept and freed whole: where its objects begin is not known.
      if (this.mem[s + SPAN_CLASS] === TINY_CLASS) return s;
    } else if (!spans.wasHandedOutConfirmed(s, slot) || this.freed.isFreed(s, slot)) {
      throw notAllocated(addr);
    }
    if (this.mem[s + SPAN_CLASS] === TINY_CLASS && this.tinyBits.isTinyBlock(s, slot)) {
      if (!this.tinyBits.isLive(s, slot, offset)) throw this.notATinyObject(addr, s, slot, offset);
      return s;
    }
    if (offset !== this.headerOf(s)) {
      const block = spans.slotAddr(s, slot) + this.headerOf(s);
      throw new HeapError("ERR_ADDRESS_INTERIOR", `address ${addr} is not the start of a block but lies inside the one at ${block}; pass that address`);
    }
    return s;
  }

  /**
   * The span in use that covers `addr`, wherever in it the address points.
   *
   * @throws HeapError when `addr` is no address, nil, outside the heap, or in a page that is not in use.
   */
  lookup(addr: number): SpanPtr {
    checkAddress(addr);
    if (addr >= this.layers.region.byteLength || !this.pages.isHeapAddress(addr)) {
      throw new HeapError("ERR_ADDRESS_OUTSIDE", `address ${addr} is outside the heap`);
    }
    const s = this.pages.spanOf(addr);
    if (s === 0) throw new HeapError("ERR_ADDRESS_UNUSED", `address ${addr} lies in a page that is not in use: its block was freed, or there never was one`);
    return s;
  }

  /** Bytes of type header in front of a span's blocks. */
  private headerOf(s: SpanPtr): number {
    const spanClass = this.mem[s + SPAN_CLASS]!;
    return spanClass > 1 && (spanClass & 1) === 0 && this.mem[s + ELEM_SIZE]! > HEADER_ABOVE ? HEADER : 0;
  }

  private notATinyObject(addr: number, s: SpanPtr, slot: number, offset: number): HeapError {
    if (this.tinyBits.isStart(s, slot, offset)) return notAllocated(addr);
    return new HeapError("ERR_ADDRESS_INTERIOR", `address ${addr} is not the start of a block, but inside one or between two`);
  }
}

/** A size as an integer; throws `ERR_SIZE` when it is not one of 0 to 2^32 - 1. */
function checkSize(size: unknown): number {
  if (typeof size !== "number" || size >>> 0 !== size) {
    throw new HeapError("ERR_SIZE", `a size is an integer number of bytes from 0 to 4294967295, not ${describeValue(size)}`);
  }
  return size;
}

/** Throws unless `addr` is a positive integer below 2^32. */
function checkAddress(addr: unknown): void {
  if (typeof addr !== "number" || addr >>> 0 !== addr) {
    throw new HeapError("ERR_ADDRESS", `an address is an integer as returned by mallocgc, not ${describeValue(addr)}`);
  }
  if (addr === 0) throw new HeapError("ERR_ADDRESS_NIL", "address 0 is nil, which is no block");
}

function notAllocated(addr: number): HeapError {
  return new HeapError("ERR_NOT_ALLOCATED", `there is no live block at address ${addr}: it was freed already, or never handed out`);
}
