/**
 * The permanent memory that the heap profile's strings, frames and buckets are cut from: pieces of persistentalloc, up to a bound, and never given back.
 *
 * Under the profile lock; takes the heap lock for each piece.
 */
import type { Heap as PageHeap } from "@mallocgc/mheap";
import type { Ptr } from "@mallocgc/sysmem";
import { ProfileState } from "./profile-record.ts";

const { limit: LIMIT, taken: TAKEN, next: NEXT, end: END } = ProfileState.offset;
/** Bytes of a piece: room for some hundred records, so that the heap lock is seldom taken. */
const PIECE_BYTES: number = 16 << 10;

/** The memory of one region's heap profile, as one thread sees it. */
export class ProfileMemory {
  private readonly mem: Int32Array;
  private readonly state: Ptr;
  private readonly pages: PageHeap;

  constructor(mem: Int32Array, state: Ptr, pages: PageHeap) {
    this.mem = mem;
    this.state = state;
    this.pages = pages;
  }

  /** `words` zeroed words, from an even index on; 0 when the bound is reached or the region is full. At most 4096. */
  allocLocked(words: number): Ptr {
    const mem = this.mem;
    const even = (words + 1) & ~1;
    let at = mem[this.state + NEXT]!;
    if (at + even > mem[this.state + END]!) {
      const bytes = Math.min(PIECE_BYTES, (mem[this.state + LIMIT]! - mem[this.state + TAKEN]!) & ~63);
      if (even * 4 > bytes) return 0 as Ptr;
      at = this.pages.persistentAlloc(bytes, 64) >>> 2;
      if (at === 0) return 0 as Ptr;
      mem[this.state + TAKEN] = mem[this.state + TAKEN]! + bytes;
      mem[this.state + END] = at + (bytes >>> 2);
    }
    mem[this.state + NEXT] = at + even;
    return at as Ptr;
  }

  /** The most bytes it may take. */
  get limit(): number {
    return this.mem[this.state + LIMIT]!;
  }

  /** Bytes of permanent memory taken so far. */
  get taken(): number {
    return Atomics.load(this.mem, this.state + TAKEN);
  }
}
