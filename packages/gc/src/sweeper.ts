/**
 * Sweeping one span, for whoever does it: an allocating thread, the background, the reclaimer.
 *
 *     tryAcquire     sweepgen h-2 -> h-1, by compare-and-swap: of all threads one sweeps the span
 *     sweep          specials of dead objects; then the kernel: allocation bits := alive, mark bits := 0; sweepgen h-1 -> h
 *     sweepOne       takes the next unswept span off its central's sets, sweeps it and puts it where it belongs
 *     reclaim        looks for spans without a living object, page by page, so that the heap need not grow: Go's page reclaimer
 *
 * What died is counted as freed by the P that sweeps, in its mcache's counters.
 */
import { NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import { MCache } from "@mallocgc/mcache";
import type { Central, Sweeper } from "@mallocgc/mcentral";
import type { Heap as PageHeap } from "@mallocgc/mheap";
import { MSpan, SCAN_NEVER, type Marks, type SpanPtr, type Spans } from "@mallocgc/mspan";
import { PAGE_SIZE, type Ptr, type Region } from "@mallocgc/sysmem";
import { GcRecord } from "./gc-record.ts";
import type { SlotMarks } from "./specials.ts";

const { sweeping: SWEEPING, pagesSwept: PAGES_SWEPT, reclaimIndex: RECLAIM_INDEX } = GcRecord.offset;
const { sweepgen: SWEEPGEN, spanClass: SPAN_CLASS, npages: NPAGES, elemSize: ELEM_SIZE, specials: SPECIALS, nelems: NELEMS, freedBits: MARK_BITS, freeIndexForScan: FREE_INDEX_FOR_SCAN } = MSpan.offset;
const { smallFrees: SMALL_FREES, largeFrees: LARGE_FREES, largeFreeBytes: LARGE_FREE_BYTES } = MCache.offset;
const CLASSES = NUM_SPAN_CLASSES;
/** Pages that one step of the reclaimer looks at; as in Go. */
const RECLAIM_PAGES = 512;
/** Steps that one request makes, at most: so that it is not held up for longer than some 100 us. Go goes on until it has what it wants. */
const RECLAIM_STEPS = 8;

/** Sweeps the objects of one span: see the kernel. Returns how many died. */
export interface SweepKernel {
  sweep(s: SpanPtr): number;
}

/** Sweeps the specials of one span; true if any are left. `Specials` is one. */
export interface SpecialSweeper {
  sweep(s: SpanPtr, marks: SlotMarks): boolean;
}

/** Sweeps spans on behalf of one P. */
export class SpanSweeper implements Sweeper {
  private readonly mem: Int32Array;
  private readonly f64: Float64Array;
  private readonly gc: Ptr;
  private readonly cacheBase: Ptr;
  private readonly spans: Spans;
  private readonly marks: Marks;
  private readonly pages: PageHeap;
  private readonly kernel: SweepKernel;
  private specials: SpecialSweeper | undefined;
  private central: Central | undefined;
  /** The span class that `sweepOne` looks at first. */
  private cursor = 0;

  constructor(region: Region, gc: Ptr, cacheBase: Ptr, spans: Spans, marks: Marks, pages: PageHeap, kernel: SweepKernel) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.gc = gc;
    this.cacheBase = cacheBase;
    this.spans = spans;
    this.marks = marks;
    this.pages = pages;
    this.kernel = kernel;
  }

  /** Makes known what is made after the sweeper. */
  connect(central: Central, specials: SpecialSweeper): void {
    this.central = central;
    this.specials = specials;
  }

  tryAcquire(s: SpanPtr): boolean {
    const mem = this.mem;
    const h = Atomics.load(mem, this.spans.heapSweepgen);
    // Pairs with itself in other threads: exactly one of them moves the span on.
    return Atomics.compareExchange(mem, s + SWEEPGEN, h - 2, h - 1) === h - 2;
  }

  sweep(s: SpanPtr): void {
    const mem = this.mem;
    if (mem[s + SPECIALS] !== 0) this.sweepSpecials(s);
    const died = this.kernel.sweep(s);
    if (died > 0) this.countDead(s, died);
    Atomics.add(mem, this.gc + PAGES_SWEPT, mem[s + NPAGES]!);
    // Pairs with the looks at sweepgen in Mutator.survives: the bits are rewritten.
    Atomics.store(mem, s + SWEEPGEN, (mem[s + SWEEPGEN]! + 1) | 0);
  }

  /**
   * Ends a sweep that a thread died in: whatever the bits say by now is kept, so nothing that lives is lost, and what is dead goes in the next cycle. Half of
   * the span's words may be done: a slot that is not handed out any more was dead.
   */
  finishBroken(s: SpanPtr): void {
    const mem = this.mem;
    const nwords = (mem[s + NELEMS]! + 31) >>> 5;
    for (let w = 0; w < nwords; w++) mem[mem[s + MARK_BITS]! + w] = 0;
    mem[s + FREE_INDEX_FOR_SCAN] = SCAN_NEVER;
    Atomics.store(mem, s + SWEEPGEN, Atomics.load(mem, this.spans.heapSweepgen));
  }

  private sweepSpecials(s: SpanPtr): void {
    const { marks } = this;
    this.specials!.sweep(s, {
      isMarked: (slot) => marks.isAlive(s, slot),
      setMarked: (slot) => void marks.mark(s, slot),
    });
  }

  private countDead(s: SpanPtr, died: number): void {
    const { mem, f64 } = this;
    const spanClass = mem[s + SPAN_CLASS]!;
    if (spanClass > 1) {
      const at = ((this.cacheBase + SMALL_FREES) >>> 1) + (spanClass >>> 1);
      f64[at] = f64[at]! + died;
    } else {
      const count = (this.cacheBase + LARGE_FREES) >>> 1;
      const bytes = (this.cacheBase + LARGE_FREE_BYTES) >>> 1;
      f64[count] = f64[count]! + 1;
      f64[bytes] = f64[bytes]! + (mem[s + ELEM_SIZE]! >>> 0);
    }
  }

  /** Sweeps one span of any class. Returns its pages, or 0 when no span waits on a set any more. */
  sweepOne(): number {
    const central = this.central!;
    for (let i = 0; i < CLASSES; i++) {
      const s = central.takeForSweep(this.cursor, this);
      if (s !== 0) {
        const npages = this.mem[s + NPAGES]!;
        this.sweep(s);
        central.uncacheSpan(s);
        return npages;
      }
      this.cursor = this.cursor + 1 === CLASSES ? 0 : this.cursor + 1;
    }
    return 0;
  }

  /** Sweeps spans in which nothing lives until `npages` pages came free, all of the heap has been looked at in this cycle, or it would take too long. */
  reclaim(npages: number): void {
    const mem = this.mem;
    if (mem[this.gc + SWEEPING] === 0) return;
    let freed = 0;
    const end = this.pages.frontier.heapEnd;
    for (let step = 0; step < RECLAIM_STEPS && freed < npages; step++) {
      if (Atomics.load(mem, this.gc + RECLAIM_INDEX) >= end) return;
      const from = Atomics.add(mem, this.gc + RECLAIM_INDEX, RECLAIM_PAGES);
      freed += this.reclaimChunk(Math.max(from, this.pages.firstPage), Math.min(from + RECLAIM_PAGES, end));
    }
  }

  private reclaimChunk(from: number, to: number): number {
    const mem = this.mem;
    const central = this.central!;
    const h = Atomics.load(mem, this.spans.heapSweepgen);
    let freed = 0;
    for (let page = from; page < to; ) {
      const s = this.pages.spanOf(page * PAGE_SIZE);
      if (s === 0) {
        page++;
        continue;
      }
      const npages = Math.max(1, mem[s + NPAGES]!);
      if (Atomics.load(mem, s + SWEEPGEN) === h - 2 && this.hasNoMark(s) && central.takeThisForSweep(s, this)) {
        this.sweep(s);
        if (this.spans.countHandedOut(s) === 0) freed += npages;
        central.uncacheSpan(s);
      }
      page += npages;
    }
    return freed;
  }

  /** By plain reads: a hint. The span may be another's by now; whoever takes it looks again. */
  private hasNoMark(s: SpanPtr): boolean {
    const mem = this.mem;
    const nwords = (mem[s + NELEMS]! + 31) >>> 5;
    const bits = mem[s + MARK_BITS]!;
    for (let w = 0; w < nwords; w++) if (mem[bits + w] !== 0) return false;
    return true;
  }
}
