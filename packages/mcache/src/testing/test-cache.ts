/** Caches over a small heap of their own: one `TestCache` per P, all layers below for real. */
import { Central } from "@mallocgc/mcentral";
import { Heap, PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import { FREE_EMPTY, FREE_LIST, FREE_NOT_LIVE, FreedBits, Spans, TINY_BLOCK_DEAD, TinyBits, type SpanPtr } from "@mallocgc/mspan";
import { Mutexes, PAGE_SIZE, createRegion, planRegion, type Ptr, type Region, type RegionPlan } from "@mallocgc/sysmem";
import { Cache, MCache, Tiny, type SlotSink } from "../index.ts";

const PROCESSORS = 4;
const P_WORDS = Math.ceil((MCache.words + PageCacheRec.words + SpanCacheRec.words) / 16) * 16;

function plan(maxBytes: number): RegionPlan {
  return planRegion(
    [
      ...Spans.tables(),
      ...Cache.tables(),
      ...Central.tables(),
      { name: "processors", bytes: PROCESSORS * P_WORDS * 4, align: 64, doc: "mcaches, page and span caches" },
      ...Heap.tables({ maxBytes, chunkPages: 64 }),
    ],
    64,
  );
}

/** Everything a P needs to allocate. */
export class TestCache implements SlotSink {
  readonly region: Region;
  readonly mem: Int32Array;
  readonly spans: Spans;
  readonly freed: FreedBits;
  readonly heap: Heap;
  readonly central: Central;
  readonly cache: Cache;
  readonly tinyBits: TinyBits;
  readonly tiny: Tiny;

  constructor(region: Region, id: number) {
    const layout = plan(region.byteLength);
    const mcache = (layout.at("processors") + id * P_WORDS) as Ptr;
    const pageCache = (mcache + MCache.words) as Ptr;
    const mutexes = new Mutexes(region, id + 1);
    const config = { maxBytes: region.byteLength, chunkPages: 64 } as const;
    this.region = region;
    this.mem = region.i32;
    this.spans = new Spans(region, layout.at("mspan"));
    this.freed = new FreedBits(region, this.spans);
    this.heap = new Heap(region, layout, mutexes, this.spans, pageCache, (pageCache + PageCacheRec.words) as Ptr, config);
    this.central = new Central(region, layout.at("mcentral"), this.spans, this.freed, mutexes, this.heap);
    this.cache = new Cache(region, mcache, layout.at("mcache"), this.spans, this.freed, this.central);
    this.tinyBits = new TinyBits(region);
    this.tiny = new Tiny(region, mcache, this.cache, this.spans, this.tinyBits, this.heap, this);
  }

  /** A fresh heap, and P 0's way into it. */
  static create(maxBytes = 16 << 20, shared = true): TestCache {
    const t = new TestCache(createRegion(maxBytes, shared), 0);
    t.heap.init();
    t.central.init();
    t.cache.init(1);
    return t;
  }

  /** Another P of the same heap. */
  another(id: number): TestCache {
    const t = new TestCache(this.region, id);
    t.cache.init(id + 1);
    return t;
  }

  /** Frees a slot, with all that follows. False when it was not live. */
  free(s: SpanPtr, slot: number): boolean {
    const spanClass = this.spans.spanClass(s);
    const owed = this.freed.free(s, slot, this.central.threshold(spanClass));
    if (owed === FREE_NOT_LIVE) return false;
    this.cache.countFree(spanClass >> 1);
    if (owed === FREE_LIST) this.central.list(s);
    else if (owed === FREE_EMPTY) this.central.release(s);
    return true;
  }

  /** Frees the block at an address; not for tiny objects. */
  freeAddr(addr: number): boolean {
    const s = this.heap.spanOf(addr);
    return s !== 0 && this.free(s, this.spans.slotOf(s, addr));
  }

  /** Frees a tiny object. */
  freeTiny(addr: number): void {
    const s = this.heap.spanOf(addr);
    const slot = this.spans.slotOf(s, addr);
    if (this.tinyBits.free(s, slot, addr - this.spans.slotAddr(s, slot)) === TINY_BLOCK_DEAD) this.free(s, slot);
  }

  /** Pages in spans, counted from the page map. */
  pagesInUse(): number {
    let n = 0;
    for (let page: number = this.heap.firstPage; page < this.heap.frontier.heapEnd; page++) if (this.heap.spanOf(page * PAGE_SIZE) !== 0) n++;
    return n;
  }

  /** The span cached for a class. */
  cached(spanClass: number): SpanPtr {
    return this.mem[this.cache.base + MCache.offset.alloc + spanClass]! as SpanPtr;
  }

  /** A counter of the cache's record. */
  counter(field: "smallAllocs" | "smallFrees" | "tinyAllocs", i = 0): number {
    return this.region.f64[((this.cache.base + MCache.offset[field]) >>> 1) + i]!;
  }
}
