/**
 * What the scavenge index knows of a chunk, in two words. Go's `scavChunkData`, which packs the same into 64 bits.
 *
 *      word 0      31      flags      16 + n          lastInUse       16  15        inUse         0        n = log2(pages of a chunk) + 1
 *                 | bit 0: has free  |      pages in use when the last  |  pages in use now       |
 *                 |                  |      generation ended            |                         |
 *      word 1     | gen: generation in which word 0 was written last                              |
 *
 * Zero is a chunk that has just been grown: new memory is scavenged, so there is nothing to give back. "In use" is allocated in the bitmaps: page
 * caches, and freed spans that still wait, count.
 *
 * When a chunk's generation is over, `lastInUse` is whatever `inUse` was when it is touched for the first time in a new one. A chunk is dense from
 * 31/32 of its pages on. In the background a chunk is given back only if it is not dense, neither now nor when the generation began: a
 * dense chunk is likely to be filled up again soon, and the operating system may have backed it with huge pages.
 *
 * Functions on words, without state.
 */

/** Bit 0 of the flags: there may be something to scavenge. */
export const SCAV_CHUNK_HAS_FREE = 1;
/** Pages in use from which on a chunk is dense, of all its pages. */
export const SCAV_CHUNK_HI_OCC_FRAC = 0.96875;

const IN_USE_MASK = 0xffff;

/** How to read word 0, for chunks of one size. */
export interface ChunkFormat {
  readonly chunkPages: number;
  /** Where the flags begin. */
  readonly flagsShift: number;
  readonly lastInUseMask: number;
  /** Pages in use from which on a chunk is dense. */
  readonly hiOccPages: number;
}

/** The format of chunks of `chunkPages` pages, a power of two up to 512. */
export function chunkFormat(chunkPages: number): ChunkFormat {
  const bits = 32 - Math.clz32(chunkPages);
  return { chunkPages, flagsShift: 16 + bits, lastInUseMask: (1 << bits) - 1, hiOccPages: Math.trunc(SCAV_CHUNK_HI_OCC_FRAC * chunkPages) };
}

/** Word 0. */
export function packChunk(format: ChunkFormat, inUse: number, lastInUse: number, flags: number): number {
  return inUse | (lastInUse << 16) | (flags << format.flagsShift);
}

/** Pages in use now. */
export function inUseOf(word: number): number {
  return word & IN_USE_MASK;
}

/** Pages in use when the generation before the chunk's ended. */
export function lastInUseOf(format: ChunkFormat, word: number): number {
  return (word >>> 16) & format.lastInUseMask;
}

export function flagsOf(format: ChunkFormat, word: number): number {
  return word >>> format.flagsShift;
}

/** Whether a search should stop at this chunk. `gen` is the index's generation, `chunkGen` word 1. */
export function shouldScavenge(format: ChunkFormat, word: number, chunkGen: number, gen: number, force: boolean): boolean {
  if ((flagsOf(format, word) & SCAV_CHUNK_HAS_FREE) === 0) return false;
  if (force) return true;
  if (inUseOf(word) >= format.hiOccPages) return false;
  // A chunk of an older generation has not been touched in this one: what is in use now was in use when it began.
  return chunkGen !== gen || lastInUseOf(format, word) < format.hiOccPages;
}
