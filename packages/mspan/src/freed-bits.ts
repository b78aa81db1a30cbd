/**
 * Explicit free, from any thread, without asking the span's holder.
 *
 * The freed bits are Go's mark bits turned round: a set bit is a dead slot. To free a slot:
 *
 *     1. its bit is set with `Atomics.or`; already set: somebody else freed it (of two racing threads exactly one wins);
 *     2. that the slot is handed out is checked before and again after: a merge may come between (see below);
 *     3. the freed word counts it, and the value that comes back says what this thread owes:
 *          held                           nothing: the holder merges when its window is spent
 *          full, count >= threshold       FREE_LIST: move the span to the partial set, under the central's lock
 *          listed, count = allocCount     FREE_EMPTY: the span is empty, take it off the set and give the pages back
 *
 * `merge` is the holder's: it turns freed bits into free slots. It notes which slots are dead, writes what was handed out less the dead to
 * `allocBits`, restarts `freeIndex`, and only then clears the bits of the dead. So a live slot reads as handed out at every moment, and a dead
 * one as freed or as not handed out.
 *
 * If the slot is no longer handed out in the second check of step 2, a merge came between, and there are two cases:
 *
 *     the bit was set first, and the merge took it           the free stands; the merge has cleared the bit, or will before it ends
 *     the merge took another thread's bit, ours came after   a double free; nobody but this thread will clear the bit
 *
 * So this thread looks at bit and slot at a moment when no merge is at work, which the freed word tells.
 *
 *     count = freed bits not merged, less those whose thread stands between steps 1 and 3; so it may be below 0
 *
 * Hence a span is given back only when its count equals `allocCount`: as long as some thread has still to count it does not, and that
 * thread's own step 3 will find the span empty. A record never becomes another span's under a thread that has still to count. What a thread
 * does after step 3 (list, release) it does under the central's lock, and only if the span, or whatever the record is by then, wants it.
 *
 * `tooling/models/free.pml` is this protocol for the model checker spin; docs/decisions/0002 says what each simpler one gets wrong.
 *
 * What cannot be told: a second free that comes after the slot was handed out again. It frees the new block.
 */
import type { Region } from "@mallocgc/sysmem";
import { FREED_FULL, FREED_LISTED, FREED_MERGE, freedCount, freedMerges, freedState } from "./freed-word.ts";
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

const { allocBits: ALLOC_BITS, nelems: NELEMS, freed: FREED, freedBits: FREED_BITS, allocCount: ALLOC_COUNT, needzero: NEEDZERO } = MSpan.offset;
const DONE = FREE_DONE;
const LIST = FREE_LIST;
const EMPTY = FREE_EMPTY;
const NOT_LIVE = FREE_NOT_LIVE;
const FULL = FREED_FULL;
const LISTED = FREED_LISTED;
const MERGE = FREED_MERGE;
/** Looks at a span that is being merged, before its holder is taken for dead. A merge takes a microsecond. */
const LOOKS = 1_000_000;
/** Words of freed bits of the span with the most slots. */
const MAX_WORDS = 32;

/** The freed bits of one region's spans, as one thread sees them. */
export class FreedBits {
  readonly mem: Int32Array;
  readonly spans: Spans;
  /** Whether the words behind `freedBits` are mark bits: nothing is freed by hand then, and a merge only counts. */
  private readonly collected: boolean;
  /** What a merge found dead, word by word; of no meaning outside it. */
  private readonly dead: Int32Array = new Int32Array(MAX_WORDS);

  constructor(region: Region, spans: Spans, collected = false) {
    this.mem = region.i32;
    this.spans = spans;
    this.collected = collected;
  }

  /**
   * Frees a slot. `threshold` is the count from which on a full span is offered again (at least 1).
   * Returns one of the FREE_ codes. Any thread; no lock.
   */
  free(s: SpanPtr, slot: number, threshold: number): number {
    const mem = this.mem;
    const spans = this.spans;
    if (!spans.wasHandedOut(s, slot) && !spans.wasHandedOutConfirmed(s, slot)) return NOT_LIVE;
    const word = mem[s + FREED_BITS]! + (slot >>> 5);
    const bit = 1 << (slot & 31);
    // Pairs with the loads in merge: the bit is seen by the merge that takes it, or by a later one.
    if ((Atomics.or(mem, word, bit) & bit) !== 0) return NOT_LIVE;
    if (!spans.wasHandedOut(s, slot) && this.takeBack(s, slot, word, bit)) return NOT_LIVE;
    return this.count(s, threshold);
  }

  /**
   * The bit was set, but the slot does not read as handed out. Takes the bit back and returns true if it was set in error; returns false if the
   * free stands, because a merge took the bit, or because the slot is handed out after all (again, or the reading was stale).
   */
  private takeBack(s: SpanPtr, slot: number, word: number, bit: number): boolean {
    const mem = this.mem;
    for (let i = 0; i < LOOKS; i++) {
      // Pairs with the adds in merge.
      const merges = freedMerges(Atomics.load(mem, s + FREED));
      if ((merges & 1) === 1) continue;
      if ((Atomics.load(mem, word) & bit) === 0) return false;
      if (this.spans.wasHandedOutConfirmed(s, slot)) return false;
      if (freedMerges(Atomics.load(mem, s + FREED)) === merges) return (Atomics.and(mem, word, ~bit) & bit) !== 0;
    }
    return false;
  }

  private count(s: SpanPtr, threshold: number): number {
    // Pairs with setState: every free is counted either before a change of state, and seen by whoever makes it, or after, and seen here.
    const now = Atomics.add(this.mem, s + FREED, 1) + 1;
    const state = freedState(now);
    if (state === FULL) return freedCount(now) >= threshold ? LIST : DONE;
    return state === LISTED && freedCount(now) === this.mem[s + ALLOC_COUNT] ? EMPTY : DONE;
  }

  /** Whether the slot's freed bit is set. */
  isFreed(s: SpanPtr, slot: number): boolean {
    return ((Atomics.load(this.mem, this.mem[s + FREED_BITS]! + (slot >>> 5)) >>> (slot & 31)) & 1) === 1;
  }

  /** As {@link pending}, by a plain read: perhaps a moment old. For the holder, whom `setState` will tell the truth. */
  pendingHint(s: SpanPtr): number {
    return freedCount(this.mem[s + FREED]!);
  }

  /** Freed slots waiting to be merged. */
  pending(s: SpanPtr): number {
    return freedCount(Atomics.load(this.mem, s + FREED));
  }

  /**
   * Turns what was freed into free slots, and sets `allocCount`. If any came back, the search for free slots starts anew at slot 0, else it
   * goes on where it was. Holder only. Returns how many came back; others may go on freeing meanwhile, and are merged the next time.
   */
  merge(s: SpanPtr): number {
    const mem = this.mem;
    const { spans, dead } = this;
    if (this.collected) {
      mem[s + ALLOC_COUNT] = spans.countHandedOut(s);
      return 0;
    }
    const nelems = mem[s + NELEMS]!;
    const nwords = (nelems + 31) >>> 5;
    const freedBits = mem[s + FREED_BITS]!;
    let handedOut = 0;
    let merged = 0;
    for (let w = 0; w < nwords; w++) {
      const word = spans.handedOutWord(s, w);
      // A plain read: a bit that it misses is merged the next time.
      const taken = mem[freedBits + w]! & word;
      dead[w] = taken;
      merged += popcount32(taken);
      handedOut += popcount32(word);
    }
    mem[s + ALLOC_COUNT] = handedOut - merged;
    if (merged > 0) this.takeDead(s, nwords, merged);
    return merged;
  }

  /** The part of merge that others must not see half done, but for `takeBack`, which waits for its end. */
  private takeDead(s: SpanPtr, nwords: number, merged: number): void {
    const mem = this.mem;
    const { spans, dead } = this;
    const allocBits = spans.ownAllocBits(s);
    const freedBits = mem[s + FREED_BITS]!;
    Atomics.add(mem, s + FREED, MERGE);
    // Plain writes between two atomic ones. Pairs with takeBack: who reads a slot as not handed out also finds the merge at work, or at
    // its end; and with wasHandedOutConfirmed: who reads freeIndex as 0 reads these words.
    for (let w = 0; w < nwords; w++) mem[allocBits + w] = spans.handedOutWord(s, w) & ~dead[w]!;
    if (mem[s + ALLOC_BITS] !== allocBits) Atomics.store(mem, s + ALLOC_BITS, allocBits);
    spans.rewind(s);
    for (let w = 0; w < nwords; w++) {
      // Pairs with the or in free: only now can a slot that is handed out again be freed again.
      if (dead[w] !== 0) Atomics.and(mem, freedBits + w, ~dead[w]!);
    }
    Atomics.add(mem, s + FREED, MERGE - merged);
    mem[s + NEEDZERO] = 1;
  }

  /**
   * Hands the span over from one state to another (FREED_ constants) and returns how many freed slots were waiting at that
   * moment: from then on it is the freeing threads that watch the count. Holder, or who holds the central's lock.
   */
  setState(s: SpanPtr, from: number, to: number): number {
    return freedCount(Atomics.add(this.mem, s + FREED, to - from));
  }
}
