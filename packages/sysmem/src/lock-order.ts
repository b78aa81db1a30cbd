/**
 * The order in which locks may be taken: one list, and nothing else decides.
 *
 * A thread that holds a lock may take another only of a higher rank, and never two of the same rank. Then no circle of
 * waiting threads can close, whatever each of them does. `Mutexes` checks this at every lock, always.
 *
 * To add a lock, add a row where it belongs and renumber; the names in `access: "lock:NAME"` of record declarations are
 * the names of this list.
 */

/** Where a lock stands in {@link LOCK_ORDER}: 1 is taken first. At most 30, so that the held ranks fit one small integer. */
export type LockRank = number & { readonly __lockRank: never };

/** A kind of lock: its name, its rank, and what may be written only while it is held. */
export interface LockOrderEntry {
  readonly name: string;
  readonly rank: LockRank;
  readonly guards: string;
}

/** The type table. */
export const RANK_TYPES: LockRank = 1 as LockRank;
/** Named roots, and the table of unique values. */
export const RANK_ROOTS: LockRank = 2 as LockRank;
/** What hangs on objects: finalizers, cleanups, weak handles, profile samples, and the queues of callbacks. */
export const RANK_SPECIALS: LockRank = 3 as LockRank;
/** The heap profile: stacks, and what was counted under them. */
export const RANK_PROFILE: LockRank = 4 as LockRank;
/** One span class's sets. */
export const RANK_CENTRAL: LockRank = 5 as LockRank;
/** Pages and everything they are handed out by. */
export const RANK_HEAP: LockRank = 6 as LockRank;

/** All locks, first to last. */
export const LOCK_ORDER: readonly LockOrderEntry[] = Object.freeze([
  { name: "types", rank: RANK_TYPES, guards: "the type table" },
  { name: "roots", rank: RANK_ROOTS, guards: "named roots and their index, the table of unique values" },
  { name: "specials", rank: RANK_SPECIALS, guards: "the specials of all spans, and the queues of callbacks that are due" },
  { name: "profile", rank: RANK_PROFILE, guards: "the heap profile: its strings, frames and buckets, their counts, the cycle they are counted in" },
  { name: "central", rank: RANK_CENTRAL, guards: "one span class: its four sets, and the list a span is on" },
  { name: "heap", rank: RANK_HEAP, guards: "page allocator, frontier, persistentalloc, the fixallocs (span records, specials, weak handles, unique entries)" },
]);

/** The name of the lock of that rank, for messages. */
export function lockName(rank: number): string {
  return LOCK_ORDER.find((entry) => entry.rank === rank)?.name ?? `rank ${rank}`;
}
