/**
 * What typed objects need of a heap: memory for an object, the write barrier, memory for ever, a lock, and the turn.
 *
 * This is the whole contract between the objects and the collector. The objects know where pointers are and tell it at each
 * allocation; they change a pointer only through `storeRef` and `compareExchangeRef`; and they write the type records that
 * the collector reads (type-record.ts). How memory is found and marked, they do not know.
 *
 * A ref is the byte address of an object's first byte; 0 is nil. It is valid within a turn, and across turns only while
 * something that the collector knows holds the object.
 */
import type { Addr, Ptr, Region } from "@mallocgc/sysmem";

export interface ObjectHeap {
  readonly region: Region;
  /** Whether accessors and views check their refs, values and turns: development mode. */
  readonly checks: boolean;
  /** Who this thread is in a mutex word: its P's id + 1. */
  readonly ownerId: number;
  /** The word of the region that heads the list of type records. Changed only inside {@link withTypeLock}. */
  readonly typeListHead: Ptr;

  /**
   * Zeroed memory for an object of `nbytes`; enters a turn.
   *
   * Up to 128 bytes, `ptrMask` has a bit for each 4-byte word that holds a pointer (of an array: of all its elements). Above,
   * `ptrMask` is 0 and `typeAddr`, the byte address of the collector's part of the type record, says where pointers are.
   * Both 0: there are none, and the object is never scanned.
   */
  allocObject(nbytes: number, ptrMask: number, typeAddr: number): Addr;

  /** `allocObject(nbytes, ptrMask, 0)` for a `ptrMask` that is not 0, with the span class of `nbytes` known: for structs, whose size is. */
  allocSmall(spanClass: number, nbytes: number, ptrMask: number): Addr;

  /** Stores a ref into a word of an object, through the write barrier. */
  storeRef(addr: number, value: number): void;
  /** Replaces the ref `expected` by `value`, through the write barrier; the ref that was there, as an address (unsigned). */
  compareExchangeRef(addr: number, expected: number, value: number): number;

  /** Zeroed, word-aligned memory that is never given back. */
  persistentAlloc(nbytes: number): Addr;
  /** Runs `fn` while no other thread changes the list of types. */
  withTypeLock<T>(fn: () => T): T;

  /** A number that changes from turn to turn. */
  turnStamp(): number;
  /** @throws HeapError unless `addr` is the start of a live object whose slot can hold `nbytes`. */
  checkObject(addr: number, nbytes: number): void;
  /** Takes notice of the collector's phase: a thread that waits for a mutex inside a turn does so now and then. */
  poll(): void;
}
