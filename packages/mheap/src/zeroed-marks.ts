/**
 * Zeroed marks: how far pages of a chunk were ever handed out. Above the mark memory was never written, and reads as zero.
 *
 *      chunk    | handed out at some time ... | mark | never handed out: zero ... |
 *
 * One word per chunk, in pages from the chunk's start. A mark only rises, by compare-and-swap and without a lock, when pages become a span.
 * Of pages side by side in two Ps' hands the higher may be handed out first; the lower then counts as used although it is zero, which
 * costs a needless clearing and nothing else. (Go keeps one per arena, `zeroedBase`.)
 */
import type { Ptr } from "@mallocgc/sysmem";

/** The marks of one region, as one thread sees them. */
export class ZeroedMarks {
  readonly mem: Int32Array;
  /** Word index of chunk 0's mark. */
  readonly at: Ptr;
  private readonly logChunkPages: number;

  constructor(mem: Int32Array, at: Ptr, logChunkPages: number) {
    this.mem = mem;
    this.at = at;
    this.logChunkPages = logChunkPages;
  }

  /** Raises the marks to cover pages that only the caller holds; says whether any of them may have been handed out before. */
  raise(page: number, npages: number): boolean {
    const mem = this.mem;
    const log = this.logChunkPages;
    const size = 1 << log;
    let used = false;
    for (let at = page, left = npages; left > 0; ) {
      const pi = at & (size - 1);
      const end = pi + left < size ? pi + left : size;
      const word = this.at + (at >>> log);
      // A plain read: marks only rise, so one that is high enough is high enough.
      let mark = mem[word]!;
      while (mark < end) {
        // Pairs with other Ps' raises of the same mark.
        const seen = Atomics.compareExchange(mem, word, mark, end);
        if (seen === mark) break;
        mark = seen;
      }
      if (mark > pi) used = true;
      left -= end - pi;
      at += end - pi;
    }
    return used;
  }
}
