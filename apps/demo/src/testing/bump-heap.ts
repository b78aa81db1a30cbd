/**
 * The simplest heap that can serve the index in a test: a pointer that moves up, over any memory.
 *
 * It stands in for the real one where a test is about the map alone. It never reuses a block, so a test can ask it what
 * is live, and it catches what a heap would: a block freed twice, or one that is none. A limit makes it refuse as a full
 * heap does.
 */
import type { BlockHeap } from "../index/block-heap.ts";

/** A heap in one thread. */
export class BumpHeap implements BlockHeap {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  /** Address and size of each live block. */
  readonly live: Map<number, number> = new Map();
  /** After this many more blocks, `mallocgc` throws as a full heap does. */
  blocksLeft: number = Infinity;
  private top: number;

  /** A heap of `bytes` whose first block lies at `first`, a multiple of 8. */
  constructor(bytes: number, first = 8) {
    this.top = first;
    const buffer = new SharedArrayBuffer(bytes);
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }

  mallocgc(size: number): number {
    const addr = this.top;
    const top = addr + Math.max(8, Math.ceil(size / 8) * 8);
    if (this.blocksLeft-- <= 0 || top > this.u8.length) {
      throw Object.assign(new Error("the test's heap is full"), { code: "ERR_HEAP_EXHAUSTED" });
    }
    this.top = top;
    this.live.set(addr, size);
    return addr;
  }

  free(addr: number): void {
    if (!this.live.delete(addr)) throw new Error(`free(${addr}): no live block is there`);
  }

  /** Sum of the sizes of live blocks. */
  get bytesLive(): number {
    let sum = 0;
    for (const size of this.live.values()) sum += size;
    return sum;
  }
}
