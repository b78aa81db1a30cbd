/**
 * mcache: the spans a P allocates from, one per span class, with no lock and no atomic operation.
 *
 *     alloc(spanClass, zero)   a slot of the cached span: one test for a slot, one for zeroing
 *       └ miss: allocSlow      the next window of 32 slots, cut short where the heap profile takes a sample (next-sample.ts), else
 *           └ refill           what others freed in this span meanwhile; else give it to the central and take another
 *     allocTyped(spanClass, ptrMask)   the same and, in the one pass over the record, the slot's heap bits
 *
 * A class with no span points at *the empty span*, a record without slots, so that the fast path needs no test for it.
 *
 * What a P allocates is counted when a span is given back or merged (`heldSince` = slots that were taken already), so the fast path
 * counts nothing; readers add what the cached spans have handed out since. Counting moves a number from the span to the counter, in several stores:
 * `countSeq` is odd meanwhile, so that a reader in another thread never sees it in both places, or in none. A span is published to readers by the
 * store that caches it, after its `heldSince`.
 */
import { NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import type { Central } from "@mallocgc/mcentral";
import { MSpan, type FreedBits, type SpanPtr, type Spans } from "@mallocgc/mspan";
import type { Addr, Ptr, Region, TableSpec } from "@mallocgc/sysmem";
import { MCache } from "./cache-record.ts";
import { Clearer } from "./clear.ts";
import { NextSample, type SampleSink } from "./next-sample.ts";

const { alloc: ALLOC, owner: OWNER, black: BLACK, blackGen: BLACK_GEN, smallAllocs: SMALL_ALLOCS, smallFrees: SMALL_FREES, countSeq: COUNT_SEQ } = MCache.offset;
const {
  startAddr: START_ADDR, elemSize: ELEM_SIZE, nelems: NELEMS, freeIndex: FREE_INDEX, allocCache: ALLOC_CACHE, needzero: NEEDZERO, heapBits: HEAP_BITS,
  heldSince: HELD_SINCE, allocCount: ALLOC_COUNT, sweepgen: SWEEPGEN, spanClass: SPAN_CLASS,
  freeIndexForScan: FREE_INDEX_FOR_SCAN,
} = MSpan.offset;
/** Where the shared table has the rate. */
const RATE: number = MSpan.words;
const NIL = 0 as Addr;
const CLASSES = NUM_SPAN_CLASSES;

/** What a cache tells the collector, if the heap has one. */
export interface RefillHooks {
  /** Before a span of that class is taken: the thread takes notice of the collector's phase, which may take all its cached spans away. */
  beforeRefill(spanClass: number): void;
  /** A span was taken (`sign` 1) or, in the generation it was taken in, given back (-1), with `bytes` of it not handed out. */
  countLive(spanClass: number, bytes: number, sign: number): void;
}

/** What a cache does for the heap profile while nobody has asked for one. */
const NO_SINK: SampleSink = { sample: () => undefined };

/** The mcache of one P, for the thread that is that P. */
export class Cache {
  readonly mem: Int32Array;
  readonly f64: Float64Array;
  /** Word index of the cache's record. */
  readonly base: Ptr;
  readonly emptySpan: SpanPtr;
  readonly clearer: Clearer;
  private readonly spans: Spans;
  private readonly freed: FreedBits;
  private readonly central: Central;
  private readonly nextSample: NextSample;
  private hooks: RefillHooks | undefined;
  private sink: SampleSink;

  /** `base` is the P's record; `shared` the place of the table that `Cache.tables` declares. */
  constructor(region: Region, base: Ptr, shared: Ptr, spans: Spans, freed: FreedBits, central: Central) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.base = base;
    this.emptySpan = shared as SpanPtr;
    this.clearer = new Clearer(region);
    this.spans = spans;
    this.freed = freed;
    this.central = central;
    this.nextSample = new NextSample(region, base, (shared + RATE) as Ptr, spans);
    this.hooks = undefined;
    this.sink = NO_SINK;
  }

  /** Makes the collector known, which is made after the cache. */
  connect(hooks: RefillHooks): void {
    this.hooks = hooks;
  }

  /** Makes known who takes the samples of the heap profile. Without one the countdowns run all the same. */
  connectProfile(sink: SampleSink): void {
    this.sink = sink;
  }

  /** The table this layer keeps in the region: the empty span, all zero for ever, and on a line of its own the heap profile's rate. */
  static tables(): TableSpec[] {
    return [{ name: "mcache", bytes: (RATE + 16) * 4, align: 64, doc: "a span record without slots; the heap profile's rate" }];
  }

  /** The word with the heap profile's rate, in the table at `shared`: bytes allocated per sample, on average; 0 none, 1 every object. Atomic. */
  static rateWord(shared: Ptr): Ptr {
    return (shared + RATE) as Ptr;
  }

  /** Makes the record an empty cache of the P with that owner number. Counters are kept: they belong to the heap's history. */
  init(owner: number): void {
    const mem = this.mem;
    mem[this.base + OWNER] = owner;
    mem[this.base + BLACK] = 0;
    this.nextSample.init();
    mem.fill(this.emptySpan, this.base + ALLOC, this.base + ALLOC + CLASSES);
  }

  /** A slot of that span class, zeroed if `zero` is 1; 0 when the region is exhausted. */
  alloc(spanClass: number, zero: number): Addr {
    const mem = this.mem;
    const s = mem[this.base + spanClass]!;
    const cache = mem[s + ALLOC_CACHE]!;
    if (cache === 0) return this.allocSlow(spanClass, zero);
    const bit = 31 - Math.clz32(cache & -cache);
    const slot = mem[s + FREE_INDEX]! + bit;
    mem[s + ALLOC_CACHE] = (cache >>> bit) >>> 1;
    mem[s + FREE_INDEX] = slot + 1;
    const size = mem[s + ELEM_SIZE]!;
    const addr = ((mem[s + START_ADDR]! + Math.imul(slot, size)) >>> 0) as Addr;
    if ((mem[s + NEEDZERO]! & zero) !== 0) this.clearer.clear(addr, size);
    return addr;
  }

  /**
   * A zeroed slot of that span class, one with heap bits (scan, up to 128 bytes): the words that `ptrMask` has bits for hold pointers. 0 when the region
   * is exhausted.
   */
  allocTyped(spanClass: number, ptrMask: number): Addr {
    const mem = this.mem;
    const s = mem[this.base + spanClass]!;
    const cache = mem[s + ALLOC_CACHE]!;
    if (cache === 0) return this.allocTypedSlow(spanClass, ptrMask);
    const bit = 31 - Math.clz32(cache & -cache);
    const slot = mem[s + FREE_INDEX]! + bit;
    mem[s + ALLOC_CACHE] = (cache >>> bit) >>> 1;
    mem[s + FREE_INDEX] = slot + 1;
    const size = mem[s + ELEM_SIZE]!;
    const offset = Math.imul(slot, size);
    const addr = ((mem[s + START_ADDR]! + offset) >>> 0) as Addr;
    if (mem[s + NEEDZERO] !== 0) this.clearer.clear(addr, size);
    // As many heap bits as the slot has words, from where it begins. Most slots had an object of the same type before: a store that changes nothing would
    // only hold up the next allocation's load.
    const nwords = size >>> 2;
    const shift = (offset >>> 2) & 31;
    const word = mem[s + HEAP_BITS]! + (offset >>> 7);
    const own = (-1 >>> (32 - nwords)) | 0;
    const old = mem[word]!;
    const bits = (old & ~(own << shift)) | (ptrMask << shift);
    if (bits !== old) mem[word] = bits;
    if (shift + nwords > 32) mem[word + 1] = (mem[word + 1]! & ~(own >>> (32 - shift))) | (ptrMask >>> (32 - shift));
    return addr;
  }

  private allocTypedSlow(spanClass: number, ptrMask: number): Addr {
    const mem = this.mem;
    const addr = this.allocSlow(spanClass, 1);
    if (addr === NIL) return NIL;
    const s = mem[this.base + spanClass]!;
    const offset = addr - (mem[s + START_ADDR]! >>> 0);
    const nwords = mem[s + ELEM_SIZE]! >>> 2;
    const shift = (offset >>> 2) & 31;
    const word = mem[s + HEAP_BITS]! + (offset >>> 7);
    const own = (-1 >>> (32 - nwords)) | 0;
    mem[word] = (mem[word]! & ~(own << shift)) | (ptrMask << shift);
    if (shift + nwords > 32) mem[word + 1] = (mem[word + 1]! & ~(own >>> (32 - shift))) | (ptrMask >>> (32 - shift));
    return addr;
  }

  /** The window is spent: moves it on, or refills, and allocates. */
  private allocSlow(spanClass: number, zero: number): Addr {
    const mem = this.mem;
    let s = mem[this.base + spanClass]! as SpanPtr;
    // A span that comes from a refill has a window already.
    while (mem[s + ALLOC_CACHE] === 0 && !this.spans.nextWindow(s)) {
      if (!this.refill(spanClass)) return NIL;
      s = mem[this.base + spanClass]! as SpanPtr;
    }
    const sampled = this.nextSample.layOut(s, spanClass);
    const addr = this.spans.nextFreeFast(s);
    if ((mem[s + NEEDZERO]! & zero) !== 0) this.clearer.clear(addr, mem[s + ELEM_SIZE]!);
    if (sampled) this.sink.sample(s, addr, mem[s + ELEM_SIZE]!);
    return addr;
  }

  /** A large object of `nbytes` was taken as span `s`: counts it down, and has the sample taken if it is one. */
  sampleLarge(s: SpanPtr, spanClass: number, nbytes: number): void {
    if (this.nextSample.payLarge(spanClass, nbytes)) this.sink.sample(s, (this.mem[s + START_ADDR]! >>> 0) as Addr, nbytes);
  }

  /**
   * The cached span of that class is spent: takes back what was freed in it if that is enough, else exchanges it for another.
   * False when the region is exhausted; then the class has no span.
   */
  refill(spanClass: number): boolean {
    const mem = this.mem;
    this.hooks?.beforeRefill(spanClass);
    const old = mem[this.base + spanClass]! as SpanPtr;
    let s: SpanPtr;
    if (old === this.emptySpan) {
      s = this.central.cacheSpan(spanClass);
    } else {
      const merges = this.freed.pendingHint(old) >= this.central.threshold(spanClass);
      // An addition and no store: what follows stays behind it. Pairs with the readers' first look; the one below with their second.
      Atomics.add(mem, this.base + COUNT_SEQ, 1);
      this.countAllocs(old);
      if (merges) {
        this.freed.merge(old);
        mem[old + HELD_SINCE] = mem[old + ALLOC_COUNT]!;
      } else {
        mem[this.base + spanClass] = this.emptySpan;
      }
      Atomics.add(mem, this.base + COUNT_SEQ, 1);
      if (merges) return true;
      s = this.central.exchangeSpan(old);
    }
    if (s === 0) return false;
    mem[s + HELD_SINCE] = mem[s + ALLOC_COUNT]!;
    if (mem[this.base + BLACK] !== 0) this.blacken(s);
    mem[s + SWEEPGEN] = mem[s + SWEEPGEN]! + 3;
    this.hooks?.countLive(spanClass, this.freeBytes(s), 1);
    // Pairs with the readers of counters: who finds the span cached finds its heldSince.
    Atomics.store(mem, this.base + spanClass, s);
    return true;
  }

  /**
   * From now on what this P allocates counts as marked: of each cached span the slots handed out from here on; of a span cached later, those handed out after
   * that. Only of spans swept in generation `gen`, the one that is being marked: the P may notice late that marking is over, and spans are swept anew by then.
   */
  setBlack(gen: number): void {
    const mem = this.mem;
    mem[this.base + BLACK] = 1;
    mem[this.base + BLACK_GEN] = gen;
    for (let spc = 0; spc < CLASSES; spc++) {
      const s = mem[this.base + spc]! as SpanPtr;
      if (s !== this.emptySpan && mem[s + SWEEPGEN] === gen + 3) this.newFromHere(s);
    }
  }

  /** What this P allocates does not count as marked any more. */
  setWhite(): void {
    this.mem[this.base + BLACK] = 0;
  }

  /** Whether what this P allocates counts as marked. */
  get black(): boolean {
    return this.mem[this.base + BLACK] !== 0;
  }

  /**
   * This P is black and takes a swept span: what it hands out of it from here on is new. But not if the span was swept after this P turned black: then marking is
   * over, which this P has not noticed yet, and the span's turn is the next cycle.
   */
  blacken(s: SpanPtr): void {
    if (this.mem[s + SWEEPGEN] === this.mem[this.base + BLACK_GEN]) this.newFromHere(s);
  }

  /** As `blacken`, for a span whose one slot this P has already handed out. */
  blackenLarge(s: SpanPtr): void {
    if (this.mem[s + SWEEPGEN] === this.mem[this.base + BLACK_GEN]) this.mem[s + FREE_INDEX_FOR_SCAN] = 0;
  }

  /** Slots are handed out in ascending order, so one index tells the new from the old; the lowest of a cycle counts. */
  private newFromHere(s: SpanPtr): void {
    const mem = this.mem;
    if (mem[s + FREE_INDEX]! < mem[s + FREE_INDEX_FOR_SCAN]!) mem[s + FREE_INDEX_FOR_SCAN] = mem[s + FREE_INDEX]!;
  }

  private freeBytes(s: SpanPtr): number {
    return (this.mem[s + NELEMS]! - this.mem[s + ALLOC_COUNT]!) * this.mem[s + ELEM_SIZE]!;
  }

  /** Gives every cached span back to its central, as before a sweep, a detach, or an exact reading of the heap. */
  releaseAll(): void {
    const mem = this.mem;
    // Left by a thread that died while it counted, and for which the caller acts.
    if ((mem[this.base + COUNT_SEQ]! & 1) !== 0) Atomics.add(mem, this.base + COUNT_SEQ, 1);
    for (let spc = 0; spc < CLASSES; spc++) {
      const s = mem[this.base + spc]! as SpanPtr;
      if (s === this.emptySpan) continue;
      // Pairs with the readers' two looks, as in refill.
      Atomics.add(mem, this.base + COUNT_SEQ, 1);
      this.countAllocs(s);
      mem[this.base + spc] = this.emptySpan;
      Atomics.add(mem, this.base + COUNT_SEQ, 1);
      this.release(spc, s);
    }
  }

  private release(spanClass: number, s: SpanPtr): void {
    const mem = this.mem;
    if (this.hooks !== undefined && mem[s + SWEEPGEN] === mem[this.spans.heapSweepgen]! + 3) {
      this.hooks.countLive(spanClass, (mem[s + NELEMS]! - this.spans.countHandedOut(s)) * mem[s + ELEM_SIZE]!, -1);
    }
    this.nextSample.giveBack(s, spanClass);
    this.central.uncacheSpan(s);
  }

  /** Counts what was allocated from the span since it was taken or last counted. While `countSeq` is odd. */
  private countAllocs(s: SpanPtr): void {
    const mem = this.mem;
    const now = this.spans.isSpent(s) ? mem[s + NELEMS]! : this.spans.countHandedOut(s);
    const at = ((this.base + SMALL_ALLOCS) >>> 1) + (mem[s + SPAN_CLASS]! >>> 1);
    this.f64[at] = this.f64[at]! + (now - mem[s + HELD_SINCE]!);
    mem[s + HELD_SINCE] = now;
  }

  /** Counts an explicit free of an object of that size class. */
  countFree(sizeClass: number): void {
    const at = ((this.base + SMALL_FREES) >>> 1) + sizeClass;
    this.f64[at] = this.f64[at]! + 1;
  }
}
