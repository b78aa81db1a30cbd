/**
 * The word of a lock, and the ways to take one that is not free at once. Of the heap's own locks (mutex.ts says why nobody is left asleep) and of
 * mutexes that are fields of objects: these have other rules around the same word.
 *
 *        FREE  0                 nobody holds it
 *        HELD  owner             held, and nobody sleeps for it
 *   CONTENDED  owner | 1 << 30   held, and somebody may sleep for it: the unlock must wake one
 */

export const FREE = 0;
export const CONTENDED: number = 1 << 30;
export const OWNER_MASK: number = CONTENDED - 1;

/** Looks at a taken lock before going to sleep: about 3 µs with `Atomics.pause`, less than a sleep and a wake-up cost. */
export const SPINS = 60;

/** Tells the core that this is a spin loop; does nothing where the engine has no `Atomics.pause` (before Node 24). */
export const pause: () => void = (Atomics as { pause?: () => void }).pause ?? ((): void => undefined);

/** Looks at the lock `looks` times, and takes it when it is seen free. Reads first: a failed exchange costs the holder its cache line. */
export function spinForLock(mem: Int32Array, word: number, owner: number, looks: number): boolean {
  for (let i = 0; i < looks; i++) {
    // The load pairs with nothing, it only says when to try; the exchange is the acquire.
    if (Atomics.load(mem, word) === FREE && Atomics.compareExchange(mem, word, FREE, owner) === FREE) return true;
    pause();
  }
  return false;
}

/** Takes the lock as CONTENDED, since others may be asleep: then FREE. Or marks it so: the word to sleep on. */
export function takeOrMarkLock(mem: Int32Array, word: number, owner: number): number {
  for (;;) {
    // Acquire.
    const seen = Atomics.compareExchange(mem, word, FREE, owner | CONTENDED);
    if (seen === FREE) return FREE;
    const marked = seen | CONTENDED;
    // Pairs with the compareExchange in unlock: either that one fails and notifies, or this one fails and looks again.
    if (seen === marked || Atomics.compareExchange(mem, word, seen, marked) === seen) return marked;
  }
}
