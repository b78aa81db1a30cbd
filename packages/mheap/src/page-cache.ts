/**
 * The page cache: 64 pages in a row of which one P owns the free ones, so that it can take small spans without a lock.
 *
 *      base    first page of the block, a multiple of 64; 0 when there has been none
 *      free    64 bits, lowest page first: set = free, and this P's alone
 *      scav    64 bits: set = free and scavenged; scav is a subset of free
 *
 * The page allocator counts the free pages of the block as allocated (page-alloc.ts, `allocToCache`); the figures count them
 * as what they are, free, and the scavenged ones as released. Spans of fewer than 16 pages are looked for here first, as in
 * Go: only the first run that fits, only inside the block. What a cache cannot give, the page allocator does.
 *
 * Owner only, except that whoever has stopped the owner, or takes over from a dead one, may flush it under the heap lock.
 */
import { record, type PageIndex, type Ptr, type RecordLayout } from "@mallocgc/sysmem";
import { popcount32 } from "@mallocgc/mspan";
import { findBitRange64 } from "./bit-runs.ts";

/** Pages of a page cache's block. */
export const PAGE_CACHE_PAGES = 64;

/** Layout of a page cache; it is part of the P's record. All zero is an empty one. */
export const PageCacheRec: RecordLayout<"base" | "free" | "scav"> = record("pageCache", 5, {
  base: { access: "owner", doc: "first page of the block of 64" },
  free: { access: "owner", words: 2, doc: "pages of the block that this P may hand out" },
  scav: { access: "owner", words: 2, doc: "those of them that are scavenged" },
});

const { base: BASE, free: FREE, scav: SCAV } = PageCacheRec.offset;
const PAGES = PAGE_CACHE_PAGES;
const NIL = 0;

/** One page cache, as its P sees it. */
export class PageCache {
  readonly mem: Int32Array;
  /** Word index of the record. */
  readonly at: Ptr;
  /** How many pages of the last allocation were scavenged. */
  scav: number;

  constructor(mem: Int32Array, at: Ptr) {
    this.mem = mem;
    this.at = at;
    this.scav = 0;
  }

  /** Pages of the block that are free. */
  get free(): number {
    const mem = this.mem;
    return popcount32(mem[this.at + FREE]!) + popcount32(mem[this.at + FREE + 1]!);
  }

  /** Pages of the block that are free and scavenged. */
  get scavenged(): number {
    return scavengedPages(this.mem, this.at);
  }

  get empty(): boolean {
    const mem = this.mem;
    return (mem[this.at + FREE]! | mem[this.at + FREE + 1]!) === 0;
  }

  /** Takes `npages` (1 or more) in a row: the first of them, or 0 when the block has no such run. `scav` is set. */
  alloc(npages: number): PageIndex {
    const page = this.find(npages);
    if (page !== NIL) this.take(page, npages);
    return page;
  }

  /** As `alloc`, but the pages stay in the block until `take`. */
  find(npages: number): PageIndex {
    if (npages !== 1) return this.findN(npages);
    const mem = this.mem;
    const at = this.at;
    let w = 0;
    let word = mem[at + FREE]!;
    if (word === 0) {
      word = mem[at + FREE + 1]!;
      if (word === 0) return NIL as PageIndex;
      w = 1;
    }
    const i = 31 - Math.clz32(word & -word);
    this.scav = (mem[at + SCAV + w]! >>> i) & 1;
    return (mem[at + BASE]! + (w << 5) + i) as PageIndex;
  }

  private findN(npages: number): PageIndex {
    if (npages > PAGES) return NIL as PageIndex;
    const mem = this.mem;
    const at = this.at;
    const i = findBitRange64(mem[at + FREE]!, mem[at + FREE + 1]!, npages);
    if (i >= PAGES) return NIL as PageIndex;
    this.scav = popcount32(mem[at + SCAV]! & maskOfWord(i, npages)) + popcount32(mem[at + SCAV + 1]! & maskOfWord(i - 32, npages));
    return (mem[at + BASE]! + i) as PageIndex;
  }

  /** Takes pages out of the block that `find` has found. */
  take(page: PageIndex, npages: number): void {
    const mem = this.mem;
    const at = this.at;
    const i = page - mem[at + BASE]!;
    const lo = ~maskOfWord(i, npages);
    const hi = ~maskOfWord(i - 32, npages);
    mem[at + FREE] = mem[at + FREE]! & lo;
    mem[at + SCAV] = mem[at + SCAV]! & lo;
    mem[at + FREE + 1] = mem[at + FREE + 1]! & hi;
    mem[at + SCAV + 1] = mem[at + SCAV + 1]! & hi;
  }

  /** Puts pages back, all or some of which were taken out last; those that were count as backed by memory. */
  putBack(page: PageIndex, npages: number): void {
    const mem = this.mem;
    const at = this.at;
    const i = page - mem[at + BASE]!;
    const lo = maskOfWord(i, npages);
    const hi = maskOfWord(i - 32, npages);
    mem[at + SCAV] = mem[at + SCAV]! & ~lo;
    mem[at + SCAV + 1] = mem[at + SCAV + 1]! & ~hi;
    mem[at + FREE] = mem[at + FREE]! | lo;
    mem[at + FREE + 1] = mem[at + FREE + 1]! | hi;
  }
}

/** Pages of the page cache at `at`, anybody's, that are free and scavenged. */
export function scavengedPages(mem: Int32Array, at: Ptr): number {
  return popcount32(mem[at + SCAV]!) + popcount32(mem[at + SCAV + 1]!);
}

/** The bits of one word that the range of `n` bits from bit `i` on covers; `i` counts from the word's bit 0, and may be outside it. */
function maskOfWord(i: number, n: number): number {
  const from = i < 0 ? 0 : i;
  const end = i + n > 32 ? 32 : i + n;
  return from >= end ? 0 : (-1 >>> (32 - (end - from))) << from;
}
