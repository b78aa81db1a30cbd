/**
 * The page allocator: which pages of the heap are free, and the lowest n of them in a row.
 *
 * Address-ordered first fit, as in Go: of all runs of n free pages the one with the lowest address. Low addresses fill up and
 * stay full, high ones empty out and can be given back. Three structures answer the question, each for the next:
 *
 *      searchAddr   no page below it is free: where every search starts
 *      summaries    a radix tree over the chunks (page-summary.ts): which chunk, or which run across chunks
 *      bitmaps      512 or 64 pages each (page-bits.ts): which page of the chunk
 *
 * A search walks down from the root: at each level it looks for the first entry that has the run inside (and goes down
 * into it), or for neighbours whose end and start make the run together (and is done). On the way it remembers the first
 * entry that had any free page: that becomes the new searchAddr, because nothing below it is free.
 *
 * Pages are counted from the start of the region, so a page's chunk is `page >> 9` (or 6). Page 0 is never the heap's: 0
 * means "none". A chunk exists once the heap has grown into it (a bit in `grown`); its pages outside the growth (fixed
 * tables below, the frontier above) are allocated until the heap grows into them too. Where the heap has not grown all
 * tables are zero, which reads as "nothing free". Invariants:
 *
 *      no free page below searchAddr;      each summary = what lies below it;      scavenged => not allocated
 *
 * A *scavenged* page is free and its memory is with the operating system: never touched, or given back. Pages lose the mark
 * when they are allocated; `alloc` says how many had it, because whoever counts released memory must know.
 *
 * Everything here is under the heap lock. This class takes no lock and touches no page: it can stand over any tables.
 */
import { popcount32 } from "@mallocgc/mspan";
import type { PageIndex, Ptr } from "@mallocgc/sysmem";
import { MheapError } from "./errors.ts";
import { PageBits } from "./page-bits.ts";
import { PAGE_CACHE_PAGES, PageCacheRec } from "./page-cache.ts";
import { findScavengeCandidate } from "./scavenge-candidate.ts";
import { PageSummaries, SUMMARY_LEVELS, SUMMARY_WORDS } from "./page-summary.ts";

const { base: CACHE_BASE, free: CACHE_FREE, scav: CACHE_SCAV } = PageCacheRec.offset;
const LEVELS = SUMMARY_LEVELS;
const WORDS = SUMMARY_WORDS;
const MAX = 1;
const END = 2;
const FANOUT_BITS = 3;
const BLOCK_PAGES = PAGE_CACHE_PAGES;

/** What `searchAddr` is when no page is free: above every page. */
export const NO_FREE_PAGE: number = 1 << 20;
const NO_FREE = NO_FREE_PAGE;

/** Pages of a chunk: 512 as in Go on 32-bit machines, 64 as in Go on WebAssembly. */
export type ChunkPages = 512 | 64;

/** Where a page allocator's parts lie; each part is all zero at the start. */
export interface PageAllocPlaces {
  /** The word that holds searchAddr. */
  readonly searchAddr: Ptr;
  /** The chunks' bitmaps, {@link PageAlloc.bitsWords} words. */
  readonly bits: Ptr;
  /** One bit per chunk: the heap has grown into it; {@link PageAlloc.grownWords} words. */
  readonly grown: Ptr;
  /** The tree, `PageSummaries.words(nchunks)` words. */
  readonly summaries: Ptr;
}

/**
 * Who is told how many pages of each chunk are allocated in the bitmaps: a scavenger's index. Pages that the operating system is taking
 * back do not count as allocated. Every thread of a heap has one, or none has. All calls come under the heap lock.
 */
export interface ChunkIndex {
  /** `npages` of chunk `ci` are allocated. */
  alloc(ci: number, npages: number): void;
  /** `npages` of chunk `ci` are free again, the highest of them its page `last`. */
  free(ci: number, last: number, npages: number): void;
  /** The heap has grown by `npages` of chunk `ci`: pages that counted as allocated, and are free and scavenged now. */
  grow(ci: number, npages: number): void;
  /** There is nothing to scavenge in chunk `ci`, until something in it is freed. */
  setEmpty(ci: number): void;
}

/** A run of pages of the heap: first page, and how many. */
export interface PageRange {
  readonly page: PageIndex;
  readonly npages: number;
}

/** The page allocator of one region, as one thread sees it. */
export class PageAlloc {
  readonly mem: Int32Array;
  readonly bits: PageBits;
  readonly summaries: PageSummaries;
  readonly nchunks: number;
  readonly chunkPages: ChunkPages;
  readonly logChunkPages: number;
  /** Who is told which pages of a chunk are allocated; set once, before the first page is handed out. */
  index: ChunkIndex | undefined;
  /** How many pages of the last `alloc` or `allocRange` were scavenged. */
  scav: number;
  private readonly searchAt: Ptr;
  private readonly bitsAt: Ptr;
  private readonly grownAt: Ptr;
  /** Set by `find`: the lowest address at which a page may be free. */
  private foundFree: number;

  constructor(mem: Int32Array, places: PageAllocPlaces, nchunks: number, chunkPages: ChunkPages) {
    const logChunkPages = 31 - Math.clz32(chunkPages);
    this.mem = mem;
    this.bits = new PageBits(mem, chunkPages);
    this.summaries = new PageSummaries(mem, places.summaries, nchunks, logChunkPages);
    this.nchunks = nchunks;
    this.chunkPages = chunkPages;
    this.logChunkPages = logChunkPages;
    this.index = undefined;
    this.scav = 0;
    this.searchAt = places.searchAddr;
    this.bitsAt = places.bits;
    this.grownAt = places.grown;
    this.foundFree = 0;
  }

  /** Words of all chunks' bitmaps. */
  static bitsWords(nchunks: number, chunkPages: ChunkPages): number {
    return (nchunks * 2 * chunkPages) / 32;
  }

  /** Words of the bits that say which chunks the heap has grown into. */
  static grownWords(nchunks: number): number {
    return Math.ceil(nchunks / 32);
  }

  /** No page below this one is free; {@link NO_FREE_PAGE} when none is known to be. */
  get searchAddr(): number {
    return this.mem[this.searchAt]!;
  }

  /** The alloc bitmap of a chunk. */
  allocBits(ci: number): Ptr {
    return (this.bitsAt + (ci << (this.logChunkPages - 4))) as Ptr;
  }

  /** The scavenged bitmap of a chunk. */
  scavBits(ci: number): Ptr {
    return (this.allocBits(ci) + (this.chunkPages >>> 5)) as Ptr;
  }

  /** Whether the heap has grown into a chunk. */
  isGrown(ci: number): boolean {
    return ((this.mem[this.grownAt + (ci >>> 5)]! >>> (ci & 31)) & 1) === 1;
  }

  /**
   * Takes the lowest `npages` free pages in a row: the first of them, or 0 when there is no such run. `scav` is set.
   * The pages' tables say "allocated" afterwards, and no longer "scavenged".
   */
  alloc(npages: number): PageIndex {
    const mem = this.mem;
    const search = mem[this.searchAt]!;
    if (search >= NO_FREE) return 0 as PageIndex;
    const ci = search >>> this.logChunkPages;
    const pi = search & (this.chunkPages - 1);
    let page: number;
    let newSearch: number;
    if (this.chunkPages - pi >= npages && mem[this.summaries.leaf(ci) + MAX]! >= npages) {
      // The chunk of searchAddr has the run, and nothing lower is free: the tree need not be asked.
      const bits = this.bits;
      const chunk = this.allocBits(ci);
      const first = bits.find1(chunk, pi);
      const j = npages === 1 || first < 0 ? first : bits.find(chunk, npages, first);
      if (j < 0) this.failSummary(LEVELS - 1, ci, npages);
      page = (ci << this.logChunkPages) + j;
      newSearch = (ci << this.logChunkPages) + first;
    } else {
      page = this.find(npages);
      if (page === 0) {
        // Not even one page: nobody need search again until something is freed.
        if (npages === 1) mem[this.searchAt] = NO_FREE;
        return 0 as PageIndex;
      }
      newSearch = this.foundFree;
    }
    this.allocRange(page as PageIndex, npages);
    if (search < newSearch) mem[this.searchAt] = newSearch;
    return page as PageIndex;
  }

  /** Marks `npages` from `page` on as allocated and not scavenged, whatever they were. `scav` is set. */
  allocRange(page: PageIndex, npages: number): void {
    const bits = this.bits;
    const log = this.logChunkPages;
    const size = this.chunkPages;
    const end = page + npages;
    let scav = 0;
    for (let at: number = page; at < end; ) {
      const ci = at >>> log;
      const pi = at & (size - 1);
      const n = Math.min(size - pi, end - at);
      scav += bits.popcntRange(this.scavBits(ci), pi, n);
      bits.setRange(this.allocBits(ci), pi, n);
      bits.clearRange(this.scavBits(ci), pi, n);
      this.index?.alloc(ci, n);
      at += n;
    }
    this.scav = scav;
    this.updateRun(page, npages, 0);
  }

  /** Gives back `npages` allocated pages from `page` on. */
  free(page: PageIndex, npages: number): void {
    const bits = this.bits;
    const log = this.logChunkPages;
    const size = this.chunkPages;
    const end = page + npages;
    if (page < this.mem[this.searchAt]!) this.mem[this.searchAt] = page;
    for (let at: number = page; at < end; ) {
      const ci = at >>> log;
      const pi = at & (size - 1);
      const n = Math.min(size - pi, end - at);
      bits.clearRange(this.allocBits(ci), pi, n);
      this.index?.free(ci, pi + n - 1, n);
      at += n;
    }
    this.updateRun(page, npages, size);
  }

  /**
   * Adds pages to the heap, free and scavenged: memory that nobody has touched is with the operating system. They must not
   * be the heap's already.
   */
  grow(page: PageIndex, npages: number): void {
    const bits = this.bits;
    const log = this.logChunkPages;
    const size = this.chunkPages;
    const end = page + npages;
    for (let at: number = page; at < end; ) {
      const ci = at >>> log;
      const pi = at & (size - 1);
      const n = Math.min(size - pi, end - at);
      if (!this.isGrown(ci)) {
        this.mem[this.grownAt + (ci >>> 5)] = this.mem[this.grownAt + (ci >>> 5)]! | (1 << (ci & 31));
        bits.setRange(this.allocBits(ci), 0, size);
        this.index?.alloc(ci, size);
      }
      bits.setRange(this.scavBits(ci), pi, n);
      bits.clearRange(this.allocBits(ci), pi, n);
      this.index?.grow(ci, n);
      at += n;
    }
    if (page < this.mem[this.searchAt]!) this.mem[this.searchAt] = page;
    this.updateRun(page, npages, size);
  }

  /** Chunks that the heap has grown into, as ranges of pages in address order. */
  inUse(): PageRange[] {
    const ranges: PageRange[] = [];
    for (let ci = 0; ci < this.nchunks; ci++) {
      if (!this.isGrown(ci)) continue;
      let end = ci + 1;
      while (end < this.nchunks && this.isGrown(end)) end++;
      ranges.push({ page: (ci << this.logChunkPages) as PageIndex, npages: (end - ci) << this.logChunkPages });
      ci = end;
    }
    return ranges;
  }

  /** How many pages directly below `page` are free. */
  freeRunBelow(page: number): number {
    let at = page;
    while (at > 0 && this.isGrown((at - 1) >>> this.logChunkPages)) {
      const ci = (at - 1) >>> this.logChunkPages;
      const base = ci << this.logChunkPages;
      if (at - base === this.chunkPages && this.mem[this.summaries.leaf(ci)] === this.chunkPages) at = base;
      else if (this.bits.get(this.allocBits(ci), at - 1 - base) === 0) at--;
      else break;
    }
    return page - at;
  }

  // Page caches (page-cache.ts).

  /**
   * Moves the free pages of the lowest block of 64 that has any into the page cache at `c`, which must be empty and stays so
   * when no page is free. They count as allocated here from now on.
   */
  allocToCache(c: Ptr): void {
    const mem = this.mem;
    const search = mem[this.searchAt]!;
    if (search >= NO_FREE) return;
    let page: number;
    const here = search >>> this.logChunkPages;
    if (mem[this.summaries.leaf(here) + MAX] !== 0) {
      const j = this.bits.find1(this.allocBits(here), search & (this.chunkPages - 1));
      if (j < 0) this.failSummary(LEVELS - 1, here, 1);
      page = (here << this.logChunkPages) + j;
    } else {
      page = this.find(1);
      if (page === 0) {
        mem[this.searchAt] = NO_FREE;
        return;
      }
    }
    const base = page & ~(BLOCK_PAGES - 1);
    const ci = base >>> this.logChunkPages;
    const alloc = this.allocBits(ci) + ((base & (this.chunkPages - 1)) >>> 5);
    const scav = alloc + (this.chunkPages >>> 5);
    mem[c + CACHE_BASE] = base;
    let taken = 0;
    for (let w = 0; w < 2; w++) {
      const free = ~mem[alloc + w]!;
      taken += popcount32(free);
      mem[c + CACHE_FREE + w] = free;
      mem[c + CACHE_SCAV + w] = mem[scav + w]! & free;
      mem[alloc + w] = -1;
      mem[scav + w] = mem[scav + w]! & ~free;
    }
    this.index?.alloc(ci, taken);
    this.updateChunk(ci);
    // The block's last page, not the next block's first, which may be the heap's end: at worst one look in vain.
    mem[this.searchAt] = base + BLOCK_PAGES - 1;
  }

  /** Takes back what is left in the page cache at `c`, which is empty afterwards. */
  flushCache(c: Ptr): void {
    const mem = this.mem;
    const low = mem[c + CACHE_FREE]!;
    const high = mem[c + CACHE_FREE + 1]!;
    if ((low | high) === 0) return;
    const base = mem[c + CACHE_BASE]!;
    const ci = base >>> this.logChunkPages;
    const alloc = this.allocBits(ci) + ((base & (this.chunkPages - 1)) >>> 5);
    const scav = alloc + (this.chunkPages >>> 5);
    for (let w = 0; w < 2; w++) {
      mem[alloc + w] = mem[alloc + w]! & ~mem[c + CACHE_FREE + w]!;
      mem[scav + w] = mem[scav + w]! | mem[c + CACHE_SCAV + w]!;
      mem[c + CACHE_FREE + w] = 0;
      mem[c + CACHE_SCAV + w] = 0;
    }
    mem[c + CACHE_BASE] = 0;
    if (base < mem[this.searchAt]!) mem[this.searchAt] = base;
    const last = high === 0 ? 31 - Math.clz32(low) : 63 - Math.clz32(high);
    this.index?.free(ci, (base & (this.chunkPages - 1)) + last, popcount32(low) + popcount32(high));
    this.updateChunk(ci);
  }

  // Giving pages back to the operating system.

  /**
   * Takes a run of free pages that are not scavenged out of chunk `ci`, the highest there is, at most `max` pages (rules:
   * scavenge-candidate.ts). They count as allocated until `endScavenge`, so the heap lock can be dropped while the operating
   * system works on them. Undefined when the chunk has none: the index is told.
   */
  beginScavenge(ci: number, min: number, max: number, hugePages: number): PageRange | undefined {
    const any = this.mem[this.summaries.leaf(ci) + MAX]! >= min;
    const found = any ? findScavengeCandidate(this.bits, this.allocBits(ci), this.scavBits(ci), this.chunkPages - 1, min, max, hugePages) : undefined;
    if (found === undefined) {
      this.index?.setEmpty(ci);
      return undefined;
    }
    this.bits.setRange(this.allocBits(ci), found.start, found.npages);
    this.updateChunk(ci);
    return { page: ((ci << this.logChunkPages) + found.start) as PageIndex, npages: found.npages };
  }

  /**
   * Frees what `beginScavenge` took, marked scavenged if the operating system has `released` it. If not, it would refuse again: the index
   * leaves the chunk alone until something in it is freed.
   */
  endScavenge(range: PageRange, released: boolean): void {
    const { page, npages } = range;
    const ci = page >>> this.logChunkPages;
    const pi = page & (this.chunkPages - 1);
    if (released) this.bits.setRange(this.scavBits(ci), pi, npages);
    else this.index?.setEmpty(ci);
    if (page < this.mem[this.searchAt]!) this.mem[this.searchAt] = page;
    this.bits.clearRange(this.allocBits(ci), pi, npages);
    this.updateChunk(ci);
  }

  // Summaries.

  /** Brings chunk `ci`'s summary, and those above it, up to date with its bitmap. */
  updateChunk(ci: number): void {
    if (this.bits.summarize(this.allocBits(ci), this.summaries.leaf(ci))) this.summaries.propagate(ci, ci);
  }

  /** The same for all chunks of a run of pages that are now alike: chunks wholly inside it have `run` free pages, all or 0. */
  private updateRun(page: number, npages: number, run: number): void {
    const lo = page >>> this.logChunkPages;
    const hi = (page + npages - 1) >>> this.logChunkPages;
    if (lo === hi) {
      this.updateChunk(lo);
      return;
    }
    this.bits.summarize(this.allocBits(lo), this.summaries.leaf(lo));
    this.summaries.setLeaves(lo + 1, hi, run);
    this.bits.summarize(this.allocBits(hi), this.summaries.leaf(hi));
    this.summaries.propagate(lo, hi);
  }

  /** The first of the lowest `npages` free pages in a row, or 0. Sets `foundFree`. Changes nothing. */
  private find(npages: number): number {
    const mem = this.mem;
    const { levels, logPages, lengths } = this.summaries;
    const search = mem[this.searchAt]!;
    // The narrowest stretch known to hold the first free page.
    let freeBase = 0;
    let freeLast = NO_FREE;
    let i = 0;
    nextLevel: for (let level = 0; level < LEVELS; level++) {
      const log = logPages[level]!;
      const span = 1 << log;
      const n = level === 0 ? lengths[0]! : 1 << FANOUT_BITS;
      if (level > 0) i <<= FANOUT_BITS;
      const searchIndex = search >>> log;
      const j0 = searchIndex > i && searchIndex < i + n ? searchIndex - i : 0;
      let base = 0;
      let size = 0;
      for (let j = j0; j < n; j++) {
        const sum = levels[level]! + (i + j) * WORDS;
        const max = mem[sum + MAX]!;
        if (max === 0) {
          size = 0;
          continue;
        }
        const low = (i + j) << log;
        if (low >= freeBase && low + span - 1 <= freeLast) {
          freeBase = low;
          freeLast = low + span - 1;
        }
        const start = mem[sum]!;
        if (size + start >= npages) {
          if (size === 0) base = j << log;
          size += start;
          break;
        }
        if (max >= npages) {
          i += j;
          continue nextLevel;
        }
        if (size === 0 || start < span) {
          size = mem[sum + END]!;
          base = ((j + 1) << log) - size;
        } else {
          size += span;
        }
      }
      if (size >= npages) {
        this.foundFree = freeBase;
        return (i << log) + base;
      }
      if (level === 0) return 0;
      this.failSummary(level - 1, i >>> FANOUT_BITS, npages);
    }
    // Down at a chunk that has the run inside.
    const chunk = this.allocBits(i);
    const j = this.bits.find(chunk, npages, 0);
    if (j < 0) this.failSummary(LEVELS - 1, i, npages);
    const base = i << this.logChunkPages;
    const first = base + this.bits.find1(chunk, 0);
    this.foundFree = first >= freeBase && first <= freeLast ? first : freeBase;
    return base + j;
  }

  private failSummary(level: number, i: number, npages: number): never {
    const at = this.summaries.at(level, i);
    const mem = this.mem;
    throw new MheapError(
      "ERR_HEAP_CORRUPT",
      `summary ${i} of level ${level} is (${mem[at]!}, ${mem[at + MAX]!}, ${mem[at + END]!}) but there are no ${npages} free pages in a row below it: ` +
        "the page tables were overwritten; verifyPages() says where",
    );
  }
}
