/**
 * The turn word of a P: whether it is in a turn, and whether the driver has claimed it.
 *
 *     bit 0      in a turn: raw addresses may be in this thread's variables
 *     bit 1      claimed: the P is in no turn, and another thread acts for it (hands back its cached spans) or takes it over
 *     bits 2..31 counts turns; a safepoint ends one and begins the next without leaving
 *
 *     resting ──► in a turn     the P: compareExchange, since the driver may just be claiming it
 *     in a turn ──► resting     the P: store
 *     resting ──► claimed       the driver, or the P that detaches: compareExchange
 *     claimed ──► resting       who claimed it: store, then notify
 *
 * The store that begins a turn comes before the load of the phase, the driver's store of the phase before its load of this word: so either the
 * P sees the new phase, or the driver sees the P in a turn, or both.
 */

/** In a turn. */
export const IN_TURN = 1;
/** Claimed by another thread. */
export const CLAIMED = 2;
/** One turn. */
export const ONE_TURN = 4;

/** Whether the P may have addresses in its variables. */
export function inTurn(word: number): boolean {
  return (word & IN_TURN) !== 0;
}
