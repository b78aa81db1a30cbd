/**
 * Weak handles: the words through which weak refs see an object, and see that it has died.
 *
 *     weak ref (JavaScript) ──► | link | value | refs | id |     value ──► object, or 0
 *
 * A handle is made with 2 refs: that of the special which will clear it, and that of whoever asked. `value` changes once, from the address to
 * 0, under the specials lock, by the sweep that finds the object dead or about to be finalized; and that is before the slot can be
 * handed out again. How to get from there to the object says Mutator.makeStrongFromWeak.
 *
 * No lock for `value`, `id`, `retain`; the others say which they need.
 */
import type { Heap as PageHeap } from "@mallocgc/mheap";
import { FixAlloc, RANK_HEAP, type Mutexes, type Ptr, type Region } from "@mallocgc/sysmem";
import { WeakHandle, type WeakHandlePtr } from "./specials-record.ts";

const { value: VALUE, refs: REFS, id: ID } = WeakHandle.offset;
const RANK = RANK_HEAP;

/** The weak handles of one region, as one thread sees them. */
export class WeakHandles {
  private readonly mem: Int32Array;
  private readonly mutexes: Mutexes;
  private readonly heapLock: Ptr;
  private readonly fixalloc: FixAlloc;

  constructor(region: Region, fixalloc: Ptr, mutexes: Mutexes, pages: PageHeap) {
    this.mem = region.i32;
    this.mutexes = mutexes;
    this.heapLock = pages.lockWord;
    this.fixalloc = new FixAlloc(region, fixalloc, pages.persistent, { words: WeakHandle.words, zero: true });
  }

  /** The object's address, or 0 when it has died. Only a hint until the collector has said that the object is alive. */
  value(handle: WeakHandlePtr): number {
    // Pairs with the store in clear.
    return Atomics.load(this.mem, handle + VALUE) >>> 0;
  }

  /** The word that `value` reads. */
  wordOf(handle: WeakHandlePtr): number {
    return handle + VALUE;
  }

  /** The handle's number: equal exactly for refs to the same object, also when it has died. */
  id(handle: WeakHandlePtr): number {
    return this.mem[handle + ID]! >>> 0;
  }

  /** One more who looks at the handle. The caller has a ref already, or holds the specials lock and has found the special. */
  retain(handle: WeakHandlePtr): void {
    Atomics.add(this.mem, handle + REFS, 1);
  }

  /** One less; the last frees it. Takes the heap lock then. */
  release(handle: WeakHandlePtr): void {
    // Pairs with itself in other threads: the one that takes the last ref sees all that was done through the others.
    if (Atomics.sub(this.mem, handle + REFS, 1) !== 1) return;
    this.mutexes.lock(this.heapLock, RANK);
    this.fixalloc.free(handle);
    this.mutexes.unlock(this.heapLock, RANK);
  }

  /** A handle for the object at `addr`, with two refs; 0 when the region is full. Takes the heap lock. */
  make(addr: number, id: number): WeakHandlePtr {
    this.mutexes.lock(this.heapLock, RANK);
    const handle = this.fixalloc.alloc() as WeakHandlePtr;
    this.mutexes.unlock(this.heapLock, RANK);
    if (handle === 0) return handle;
    const mem = this.mem;
    // Plain: the special's insertion into its list publishes them.
    mem[handle + REFS] = 2;
    mem[handle + ID] = id;
    mem[handle + VALUE] = addr;
    return handle;
  }

  /** The object has died: nobody sees it any more. The caller holds the specials lock. */
  clear(handle: WeakHandlePtr): void {
    // Pairs with the load in value.
    Atomics.store(this.mem, handle + VALUE, 0);
  }

  /** Handles that exist. */
  get count(): number {
    return this.fixalloc.inUse / (WeakHandle.words * 4);
  }

  /** How many look at the handle. */
  refs(handle: WeakHandlePtr): number {
    return Atomics.load(this.mem, handle + REFS);
  }
}
