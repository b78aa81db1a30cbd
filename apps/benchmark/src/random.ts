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

/**
 * The random graph of gc-mark, for `n` nodes by number: `left` leads round all of them in a random order, `right` to any one.
 */
export function randomLinks(n: number, seed: number): { readonly left: Uint32Array; readonly right: Uint32Array } {
  const next = xorshift32(seed);
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = below(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  const left = new Uint32Array(n);
  const right = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const t = order[i]!;
    left[t] = order[(i + 1) % n]!;
    right[t] = below(n);
  }
  return { left, right };
}
