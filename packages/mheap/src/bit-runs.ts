/**
 * Runs of set bits in a word of 32, or in 64 bits kept as two words: the arithmetic under every search for free pages.
 *
 * The one idea: `c & (c >>> k)` shortens every run of ones by k bits from above, as long as no run of ones gets longer than
 * it was. Shorten by 1, 2, 4, ... and what is left of a run of m ones, after n - 1 in all, are its m - n + 1 lowest bits: the places
 * where n ones in a row begin. So the search for n bits takes log2(n) steps, whatever the word.
 */

/** Position of the lowest set bit, 32 when there is none. */
export function ctz32(x: number): number {
  return x === 0 ? 32 : 31 - Math.clz32(x & -x);
}

/** The bits of `c` at which a run of at least `n` set bits begins or still has `n` left; `n` is 1 to 32. */
export function runStarts32(c: number, n: number): number {
  let left = n - 1;
  for (let by = 1; left > 0 && c !== 0; by <<= 1) {
    if (by > left) by = left;
    c &= c >>> by;
    left -= by;
  }
  return c;
}

/** Where the first run of at least `n` (1 to 32) set bits of `c` begins, 32 when there is none. */
export function findBitRange32(c: number, n: number): number {
  return ctz32(runStarts32(c, n));
}

/** Where the first run of at least `n` (1 to 64) set bits of the 64 in `hi:lo` begins, 64 when there is none. */
export function findBitRange64(lo: number, hi: number, n: number): number {
  let left = n - 1;
  for (let by = 1; left > 0 && (lo | hi) !== 0; by <<= 1) {
    if (by > left) by = left;
    if (by < 32) {
      lo &= (lo >>> by) | (hi << (32 - by));
      hi &= hi >>> by;
    } else {
      lo &= hi >>> (by - 32);
      hi = 0;
    }
    left -= by;
  }
  return lo !== 0 ? ctz32(lo) : 32 + ctz32(hi);
}

/**
 * `x` with every aligned group of `m` bits filled with ones if it holds a one anywhere; `m` is a power of two, 1 to 32.
 *
 * The top bit of a group is set when the group is zero: adding all ones below the top bit carries into it unless they are
 * all zero (an old trick for finding a zero byte). From that bit the zero group is spread out again.
 */
export function fillAligned32(x: number, m: number): number {
  if (m === 1) return x | 0;
  const below = LOW_BITS_OF_GROUPS[31 - Math.clz32(m)]!;
  const zeroGroups = ~((((x & below) + below) | x) | below);
  return ~((zeroGroups - (zeroGroups >>> (m - 1))) | zeroGroups);
}

/** For groups of 1, 2, 4, 8, 16 and 32 bits: all bits of each group but its top one. */
const LOW_BITS_OF_GROUPS: readonly number[] = [0, 0x55555555, 0x77777777, 0x7f7f7f7f, 0x7fff7fff, 0x7fffffff];
