/**
 * The page heap: spans out of pages, pages out of the region, for any number of threads.
 *
 *      alloc(npages, spanClass)
 *        1  fewer than 16 pages: this P's page cache and span-record cache; no lock
 *        2  under the heap lock: refill the page cache from the lowest block that has a free page, and look there again
 *        3  first fit in the page allocator
 *        4  grow: take pages from the frontier, as many as make the heap end at a chunk's end; fresh pages are scavenged ones
 *        5  the region is nearly full: give this P's page cache back and look again; grow by less; else there is none
 *      free(span)
 *        1  the span waits in this P's list of freed spans; page map cleared, record dead, pages no longer in use; no lock
 *        2  when 16 spans or 64 pages wait, and before this P looks for pages under the lock: under the lock the pages
 *           become free, and the records go to this P's span-record cache
 *
 * A page below the heap's end is in exactly one place, and the figures (all in pages) count accordingly:
 *
 *      in use      in a span: the page map says which                                      pagesMapped - idle
 *      idle        free in the bitmaps (pagesFree), or in some P's page cache or list of
 *                  freed spans, or being scavenged
 *        released    idle, and with the operating system                                   pagesReleased, and in page caches
 *        free        idle, and backed by memory                                            the rest
 *
 *      HeapSys = HeapIdle + HeapInuse;   HeapIdle = free + HeapReleased      hold because the right sides are computed so
 *
 * Fresh memory reads as zero, and so does what the operating system has taken back; anything else has to be zeroed before
 * use. The scavenged bits tell them apart: a span needs zeroing unless all its pages were scavenged. (Go also keeps a zeroed mark per arena,
 * because on some systems scavenged memory does not read as zero; see docs/decisions/0007.)
 *
 * One object per thread over state that is all in the region; `pageCache` and `spanCache` are parts of the P's record, and
 * only that P's thread uses this object. The heap lock is `lockWord`, of rank RANK_HEAP; whoever else uses `persistent` or
 * `frontier` holds it too.
 */
import { MSpan, SPAN_CLASS_TO_NELEMS, SPAN_IN_USE, SPAN_STATE_NAMES, TinyBits, type SpanPtr, type Spans } from "@mallocgc/mspan";
import { TINY_SPAN_CLASS } from "@mallocgc/sizeclass";
import {
  FixAlloc,
  Frontier,
  PAGE_SHIFT,
  PAGE_SIZE,
  PersistentAlloc,
  RANK_HEAP,
  type Addr,
  type Mutexes,
  type PageIndex,
  type Ptr,
  type Region,
  type RegionPlan,
  type TableSpec,
} from "@mallocgc/sysmem";
import { MheapError } from "./errors.ts";
import { MHeap } from "./heap-record.ts";
import { PageAlloc, type ChunkPages } from "./page-alloc.ts";
import { PAGE_CACHE_PAGES, PageCache, scavengedPages } from "./page-cache.ts";
import { PageMap } from "./page-map.ts";
import { PageSummaries } from "./page-summary.ts";
import { SpanCache } from "./span-cache.ts";
import { verifyPages, type BrokenPages, type ProcessorCaches } from "./verify-pages.ts";

const {
  lock: LOCK, searchAddr: SEARCH_ADDR, pagesMapped: PAGES_MAPPED, scavenging: SCAVENGING, frontier: FRONTIER,
  persistent: PERSISTENT, spanRecords: SPAN_RECORDS, tinyBlocks: TINY_BLOCKS, pagesFree: PAGES_FREE, pagesReleased: PAGES_RELEASED,
} = MHeap.offset;
const { startAddr: START_ADDR, npages: NPAGES, state: STATE, holder: HOLDER, tinyBits: TINY_BITS } = MSpan.offset;
const IN_USE = SPAN_IN_USE;
const RANK = RANK_HEAP;
const PAGE_BITS = PAGE_SHIFT;
const NIL = 0;

/** Requests of so many pages and more are not looked for in the page cache: they would seldom fit. */
const PAGE_CACHE_LIMIT: number = PAGE_CACHE_PAGES / 4;
/** How long, in all, a request that fails waits for pages that another thread is giving back to the operating system. */
const SCAVENGE_WAITS = 100;
const SCAVENGE_WAIT_MS = 10;

/** How the page heap is laid out; equal in all threads of a region. */
export interface HeapConfig {
  /** Bytes of the region, a multiple of 8 KiB. */
  readonly maxBytes: number;
  /** Pages of a chunk, the unit of growth: 512 (Go on 32-bit machines) or 64 (Go on WebAssembly). */
  readonly chunkPages: ChunkPages;
}

/** What the heap asks of the operating system; `OsPages` of sysmem is one. */
export interface PageReleaser {
  /** Bytes of a page of the operating system; 0 when it takes nothing back. */
  readonly pageSize: number;
  /** Gives a part of the region back: how many bytes were taken. These read as zero from then on. */
  release(byteOffset: number, byteLength: number): number;
}

/** Who is told that memory is about to be used, and may have other memory given back for it: a scavenger. */
export interface GrowthObserver {
  /**
   * A request has made the heap grow by `grown` pages, and took `scavenged` pages, which will need memory when they are touched, out of the
   * bitmaps; `used` of them are in its span, and so in use by now, the others in this P's page cache. No lock is held by the heap.
   */
  allocated(grown: number, scavenged: number, used: number): void;
}

/** The figures of the heap, in pages, at one moment. */
export interface HeapPages {
  /** HeapSys. */
  readonly mapped: number;
  /** HeapInuse. */
  readonly inUse: number;
  /** HeapReleased. */
  readonly released: number;
  /** HeapIdle less HeapReleased. */
  readonly free: number;
}

/** The page heap of one region, as one P uses it. */
export class Heap {
  readonly mem: Int32Array;
  readonly config: HeapConfig;
  readonly spans: Spans;
  readonly pages: PageAlloc;
  readonly pageMap: PageMap;
  readonly frontier: Frontier;
  readonly persistent: PersistentAlloc;
  readonly spanRecords: FixAlloc;
  /** Side blocks of spans that hold tiny objects. */
  readonly tinyBlocks: FixAlloc;
  /** The heap lock. */
  readonly lockWord: Ptr;
  /** Word index of the record {@link MHeap}. */
  readonly at: Ptr;
  /** The first page that is not fixed tables. */
  readonly firstPage: PageIndex;
  /** Asked after each request that took the heap lock; what the page cache serves was told when the cache was filled. */
  observer: GrowthObserver | undefined;
  private readonly region: Region;
  private readonly mutexes: Mutexes;
  private readonly pageCache: PageCache;
  private readonly spanCache: SpanCache;
  private readonly tinyBits: TinyBits;

  /** @throws MheapError `ERR_HEAP_CONFIG` when `config` is not one for this region. */
  constructor(region: Region, plan: RegionPlan, mutexes: Mutexes, spans: Spans, pageCache: Ptr, spanCache: Ptr, config: HeapConfig) {
    const nchunks = chunksOf(config);
    if (config.maxBytes !== region.byteLength) {
      throw new MheapError("ERR_HEAP_CONFIG", `maxBytes ${config.maxBytes} is not the region's size, ${region.byteLength} bytes: give the size that the region was made with`);
    }
    const mem = region.i32;
    const at = plan.at("mheap");
    this.mem = mem;
    this.config = config;
    this.spans = spans;
    this.pages = new PageAlloc(
      mem,
      {
        searchAddr: (at + SEARCH_ADDR) as Ptr,
        bits: plan.at("mheap.pageBits"),
        grown: plan.at("mheap.grown"),
        summaries: plan.at("mheap.summaries"),
      },
      nchunks,
      config.chunkPages,
    );
    this.pageMap = new PageMap(mem, plan.at("mheap.pageMap"), config.maxBytes / PAGE_SIZE);
    this.frontier = new Frontier(region, (at + FRONTIER) as Ptr);
    this.persistent = new PersistentAlloc(region, (at + PERSISTENT) as Ptr, this.frontier);
    this.spanRecords = new FixAlloc(region, (at + SPAN_RECORDS) as Ptr, this.persistent, { words: MSpan.words, zero: false });
    this.tinyBlocks = new FixAlloc(region, (at + TINY_BLOCKS) as Ptr, this.persistent, { words: TinyBits.words(SPAN_CLASS_TO_NELEMS[TINY_SPAN_CLASS]!), zero: true });
    this.lockWord = (at + LOCK) as Ptr;
    this.at = at;
    this.firstPage = Math.ceil(plan.end / PAGE_SIZE) as PageIndex;
    this.observer = undefined;
    this.region = region;
    this.mutexes = mutexes;
    this.pageCache = new PageCache(mem, pageCache);
    this.spanCache = new SpanCache(mem, spanCache);
    this.tinyBits = new TinyBits(region);
  }

  /**
   * The tables that the page heap keeps in a region, sized for all of it.
   *
   * @throws MheapError `ERR_HEAP_CONFIG` when `config` is out of range.
   */
  static tables(config: HeapConfig): TableSpec[] {
    const nchunks = chunksOf(config);
    return [
      { name: "mheap", bytes: MHeap.words * 4, align: 64, doc: "the page heap's record: lock, frontier, figures" },
      { name: "mheap.pageMap", bytes: (config.maxBytes / PAGE_SIZE) * 4, align: 64, doc: "page -> span record" },
      { name: "mheap.pageBits", bytes: PageAlloc.bitsWords(nchunks, config.chunkPages) * 4, align: 64, doc: "alloc and scavenged bits of each chunk" },
      { name: "mheap.grown", bytes: PageAlloc.grownWords(nchunks) * 4, align: 4, doc: "chunks that the heap has grown into" },
      { name: "mheap.summaries", bytes: PageSummaries.words(nchunks) * 4, align: 64, doc: "radix tree of free runs" },
    ];
  }

  /** Starts a heap in a fresh region, once, before another thread sees it. Everything below the tables' end stays out of the heap. */
  init(): void {
    this.frontier.init(this.firstPage);
  }

  /**
   * A span of `npages` pages, filled in and in use, which every address inside it resolves to; 0 when the region is full.
   * `npages` is what the size class says for small objects, any number for large ones (span class 0 and 1).
   *
   * @throws MheapError `ERR_HEAP_NPAGES` when `npages` is not a positive integer.
   */
  alloc(npages: number, spanClass: number): SpanPtr {
    if (npages < PAGE_CACHE_LIMIT && npages >= 1) {
      const spanCache = this.spanCache;
      const pageCache = this.pageCache;
      if (!spanCache.empty) {
        const page = pageCache.find(npages);
        if (page !== 0) {
          const s = this.initSpan(spanCache.top, page, npages, pageCache.scav, spanClass);
          // In this order, so that `repair` can tell a span that is being made.
          pageCache.take(page, npages);
          spanCache.drop();
          return s;
        }
      }
    }
    return this.allocSlow(npages, spanClass);
  }

  /**
   * Takes a span back. Nothing in it is used any more, and the caller is its holder.
   *
   * @throws MheapError `ERR_SPAN_NOT_IN_USE` when the record is not that of a span in use; nothing is changed. SysmemError
   * `ERR_LOCK_TIMEOUT` when the heap lock is not to be had; the span is freed if it is dead then, and in use otherwise.
   */
  free(s: SpanPtr): void {
    const mem = this.mem;
    if (mem[s + STATE] !== IN_USE) this.failState(s);
    // Only after a lock that was not to be had: the last free kept its span, and could not give back.
    if (this.spanCache.freedFull) this.drainFreedSlow();
    // The pages are idle from here on, and nobody's but this P's until drainFreedLocked. First, so that `repair` can tell a span that is being freed.
    const enough = this.spanCache.keepFreed(s, mem[s + NPAGES]!);
    this.clearSpan(s);
    if (enough) this.drainFreedSlow();
  }

  /** After a thread died that was this P, without the lock in its hands: a span that it was making is unmade, one that it was freeing is freed. */
  repair(): void {
    const made = this.spanCache.top;
    if (made !== 0 && this.spans.state(made) === IN_USE) {
      const page = this.clearSpan(made);
      this.pageCache.putBack(page, this.mem[made + NPAGES]!);
    }
    for (const s of this.spanCache.recountFreed((span) => this.mem[span + NPAGES]!)) if (this.spans.state(s) === IN_USE) this.clearSpan(s);
  }

  /** No page leads to the span any more, and its record is dead. Returns its first page. */
  private clearSpan(s: SpanPtr): PageIndex {
    const page = (this.mem[s + START_ADDR]! >>> PAGE_BITS) as PageIndex;
    this.pageMap.clear(page, this.mem[s + NPAGES]!);
    this.spans.retire(s);
    return page;
  }

  /** The span in use that `addr` lies in, or 0; for any number. */
  spanOf(addr: number): SpanPtr {
    return this.pageMap.spanOf(addr);
  }

  /** Whether `addr` is of a page that the heap has grown by: below are the fixed tables, above nothing yet. For any number. */
  isHeapAddress(addr: number): boolean {
    return addr >= this.firstPage * PAGE_SIZE && addr < this.frontier.heapEnd * PAGE_SIZE;
  }

  /** Gives this P's free pages and free span records back to all: it detaches, or the heap is short of them. */
  flush(): void {
    this.mutexes.lock(this.lockWord, RANK);
    this.drainFreedLocked();
    this.flushPageCacheLocked();
    this.spanCache.flushLocked(this.spanRecords);
    this.mutexes.unlock(this.lockWord, RANK);
  }

  /** Gives the span `s`, which the caller holds, a side block for tiny objects, until it is freed. False when the region is full. */
  attachTinyBits(s: SpanPtr): boolean {
    this.mutexes.lock(this.lockWord, RANK);
    const block = this.tinyBlocks.alloc();
    this.mutexes.unlock(this.lockWord, RANK);
    if (block === 0) return false;
    this.tinyBits.attach(s, block);
    return true;
  }

  /** `bytes` of zeroed memory for ever, or 0 when the region is full: `persistent.alloc` under the heap lock. */
  persistentAlloc(bytes: number, align: number): Addr {
    this.mutexes.lock(this.lockWord, RANK);
    try {
      return this.persistent.alloc(bytes, align);
    } finally {
      this.mutexes.unlock(this.lockWord, RANK);
    }
  }

  /**
   * Gives every free page back to the operating system, highest first, and says how many bytes it took. Pages in page caches, and in the
   * freed spans of other Ps, stay: flush first.
   */
  scavengeAll(os: PageReleaser): number {
    this.drainFreedSlow();
    let npages = 0;
    for (let ci = this.pages.nchunks - 1; ci >= 0; ci--) {
      for (;;) {
        const n = this.scavengeOne(os, ci, this.config.chunkPages, 0);
        if (n < 0) return npages * PAGE_SIZE;
        if (n === 0) break;
        npages += n;
      }
    }
    return npages * PAGE_SIZE;
  }

  /**
   * Gives one run of free pages of chunk `ci` back to the operating system, the highest, at most `maxPages`, without breaking
   * a free huge page of `hugePages` (0: there are none). How many pages; 0 when the chunk has none, -1 when the operating system takes
   * none. The heap lock is not held while the operating system works.
   */
  scavengeOne(os: PageReleaser, ci: number, maxPages: number, hugePages: number): number {
    if (os.pageSize === 0) return -1;
    const mem = this.mem;
    const mutexes = this.mutexes;
    const min = os.pageSize > PAGE_SIZE ? os.pageSize / PAGE_SIZE : 1;
    mutexes.lock(this.lockWord, RANK);
    const range = this.pages.beginScavenge(ci, min, maxPages, hugePages);
    if (range !== undefined) {
      mem[this.at + SCAVENGING] = mem[this.at + SCAVENGING]! + range.npages;
      this.addFreeLocked(-range.npages, 0);
    }
    mutexes.unlock(this.lockWord, RANK);
    if (range === undefined) return 0;
    const { page, npages } = range;
    let released = false;
    try {
      released = os.release(page * PAGE_SIZE, npages * PAGE_SIZE) === npages * PAGE_SIZE;
    } finally {
      mutexes.lock(this.lockWord, RANK);
      this.pages.endScavenge(range, released);
      this.addFreeLocked(npages, released ? npages : 0);
      // Pairs with the wait in allocSlow.
      Atomics.sub(mem, this.at + SCAVENGING, npages);
      Atomics.notify(mem, this.at + SCAVENGING);
      mutexes.unlock(this.lockWord, RANK);
    }
    return released ? npages : -1;
  }

  /**
   * The figures, consistent with each other. `caches` are those of all Ps, whose idle pages are counted here; only this P's if not given.
   * Takes the heap lock.
   */
  figures(caches: readonly ProcessorCaches[] = [{ pageCache: this.pageCache.at, spanCache: this.spanCache.at }]): HeapPages {
    const mem = this.mem;
    this.mutexes.lock(this.lockWord, RANK);
    const mapped = mem[this.at + PAGES_MAPPED]!;
    let idle = mem[this.at + PAGES_FREE]! + mem[this.at + SCAVENGING]!;
    let released = mem[this.at + PAGES_RELEASED]!;
    // While this thread has the lock, a page goes from a page cache into a span and from a span to the freed ones, no other way. So the freed
    // ones are read first, and free pages before scavenged ones: a page on its way counts as in use, never twice.
    for (const cache of caches) idle += new SpanCache(mem, cache.spanCache).freedPages;
    for (const cache of caches) {
      const pageCache = new PageCache(mem, cache.pageCache);
      idle += pageCache.free;
      released += pageCache.scavenged;
    }
    this.mutexes.unlock(this.lockWord, RANK);
    return { mapped, inUse: mapped - idle, released, free: idle - released };
  }

  /**
   * Pages that are in use or free and not released (HeapSys - HeapReleased), without the lock and without anything new in memory: for who asks before
   * each 64 KiB it gives back. `caches` as above. While other threads are at work it may be out by what they do meanwhile.
   */
  retained(caches: readonly ProcessorCaches[]): number {
    const mem = this.mem;
    // Released first: growth counts as both at once, and what is read too early is then taken for retained.
    let released = Atomics.load(mem, this.at + PAGES_RELEASED);
    for (const { pageCache } of caches) released += scavengedPages(mem, pageCache);
    return Atomics.load(mem, this.at + PAGES_MAPPED) - released;
  }

  /**
   * Everything that is wrong with the page tables, one entry per broken invariant and place; none when all is well. `caches` are
   * those of all Ps. No other thread may allocate or free meanwhile.
   */
  verifyPages(caches: readonly ProcessorCaches[]): BrokenPages[] {
    this.mutexes.lock(this.lockWord, RANK);
    try {
      return verifyPages(this, caches);
    } finally {
      this.mutexes.unlock(this.lockWord, RANK);
    }
  }

  private drainFreedSlow(): void {
    this.mutexes.lock(this.lockWord, RANK);
    this.drainFreedLocked();
    this.mutexes.unlock(this.lockWord, RANK);
  }

  /** Gives the pages of this P's freed spans back. Caller holds the heap lock. */
  private drainFreedLocked(): void {
    const mem = this.mem;
    const cache = this.spanCache;
    for (let s = cache.takeFreed(); s !== 0; s = cache.takeFreed()) {
      const npages = mem[s + NPAGES]!;
      this.pages.free((mem[s + START_ADDR]! >>> PAGE_BITS) as PageIndex, npages);
      this.addFreeLocked(npages, 0);
      const tinyBlock = mem[s + TINY_BITS]!;
      if (tinyBlock !== 0) this.tinyBlocks.free(tinyBlock as Ptr);
      cache.giveLocked(s, this.spanRecords);
    }
  }

  private allocSlow(npages: number, spanClass: number): SpanPtr {
    if (!Number.isInteger(npages) || npages < 1) {
      throw new MheapError("ERR_HEAP_NPAGES", `a span has a positive whole number of pages, not ${String(npages)}`);
    }
    const mem = this.mem;
    const mutexes = this.mutexes;
    for (let waits = 0; ; waits++) {
      mutexes.lock(this.lockWord, RANK);
      this.drainFreedLocked();
      const mapped = mem[this.at + PAGES_MAPPED]!;
      const released = mem[this.at + PAGES_RELEASED]!;
      const s = this.spanCache.takeLocked(this.spanRecords);
      const page = s === 0 ? 0 : this.takePagesLocked(npages);
      const scav = this.pages.scav;
      const scavenging = mem[this.at + SCAVENGING]!;
      const grown = mem[this.at + PAGES_MAPPED]! - mapped;
      // Growth is scavenged pages too.
      const taken = released + grown - mem[this.at + PAGES_RELEASED]!;
      if (page !== 0) this.initSpan(s, page as PageIndex, npages, scav, spanClass);
      else if (s !== 0) this.spanCache.giveLocked(s, this.spanRecords);
      mutexes.unlock(this.lockWord, RANK);
      if (page !== 0) {
        if (grown > 0 || taken > 0) this.observer?.allocated(grown, taken, scav);
        return s;
      }
      // Pages that are with the operating system right now come back as free ones: wait for them before saying no.
      if (scavenging === 0 || !this.region.shared || waits === SCAVENGE_WAITS) return NIL as SpanPtr;
      Atomics.wait(mem, this.at + SCAVENGING, scavenging, SCAVENGE_WAIT_MS);
    }
  }

  /** The first of `npages` pages taken for a span, or 0; `pages.scav` is set. Caller holds the heap lock. */
  private takePagesLocked(npages: number): number {
    const pages = this.pages;
    const cache = this.pageCache;
    if (npages < PAGE_CACHE_LIMIT) {
      if (cache.empty) {
        pages.allocToCache(cache.at);
        this.addFreeLocked(-cache.free, -cache.scavenged);
      }
      const page = cache.alloc(npages);
      if (page !== 0) {
        pages.scav = cache.scav;
        return page;
      }
    }
    let page = pages.alloc(npages);
    if (page === 0 && this.growByChunksLocked(npages)) page = pages.alloc(npages);
    if (page === 0) {
      this.flushPageCacheLocked();
      page = pages.alloc(npages);
    }
    if (page === 0 && this.growByRestLocked(npages)) page = pages.alloc(npages);
    if (page !== 0) this.addFreeLocked(-npages, -pages.scav);
    return page;
  }

  private flushPageCacheLocked(): void {
    this.addFreeLocked(this.pageCache.free, this.pageCache.scavenged);
    this.pages.flushCache(this.pageCache.at);
  }

  /** Counts pages that become free in the bitmaps, or cease to be, and how many of them are scavenged. */
  private addFreeLocked(npages: number, scavenged: number): void {
    const mem = this.mem;
    mem[this.at + PAGES_FREE] = mem[this.at + PAGES_FREE]! + npages;
    mem[this.at + PAGES_RELEASED] = mem[this.at + PAGES_RELEASED]! + scavenged;
  }

  /** Grows the heap by at least `npages`, and up to the end of a chunk. */
  private growByChunksLocked(npages: number): boolean {
    const heapEnd = this.frontier.heapEnd;
    const size = this.config.chunkPages;
    const ask = Math.ceil((heapEnd + npages) / size) * size - heapEnd;
    if (ask > this.frontier.freePages) return false;
    this.growLocked(ask);
    return true;
  }

  /**
   * Grows the heap where no whole chunk is left. Free pages at its end count towards the request; and of what is left, half stays
   * for persistentalloc if the request allows: without span records pages are of no use.
   */
  private growByRestLocked(npages: number): boolean {
    const rest = this.frontier.freePages;
    const need = npages - this.pages.freeRunBelow(this.frontier.heapEnd);
    if (need > rest) return false;
    this.growLocked(Math.max(need, rest >>> 1));
    return true;
  }

  private growLocked(npages: number): void {
    const mem = this.mem;
    const page = this.frontier.takeHeap(npages) as PageIndex;
    mem[this.at + PAGES_MAPPED] = mem[this.at + PAGES_MAPPED]! + npages;
    this.addFreeLocked(npages, npages);
    this.pages.grow(page, npages);
  }

  /** Makes a span of pages that only this thread holds, and publishes it, held by this P. */
  private initSpan(s: SpanPtr, page: PageIndex, npages: number, scav: number, spanClass: number): SpanPtr {
    this.spans.init(s, ((page << PAGE_BITS) >>> 0) as Addr, npages, spanClass, scav === npages ? 0 : 1);
    this.mem[s + HOLDER] = this.mutexes.owner;
    this.pageMap.set(page, npages, s);
    return s;
  }

  private failState(s: SpanPtr): never {
    const state = this.mem[s + STATE];
    const name = state === undefined ? "outside the region" : (SPAN_STATE_NAMES[state] ?? `in state ${state}`);
    throw new MheapError("ERR_SPAN_NOT_IN_USE", `span record ${String(s)} is ${name}: only a span in use can be freed, once, by its holder`);
  }
}

/** Chunks of a region, the last one perhaps partial. */
function chunksOf(config: HeapConfig): number {
  const { maxBytes, chunkPages } = config;
  if (!Number.isInteger(maxBytes) || maxBytes < PAGE_SIZE || maxBytes > 4294967296 || maxBytes % PAGE_SIZE !== 0) {
    throw new MheapError("ERR_HEAP_CONFIG", `maxBytes is a multiple of ${PAGE_SIZE} up to 4294967296, not ${String(maxBytes)}`);
  }
  if ((chunkPages as number) !== 512 && (chunkPages as number) !== 64) {
    throw new MheapError("ERR_HEAP_CONFIG", `chunkPages is 512 or 64, not ${String(chunkPages)}`);
  }
  return Math.ceil(maxBytes / (chunkPages * PAGE_SIZE));
}
