/**
 * Which pages of a chunk to give back to the operating system next: free, not scavenged yet, and the highest there are.
 *
 * First fit fills the heap from below, so high pages are the least likely to be wanted soon. The operating system takes whole pages of
 * its own only: a candidate consists of aligned groups of `min` pages (1 where its pages are not larger than ours). And it
 * may back memory with huge pages: a candidate that would break a wholly free huge page is widened to take all of it.
 */
import type { Ptr } from "@mallocgc/sysmem";
import { fillAligned32 } from "./bit-runs.ts";
import type { PageBits } from "./page-bits.ts";

/** A run of pages of a chunk. */
export interface ScavengeCandidate {
  readonly start: number;
  readonly npages: number;
}

/**
 * The highest run of free, unscavenged pages at or below the word of page `from`, in groups of `min` (a power of two, 1 to
 * 64), cut from below to `max` pages rounded up to whole groups (0 counts as 1). `hugePages` is the number of pages of a
 * huge page, 0 where there are none or where one is larger than a chunk.
 */
export function findScavengeCandidate(
  bits: PageBits,
  alloc: Ptr,
  scav: Ptr,
  from: number,
  min: number,
  max: number,
  hugePages: number,
): ScavengeCandidate | undefined {
  const limit = Math.max(min, Math.ceil(max / min) * min);
  let w = from >>> 5;
  while (w >= 0 && takenWord(bits, alloc, scav, w, min) === -1) w--;
  if (w < 0) return undefined;
  // The run ends (above) in word w; it may begin in a word below.
  const taken = takenWord(bits, alloc, scav, w, min);
  const above = Math.clz32(~taken);
  const end = (w << 5) + 32 - above;
  let run: number;
  if (taken << above !== 0) {
    run = Math.clz32(taken << above);
  } else {
    run = 32 - above;
    for (let v = w - 1; v >= 0; v--) {
      const below = takenWord(bits, alloc, scav, v, min);
      run += Math.clz32(below);
      if (below !== 0) break;
    }
  }
  let npages = Math.min(run, limit);
  let start = end - npages;
  if (hugePages > 1) {
    const hugeAbove = Math.ceil(start / hugePages) * hugePages;
    const hugeBelow = Math.floor(start / hugePages) * hugePages;
    if (hugeAbove <= end && hugeBelow >= end - run) {
      npages += start - hugeBelow;
      start = hugeBelow;
    }
  }
  return { start, npages };
}

/** Word `w` with a one for each page that is allocated, scavenged, or in one group of `min` with such a page. */
function takenWord(bits: PageBits, alloc: Ptr, scav: Ptr, w: number, min: number): number {
  const mem = bits.mem;
  if (min <= 32) return fillAligned32(mem[alloc + w]! | mem[scav + w]!, min);
  const pair = w & ~1;
  return (mem[alloc + pair]! | mem[scav + pair]! | mem[alloc + pair + 1]! | mem[scav + pair + 1]!) === 0 ? 0 : -1;
}
