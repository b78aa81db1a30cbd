/**
 * A lock in one word of the heap: the map's own, one per shard.
 *
 * The word is 0 free, 1 held, 2 held and somebody may be asleep on it. A thread that finds it held tries again for a
 * little while (a shard is held for well under a microsecond), then writes 2 and sleeps in `Atomics.wait`. The one that
 * unlocks a 2 wakes one sleeper, which takes the lock as a 2 again, because there may be more of them.
 */

const FREE = 0;
const HELD = 1;
const CONTENDED = 2;
const TRIES = 64;

/** Takes the lock at word `word`; may sleep, so never on a browser's main thread. */
export function lock(i32: Int32Array, word: number): void {
  if (Atomics.compareExchange(i32, word, FREE, HELD) !== FREE) lockSlow(i32, word);
}

function lockSlow(i32: Int32Array, word: number): void {
  for (let i = 0; i < TRIES; i++) {
    if (i32[word] === FREE && Atomics.compareExchange(i32, word, FREE, HELD) === FREE) return;
  }
  while (Atomics.exchange(i32, word, CONTENDED) !== FREE) Atomics.wait(i32, word, CONTENDED);
}

/** Gives the lock back. Pairs with the exchange in {@link lock}: what was written under it is seen by the next holder. */
export function unlock(i32: Int32Array, word: number): void {
  if (Atomics.exchange(i32, word, FREE) === CONTENDED) Atomics.notify(i32, word, 1);
}
