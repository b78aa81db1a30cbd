/** What typed objects get from a collected heap: `ObjectHeap`, over one thread's allocator, barrier and turns. */
import { RANK_TYPES, type Addr, type Ptr, type Region } from "@mallocgc/sysmem";
import type { Mutator } from "@mallocgc/gc";
import type { Cache } from "@mallocgc/mcache";
import type { Allocator } from "./allocator.ts";
import { HeapError, HeapExhaustedError } from "./errors.ts";
import { HEADER_PTR, HeapHeader } from "./header.ts";
import type { Layers } from "./layers.ts";
import type { Turns } from "./turn.ts";
import type { ObjectHeap } from "./types/object-heap.ts";

const NIL = 0 as Addr;
const { typeLock: TYPE_LOCK, typeList: TYPE_LIST } = HeapHeader.offset;

/** One thread's view of a collected heap, as its typed objects see it. */
export class ObjectHost implements ObjectHeap {
  readonly region: Region;
  readonly checks: boolean;
  readonly ownerId: number;
  readonly typeListHead: Ptr = (HEADER_PTR + TYPE_LIST) as Ptr;
  private readonly layers: Layers;
  private readonly allocator: Allocator;
  private readonly cache: Cache;
  private readonly mutator: Mutator;
  private readonly turns: Turns;

  constructor(layers: Layers, processorId: number, checks: boolean, allocator: Allocator, mutator: Mutator, turns: Turns) {
    this.region = layers.region;
    this.checks = checks;
    this.ownerId = processorId + 1;
    this.layers = layers;
    this.allocator = allocator;
    this.cache = layers.cache;
    this.mutator = mutator;
    this.turns = turns;
  }

  allocObject(nbytes: number, ptrMask: number, typeAddr: number): Addr {
    if (!this.turns.open) this.turns.enter();
    // Whole words: a tiny object is aligned to its size, and typed ones are read in words.
    if ((ptrMask | typeAddr) === 0) return this.allocator.malloc((nbytes + 3) & ~3, 1);
    return this.allocator.mallocTyped(nbytes, ptrMask, typeAddr);
  }

  allocSmall(spanClass: number, nbytes: number, ptrMask: number): Addr {
    if (!this.turns.open) this.turns.enter();
    const addr = this.cache.allocTyped(spanClass, ptrMask);
    return addr === NIL ? this.allocator.mallocTyped(nbytes, ptrMask, 0) : addr;
  }

  storeRef(addr: number, value: number): void {
    this.mutator.storeRef(addr, value);
  }

  compareExchangeRef(addr: number, expected: number, value: number): number {
    return this.mutator.compareExchangeRef(addr, expected, value);
  }

  persistentAlloc(nbytes: number): Addr {
    const addr = this.layers.pages.persistentAlloc(nbytes, 8);
    if (addr === 0) throw new HeapExhaustedError(nbytes, this.layers.config.maxBytes, true);
    return addr;
  }

  withTypeLock<T>(fn: () => T): T {
    const { mutexes } = this.layers;
    const word = (HEADER_PTR + TYPE_LOCK) as Ptr;
    mutexes.lock(word, RANK_TYPES);
    try {
      return fn();
    } finally {
      mutexes.unlock(word, RANK_TYPES);
    }
  }

  turnStamp(): number {
    return this.turns.stamp;
  }

  checkObject(addr: number, nbytes: number): void {
    const usable = this.allocator.usableSize(addr);
    if (usable < nbytes) {
      throw new HeapError("ERR_TYPE_MISMATCH", `the object at address ${addr} has ${usable} bytes, too few for one of ${nbytes}: it is of another type`);
    }
  }

  poll(): void {
    this.mutator.poll();
  }
}
