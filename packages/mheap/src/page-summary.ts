/**
 * Summaries of free pages, in a tree: how the page allocator finds n free pages without reading all bitmaps.
 *
 * A summary tells three things of a stretch of pages, each a count of free pages in a row:
 *
 *      start   from its first page on            | start |xx|  max  |xxx|  end  |
 *      max     anywhere in it (>= start, end)
 *      end     up to its last page
 *
 * Go packs them into 64 bits; here they are three words, because a JavaScript number holds 53 bits and 3 x 18 are needed.
 * Level 3 has one summary per chunk, each level above one for 8 of the level below; the root level is read as a whole.
 *
 *      level         0          1          2          3            4 GiB, fan-out by level
 *      512 pages     2     x 8 = 16   x 8 = 128   x 8 = 1024       1, 3, 3, 3 bits: a chunk is 4 MiB
 *      64 pages      16    x 8 = 128  x 8 = 1024  x 8 = 8192       4, 3, 3, 3 bits: a chunk is 512 KiB
 *
 * A smaller region has a shorter root level. A full stretch is (0, 0, 0), which is also what memory that the heap has not
 * grown into looks like: a table of zeros is a tree with no free page. Invariants:
 *
 *      level 3 = what the chunk's bitmap says;      an inner summary = the merge of its 8 children
 *
 * Everything here is read and written under the heap lock.
 */
import type { Ptr } from "@mallocgc/sysmem";

/** Levels of the tree. */
export const SUMMARY_LEVELS = 4;
/** Words of a summary: start, max, end. */
export const SUMMARY_WORDS = 3;

const LEVELS = SUMMARY_LEVELS;
const LEAF = SUMMARY_LEVELS - 1;
const WORDS = SUMMARY_WORDS;
const MAX = 1;
const END = 2;
const FANOUT_BITS = 3;
const FANOUT: number = 1 << FANOUT_BITS;

/** How many summaries each level has, root first, for so many chunks. Every inner summary has all its 8 children. */
export function summaryLevelLengths(nchunks: number): number[] {
  const lengths: number[] = [];
  let n = nchunks;
  for (let level = LEAF; level > 0; level--) {
    n = Math.ceil(n / FANOUT);
    lengths.unshift(n * FANOUT);
  }
  lengths.unshift(n);
  return lengths;
}

/** The tree of one region, as one thread sees it. */
export class PageSummaries {
  readonly mem: Int32Array;
  /** Summaries of each level, root first. */
  readonly lengths: readonly number[];
  /** Word index of each level's first summary. */
  readonly levels: readonly Ptr[];
  /** log2 of the pages under one summary of each level. */
  readonly logPages: readonly number[];

  constructor(mem: Int32Array, at: Ptr, nchunks: number, logChunkPages: number) {
    const lengths = summaryLevelLengths(nchunks);
    const levels: Ptr[] = [];
    const logPages: number[] = [];
    let next: number = at;
    for (let level = 0; level < LEVELS; level++) {
      levels.push(next as Ptr);
      logPages.push(logChunkPages + FANOUT_BITS * (LEAF - level));
      next += lengths[level]! * WORDS;
    }
    this.mem = mem;
    this.lengths = lengths;
    this.levels = levels;
    this.logPages = logPages;
  }

  /** Words that the tree takes for so many chunks. */
  static words(nchunks: number): number {
    return summaryLevelLengths(nchunks).reduce((sum, n) => sum + n, 0) * WORDS;
  }

  /** Summary `i` of a level. */
  at(level: number, i: number): Ptr {
    return (this.levels[level]! + i * WORDS) as Ptr;
  }

  /** The summary of chunk `ci`. */
  leaf(ci: number): Ptr {
    return (this.levels[LEAF]! + ci * WORDS) as Ptr;
  }

  /** Sets the summaries of chunks `lo` to `hi - 1` to wholly free (`run` = pages of a chunk) or wholly allocated (0). */
  setLeaves(lo: number, hi: number, run: number): void {
    this.mem.fill(run, this.leaf(lo), this.leaf(hi));
  }

  /** Carries a change of the summaries of chunks `lo` to `hi` (inclusive) up the tree, as far as anything changes. */
  propagate(lo: number, hi: number): void {
    for (let level = LEAF - 1; level >= 0; level--) {
      lo >>>= FANOUT_BITS;
      hi >>>= FANOUT_BITS;
      let changed = false;
      for (let i = lo; i <= hi; i++) if (this.merge(level, i)) changed = true;
      if (!changed) return;
    }
  }

  /** Recomputes inner summary `i` of a level from its children; says whether it changed. */
  private merge(level: number, i: number): boolean {
    const mem = this.mem;
    const childLog = this.logPages[level + 1]!;
    const childPages = 1 << childLog;
    const first = this.levels[level + 1]! + (i << FANOUT_BITS) * WORDS;
    let start = mem[first]!;
    let max = mem[first + MAX]!;
    let end = mem[first + END]!;
    for (let j = 1; j < FANOUT; j++) {
      const child = first + j * WORDS;
      const childMax = mem[child + MAX]!;
      if (childMax === 0) {
        // Nothing free, or not the heap's: the most common child of all.
        end = 0;
        continue;
      }
      const childStart = mem[child]!;
      const childEnd = mem[child + END]!;
      if (start === j << childLog) start += childStart;
      const across = end + childStart;
      if (across > max) max = across;
      if (childMax > max) max = childMax;
      end = childEnd === childPages ? end + childPages : childEnd;
    }
    const at = this.levels[level]! + i * WORDS;
    if (mem[at] === start && mem[at + MAX] === max && mem[at + END] === end) return false;
    mem[at] = start;
    mem[at + MAX] = max;
    mem[at + END] = end;
    return true;
  }
}
