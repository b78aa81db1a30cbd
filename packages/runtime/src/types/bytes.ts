/**
 * Runs of bytes in the heap: an object without pointers that holds their number and then, from byte 8 on, themselves.
 *
 *     | length | 0 | bytes ...         as array(u8)
 *
 * Unlike strings they may change in place; their number may not. Nil reads as no bytes.
 */
import type { Addr } from "@mallocgc/sysmem";
import { ARRAY_HEADER_BYTES } from "./layout.ts";
import type { ObjectHeap } from "./object-heap.ts";

const HEADER = ARRAY_HEADER_BYTES;
const NIL = 0 as Addr;

/** The runs of bytes of one heap, as one thread sees them. */
export class Bytes {
  private readonly heap: ObjectHeap;

  constructor(heap: ObjectHeap) {
    this.heap = heap;
  }

  /** A copy of `value` in the heap, its ref; of none, nil. */
  alloc(value: ArrayLike<number>): Addr {
    if (value.length === 0) return NIL;
    const ref = this.allocZeroed(value.length);
    this.heap.region.u8.set(value, ref + HEADER);
    return ref;
  }

  /** `nbytes` bytes that are 0. */
  allocZeroed(nbytes: number): Addr {
    const ref = this.heap.allocObject(HEADER + nbytes, 0, 0);
    this.heap.region.i32[ref >>> 2] = nbytes;
    return ref;
  }

  length(ref: number): number {
    return ref === 0 ? 0 : this.heap.region.i32[ref >>> 2]!;
  }

  /** The bytes in place, not a copy. */
  get(ref: number): Uint8Array {
    return new Uint8Array(this.heap.region.buffer, ref === 0 ? 0 : ref + HEADER, this.length(ref));
  }
}
