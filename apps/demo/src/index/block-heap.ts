/**
 * What the index asks of a heap, and the ledger it keeps of its own asking.
 *
 * A block is an address and nothing else: whoever holds it knows its size. So `free` here takes the size too, and the
 * ledger can say at any moment how many bytes the index asked for that are still live. The heap rounds each request up to
 * a size class; the difference between the two is the internal fragmentation of the report.
 */

/** The part of a heap that the index uses. Blocks are zeroed and free of pointers, as `mallocgc` gives them by default. */
export interface BlockHeap {
  /** The whole region as 32-bit words. */
  readonly i32: Int32Array;
  /** The whole region as bytes. */
  readonly u8: Uint8Array;
  /** The address of a new block of `size` zero bytes; at least 8-byte aligned when `size` is a multiple of 8. */
  mallocgc(size: number): number;
  free(addr: number): void;
}

/** Below this size the ledger counts in an array, above it in a map. */
const COUNTED_IN_ARRAY = 4096;

/** One thread's blocks: passes each request on to the heap and counts it. */
export class Ledger {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  /** Bytes asked for by this thread, less the bytes it freed; below zero for a thread that frees what others made. */
  bytesLive = 0;
  mallocs = 0;
  frees = 0;
  private readonly heap: BlockHeap;
  private readonly small: Uint32Array = new Uint32Array(COUNTED_IN_ARRAY);
  private readonly large: Map<number, number> = new Map();

  constructor(heap: BlockHeap) {
    this.heap = heap;
    this.i32 = heap.i32;
    this.u8 = heap.u8;
  }

  /** A zeroed block of `size` bytes. Counts nothing when the heap refuses. */
  malloc(size: number): number {
    const addr = this.heap.mallocgc(size);
    this.mallocs++;
    this.bytesLive += size;
    if (size < COUNTED_IN_ARRAY) this.small[size]!++;
    else this.large.set(size, (this.large.get(size) ?? 0) + 1);
    return addr;
  }

  /** Gives back a block that was asked for with `size`, by this thread or another. */
  free(addr: number, size: number): void {
    this.heap.free(addr);
    this.frees++;
    this.bytesLive -= size;
  }

  /** How often each size was asked for, as `[size, count]`, ascending. */
  sizes(): [size: number, count: number][] {
    const pairs: [number, number][] = [];
    for (let size = 0; size < COUNTED_IN_ARRAY; size++) {
      if (this.small[size] !== 0) pairs.push([size, this.small[size]!]);
    }
    return pairs.concat([...this.large].sort((a, b) => a[0] - b[0]));
  }
}
