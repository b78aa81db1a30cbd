/** A count of what must be alive, taken by all threads together while the heap is at rest: the slots of all objects that anybody reaches. */
import type { Heap } from "@mallocgc/runtime";

const LENGTH = 0;
const FIRST = 1;
const CAPACITY = 1 << 20;
const TINY_SLOT = 16;

/** One thread's view of the count. */
export class Census {
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;

  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(4 * (FIRST + CAPACITY));
    this.words = new Int32Array(this.buffer);
  }

  /** Counts the object at `addr`. Objects may be counted more than once. */
  add(heap: Heap, addr: number): void {
    const { noscan, elemSize } = heap.spanOf(addr);
    const i = Atomics.add(this.words, LENGTH, 1);
    // What shares a tiny block is one object to the heap.
    if (i < CAPACITY) this.words[FIRST + i] = noscan && elemSize === TINY_SLOT ? addr & -TINY_SLOT : addr;
  }

  /** The slots counted since the last time; undefined when there were too many to know. After a barrier. */
  take(): ReadonlySet<number> | undefined {
    const n = Atomics.exchange(this.words, LENGTH, 0);
    return n > CAPACITY ? undefined : new Set(Uint32Array.from(this.words.subarray(FIRST, FIRST + n)));
  }
}
