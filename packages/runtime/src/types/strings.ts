/**
 * Strings in the heap.
 *
 *     | nbytes | length | UTF-8 bytes ...        an object without pointers; it never changes
 *       word 0   word 1   byte 8
 *
 *     word 0   bit 31: it holds lone surrogates; bits 0..29: bytes of UTF-8
 *     word 1   UTF-16 units, what JavaScript calls its length
 *
 * Both lengths are there so that neither is ever counted, and together they tell whether the string is ASCII: exactly then they
 * are equal. The empty string is no object but nil, as zeroed memory has it. Text that was decoded is not kept: a table of
 * it would be more to collect, and the strings that are compared most need not be decoded (`equals`).
 *
 * A ref to a string is a ref as any other: valid in this turn, afterwards only as long as a field or a root holds it.
 */
import type { Addr } from "@mallocgc/sysmem";
import type { ObjectHeap } from "./object-heap.ts";
import { Utf8, type Utf8Options } from "./utf8.ts";

/** Bytes before the text. */
const STRING_HEADER_BYTES = 8;
const LONE_SURROGATES = 1 << 31;
const NBYTES = 0x3fffffff;
const NIL = 0 as Addr;

/** The strings of one heap, as one thread sees them. */
export class Strings {
  private readonly heap: ObjectHeap;
  private readonly mem: Int32Array;
  private readonly utf8: Utf8;

  constructor(heap: ObjectHeap, options: Utf8Options = {}) {
    this.heap = heap;
    this.mem = heap.region.i32;
    this.utf8 = new Utf8(heap.region.u8, options);
  }

  /** A new string in the heap, its ref; of "", nil. */
  alloc(text: string): Addr {
    const length = text.length;
    if (length === 0) return NIL;
    const nbytes = this.utf8.byteLength(text);
    const ref = this.heap.allocObject(STRING_HEADER_BYTES + nbytes, 0, 0);
    const mem = this.mem;
    mem[ref >>> 2] = nbytes === length || text.isWellFormed() ? nbytes : nbytes | LONE_SURROGATES;
    mem[(ref >>> 2) + 1] = length;
    this.utf8.write(text, ref + STRING_HEADER_BYTES, nbytes);
    return ref;
  }

  /** The text; of nil, "". */
  get(ref: number): string {
    if (ref === 0) return "";
    const head = this.mem[ref >>> 2]!;
    return this.utf8.read(ref + STRING_HEADER_BYTES, head & NBYTES, this.mem[(ref >>> 2) + 1]!, head >= 0);
  }

  /** Whether the string is `text`. Reads no further than the first difference, and decodes nothing. */
  equals(ref: number, text: string): boolean {
    if (ref === 0) return text.length === 0;
    if (this.mem[(ref >>> 2) + 1] !== text.length) return false;
    return this.utf8.equals(ref + STRING_HEADER_BYTES, this.mem[ref >>> 2]! & NBYTES, text);
  }

  /** Whether two strings are the same text. */
  equalRefs(a: number, b: number): boolean {
    if (a === b) return true;
    if (a === 0 || b === 0) return false;
    const mem = this.mem;
    if (mem[a >>> 2] !== mem[b >>> 2] || mem[(a >>> 2) + 1] !== mem[(b >>> 2) + 1]) return false;
    const u8 = this.heap.region.u8;
    const end = a + STRING_HEADER_BYTES + this.byteLength(a);
    for (let p = a + STRING_HEADER_BYTES, q = b + STRING_HEADER_BYTES; p < end; p++, q++) if (u8[p] !== u8[q]) return false;
    return true;
  }

  /** UTF-16 units, as `length` of a JavaScript string. */
  length(ref: number): number {
    return ref === 0 ? 0 : this.mem[(ref >>> 2) + 1]!;
  }

  /** Bytes of UTF-8. */
  byteLength(ref: number): number {
    return ref === 0 ? 0 : this.mem[ref >>> 2]! & NBYTES;
  }

  /** The string's UTF-8 in place, not a copy. To be read only: strings never change. */
  utf8Of(ref: number): Uint8Array {
    return new Uint8Array(this.heap.region.buffer, ref === 0 ? 0 : ref + STRING_HEADER_BYTES, this.byteLength(ref));
  }
}
