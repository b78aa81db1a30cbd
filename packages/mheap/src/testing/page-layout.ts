/**
 * Page allocators in a state given as data, the way Go's tests give theirs: for each chunk the ranges of allocated and of scavenged
 * pages. Chunks not named do not exist. And a plain model to compare with: one array entry per page, first fit by walking.
 */
import type { PageIndex, Ptr } from "@mallocgc/sysmem";
import { PageAlloc, type ChunkPages } from "../page-alloc.ts";
import { PageSummaries } from "../page-summary.ts";

/** First bit, and how many. */
export type BitRange = readonly [i: number, n: number];
/** Chunk, counted from {@link Layout.base}, -> ranges. */
export type ChunkRanges = Readonly<Record<number, readonly BitRange[]>>;

/** A page allocator over the whole address space of 4 GiB. Its tables stand alone: no page behind them is ever touched. */
export class Layout {
  readonly chunkPages: ChunkPages;
  readonly pages: PageAlloc;
  /** The chunk that the tests' chunk 0 is: 1 GiB, or 128 MiB, above the start, so that there is something below it. */
  readonly base = 256;

  constructor(chunkPages: ChunkPages, alloc: ChunkRanges, scav: ChunkRanges = {}) {
    this.chunkPages = chunkPages;
    this.pages = emptyPageAlloc(chunkPages, 524288 / chunkPages);
    for (const chunk of Object.keys(alloc).map(Number)) {
      const ci = this.base + chunk;
      this.pages.grow((ci * chunkPages) as PageIndex, chunkPages);
      const { bits } = this.pages;
      bits.clearRange(this.pages.scavBits(ci), 0, chunkPages);
      for (const [i, n] of scav[chunk] ?? []) if (n !== 0) bits.setRange(this.pages.scavBits(ci), i, n);
      for (const [i, n] of alloc[chunk]!) {
        if (n === 0) continue;
        bits.setRange(this.pages.allocBits(ci), i, n);
        bits.clearRange(this.pages.scavBits(ci), i, n);
      }
      this.pages.updateChunk(ci);
    }
  }

  /** Page `pi` of the tests' chunk `chunk`. */
  page(chunk: number, pi: number): PageIndex {
    return ((this.base + chunk) * this.chunkPages + pi) as PageIndex;
  }

  /** Both bitmaps of every chunk that exists, readable in a failed comparison. */
  bitmaps(): Record<number, { alloc: string; scav: string }> {
    const out: Record<number, { alloc: string; scav: string }> = {};
    for (let ci = 0; ci < this.pages.nchunks; ci++) {
      if (!this.pages.isGrown(ci)) continue;
      out[ci - this.base] = { alloc: this.bitString(this.pages.allocBits(ci)), scav: this.bitString(this.pages.scavBits(ci)) };
    }
    return out;
  }

  private bitString(b: Ptr): string {
    return Array.from({ length: this.chunkPages }, (_, i) => this.pages.bits.get(b, i)).join("");
  }
}

/** A page allocator of so many chunks that the heap has not grown into. */
export function emptyPageAlloc(chunkPages: ChunkPages, nchunks: number): PageAlloc {
  const searchAddr = 16 as Ptr;
  const grown = 32 as Ptr;
  const bits = (grown + PageAlloc.grownWords(nchunks)) as Ptr;
  const summaries = (bits + PageAlloc.bitsWords(nchunks, chunkPages)) as Ptr;
  const words = summaries + PageSummaries.words(nchunks);
  const mem = new Int32Array(new SharedArrayBuffer(words * 4), 0, words);
  return new PageAlloc(mem, { searchAddr, grown, bits, summaries }, nchunks, chunkPages);
}

/** The model: what a page allocator must do, said in the plainest way. */
export class NaivePages {
  /** Per page: 0 free, 1 allocated, 2 not the heap's. */
  private readonly state: Uint8Array;
  private readonly scavenged: Uint8Array;
  /** Scavenged pages of the last allocation. */
  scav = 0;

  constructor(npages: number) {
    this.state = new Uint8Array(npages).fill(2);
    this.scavenged = new Uint8Array(npages);
  }

  grow(page: number, npages: number): void {
    this.state.fill(0, page, page + npages);
    this.scavenged.fill(1, page, page + npages);
  }

  alloc(npages: number): number {
    for (let page = 0, run = 0; page < this.state.length; page++) {
      run = this.state[page] === 0 ? run + 1 : 0;
      if (run < npages) continue;
      this.allocRange(page - npages + 1, npages);
      return page - npages + 1;
    }
    return 0;
  }

  allocRange(page: number, npages: number): void {
    this.scav = 0;
    for (let p = page; p < page + npages; p++) {
      this.scav += this.scavenged[p]!;
      this.state[p] = 1;
      this.scavenged[p] = 0;
    }
  }

  free(page: number, npages: number): void {
    this.state.fill(0, page, page + npages);
  }

  /** Marks the highest run of free, unscavenged pages of a chunk, at most `max`, as scavenged: its first page and length. */
  scavenge(chunk: number, chunkPages: number, max: number): readonly [page: number, npages: number] | undefined {
    const wanted = (p: number): boolean => p >= chunk * chunkPages && this.state[p] === 0 && this.scavenged[p] === 0;
    let last = (chunk + 1) * chunkPages - 1;
    while (last >= chunk * chunkPages && !wanted(last)) last--;
    if (!wanted(last)) return undefined;
    let first = last;
    while (last - first + 1 < max && wanted(first - 1)) first--;
    this.scavenged.fill(1, first, last + 1);
    return [first, last - first + 1];
  }

  /** The lowest block of 64 with a free page: its first page, which pages of it were free, and which of those scavenged. */
  block(): { base: number; free: number[]; scav: number[] } | undefined {
    const first = this.state.indexOf(0);
    if (first < 0) return undefined;
    const base = first - (first % 64);
    const free: number[] = [];
    const scav: number[] = [];
    for (let p = base; p < base + 64; p++) {
      if (this.state[p] !== 0) continue;
      free.push(p);
      if (this.scavenged[p] === 1) scav.push(p);
      this.allocRange(p, 1);
    }
    return { base, free, scav };
  }

  /** Alloc bit, plus 2 if scavenged, of each page of the heap. */
  isFree(page: number): boolean {
    return this.state[page] === 0;
  }

  isScavenged(page: number): boolean {
    return this.scavenged[page] === 1;
  }

  /** Gives pages taken with `block` back. */
  unblock(free: readonly number[], scav: readonly number[]): void {
    for (const p of free) this.state[p] = 0;
    for (const p of scav) this.scavenged[p] = 1;
  }
}

/** A small generator of random numbers with a seed (mulberry32): `next(n)` is 0 to n - 1. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) | 0;
  }

  next(n: number): number {
    return (this.word() >>> 0) % n;
  }
}
