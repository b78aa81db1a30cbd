/** Marsaglia's xorshift: as random as a benchmark needs, the same in every run for the same seed. */

/** A generator of integers 1 .. 2^32-1. A seed of 0 would stay 0 for ever, so it counts as 1. */
export function xorshift32(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}
