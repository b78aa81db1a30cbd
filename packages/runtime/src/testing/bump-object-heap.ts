/**
 * The least that can be an ObjectHeap: memory from a pointer that only moves up, no collector, one lock. It keeps a book of what was
 * asked of it, for tests to read.
 *
 *     | ... | words of the heap: top, type list, type lock | objects and records ──► |
 *
 * The words are in the region, so that several threads can open one such heap (`open`), each with an owner of its own.
 */
import { createRegion, openRegion, type Addr, type Ptr, type Region, type RegionMemory } from "@mallocgc/sysmem";
import { HeapError } from "../errors.ts";
import type { ObjectHeap } from "../types/object-heap.ts";

const TOP = 16;
const TYPE_LIST = 17;
const TYPE_LOCK = 18;
const FIRST = 4096;

export interface Allocation {
  readonly addr: number;
  readonly nbytes: number;
  readonly ptrMask: number;
  readonly typeAddr: number;
}

export class BumpObjectHeap implements ObjectHeap {
  readonly region: Region;
  readonly checks: boolean;
  readonly ownerId: number;
  readonly typeListHead: Ptr = TYPE_LIST as Ptr;
  readonly allocations: Allocation[] = [];
  /** Stores and exchanges that went through the barrier. */
  barriers = 0;
  polls = 0;
  turn = 1;
  private readonly sizes = new Map<number, number>();

  private constructor(region: Region, checks: boolean, ownerId: number) {
    this.region = region;
    this.checks = checks;
    this.ownerId = ownerId;
  }

  static create({ bytes = 1 << 20, shared = true, checks = false }: { bytes?: number; shared?: boolean; checks?: boolean } = {}): BumpObjectHeap {
    const heap = new BumpObjectHeap(createRegion(bytes, shared), checks, 1);
    heap.region.i32[TOP] = FIRST;
    return heap;
  }

  /** The same heap for another thread, or as if for one. */
  static open(memory: RegionMemory, ownerId: number, checks = false): BumpObjectHeap {
    return new BumpObjectHeap(openRegion(memory), checks, ownerId);
  }

  allocObject(nbytes: number, ptrMask: number, typeAddr: number): Addr {
    const addr = this.bump(nbytes);
    this.allocations.push({ addr, nbytes, ptrMask, typeAddr });
    this.sizes.set(addr, nbytes);
    return addr;
  }

  allocSmall(_spanClass: number, nbytes: number, ptrMask: number): Addr {
    return this.allocObject(nbytes, ptrMask, 0);
  }

  storeRef(addr: number, value: number): void {
    this.barriers++;
    Atomics.store(this.region.i32, addr >>> 2, value);
  }

  compareExchangeRef(addr: number, expected: number, value: number): number {
    this.barriers++;
    return Atomics.compareExchange(this.region.i32, addr >>> 2, expected, value) >>> 0;
  }

  persistentAlloc(nbytes: number): Addr {
    return this.bump(nbytes);
  }

  withTypeLock<T>(fn: () => T): T {
    while (Atomics.compareExchange(this.region.i32, TYPE_LOCK, 0, this.ownerId) !== 0);
    try {
      return fn();
    } finally {
      Atomics.store(this.region.i32, TYPE_LOCK, 0);
    }
  }

  turnStamp(): number {
    return this.turn;
  }

  /** The next turn begins. */
  endTurn(): void {
    this.turn++;
  }

  checkObject(addr: number, nbytes: number): void {
    const size = this.sizes.get(addr);
    if (size === undefined) throw new HeapError("ERR_NOT_ALLOCATED", `${addr} is the start of no object`);
    if (size < nbytes) throw new HeapError("ERR_TYPE_MISMATCH", `the object at ${addr} has ${size} bytes, not ${nbytes}`);
  }

  poll(): void {
    this.polls++;
  }

  private bump(nbytes: number): Addr {
    const size = Math.max(8, Math.ceil(nbytes / 8) * 8);
    const addr = Atomics.add(this.region.i32, TOP, size);
    if (addr + size > this.region.byteLength) throw new HeapError("ERR_HEAP_EXHAUSTED", `no room for ${nbytes} bytes`);
    return addr as Addr;
  }
}
