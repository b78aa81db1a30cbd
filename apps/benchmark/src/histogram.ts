/**
 * A histogram of durations that takes no memory and no time to speak of while a clock runs: in ns, in buckets 1/64 as wide as their
 * lower end, so that a quantile is wrong by 1.6 % at most. Go's program has the same one (go/latency.go).
 *
 * The values below 64 have buckets of their own; from then on there are 64 for each power of two.
 */

const SUB_BITS = 6;
const SUBS = 1 << SUB_BITS;
/** Up to 2^42 ns, more than an hour. */
const BUCKETS = (42 - SUB_BITS + 1) * SUBS;

export class Histogram {
  readonly counts: Float64Array = new Float64Array(BUCKETS);
  total = 0;
  max = 0;

  add(ns: number): void {
    this.counts[bucketOf(ns)]! += 1;
    this.total++;
    if (ns > this.max) this.max = ns;
  }

  /** A value that the q-th part of all is at or below. */
  quantile(q: number): number {
    const rank = Math.floor(q * this.total);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.counts[bucket]!;
      if (seen > rank) return Math.min(upperEnd(bucket) - 1, this.max);
    }
    return this.max;
  }
}

function bucketOf(ns: number): number {
  if (ns < SUBS) return ns < 0 ? 0 : Math.floor(ns);
  if (ns < 2 ** 31) {
    const shift = 31 - Math.clz32(ns) - SUB_BITS;
    return (shift << SUB_BITS) + (ns >>> shift);
  }
  const shift = Math.min(Math.floor(Math.log2(ns)), 41) - SUB_BITS;
  return Math.min((shift << SUB_BITS) + Math.floor(ns / 2 ** shift), BUCKETS - 1);
}

/** The least value that is above all of a bucket's. */
function upperEnd(bucket: number): number {
  if (bucket < SUBS) return bucket + 1;
  const shift = (bucket >> SUB_BITS) - 1;
  return ((bucket & (SUBS - 1)) + SUBS + 1) * 2 ** shift;
}
