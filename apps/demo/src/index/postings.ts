/**
 * Postings: which files hold a term and how often, packed into one block that grows.
 *
 * A posting is two varints: the difference to the file of the posting before it, and the number of occurrences.
 * Several threads add to a term in whatever order they finish their files, so the difference may be negative and is
 * stored zigzag (0, -1, 1, -2 ... become 0, 1, 2, 3 ...); it stays small, since all threads work near the same place in
 * the list of files. Most terms occur in one or two files and fit their first block of 8 bytes.
 *
 * The block grows as a Go slice does: twice the size while it is small, by a quarter once it is large. Growing allocates,
 * copies and frees, so that the old block's slot is at once free for another term.
 *
 * ```
 *   |<-------------- capacity ------------->|
 *   | zigzag(file - last) | count | ... |   |
 *   |<------------- used -------------->|
 * ```
 */

/** Bytes of a term's first block. */
export const FIRST_CAPACITY = 8;
/** Up to here a block doubles. */
const DOUBLES_BELOW = 256;
/** Blocks are asked for in multiples of this. */
const QUANTUM = 8;

/** The capacity of the next block, when one of `capacity` bytes must come to hold `needed`. */
export function grownCapacity(capacity: number, needed: number): number {
  let next = capacity < DOUBLES_BELOW ? capacity * 2 : capacity + ((capacity + 3 * DOUBLES_BELOW) >>> 2);
  if (next < needed) next = needed;
  return (next + QUANTUM - 1) & -QUANTUM;
}

/** A signed difference as an unsigned number, small when the difference is small. */
export function zigzag(difference: number): number {
  return ((difference << 1) ^ (difference >> 31)) >>> 0;
}

/** The difference that {@link zigzag} made `z` from. */
export function unzigzag(z: number): number {
  return (z >>> 1) ^ -(z & 1);
}

/** Bytes that {@link putVarint} writes for `value`, an unsigned 32-bit number: 1 to 5. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  return Math.ceil((32 - Math.clz32(value)) / 7);
}

/** Writes `value` at `at`, seven bits to a byte, lowest first; returns the place after it. */
export function putVarint(u8: Uint8Array, at: number, value: number): number {
  while (value >= 0x80) {
    u8[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  u8[at++] = value;
  return at;
}

/** Reads the postings of one block, in the order in which they were added. Only valid while the term's shard is locked. */
export class PostingReader {
  file = 0;
  count = 0;
  private readonly u8: Uint8Array;
  private at: number;
  private readonly end: number;

  constructor(u8: Uint8Array, addr: number, used: number) {
    this.u8 = u8;
    this.at = addr;
    this.end = addr + used;
  }

  /** Moves to the next posting, and says whether there is one. */
  next(): boolean {
    if (this.at >= this.end) return false;
    this.file += unzigzag(this.varint());
    this.count = this.varint();
    return true;
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8[this.at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
}
