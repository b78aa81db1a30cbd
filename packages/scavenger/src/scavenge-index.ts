/**
 * The scavenge index: the highest chunk that may have pages to give back. Go's `scavengeIndex`.
 *
 * High pages go first: first fit fills the heap from below, so they are wanted back last. Two words per chunk say what is in use there
 * (scav-chunk-data.ts), and two hints say where a search begins. No page above a hint is to be found, and a search moves it down:
 *
 *      searchAddrForce   raised by every free. For freeOSMemory and the memory limit: whatever is free may go
 *      searchAddrBg      raised once per generation, to the highest page freed in the last one (freeHwm). For background and growth: chunks that
 *                        are dense, or were when the generation began, are passed over, and what is freed now waits for the cycle's end
 *
 * **Raised hints.** A search finds the last chunk with something, and lowers the hint; a free at the same moment raises it. The free must win,
 * or its pages would be lost to all later searches. So a raised hint is stored negative, and stays so until a search has seen it:
 *
 *      raise(page)      hint := -page                        by frees, one at a time: under the heap lock
 *      lower(page)      from a positive hint: CAS until it is at most page or negative
 *                       from a negative one: one CAS from exactly what was seen
 *
 * Hints are pages, not addresses; page 0 is never the heap's, so 0 is "none". One departure from Go: there a search that stops in the hint's own
 * chunk looks only at pages up to the hint, and when it finds none writes the whole chunk off, free pages above included. Here the whole chunk is
 * looked at (mheap does), so what is written off is empty. `find` answers as Go's does.
 *
 * `alloc`, `free`, `grow`, `setEmpty` and `nextGen` are called under the heap lock; `find` by anybody, without it. A search may see one word of a
 * chunk as it was and the other as it is: then it may take a chunk for dense that is not, or the other way round; "has free" is in one word.
 */
import type { ChunkIndex } from "@mallocgc/mheap";
import type { PageIndex, Ptr } from "@mallocgc/sysmem";
import { ScavengeError } from "./errors.ts";
import { SCAV_CHUNK_HAS_FREE, chunkFormat, flagsOf, inUseOf, packChunk, shouldScavenge, type ChunkFormat } from "./scav-chunk-data.ts";
import { ScavengerRecord } from "./scavenger-record.ts";

/** Words per chunk. */
export const SCAV_CHUNK_WORDS = 2;

const { gen: GEN, searchAddrBg: SEARCH_BG, searchAddrForce: SEARCH_FORCE, freeHwm: FREE_HWM } = ScavengerRecord.offset;
const HAS_FREE = SCAV_CHUNK_HAS_FREE;
const NONE = 0;

/** The index of one region, as one thread sees it. */
export class ScavengeIndex implements ChunkIndex {
  readonly format: ChunkFormat;
  readonly nchunks: number;
  private readonly mem: Int32Array;
  private readonly at: Ptr;
  private readonly chunks: Ptr;
  private readonly logChunkPages: number;

  /** `at` is the scavenger's record, `chunks` the table of {@link SCAV_CHUNK_WORDS} words per chunk; both all zero at the start. */
  constructor(mem: Int32Array, at: Ptr, chunks: Ptr, nchunks: number, chunkPages: number) {
    this.format = chunkFormat(chunkPages);
    this.nchunks = nchunks;
    this.mem = mem;
    this.at = at;
    this.chunks = chunks;
    this.logChunkPages = 31 - Math.clz32(chunkPages);
  }

  /** How many generations have ended. */
  get gen(): number {
    return Atomics.load(this.mem, this.at + GEN);
  }

  /** Word 0 of a chunk. */
  word(ci: number): number {
    return Atomics.load(this.mem, this.chunks + (ci << 1));
  }

  /**
   * A page in the highest chunk that may have something to scavenge: where the search in that chunk would begin; 0 when there is none. The next call
   * finds the same chunk again unless it was set empty.
   */
  find(force: boolean): PageIndex {
    const mem = this.mem;
    const at = this.at + (force ? SEARCH_FORCE : SEARCH_BG);
    // Pairs with the store in raise: what the free wrote before is seen.
    const hint = Atomics.load(mem, at);
    if (hint === NONE) return NONE as PageIndex;
    const search = Math.abs(hint);
    const gen = Atomics.load(mem, this.at + GEN);
    const start = search >>> this.logChunkPages;
    for (let ci = start; ci >= 0; ci--) {
      const chunk = this.chunks + (ci << 1);
      if (!shouldScavenge(this.format, Atomics.load(mem, chunk), Atomics.load(mem, chunk + 1), gen, force)) continue;
      if (ci === start) return search as PageIndex;
      const page = ((ci + 1) << this.logChunkPages) - 1;
      if (hint < 0) Atomics.compareExchange(mem, at, hint, page);
      else this.lower(at, page);
      return page as PageIndex;
    }
    this.lower(at, NONE);
    return NONE as PageIndex;
  }

  alloc(ci: number, npages: number): void {
    const word = this.current(ci);
    const inUse = inUseOf(word) + npages;
    if (inUse > this.format.chunkPages) this.fail(ci, word, npages);
    // A full chunk has nothing to give.
    this.write(ci, inUse === this.format.chunkPages ? this.withoutFree(word + npages) : word + npages);
  }

  free(ci: number, last: number, npages: number): void {
    const mem = this.mem;
    const word = this.current(ci);
    if (inUseOf(word) < npages) this.fail(ci, word, -npages);
    this.write(ci, (word - npages) | (HAS_FREE << this.format.flagsShift));
    const page = (ci << this.logChunkPages) + last;
    if (mem[this.at + FREE_HWM]! < page) mem[this.at + FREE_HWM] = page;
    // Only frees raise the hint, one at a time: a search meanwhile makes it smaller than what is read here, never larger.
    if (Math.abs(Atomics.load(mem, this.at + SEARCH_FORCE)) < page) this.raise(SEARCH_FORCE, page);
  }

  /** Pages that are new are scavenged already: fewer are in use, and there is nothing to give. */
  grow(ci: number, npages: number): void {
    const word = this.current(ci);
    if (inUseOf(word) < npages) this.fail(ci, word, -npages);
    this.write(ci, word - npages);
  }

  setEmpty(ci: number): void {
    const chunk = this.chunks + (ci << 1);
    this.mem[chunk] = this.withoutFree(this.mem[chunk]!);
  }

  /** A generation ends; once per cycle, when marking has. */
  nextGen(): void {
    const mem = this.mem;
    const hwm = mem[this.at + FREE_HWM]!;
    Atomics.store(mem, this.at + GEN, (mem[this.at + GEN]! + 1) | 0);
    if (Math.abs(Atomics.load(mem, this.at + SEARCH_BG)) < hwm) this.raise(SEARCH_BG, hwm);
    mem[this.at + FREE_HWM] = 0;
  }

  /** No hint, as in a region where nothing was freed yet. For tests. */
  resetSearchAddrs(): void {
    for (const field of [SEARCH_BG, SEARCH_FORCE, FREE_HWM]) Atomics.store(this.mem, this.at + field, NONE);
  }

  /**
   * What is wrong, one sentence each. `allocated` says how many pages of a chunk the bitmaps have allocated, and `available` whether it has pages
   * that could be given back. Nobody else allocates, frees or scavenges meanwhile.
   */
  verify(allocated: (ci: number) => number, available: (ci: number) => boolean): string[] {
    const broken: string[] = [];
    const top = Math.abs(Atomics.load(this.mem, this.at + SEARCH_FORCE)) >>> this.logChunkPages;
    for (let ci = 0; ci < this.nchunks; ci++) {
      const word = this.word(ci);
      const hasFree = (flagsOf(this.format, word) & HAS_FREE) !== 0;
      if (inUseOf(word) !== allocated(ci)) broken.push(`chunk ${ci}: ${inUseOf(word)} pages are said to be in use, ${allocated(ci)} are allocated`);
      if (available(ci) && !hasFree) broken.push(`chunk ${ci}: it has pages to give back, and is said to be empty`);
      if (hasFree && (ci > top || this.mem[this.at + SEARCH_FORCE] === NONE)) broken.push(`chunk ${ci}: it is not empty, and lies above searchAddrForce`);
    }
    return broken;
  }

  /** Word 0 of a chunk in the current generation; a new one begins with what is in use. */
  private current(ci: number): number {
    const mem = this.mem;
    const chunk = this.chunks + (ci << 1);
    const word = mem[chunk]!;
    const gen = mem[this.at + GEN]!;
    if (mem[chunk + 1] === gen) return word;
    mem[chunk + 1] = gen;
    const inUse = inUseOf(word);
    return packChunk(this.format, inUse, inUse, flagsOf(this.format, word));
  }

  private write(ci: number, word: number): void {
    this.mem[this.chunks + (ci << 1)] = word;
  }

  private withoutFree(word: number): number {
    return word & ~(HAS_FREE << this.format.flagsShift);
  }

  private raise(field: number, page: number): void {
    Atomics.store(this.mem, this.at + field, -page);
  }

  /** Lowers a hint to `page`, unless it is lower or was raised meanwhile. */
  private lower(at: number, page: number): void {
    const mem = this.mem;
    let hint = Atomics.load(mem, at);
    while (hint > page) {
      const seen = Atomics.compareExchange(mem, at, hint, page);
      if (seen === hint) return;
      hint = seen;
    }
  }

  private fail(ci: number, word: number, change: number): never {
    throw new ScavengeError(
      "ERR_SCAVENGE_INDEX",
      `chunk ${ci} has ${inUseOf(word)} of ${this.format.chunkPages} pages in use, and ${change} more cannot be: the index was overwritten, or a thread of this heap has none`,
    );
  }
}
