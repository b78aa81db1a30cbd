/**
 * Memory for ever: what the heap itself is described by, and never gives back.
 *
 * Go's persistentalloc: small requests are cut from a chunk of 256 KiB (in a region below 16 MiB: a 64th of it) by moving `next` up; a request of 64 KiB or more
 * takes pages of its own. Chunks come from the top of the region (see frontier.ts). The rest of a chunk that is too small
 * for the request in hand is lost, at most 64 KiB in 256. When no whole chunk is to be had any more (a small region, or a full
 * one), the request takes just the pages it needs, and only when these are not there either is the answer 0.
 *
 *      | used .......... | free ......... |
 *      chunk            next             end            all in words; next = end = 0: no chunk yet
 *
 * What is handed out has never been used before, so it is zero. Invariants:
 *
 *      next <= end <= the region's words;      next >= persistentStart, when there is a chunk
 *      inUse <= sys = (the region's pages - persistentStart) * 8 KiB
 *
 * Every caller of `alloc` holds the heap lock.
 */
import { PAGE_SHIFT, PAGE_SIZE, addrOf, alignUp, type Addr, type Ptr } from "./addr.ts";
import { SysmemError } from "./errors.ts";
import type { Frontier } from "./frontier.ts";
import { record, type RecordLayout } from "./record.ts";
import type { Region } from "./region.ts";

/** Bytes of a chunk that small requests are cut from. */
export const PERSISTENT_CHUNK_BYTES: number = 256 << 10;
/** Requests of so many bytes and more take pages of their own. */
export const PERSISTENT_LARGE_BYTES: number = 64 << 10;

/** Layout of persistentalloc's state. Words and pages, not bytes: a byte count up to 2^32 does not fit a signed word. */
export const PersistentAllocRecord: RecordLayout<"next" | "end" | "inUseWords" | "sysPages"> = record("persistentalloc", 4, {
  next: { access: "lock:heap", doc: "first free word of the current chunk" },
  end: { access: "lock:heap", doc: "first word after the current chunk" },
  inUseWords: { access: "lock:heap", doc: "words handed out, without padding" },
  sysPages: { access: "lock:heap", doc: "pages taken from the frontier" },
});

const { next: NEXT, end: END, inUseWords: IN_USE_WORDS, sysPages: SYS_PAGES } = PersistentAllocRecord.offset;

const MAX_CHUNK_PAGES: number = PERSISTENT_CHUNK_BYTES / PAGE_SIZE;
const MIN_CHUNK_PAGES = 1;
/** A chunk is at most this part of the region. */
const REGION_SHARE = 64;
const LARGE_BYTES: number = PERSISTENT_LARGE_BYTES;
const PAGE_WORD_SHIFT: number = PAGE_SHIFT - 2;

/** The allocator's record, seen from one thread. A record of zeros is the start: nothing taken yet. */
export class PersistentAlloc {
  private readonly mem: Int32Array;
  private readonly at: Ptr;
  private readonly frontier: Frontier;
  private readonly chunkPages: number;

  constructor(region: Region, at: Ptr, frontier: Frontier) {
    this.mem = region.i32;
    this.chunkPages = Math.min(MAX_CHUNK_PAGES, Math.max(MIN_CHUNK_PAGES, Math.floor(region.byteLength / PAGE_SIZE / REGION_SHARE)));
    this.at = at;
    this.frontier = frontier;
  }

  /**
   * `bytes` of zeroed memory for ever, aligned to `align`, or 0 when the region is full. Caller holds the heap lock.
   *
   * @throws SysmemError `ERR_ALLOC_SIZE` when `bytes` is not a positive integer; `ERR_ALLOC_ALIGN` when `align` is not a
   * power of two from 4 to 8192.
   */
  alloc(bytes: number, align: number): Addr {
    if (!Number.isInteger(bytes) || bytes < 1) throw new SysmemError("ERR_ALLOC_SIZE", `persistentalloc takes a positive number of bytes, not ${String(bytes)}`);
    if (!Number.isInteger(align) || align < 4 || align > PAGE_SIZE || (align & (align - 1)) !== 0) {
      throw new SysmemError("ERR_ALLOC_ALIGN", `persistentalloc aligns to a power of two from 4 to ${PAGE_SIZE}, not ${String(align)}`);
    }
    const words = Math.ceil(bytes / 4);
    const start = bytes >= LARGE_BYTES ? this.takePages(Math.ceil(bytes / PAGE_SIZE)) : this.bump(words, align / 4);
    if (start === 0) return 0 as Addr;
    this.mem[this.at + IN_USE_WORDS] = this.mem[this.at + IN_USE_WORDS]! + words;
    return addrOf(start);
  }

  /** Bytes handed out (each request rounded up to whole words). Callable without the lock. */
  get inUse(): number {
    return Atomics.load(this.mem, this.at + IN_USE_WORDS) * 4;
  }

  /** Bytes taken from the region, with padding and the unused rest of chunks. Callable without the lock. */
  get sys(): number {
    return Atomics.load(this.mem, this.at + SYS_PAGES) * PAGE_SIZE;
  }

  /** The broken invariants, in words; none when all is well. Caller holds the heap lock. */
  verify(): string[] {
    const mem = this.mem;
    const next = mem[this.at + NEXT]!;
    const end = mem[this.at + END]!;
    const broken: string[] = [];
    if (next > end || end > mem.length) broken.push(`persistentalloc: next ${next}, end ${end} and the region's ${mem.length} words are not in order`);
    if (end !== 0 && next < this.frontier.persistentStart << PAGE_WORD_SHIFT) {
      broken.push(`persistentalloc: next ${next} lies below persistentStart, page ${this.frontier.persistentStart}`);
    }
    const taken = Math.floor((mem.length * 4) / PAGE_SIZE) - this.frontier.persistentStart;
    if (this.sys !== taken * PAGE_SIZE) broken.push(`persistentalloc: sys ${this.sys} is not the ${taken} pages above the frontier`);
    if (this.inUse < 0 || this.inUse > this.sys) broken.push(`persistentalloc: inUse ${this.inUse} is not within 0..sys ${this.sys}`);
    return broken;
  }

  /** Cuts `words` from the current chunk, or from a new one. Word index, or 0. */
  private bump(words: number, alignWords: number): number {
    const mem = this.mem;
    let start = alignUp(mem[this.at + NEXT]!, alignWords);
    if (start + words > mem[this.at + END]!) {
      let pages = Math.max(this.chunkPages, Math.ceil((words * 4) / PAGE_SIZE));
      start = this.takePages(pages);
      if (start === 0) {
        pages = Math.ceil((words * 4) / PAGE_SIZE);
        start = this.takePages(pages);
        if (start === 0) return 0;
      }
      mem[this.at + END] = start + (pages << PAGE_WORD_SHIFT);
    }
    mem[this.at + NEXT] = start + words;
    return start;
  }

  /** Whole pages from the frontier: the word index of the first, or 0. */
  private takePages(npages: number): number {
    const page = this.frontier.takePersistent(npages);
    if (page < 0) return 0;
    this.mem[this.at + SYS_PAGES] = this.mem[this.at + SYS_PAGES]! + npages;
    return page << PAGE_WORD_SHIFT;
  }
}
