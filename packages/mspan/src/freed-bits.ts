/**
 * Explicit free, from any thread, without asking the span's holder.
 *
 * The freed bits are Go's mark bits turned round: a set bit is a dead slot. To free a slot:
 *
 *     1. its bit is set with `Atomics.or`; already set: somebody else freed it (of two racing threads exactly one wins);
 *     2. that the slot is handed out is checked before and again after, so that a merge in between cannot hide a double free;
 *     3. the freed word counts it, and the value that comes back says what this thread owes:
 *          held                          nothing: the holder merges when its window is spent
 *          full, count = threshold       FREE_LIST: move the span to the partial set, under the central's lock
 *          listed, count = allocCount    FREE_EMPTY: the span is empty, take it off the set and give the pages back
 *
 * `merge` is the holder's: it turns freed bits into free slots. For each word of bits it first writes what was handed out, less
 * the dead, to `allocBits`, then restarts `freeIndex`, and only then clears the freed bits. So a live slot reads as handed out at
 * every moment, and a dead one as either freed or not handed out.
 *
 *     merge counts only bits of slots that were handed out; a thread that set a bit in error (step 2) takes it back itself
 *     between steps 1 and 3 a merge may count the slot first: then the count is below the truth, at times below 0, until step 3
 *
 * Hence a span is given back only when its count equals `allocCount`: as long as some thread stands between steps 1 and 3 it does not,
 * and that thread's own step 3 will find the span empty. A record never changes its owner under a thread that has still to count.
 */
import type { Region } from "@mallocgc/sysmem";
import { FREED_FULL, FREED_LISTED, freedCount } from "./freed-word.ts";
import { MSpan, type SpanPtr } from "./span.ts";
import { popcount32, type Spans } from "./spans.ts";

/** The slot is freed and nothing more is owed. */
export const FREE_DONE = 0;
/** The slot is freed, and this thread owes the span's move from the full to the partial set. */
export const FREE_LIST = 1;
/** The slot is freed, and this thread owes the return of the empty span. */
export const FREE_EMPTY = 2;
/** Nothing was freed: the slot is free already, or was never handed out. */
export const FREE_NOT_LIVE = 3;

const { freeIndex: FREE_INDEX, allocBits: ALLOC_BITS, nelems: NELEMS, freed: FREED, freedBits: FREED_BITS, allocCount: ALLOC_COUNT, needzero: NEEDZERO } =
  MSpan.offset;
const DONE = FREE_DONE;
const LIST = FREE_LIST;
const EMPTY = FREE_EMPTY;
const NOT_LIVE = FREE_NOT_LIVE;
const FULL = FREED_FULL;
const LISTED = FREED_LISTED;

/** The freed bits of one region's spans, as one thread sees them. */
export class FreedBits {
  readonly mem: Int32Array;
  readonly spans: Spans;

  constructor(region: Region, spans: Spans) {
    this.mem = region.i32;
    this.spans = spans;
  }

  /**
   * Frees a slot. `threshold` is the count at which a full span is offered again (at least 1).
   * Returns one of the FREE_ codes. Any thread; no lock.
   */
  free(s: SpanPtr, slot: number, threshold: number): number {
    const mem = this.mem;
    const spans = this.spans;
    if (!spans.wasHandedOut(s, slot) && !spans.wasHandedOutConfirmed(s, slot)) return NOT_LIVE;
    const word = mem[s + FREED_BITS]! + (slot >>> 5);
    const bit = 1 << (slot & 31);
    // Pairs with the loads in merge: the bit is seen by the merge that counts it, or by a later one.
    if ((Atomics.or(mem, word, bit) & bit) !== 0) return NOT_LIVE;
    if (!spans.wasHandedOut(s, slot)) return this.takeBack(s, slot, word, bit, threshold);
    return this.count(s, threshold);
  }

  /** The bit was set, but the slot no longer reads as handed out: unless that reading was stale, another free came first. */
  private takeBack(s: SpanPtr, slot: number, word: number, bit: number, threshold: number): number {
    if (this.spans.wasHandedOutConfirmed(s, slot)) return this.count(s, threshold);
    Atomics.and(this.mem, word, ~bit);
    return NOT_LIVE;
  }

  private count(s: SpanPtr, threshold: number): number {
    // Pairs with the holder's changes of state: this thread or the holder sees the threshold passed, never both, never none.
    const now = Atomics.add(this.mem, s + FREED, 1) + 1;
    if (now === FULL + threshold) return LIST;
    if (now >= LISTED && now - LISTED === this.mem[s + ALLOC_COUNT]) return EMPTY;
    return DONE;
  }

  /** Whether the slot's freed bit is set. */
  isFreed(s: SpanPtr, slot: number): boolean {
    return ((Atomics.load(this.mem, this.mem[s + FREED_BITS]! + (slot >>> 5)) >>> (slot & 31)) & 1) === 1;
  }

  /** Freed slots waiting to be merged. */
  pending(s: SpanPtr): number {
    return freedCount(Atomics.load(this.mem, s + FREED));
  }

  /**
   * Turns what was freed into free slots, restarts the search at slot 0, and sets `allocCount`. Holder only.
   * Returns how many slots came back; others may go on freeing meanwhile, and are merged the next time.
   */
  merge(s: SpanPtr): number {
    const mem = this.mem;
    const nelems = mem[s + NELEMS]!;
    const nwords = (nelems + 31) >>> 5;
    const freeIndex = mem[s + FREE_INDEX]!;
    const allocBits = mem[s + ALLOC_BITS]!;
    const freedBits = mem[s + FREED_BITS]!;
    let handedOut = 0;
    let merged = 0;
    for (let w = 0; w < nwords; w++) {
      let word = mem[allocBits + w]!;
      const below = freeIndex - (w << 5);
      if (below >= 32) word = -1;
      else if (below > 0) word |= (1 << below) - 1;
      const dead = Atomics.load(mem, freedBits + w) & word;
      mem[allocBits + w] = word & ~dead;
      handedOut += popcount32(word & ~dead);
      merged += popcount32(dead);
    }
    this.spans.rewind(s);
    if (merged > 0) {
      for (let w = 0; w < nwords; w++) {
        const bits = Atomics.load(mem, freedBits + w) & ~mem[allocBits + w]!;
        // Pairs with the or in free: only now can a slot that is handed out again be freed again.
        if (bits !== 0) Atomics.and(mem, freedBits + w, ~bits);
      }
      Atomics.sub(mem, s + FREED, merged);
      mem[s + NEEDZERO] = 1;
    }
    mem[s + ALLOC_COUNT] = handedOut - ((nwords << 5) - nelems);
    return merged;
  }

  /**
   * Hands the span over to another state (one of the FREED_ constants) and returns how many freed slots were waiting at that
   * moment: from then on it is the freeing threads that watch the threshold. Holder, or who holds the central's lock.
   */
  setState(s: SpanPtr, from: number, to: number): number {
    return freedCount(Atomics.add(this.mem, s + FREED, to - from));
  }
}
