/**
 * Bitmaps of the pages of a chunk: one bit per page, 32 to a word, lowest page first.
 *
 * A chunk has two: *alloc* (set: the page is allocated, or does not belong to the heap) and *scavenged* (set: the page is free and
 * its memory is with the operating system, never touched or given back). They lie side by side, so that a chunk of 512
 * pages is 128 bytes and one of 64 is 16:
 *
 *      chunk       | alloc, pages / 32 words | scavenged, pages / 32 words |
 *
 * A page index here counts within the chunk, and every range has at least one page and ends within it. This file knows bits
 * only: which bitmap, and what the bits mean, is the page allocator's business. All under the heap lock.
 */
import { popcount32 } from "@mallocgc/mspan";
import type { Ptr } from "@mallocgc/sysmem";
import { ctz32, findBitRange32, runStarts32 } from "./bit-runs.ts";

/** The longest run of zeros that can lie inside a word with a one on either side. */
const MAX_INNER_RUN = 30;

/** Bitmaps of one length, in one region, as one thread sees them. A bitmap is named by its first word. */
export class PageBits {
  readonly mem: Int32Array;
  /** Bits of a bitmap. */
  readonly pages: number;
  /** Words of a bitmap. */
  readonly words: number;

  constructor(mem: Int32Array, pages: number) {
    this.mem = mem;
    this.pages = pages;
    this.words = pages >>> 5;
  }

  get(b: Ptr, i: number): number {
    return (this.mem[b + (i >>> 5)]! >>> (i & 31)) & 1;
  }

  setRange(b: Ptr, i: number, n: number): void {
    const mem = this.mem;
    const j = i + n - 1;
    const first = b + (i >>> 5);
    const last = b + (j >>> 5);
    const from = -1 << (i & 31);
    const upTo = -1 >>> (31 - (j & 31));
    if (first === last) {
      mem[first] = mem[first]! | (from & upTo);
      return;
    }
    mem[first] = mem[first]! | from;
    for (let k = first + 1; k < last; k++) mem[k] = -1;
    mem[last] = mem[last]! | upTo;
  }

  clearRange(b: Ptr, i: number, n: number): void {
    const mem = this.mem;
    const j = i + n - 1;
    const first = b + (i >>> 5);
    const last = b + (j >>> 5);
    const from = -1 << (i & 31);
    const upTo = -1 >>> (31 - (j & 31));
    if (first === last) {
      mem[first] = mem[first]! & ~(from & upTo);
      return;
    }
    mem[first] = mem[first]! & ~from;
    for (let k = first + 1; k < last; k++) mem[k] = 0;
    mem[last] = mem[last]! & ~upTo;
  }

  /** Set bits among the `n` from `i` on. */
  popcntRange(b: Ptr, i: number, n: number): number {
    const mem = this.mem;
    const j = i + n - 1;
    const first = b + (i >>> 5);
    const last = b + (j >>> 5);
    const from = -1 << (i & 31);
    const upTo = -1 >>> (31 - (j & 31));
    if (first === last) return popcount32(mem[first]! & from & upTo);
    let count = popcount32(mem[first]! & from) + popcount32(mem[last]! & upTo);
    for (let k = first + 1; k < last; k++) count += popcount32(mem[k]!);
    return count;
  }

  /** The first clear bit in the word of bit `from` or above, -1 when there is none. */
  find1(b: Ptr, from: number): number {
    const mem = this.mem;
    for (let w = from >>> 5; w < this.words; w++) {
      const word = mem[b + w]!;
      if (word !== -1) return (w << 5) + ctz32(~word);
    }
    return -1;
  }

  /** Where the first `n` clear bits in a row begin, in the word of bit `from` or above; -1 when there are none. */
  find(b: Ptr, n: number, from: number): number {
    const mem = this.mem;
    let run = 0;
    for (let w = from >>> 5; w < this.words; w++) {
      const word = mem[b + w]!;
      const low = ctz32(word);
      if (run + low >= n) return (w << 5) - run;
      if (low === 32) {
        run += 32;
        continue;
      }
      if (n <= MAX_INNER_RUN) {
        const at = findBitRange32(~word, n);
        if (at < 32) return (w << 5) + at;
      }
      run = Math.clz32(word);
    }
    // A run of 31 at the very end is neither inside a word nor followed by one.
    return run >= n ? (this.words << 5) - run : -1;
  }

  /** Writes the summary (start, max, end) of the clear bits to `out`; says whether it differs from what was there. */
  summarize(b: Ptr, out: Ptr): boolean {
    const mem = this.mem;
    const words = this.words;
    let start = -1;
    let max = 0;
    let run = 0;
    for (let w = 0; w < words; w++) {
      const word = mem[b + w]!;
      if (word === 0) {
        run += 32;
        continue;
      }
      run += ctz32(word);
      if (start < 0) start = run;
      if (run > max) max = run;
      run = Math.clz32(word);
    }
    if (start < 0) start = run;
    if (run > max) max = run;
    if (max < MAX_INNER_RUN) max = this.longestInsideWords(b, max);
    if (mem[out] === start && mem[out + 1] === max && mem[out + 2] === run) return false;
    mem[out] = start;
    mem[out + 1] = max;
    mem[out + 2] = run;
    return true;
  }

  /** The longest run of clear bits inside a word, or `max` if none is longer. */
  private longestInsideWords(b: Ptr, max: number): number {
    const mem = this.mem;
    for (let w = 0; w < this.words; w++) {
      let starts = runStarts32(~mem[b + w]!, max + 1);
      while (starts !== 0) {
        max++;
        starts &= starts >>> 1;
      }
    }
    return max;
  }
}
