/**
 * A set of spans of one central: a doubly linked list through the span records, in the order of arrival.
 *
 * Go's spanSet is a lock-free stack of blocks. Here a set is guarded by its central's lock, for three reasons: an explicit free must
 * take a span out of the middle of a set; a lock taken and released costs no more in JavaScript than the atomic operations of the
 * lock-free push and pop; and after the death of a thread the lists can be rebuilt from the span records, which say themselves
 * which set they are on.
 *
 *     onSet of a span on set k of span class c is c * 4 + k + 1, and 0 when it is on none; written under that central's lock
 *
 * Spans are taken from the head and added at the tail: the one that has waited longest has collected the most freed slots.
 */
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import type { Region } from "@mallocgc/sysmem";
import { MCentral, NUM_SETS } from "./central-record.ts";

const { next: NEXT, prev: PREV, onSet: ON_SET } = MSpan.offset;
const { heads: HEADS, tails: TAILS, lengths: LENGTHS } = MCentral.offset;
const SETS = NUM_SETS;
const NIL = 0;

/** The sets of all centrals of one region, as one thread sees them. Every method is called under the central's lock. */
export class SpanSets {
  readonly mem: Int32Array;

  constructor(region: Region) {
    this.mem = region.i32;
  }

  /** What a span's `onSet` says when it is on set `set` of span class `spanClass`. */
  static code(spanClass: number, set: number): number {
    return spanClass * SETS + set + 1;
  }

  /** Adds a span at the tail. */
  pushLocked(central: number, spanClass: number, set: number, s: SpanPtr): void {
    const mem = this.mem;
    const tail = mem[central + TAILS + set]!;
    mem[s + NEXT] = NIL;
    mem[s + PREV] = tail;
    if (tail === NIL) mem[central + HEADS + set] = s;
    else mem[tail + NEXT] = s;
    mem[central + TAILS + set] = s;
    mem[central + LENGTHS + set] = mem[central + LENGTHS + set]! + 1;
    mem[s + ON_SET] = SpanSets.code(spanClass, set);
  }

  /** Takes the span that has waited longest, or 0. */
  popLocked(central: number, set: number): SpanPtr {
    const s = this.mem[central + HEADS + set]! as SpanPtr;
    if (s !== NIL) this.removeLocked(central, set, s);
    return s;
  }

  /** Takes a span out, wherever it stands in the set. */
  removeLocked(central: number, set: number, s: SpanPtr): void {
    const mem = this.mem;
    const next = mem[s + NEXT]!;
    const prev = mem[s + PREV]!;
    if (prev === NIL) mem[central + HEADS + set] = next;
    else mem[prev + NEXT] = next;
    if (next === NIL) mem[central + TAILS + set] = prev;
    else mem[next + PREV] = prev;
    mem[central + LENGTHS + set] = mem[central + LENGTHS + set]! - 1;
    mem[s + NEXT] = NIL;
    mem[s + PREV] = NIL;
    mem[s + ON_SET] = NIL;
  }

  /** The set of this central that the span is on, or -1. */
  setOfLocked(spanClass: number, s: SpanPtr): number {
    const set = this.mem[s + ON_SET]! - SpanSets.code(spanClass, 0);
    return set >= 0 && set < SETS ? set : -1;
  }
}
