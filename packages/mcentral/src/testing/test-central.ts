/** Centrals over a small heap of their own: one `TestCentral` per thread, all layers below for real. */
import { CLASS_TO_PAGES } from "@mallocgc/sizeclass";
import { Heap, PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import { FREE_EMPTY, FREE_LIST, FREE_NOT_LIVE, FreedBits, MSpan, Spans, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE, Mutexes, createRegion, planRegion, type Ptr, type Region, type RegionPlan } from "@mallocgc/sysmem";
import { Central, MCentral, NUM_SETS, type Sweeper } from "../index.ts";

const THREADS = 8;
const P_WORDS = Math.ceil((PageCacheRec.words + SpanCacheRec.words) / 16) * 16;
const F = MSpan.offset;
const C = MCentral.offset;

function plan(maxBytes: number): RegionPlan {
  return planRegion(
    [
      ...Spans.tables(),
      ...Central.tables(),
      { name: "processors", bytes: THREADS * P_WORDS * 4, align: 64, doc: "page and span caches" },
      ...Heap.tables({ maxBytes, chunkPages: 64 }),
    ],
    64,
  );
}

/** Everything a thread needs to work with centrals. */
export class TestCentral {
  readonly region: Region;
  readonly mem: Int32Array;
  readonly spans: Spans;
  readonly freed: FreedBits;
  readonly mutexes: Mutexes;
  readonly heap: Heap;
  readonly central: Central;

  constructor(region: Region, id: number, sweeperOf?: (t: TestCentral) => Sweeper) {
    const layout = plan(region.byteLength);
    const pageCache = (layout.at("processors") + id * P_WORDS) as Ptr;
    this.region = region;
    this.mem = region.i32;
    this.mutexes = new Mutexes(region, id + 1);
    this.spans = new Spans(region, layout.at("mspan"));
    this.freed = new FreedBits(region, this.spans);
    const config = { maxBytes: region.byteLength, chunkPages: 64 } as const;
    this.heap = new Heap(region, layout, this.mutexes, this.spans, pageCache, (pageCache + PageCacheRec.words) as Ptr, config);
    this.central = new Central(region, layout.at("mcentral"), this.spans, this.freed, this.mutexes, this.heap, sweeperOf?.(this));
  }

  /** A fresh heap, and thread 0's way into it. */
  static create(maxBytes = 16 << 20, sweeperOf?: (t: TestCentral) => Sweeper): TestCentral {
    const t = new TestCentral(createRegion(maxBytes, true), 0, sweeperOf);
    t.heap.init();
    t.central.init();
    return t;
  }

  /** The next free slot of a span that the caller holds, or -1. */
  take(s: SpanPtr): number {
    const addr = this.spans.nextFree(s);
    return addr === 0 ? -1 : this.spans.slotOf(s, addr);
  }

  /** A new span, `n` of its slots handed out (default: all), held by the caller. */
  grown(spanClass: number, n = Infinity): SpanPtr {
    const s = this.heap.alloc(this.npages(spanClass), spanClass);
    for (let i = 0; i < n && this.take(s) >= 0; i++);
    return s;
  }

  /** Frees a slot, with all that follows. False when it was not live. */
  free(s: SpanPtr, slot: number): boolean {
    const owed = this.freed.free(s, slot, this.central.threshold(this.spans.spanClass(s)));
    if (owed === FREE_LIST) this.central.list(s);
    else if (owed === FREE_EMPTY) this.central.release(s);
    return owed !== FREE_NOT_LIVE;
  }

  /** Frees the block at an address. */
  freeAddr(addr: number): boolean {
    const s = this.heap.spanOf(addr);
    return s !== 0 && this.free(s, this.spans.slotOf(s, addr));
  }

  /** The spans of a set, in order; throws when its links, its length or the spans' own word are wrong. */
  set(spanClass: number, set: number): SpanPtr[] {
    const { mem } = this;
    const c = this.central.recordOf(spanClass);
    const found: SpanPtr[] = [];
    let prev = 0;
    for (let s = mem[c + C.heads + set]!; s !== 0; s = mem[s + F.next]!) {
      if (mem[s + F.prev] !== prev) throw new Error(`span ${s}: prev is ${mem[s + F.prev]}, not ${prev}`);
      if (mem[s + F.onSet] !== spanClass * NUM_SETS + set + 1) throw new Error(`span ${s} on set ${set} says ${mem[s + F.onSet]}`);
      found.push(s as SpanPtr);
      prev = s;
      if (found.length > mem[c + C.lengths + set]!) throw new Error(`set ${set} is longer than its length, ${mem[c + C.lengths + set]}`);
    }
    if (found.length !== mem[c + C.lengths + set]) throw new Error(`set ${set} has ${found.length} spans, its length says ${mem[c + C.lengths + set]}`);
    if (mem[c + C.tails + set] !== prev) throw new Error(`the tail of set ${set} is ${mem[c + C.tails + set]}, its last span ${prev}`);
    return found;
  }

  /** Spans in use in the whole heap, found page by page. */
  allSpans(): SpanPtr[] {
    const found: SpanPtr[] = [];
    for (let page: number = this.heap.firstPage; page < this.heap.frontier.heapEnd; page++) {
      const s = this.heap.spanOf(page * PAGE_SIZE);
      if (s !== 0 && this.spans.base(s) === page * PAGE_SIZE) found.push(s);
    }
    return found;
  }

  /** Pages in spans, counted from the page map. */
  pagesInUse(): number {
    return this.allSpans().reduce((n, s) => n + this.spans.npages(s), 0);
  }

  /** Live slots of a span, from its bits. */
  live(s: SpanPtr): number[] {
    return Array.from({ length: this.spans.nelems(s) }, (_, i) => i).filter((i) => this.spans.wasHandedOut(s, i) && !this.freed.isFreed(s, i));
  }

  private npages(spanClass: number): number {
    return CLASS_TO_PAGES[spanClass >> 1]!;
  }
}
