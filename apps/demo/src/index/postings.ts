/**
 * Postings: which files hold a term and how often, packed into one object of bytes that is replaced by a larger one when it is full.
 *
 * A posting is two varints: the difference to the file of the posting before it, and the number of occurrences.
 * Several threads add to a term in whatever order they finish their files, so the difference may be negative and is
 * stored zigzag (0, -1, 1, -2 ... become 0, 1, 2, 3 ...); it stays small, since all threads work near the same place in
 * the list of files. Most terms occur in one or two files and fit their first 8 bytes.
 *
 * It grows as a Go slice does: the object, its head included, is twice the size while it is small, larger by a quarter once it is large. Growing
 * allocates and copies; nobody leads to the old object any more, and the collector finds it.
 *
 * ```
 *   | head |<------------ capacity ----------->|
 *          | zigzag(file - last) | count | ... |
 *          |<----------- used ----------->|
 * ```
 */
import { array, u8 } from "@mallocgc/runtime";
import { OBJECT_HEAD } from "./requests.ts";

/** An object of bytes. */
export const Octets = array(u8);

/** The bytes of such objects, by ref and index. */
export interface OctetItems {
  get(ref: number, i: number): number;
  set(ref: number, i: number, value: number): void;
}

/** Bytes that a term's first postings may take. */
export const FIRST_CAPACITY = 8;
/** Up to here an object doubles. */
const DOUBLES_BELOW = 256;
/** Sizes are multiples of this. */
const QUANTUM = 8;

/** The capacity of the next object, when one of `capacity` bytes must come to hold `needed`. */
export function grownCapacity(capacity: number, needed: number): number {
  const size = OBJECT_HEAD + capacity;
  let next = (size < DOUBLES_BELOW ? size * 2 : size + ((size + 3 * DOUBLES_BELOW) >>> 2)) - OBJECT_HEAD;
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

/** Writes `value` from index `at` of the object on, seven bits to a byte, lowest first; returns the index after it. */
export function putVarint(octets: OctetItems, ref: number, at: number, value: number): number {
  while (value >= 0x80) {
    octets.set(ref, at++, (value & 0x7f) | 0x80);
    value >>>= 7;
  }
  octets.set(ref, at++, value);
  return at;
}

/** Reads the postings of one object, in the order in which they were added. Only valid in this turn, and while the term's shard is locked. */
export class PostingReader {
  file = 0;
  count = 0;
  private readonly octets: OctetItems;
  private readonly ref: number;
  private readonly used: number;
  private at = 0;

  constructor(octets: OctetItems, ref: number, used: number) {
    this.octets = octets;
    this.ref = ref;
    this.used = used;
  }

  /** Moves to the next posting, and says whether there is one. */
  next(): boolean {
    if (this.at >= this.used) return false;
    this.file += unzigzag(this.varint());
    this.count = this.varint();
    return true;
  }

  private varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.octets.get(this.ref, this.at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
}
