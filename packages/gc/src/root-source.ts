/**
 * What the collector and the roots ask of each other.
 *
 * A root is a word of the region outside every object whose value, if it is not 0, is the address of an object (or of a place inside one) that has to
 * stay. Roots are kept by several tables: named roots, handles, finalizers that are due. Each of them is a `RootSource`. The collector asks
 * it for its ranges once in each cycle, when every P has its write barrier on and has passed a turn's end, and marks from each non-zero
 * word. A root that is written after that is found because it was written through the barrier, as every pointer in an object is: so
 * `storeRef` takes the address of a root just as well.
 *
 * Hence what a source promises: its words are in permanent memory and never hold anything but 0 or an address; a range that was given out
 * may be read at any later time; a word that held a root when `ranges` was called is in one of its ranges, or it was overwritten through
 * the barrier meanwhile.
 */
import type { Ptr } from "@mallocgc/sysmem";

/** Words of the region that are roots. */
export interface RootSource {
  /** Ranges of words, as [first word index, number of words]. Any thread; a source may take its lock for the time of the call, and holds none while the ranges are read. */
  ranges(): Iterable<readonly [Ptr, number]>;
}

/** The write barrier of one thread. */
export interface Barrier {
  /** Stores `value` at byte address `addr`, a word of an object or a root: with the old and the new value shaded while the barrier is on. */
  storeRef(addr: number, value: number): void;
  /** Marks the object at `addr`, and all that it reaches, in the cycle under way. Nothing when the barrier is off. */
  shade(addr: number): void;
  /** The phase word, by a plain read. Bit 0: the barrier is on. */
  phase(): number;
}

/** Words as 32-bit addresses: a root's value as an unsigned number. Pairs with the store in `storeRef`: whoever reads a root finds the object behind it initialised. */
export function loadRef(mem: Int32Array, word: number): number {
  return Atomics.load(mem, word) >>> 0;
}
