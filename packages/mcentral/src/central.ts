/**
 * mcentral: for each span class, the spans that no thread's cache holds, shared by all.
 *
 * Four sets per class: partial and full, each swept and unswept. The heap's sweepgen h tells which is which: of the two sets of a kind,
 * number (h / 2) % 2 is the swept one, so that a new cycle turns all swept spans into unswept ones without touching them.
 *
 * `cacheSpan` finds a span with a free slot for an mcache, in Go's order:
 *
 *     1. partial swept: take it
 *     2. partial unswept: sweep it, take it
 *     3. full unswept: sweep it; take it if that freed a slot, else it is full and swept
 *     4. new pages from the heap
 *
 * looking at no more than 100 spans in 2 and 3 together, so that one allocation never pays for a whole heap.
 *
 * Explicit free adds two moves, owed by the freeing thread that sees it due (freed-bits.ts of mspan): a full span with enough freed
 * slots goes to the partial set of its parity (`list`), and an empty one back to the heap (`release`). How many are enough is the
 * central's `threshold`: an eighth of the slots. With fewer, a random workload would refill its cache every other allocation; so
 * up to an eighth of a full span may lie idle. When the heap is exhausted, `reclaim` offers those too, and sets the threshold to 1 until
 * the class can grow again.
 *
 * In a collected heap a new cycle may begin between any two instructions here. So whether a span is swept is read off the span (its own `sweepgen`), never off the
 * heap's: a span goes to the set of the parity that its sweepgen says, and an mcache adds 3 to it. A span that was swept when it was taken and is not any more
 * when it comes back lands, rightly, among the unswept ones. A cached span that a new cycle has made stale is swept as it comes back.
 *
 * Invariants, under the lock: a span on a full set is in state full, one on a partial set in state listed; it has no holder; it is on a set of its sweepgen's parity.
 */
import { CLASS_TO_PAGES, NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import type { Heap } from "@mallocgc/mheap";
import { FREED_FULL, FREED_HELD, FREED_LISTED, MSpan, SPAN_CLASS_TO_NELEMS, type FreedBits, type SpanPtr, type Spans } from "@mallocgc/mspan";
import { RANK_CENTRAL, type Mutexes, type Ptr, type Region, type TableSpec } from "@mallocgc/sysmem";
import { FULL, MCentral, PARTIAL } from "./central-record.ts";
import { SpanSets } from "./span-set.ts";
import type { Sweeper } from "./sweeper.ts";

const { nelems: NELEMS, allocCount: ALLOC_COUNT, spanClass: SPAN_CLASS, sweepgen: SWEEPGEN, holder: HOLDER, next: NEXT } = MSpan.offset;
const { heads: HEADS, lock: LOCK, threshold: THRESHOLD } = MCentral.offset;
const WORDS = MCentral.words;
const FULL_SETS = FULL;
const PARTIAL_SETS = PARTIAL;
const STATE_HELD = FREED_HELD;
const STATE_FULL = FREED_FULL;
const STATE_LISTED = FREED_LISTED;
const RANK = RANK_CENTRAL;
const PAGES_OF = CLASS_TO_PAGES;
const NELEMS_OF = SPAN_CLASS_TO_NELEMS;
const NIL = 0 as SpanPtr;

/** Unswept spans that one `cacheSpan` looks at before it asks the heap for a new one; as in Go. */
export const SPAN_BUDGET = 100;

/** Freed slots at which a full span of `nelems` slots is offered again: an eighth of them, at least one. */
export function reuseThreshold(nelems: number): number {
  return Math.max(1, nelems >>> 3);
}

/** The centrals of one region, as one thread sees them. */
export class Central {
  readonly mem: Int32Array;
  /** Word index of the first central's record; that of span class c is c * 16 further. */
  readonly base: Ptr;
  readonly sets: SpanSets;
  private readonly spans: Spans;
  private readonly freed: FreedBits;
  private readonly mutexes: Mutexes;
  private readonly heap: Heap;
  private readonly sweeper: Sweeper | undefined;

  constructor(region: Region, base: Ptr, spans: Spans, freed: FreedBits, mutexes: Mutexes, heap: Heap, sweeper?: Sweeper) {
    this.mem = region.i32;
    this.base = base;
    this.sets = new SpanSets(region);
    this.spans = spans;
    this.freed = freed;
    this.mutexes = mutexes;
    this.heap = heap;
    this.sweeper = sweeper;
  }

  /** The table this layer keeps in the region: one cache line per span class. */
  static tables(): TableSpec[] {
    return [{ name: "mcentral", bytes: NUM_SPAN_CLASSES * MCentral.words * 4, align: 64, doc: "the sets of each span class" }];
  }

  /** Fills in the records of a new region. */
  init(): void {
    for (let spc = 0; spc < NUM_SPAN_CLASSES; spc++) {
      this.mem[this.recordOf(spc) + THRESHOLD] = reuseThreshold(NELEMS_OF[spc]!);
    }
  }

  /** The record of a span class. */
  recordOf(spanClass: number): Ptr {
    return (this.base + spanClass * WORDS) as Ptr;
  }

  /** Freed slots at which a full span of this class is offered again. */
  threshold(spanClass: number): number {
    return this.mem[this.base + spanClass * WORDS + THRESHOLD]!;
  }

  /**
   * A span of that class with at least one free slot, held by the caller, its `allocCount` exact; or 0 when the region is exhausted.
   */
  cacheSpan(spanClass: number): SpanPtr {
    let s = this.takePartialSwept(spanClass);
    if (s === NIL && this.sweeper !== undefined) s = this.takeUnswept(spanClass, this.sweeper);
    if (s === NIL) s = this.grow(spanClass);
    return s;
  }

  private takePartialSwept(spanClass: number): SpanPtr {
    const central = this.recordOf(spanClass);
    for (;;) {
      const s = this.take(central, PARTIAL_SETS + this.sweptIndex());
      if (s === NIL || this.hasFreeSlot(s)) return s;
    }
  }

  private takeUnswept(spanClass: number, sweeper: Sweeper): SpanPtr {
    const central = this.recordOf(spanClass);
    let budget = SPAN_BUDGET;
    for (let kind = PARTIAL_SETS; kind <= FULL_SETS; kind += FULL_SETS - PARTIAL_SETS) {
      for (; budget > 0; budget--) {
        const s = this.take(central, kind + 1 - this.sweptIndex());
        if (s === NIL) break;
        if (!sweeper.tryAcquire(s)) {
          this.putBackSwept(s);
          continue;
        }
        sweeper.sweep(s);
        if (this.hasFreeSlot(s)) return s;
      }
    }
    return NIL;
  }

  /** Merges a span just taken; false if that leaves it full, and then it is back on a set. */
  private hasFreeSlot(s: SpanPtr): boolean {
    this.freed.merge(s);
    if (this.mem[s + ALLOC_COUNT] !== this.mem[s + NELEMS]) return true;
    this.uncacheSpan(s);
    return false;
  }

  /**
   * An unswept span of that class, taken off its set and acquired for sweeping (sweepgen h-1); 0 when there is none. The caller sweeps it and gives it to `uncacheSpan`.
   */
  takeForSweep(spanClass: number, sweeper: Sweeper): SpanPtr {
    const central = this.recordOf(spanClass);
    for (let kind = PARTIAL_SETS; kind <= FULL_SETS; kind += FULL_SETS - PARTIAL_SETS) {
      for (;;) {
        const s = this.take(central, kind + 1 - this.sweptIndex());
        if (s === NIL) break;
        if (sweeper.tryAcquire(s)) return s;
        this.putBackSwept(s);
      }
    }
    return NIL;
  }

  /**
   * A span that could not be acquired: a new cycle has begun since the set was chosen, and what was the unswept set is now the swept one. If it is being swept, whoever
   * does that puts it on a set.
   */
  private putBackSwept(s: SpanPtr): void {
    if (this.mem[s + SWEEPGEN] === Atomics.load(this.mem, this.spans.heapSweepgen)) this.uncacheSpan(s);
  }

  /** Takes one span, wherever it stands, off the unswept set it is on, acquired for sweeping. False when it is on none, or swept. */
  takeThisForSweep(s: SpanPtr, sweeper: Sweeper): boolean {
    const spanClass = this.mem[s + SPAN_CLASS]!;
    const central = this.recordOf(spanClass);
    this.mutexes.lock((central + LOCK) as Ptr, RANK);
    const set = this.sets.setOfLocked(spanClass, s);
    const taken = set >= 0 && sweeper.tryAcquire(s);
    if (taken) {
      this.sets.removeLocked(central, set, s);
      this.holdLocked(s, set < FULL_SETS ? STATE_LISTED : STATE_FULL);
    }
    this.mutexes.unlock((central + LOCK) as Ptr, RANK);
    return taken;
  }

  private grow(spanClass: number): SpanPtr {
    this.sweeper?.reclaim(PAGES_OF[spanClass >> 1]!);
    const s = this.heap.alloc(PAGES_OF[spanClass >> 1]!, spanClass);
    const threshold = this.base + spanClass * WORDS + THRESHOLD;
    const normal = reuseThreshold(NELEMS_OF[spanClass]!);
    if (s !== NIL && this.mem[threshold] !== normal) Atomics.store(this.mem, threshold, normal);
    return s;
  }

  /** Takes the first span of a set and makes the caller its holder; 0 when the set is empty. */
  private take(central: Ptr, set: number): SpanPtr {
    // An empty set needs no lock: a span that is being added now is found the next time.
    if (this.mem[central + HEADS + set] === NIL) return NIL;
    this.mutexes.lock((central + LOCK) as Ptr, RANK);
    const s = this.takeLocked(central, set);
    this.mutexes.unlock((central + LOCK) as Ptr, RANK);
    return s;
  }

  private takeLocked(central: Ptr, set: number): SpanPtr {
    const s = this.sets.popLocked(central, set);
    if (s !== NIL) this.holdLocked(s, set < FULL_SETS ? STATE_LISTED : STATE_FULL);
    return s;
  }

  /**
   * Takes a span back from its holder: empty, its pages go to the heap; not spent, or with enough freed slots, to the partial set; else to
   * the full set. The holder has done with it.
   */
  uncacheSpan(s: SpanPtr): void {
    this.prepare(s);
    const central = this.recordOf(this.mem[s + SPAN_CLASS]!);
    this.mutexes.lock((central + LOCK) as Ptr, RANK);
    const empty = this.putLocked(central, s);
    this.mutexes.unlock((central + LOCK) as Ptr, RANK);
    if (empty) this.heap.free(s);
  }

  /** As `uncacheSpan(s)`, then `cacheSpan` of the same class, with one lock for both where a swept partial span is at hand. */
  exchangeSpan(s: SpanPtr): SpanPtr {
    const spanClass = this.mem[s + SPAN_CLASS]!;
    this.prepare(s);
    const central = this.recordOf(spanClass);
    this.mutexes.lock((central + LOCK) as Ptr, RANK);
    const empty = this.putLocked(central, s);
    const next = this.takeLocked(central, PARTIAL_SETS + this.sweptIndex());
    this.mutexes.unlock((central + LOCK) as Ptr, RANK);
    if (empty) this.heap.free(s);
    return next !== NIL && this.hasFreeSlot(next) ? next : this.cacheSpan(spanClass);
  }

  /** What the holder does before it lets go: the record says when the span was swept, and `allocCount` is exact. */
  private prepare(s: SpanPtr): void {
    const mem = this.mem;
    const gen = mem[s + SWEEPGEN]!;
    // Plain: the lock that follows publishes it. An odd generation is that of a cached span, 3 above the one it was swept in.
    if ((gen & 1) === 1) this.uncached(s, gen);
    if (this.spans.isSpent(s) && this.freed.pendingHint(s) < this.threshold(mem[s + SPAN_CLASS]!)) mem[s + ALLOC_COUNT] = mem[s + NELEMS]!;
    else this.freed.merge(s);
  }

  private uncached(s: SpanPtr, gen: number): void {
    const stale = gen === ((Atomics.load(this.mem, this.spans.heapSweepgen) + 1) | 0);
    if (stale && this.sweeper !== undefined) {
      this.mem[s + SWEEPGEN] = gen - 2;
      this.sweeper.sweep(s);
    } else {
      this.mem[s + SWEEPGEN] = gen - 3;
    }
  }

  /** Puts a prepared span on the set it belongs to; true if it is empty, on no set, and the caller's to free. */
  private putLocked(central: Ptr, s: SpanPtr): boolean {
    const mem = this.mem;
    const allocCount = mem[s + ALLOC_COUNT]!;
    let full = allocCount === mem[s + NELEMS];
    let waiting = this.freed.setState(s, STATE_HELD, full ? STATE_FULL : STATE_LISTED);
    if (full && waiting >= mem[central + THRESHOLD]!) {
      waiting = this.freed.setState(s, STATE_FULL, STATE_LISTED);
      full = false;
    }
    // Less waits than was freed while some thread has a slot to count: then it is that thread that will find the span empty.
    const empty = waiting === allocCount;
    if (empty) {
      this.freed.setState(s, STATE_LISTED, STATE_HELD);
    } else {
      mem[s + HOLDER] = 0;
      this.sets.pushLocked(central, mem[s + SPAN_CLASS]!, (full ? FULL_SETS : PARTIAL_SETS) + this.parityOf(s), s);
    }
    return empty;
  }

  /**
   * What a thread owes whose free returned FREE_LIST: the span leaves the full set. Any thread, no lock held.
   *
   * By now the span may have been taken, listed or even released by others, and the record be another span's: of whatever it finds under
   * the lock of the class it finds, this does what is right for that. The same is true of `release`.
   */
  list(s: SpanPtr): void {
    const spanClass = this.mem[s + SPAN_CLASS]!;
    const central = this.recordOf(spanClass);
    this.mutexes.lock((central + LOCK) as Ptr, RANK);
    const set = this.sets.setOfLocked(spanClass, s);
    const empty = set >= FULL_SETS && this.moveLocked(central, spanClass, set, s) === this.mem[s + ALLOC_COUNT];
    if (empty) this.takeOutLocked(central, spanClass, s);
    this.mutexes.unlock((central + LOCK) as Ptr, RANK);
    if (empty) this.heap.free(s);
  }

  /** What a thread owes whose free returned FREE_EMPTY: the span's pages go back to the heap. Any thread, no lock held. */
  release(s: SpanPtr): void {
    const spanClass = this.mem[s + SPAN_CLASS]!;
    const central = this.recordOf(spanClass);
    this.mutexes.lock((central + LOCK) as Ptr, RANK);
    const set = this.sets.setOfLocked(spanClass, s);
    const empty = set >= PARTIAL_SETS && set < FULL_SETS && this.freed.pending(s) === this.mem[s + ALLOC_COUNT];
    if (empty) this.takeOutLocked(central, spanClass, s);
    this.mutexes.unlock((central + LOCK) as Ptr, RANK);
    if (empty) this.heap.free(s);
  }

  /** Moves a span from a full set to the partial set of the same parity; returns how many freed slots were waiting at that moment. */
  private moveLocked(central: Ptr, spanClass: number, fullSet: number, s: SpanPtr): number {
    this.sets.removeLocked(central, fullSet, s);
    this.sets.pushLocked(central, spanClass, fullSet - FULL_SETS + PARTIAL_SETS, s);
    return this.freed.setState(s, STATE_FULL, STATE_LISTED);
  }

  /** Takes a span off its partial set; the caller holds it from then on. */
  private takeOutLocked(central: Ptr, spanClass: number, s: SpanPtr): void {
    this.sets.removeLocked(central, this.sets.setOfLocked(spanClass, s), s);
    this.holdLocked(s, STATE_LISTED);
  }

  /** The span is on no set any more: this P holds it, and the record says so until it is on a set again, for whoever takes over from a P that dies. */
  private holdLocked(s: SpanPtr, from: number): void {
    this.mem[s + HOLDER] = this.mutexes.owner;
    this.freed.setState(s, from, STATE_HELD);
  }

  /**
   * The heap is exhausted: offers every full span of this class that has a freed slot, gives empty ones back, and from now on lists a span
   * at its first freed slot. Returns how many spans were moved or given back.
   */
  reclaim(spanClass: number): number {
    const mem = this.mem;
    const central = this.recordOf(spanClass);
    let moved = 0;
    this.mutexes.lock((central + LOCK) as Ptr, RANK);
    Atomics.store(mem, central + THRESHOLD, 1);
    for (let parity = 0; parity < 2; parity++) {
      let s = mem[central + HEADS + FULL_SETS + parity]! as SpanPtr;
      while (s !== NIL) {
        const next = mem[s + NEXT]! as SpanPtr;
        if (this.freed.pending(s) > 0) {
          moved++;
          if (this.moveLocked(central, spanClass, FULL_SETS + parity, s) === mem[s + ALLOC_COUNT]) {
            this.takeOutLocked(central, spanClass, s);
            this.heap.free(s);
          }
        }
        s = next;
      }
    }
    this.mutexes.unlock((central + LOCK) as Ptr, RANK);
    return moved;
  }

  /** Which of the two sets of a kind a span belongs to, by the generation it was swept in. */
  private parityOf(s: SpanPtr): number {
    return (this.mem[s + SWEEPGEN]! >>> 1) & 1;
  }

  /** Which of the two sets of a kind is the swept one. */
  private sweptIndex(): number {
    return (this.mem[this.spans.heapSweepgen]! >>> 1) & 1;
  }
}
