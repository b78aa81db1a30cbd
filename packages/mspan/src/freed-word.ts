/**
 * The `freed` word of a span record: who has the span, how many freed slots wait to be merged, and whether a merge is at work, in one
 * atomic word.
 *
 *     bits 18..31   +1 when a merge begins and +1 when it has ended: odd while one is at work
 *     bits 16..17   1 held (an mcache, or whoever took it), 2 full (on a central's full set), 3 listed (on its partial set)
 *     bits 0..15    0x4000 + the number of freed slots not yet merged
 *
 * All in one word, so that one `Atomics.add` counts a free and tells, from the value it returns, what the freeing thread owes. The count is
 * biased because a merge may subtract a slot whose freeing thread has set the bit but not yet counted it; at most 1024 slots can be
 * in that state, so the parts never touch.
 */

/** Held by an mcache, or by the thread that took the span off its set. */
export const FREED_HELD: number = (1 << 16) | 0x4000;
/** On the full set: no slot to hand out but those freed since. */
export const FREED_FULL: number = (2 << 16) | 0x4000;
/** On the partial set. */
export const FREED_LISTED: number = (3 << 16) | 0x4000;

/** Added when a merge begins, and again when it has ended. */
export const FREED_MERGE: number = 1 << 18;

/** The state part of a freed word, comparable with the constants above (which stand for count 0). */
export function freedState(word: number): number {
  return (word & 0x30000) | 0x4000;
}

/** The count part of a freed word: freed slots not yet merged. */
export function freedCount(word: number): number {
  return (word & 0xffff) - 0x4000;
}

/** The merges part: how often one began or ended, modulo 2^14. Two equal and even values: none came between. */
export function freedMerges(word: number): number {
  return word >>> 18;
}
