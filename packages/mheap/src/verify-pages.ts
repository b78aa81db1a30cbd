/**
 * The invariants of the page tables, as code. Slow and plain on purpose: bits are read one by one and trees are computed anew, so
 * that nothing here shares a mistake with what it checks.
 *
 *      name                what must hold
 *      sysmem              frontier, persistentalloc and both fixallocs are consistent in themselves
 *      grown               the chunks that the heap reaches into, and no others, are marked as grown into
 *      outside             a page that is not the heap's is allocated and not scavenged, or all zero where nothing has grown
 *      scavenged           a scavenged page is not allocated
 *      summary             each summary says what lies below it
 *      searchAddr          no free page lies below searchAddr
 *      pageMap             an entry is the record of a span in use that covers the page; a span has all its pages
 *      onePlace            a page of the heap is free, or in one page cache, or in one span, or in one freed span, or being scavenged
 *      pageCache           a page cache has a block of 64 pages of the heap, and scavenged ones only among its free ones
 *      spanCache           a P has 0 to 128 different dead records, and 0 to 16 freed spans with freedPages pages in all
 *      pagesMapped         = heapEnd - firstPage
 *      pagesFree           = free pages in the bitmaps
 *      pagesReleased       = scavenged pages in the bitmaps
 *      scavenging          = pages found nowhere
 *      spanRecords         records handed out = spans + records in caches + freed spans
 *      tinyBlocks          side blocks handed out = spans, freed ones too, that have one
 *
 * The caller holds the heap lock, and no thread allocates from its page cache meanwhile.
 */
import { MSpan, SPAN_DEAD, SPAN_IN_USE, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SHIFT, type Ptr } from "@mallocgc/sysmem";
import type { Heap } from "./heap.ts";
import { MHeap } from "./heap-record.ts";
import { NO_FREE_PAGE } from "./page-alloc.ts";
import { PAGE_CACHE_PAGES, PageCacheRec } from "./page-cache.ts";
import { FREED_SPANS_SIZE, SPAN_CACHE_SIZE, SpanCacheRec } from "./span-cache.ts";

/** The names of what {@link verifyPages} checks. */
export type PageInvariant =
  | "sysmem" | "grown" | "outside" | "scavenged" | "summary" | "searchAddr" | "pageMap" | "onePlace" | "pageCache" | "spanCache"
  | "pagesMapped" | "pagesFree" | "pagesReleased" | "scavenging" | "spanRecords" | "tinyBlocks";

/** One broken invariant at one place. */
export interface BrokenPages {
  readonly invariant: PageInvariant;
  readonly where: string;
  readonly expected: number | string;
  readonly got: number | string;
}

/** The parts of a P's record that hold pages and span records. */
export interface ProcessorCaches {
  readonly pageCache: Ptr;
  readonly spanCache: Ptr;
}

/** More reports than this would only repeat what the first ones say. */
const MAX_REPORTS = 200;

/** Where a page was found. */
const NOWHERE = 0;
const FREE = 1;
const IN_CACHE = 2;
const IN_SPAN = 3;
const IN_FREED = 4;
const PLACES = ["nowhere", "free", "in a page cache", "in a span", "in a freed span"];

/** See the table above. */
export function verifyPages(heap: Heap, caches: readonly ProcessorCaches[]): BrokenPages[] {
  return new PageVerifier(heap).run(caches);
}

class PageVerifier {
  private readonly heap: Heap;
  private readonly mem: Int32Array;
  private readonly broken: BrokenPages[] = [];
  private readonly place: Uint8Array;
  private readonly heapEnd: number;
  private cachedRecords = 0;
  private spanCount = 0;
  private tinySpans = 0;

  constructor(heap: Heap) {
    this.heap = heap;
    this.mem = heap.mem;
    this.place = new Uint8Array(heap.pageMap.npages);
    this.heapEnd = Math.min(heap.frontier.heapEnd, heap.pageMap.npages);
  }

  run(caches: readonly ProcessorCaches[]): BrokenPages[] {
    const { heap } = this;
    for (const part of [heap.frontier, heap.persistent, heap.spanRecords, heap.tinyBlocks]) {
      for (const text of part.verify()) this.report("sysmem", text, "consistent", "broken");
    }
    this.bitmaps();
    for (const [i, cache] of caches.entries()) {
      this.pageCache(cache.pageCache, `page cache ${i}`);
      this.spanCache(cache.spanCache, `span cache ${i}`);
    }
    this.pageMap();
    this.figures();
    this.summaries();
    return this.broken;
  }

  private report(invariant: PageInvariant, where: string, expected: number | string, got: number | string): void {
    if (this.broken.length < MAX_REPORTS) this.broken.push({ invariant, where, expected, got });
  }

  private check(invariant: PageInvariant, where: string, expected: number, got: number): void {
    if (expected !== got) this.report(invariant, where, expected, got);
  }

  private isHeapPage(page: number): boolean {
    return page >= this.heap.firstPage && page < this.heapEnd;
  }

  /** The alloc bit of a page (0 or 1), plus 2 if it is scavenged. */
  private bitsOf(page: number): number {
    const { pages } = this.heap;
    const ci = Math.floor(page / pages.chunkPages);
    const pi = page % pages.chunkPages;
    return pages.bits.get(pages.allocBits(ci), pi) + 2 * pages.bits.get(pages.scavBits(ci), pi);
  }

  private bitmaps(): void {
    const { heap, place, heapEnd } = this;
    const { pages, firstPage } = heap;
    const size = pages.chunkPages;
    let lowestFree = NO_FREE_PAGE;
    for (let ci = 0; ci < pages.nchunks; ci++) {
      const reached = heapEnd > firstPage && ci >= Math.floor(firstPage / size) && ci <= Math.floor((heapEnd - 1) / size);
      if (reached !== pages.isGrown(ci)) this.report("grown", `chunk ${ci}`, String(reached), String(!reached));
      for (let page = ci * size; page < (ci + 1) * size; page++) {
        const bits = this.bitsOf(page);
        if (!this.isHeapPage(page)) {
          this.check("outside", `page ${page}`, reached ? 1 : 0, bits);
          continue;
        }
        if (bits === 3) this.report("scavenged", `page ${page}`, "allocated or scavenged", "both");
        if ((bits & 1) === 1) continue;
        place[page] = FREE;
        if (lowestFree === NO_FREE_PAGE) lowestFree = page;
      }
    }
    const search = pages.searchAddr;
    if (search < 0 || search > lowestFree) this.report("searchAddr", "searchAddr", `0 to ${lowestFree}`, search);
  }

  private pageCache(c: Ptr, name: string): void {
    const { mem } = this;
    const { base: BASE, free: FREE_BITS, scav: SCAV } = PageCacheRec.offset;
    const base = mem[c + BASE]!;
    for (let i = 0; i < PAGE_CACHE_PAGES; i++) {
      const w = i >>> 5;
      const free = (mem[c + FREE_BITS + w]! >>> (i & 31)) & 1;
      const scav = (mem[c + SCAV + w]! >>> (i & 31)) & 1;
      if (scav > free) this.report("pageCache", `${name}, bit ${i}`, "scavenged pages are free ones", "scavenged, not free");
      if (free === 0) continue;
      if (base % PAGE_CACHE_PAGES !== 0) {
        this.report("pageCache", `${name}, base`, `a multiple of ${PAGE_CACHE_PAGES}`, base);
        return;
      }
      const page = base + i;
      if (!this.isHeapPage(page)) {
        this.report("pageCache", `${name}, bit ${i}`, "a page of the heap", page);
        continue;
      }
      this.found(page, IN_CACHE);
    }
  }

  private spanCache(c: Ptr, name: string): void {
    const { mem } = this;
    const { len: LEN, spans: SPANS, freedLen: FREED_LEN, freedPages: FREED_PAGES, freed: FREED } = SpanCacheRec.offset;
    const len = mem[c + LEN]!;
    const freedLen = mem[c + FREED_LEN]!;
    if (len < 0 || len > SPAN_CACHE_SIZE) {
      this.report("spanCache", `${name}, len`, `0 to ${SPAN_CACHE_SIZE}`, len);
      return;
    }
    if (freedLen < 0 || freedLen > FREED_SPANS_SIZE) {
      this.report("spanCache", `${name}, freedLen`, `0 to ${FREED_SPANS_SIZE}`, freedLen);
      return;
    }
    this.cachedRecords += len + freedLen;
    const seen = new Set<number>();
    for (let i = 0; i < len; i++) this.deadRecord(mem[c + SPANS + i]!, `${name}, entry ${i}`, seen);
    let npages = 0;
    for (let i = 0; i < freedLen; i++) {
      const s = mem[c + FREED + i]!;
      if (this.deadRecord(s, `${name}, freed span ${i}`, seen)) npages += this.freedSpan(s, `${name}, freed span ${i}`);
    }
    this.check("spanCache", `${name}, freedPages`, npages, mem[c + FREED_PAGES]!);
  }

  /** Checks an entry of a span cache; false when it is no record at all. */
  private deadRecord(s: number, where: string, seen: Set<number>): boolean {
    if (!this.isRecord(s)) {
      this.report("spanCache", where, "a span record", s);
      return false;
    }
    if (seen.has(s)) this.report("spanCache", where, "each record once", s);
    else this.check("spanCache", `${where}, state`, SPAN_DEAD, this.mem[s + MSpan.offset.state]!);
    seen.add(s);
    return true;
  }

  /** Checks a span that waits for its pages to be given back; returns how many they are. */
  private freedSpan(s: number, where: string): number {
    const { mem } = this;
    const { startAddr, npages: NPAGES, tinyBits } = MSpan.offset;
    const first = mem[s + startAddr]! >>> PAGE_SHIFT;
    const npages = mem[s + NPAGES]!;
    if (npages < 1 || !this.isHeapPage(first) || !this.isHeapPage(first + npages - 1)) {
      this.report("spanCache", where, "pages of the heap", `pages ${first} to ${first + npages - 1}`);
      return npages;
    }
    for (let page = first; page < first + npages; page++) this.found(page, IN_FREED);
    if (mem[s + tinyBits] !== 0) this.tinySpans++;
    return npages;
  }

  /** Whether a word can be a span record: records lie in the persistent end of the region. */
  private isRecord(s: number): boolean {
    return s >= this.heap.frontier.persistentStart * (1 << (PAGE_SHIFT - 2)) && s + MSpan.words <= this.mem.length;
  }

  private pageMap(): void {
    const { heap, mem } = this;
    const { startAddr, npages: NPAGES, state, tinyBits } = MSpan.offset;
    const at = heap.pageMap.at;
    for (let page = 0; page < heap.pageMap.npages; page++) {
      const s = mem[at + page]!;
      if (s === 0) continue;
      if (!this.isHeapPage(page) || !this.isRecord(s)) {
        this.report("pageMap", `page ${page}`, this.isHeapPage(page) ? "a span record" : "0", s);
        continue;
      }
      const first = mem[s + startAddr]! >>> PAGE_SHIFT;
      const npages = mem[s + NPAGES]!;
      if (mem[s + state] !== SPAN_IN_USE || page < first || page >= first + npages) {
        this.report("pageMap", `page ${page}`, "a span in use that covers the page", `record ${s}, state ${mem[s + state]!}, pages ${first} to ${first + npages - 1}`);
        continue;
      }
      this.found(page, IN_SPAN);
      if (page !== first) continue;
      this.countSpan(s as SpanPtr, first, npages, mem[s + tinyBits]! !== 0);
    }
  }

  private countSpan(s: SpanPtr, first: number, npages: number, tiny: boolean): void {
    const { heap, mem } = this;
    this.spanCount++;
    if (tiny) this.tinySpans++;
    for (let page = first + 1; page < first + npages; page++) this.check("pageMap", `page ${page}`, s, mem[heap.pageMap.at + page] ?? 0);
  }

  /** Notes where a page was found; it must be allocated in the bitmap, and found nowhere else. */
  private found(page: number, where: number): void {
    const before = this.place[page]!;
    if (before !== NOWHERE) this.report("onePlace", `page ${page}`, PLACES[where]!, `also ${PLACES[before]!}`);
    this.place[page] = where;
  }

  private figures(): void {
    const { heap, mem, place } = this;
    let lost = 0;
    let firstLost = -1;
    let scavenged = 0;
    let free = 0;
    for (let page: number = heap.firstPage; page < this.heapEnd; page++) {
      if (this.bitsOf(page) >= 2) scavenged++;
      if ((this.bitsOf(page) & 1) === 0) free++;
      if (place[page] !== NOWHERE) continue;
      lost++;
      if (firstLost < 0) firstLost = page;
    }
    const figure = (name: "pagesMapped" | "pagesFree" | "pagesReleased" | "scavenging"): number => mem[heap.at + MHeap.offset[name]]!;
    this.check("pagesMapped", "pagesMapped", this.heapEnd - heap.firstPage, figure("pagesMapped"));
    this.check("pagesFree", "pagesFree", free, figure("pagesFree"));
    this.check("pagesReleased", "pagesReleased", scavenged, figure("pagesReleased"));
    this.check("scavenging", "scavenging", lost, figure("scavenging"));
    if (lost !== figure("scavenging") && lost > 0) this.report("onePlace", `page ${firstLost}`, "one place", PLACES[NOWHERE]!);
    this.check("spanRecords", "records handed out", this.spanCount + this.cachedRecords, heap.spanRecords.inUse / (MSpan.words * 4));
    this.check("tinyBlocks", "side blocks handed out", this.tinySpans, heap.tinyBlocks.inUse / (heap.tinyBlocks.words * 4));
  }

  /** Computes the whole tree anew from single bits, and compares. */
  private summaries(): void {
    const { pages } = this.heap;
    const { levels, lengths, logPages } = pages.summaries;
    let below: Summary[] = [];
    for (let ci = 0; ci < lengths.at(-1)!; ci++) below.push(ci < pages.nchunks && pages.isGrown(ci) ? this.summarizeChunk(ci) : NOTHING_FREE);
    for (let level = levels.length - 1; level >= 0; level--) {
      if (level < levels.length - 1) below = Array.from({ length: lengths[level]! }, (_, i) => merge(below.slice(i * 8, i * 8 + 8), 1 << logPages[level + 1]!));
      for (const [i, want] of below.entries()) {
        const at = pages.summaries.at(level, i);
        const [start, max, end] = this.mem.subarray(at, at + 3);
        if (start !== want.start || max !== want.max || end !== want.end) {
          this.report("summary", `level ${level}, entry ${i}`, `${want.start}, ${want.max}, ${want.end}`, `${start!}, ${max!}, ${end!}`);
        }
      }
    }
  }

  private summarizeChunk(ci: number): Summary {
    const { pages } = this.heap;
    const alloc = pages.allocBits(ci);
    let start = -1;
    let max = 0;
    let run = 0;
    for (let i = 0; i < pages.chunkPages; i++) {
      if (pages.bits.get(alloc, i) === 0) {
        run++;
        continue;
      }
      if (start < 0) start = run;
      max = Math.max(max, run);
      run = 0;
    }
    return { start: start < 0 ? run : start, max: Math.max(max, run), end: run };
  }
}

interface Summary {
  readonly start: number;
  readonly max: number;
  readonly end: number;
}

const NOTHING_FREE: Summary = { start: 0, max: 0, end: 0 };

/** One summary for neighbours that each cover `pages` pages. */
function merge(parts: readonly Summary[], pages: number): Summary {
  let start = 0;
  let max = 0;
  let run = 0;
  let startRuns = true;
  for (const part of parts) {
    if (startRuns) start += part.start;
    if (part.start < pages) startRuns = false;
    max = Math.max(max, part.max, run + part.start);
    run = part.end === pages ? run + pages : part.end;
  }
  return { start, max, end: run };
}
