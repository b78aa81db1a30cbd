/**
 * How long things took, as counts in Go's buckets: the runtime's timeHistogram.
 *
 *     a power of two from 2^8 ns on is four buckets of equal width, up to 2^47 ns; below 2^8 ns there are four of 64 ns
 *
 *     | underflow | 0 64 128 192 | 256 320 384 448 | 512 640 768 896 | ...                   | overflow: from 2^47 ns, 39 hours |
 *      below 0     bucket 0..3     4..7              8..11               157 more in all
 *
 * So a bucket is at most a quarter of its value wide. A record belongs to one P, which alone adds to it; readers add those of all Ps up. Each
 * count is a float64 that only grows, so two readings never run backwards.
 */
import { record, type Ptr, type RecordLayout, type Region } from "@mallocgc/sysmem";

const MIN_BUCKET_BITS = 9;
const MAX_BUCKET_BITS = 48;
const SUB_BUCKET_BITS = 2;
const SUB_BUCKETS: number = 1 << SUB_BUCKET_BITS;
const RANGES: number = MAX_BUCKET_BITS - MIN_BUCKET_BITS + 1;

/** Buckets of a time histogram, with the one below 0 and the one above all. */
export const TIME_BUCKETS: number = RANGES * SUB_BUCKETS + 2;

/** Bounds of the buckets in seconds: bucket i is from `[i]` up to, not with, `[i + 1]`. One more than there are buckets. */
export const TIME_BUCKET_BOUNDS: readonly number[] = Object.freeze(bounds());

/** The layout of one P's histogram: whole cache lines, float64 fields on even words. */
export const TimeHistogramRecord: RecordLayout<"counts" | "sum" | "spare"> = record("timeHistogram", 336, {
  counts: { access: "owner", words: 2 * TIME_BUCKETS, doc: "how many fell into each bucket, as float64" },
  sum: { access: "owner", words: 2, doc: "ns of all of them, as float64" },
  spare: { access: "const", words: 10, doc: "padding" },
});

const { counts: COUNTS, sum: SUM } = TimeHistogramRecord.offset;

/** The bucket that a time of so many ns, an integer, falls into. */
export function timeBucket(ns: number): number {
  if (ns < 0) return 0;
  const high = Math.floor(ns / 0x100000000);
  const bits = high === 0 ? 32 - Math.clz32(ns) : 64 - Math.clz32(high);
  const range = bits < MIN_BUCKET_BITS ? 0 : bits - MIN_BUCKET_BITS + 1;
  if (range >= RANGES) return TIME_BUCKETS - 1;
  const width = 2 ** (Math.max(bits, MIN_BUCKET_BITS) - 1 - SUB_BUCKET_BITS);
  return range * SUB_BUCKETS + (Math.floor(ns / width) % SUB_BUCKETS) + 1;
}

/** Counts one time of `ns` in the record at `at`. For the P that it belongs to. */
export function recordTime(f64: Float64Array, at: Ptr, ns: number): void {
  const bucket = ((at + COUNTS) >>> 1) + timeBucket(ns);
  const sum = (at + SUM) >>> 1;
  f64[bucket] = f64[bucket]! + 1;
  f64[sum] = f64[sum]! + Math.max(ns, 0);
}

/** The histograms of some Ps, added up. */
export interface TimeCounts {
  /** Per bucket. */
  readonly counts: Float64Array;
  /** Of all times together. */
  readonly sumNs: number;
}

/** Adds up the records at `records`. Any thread. */
export function addTimes({ f64 }: Region, records: Iterable<Ptr>): TimeCounts {
  const counts = new Float64Array(TIME_BUCKETS);
  let sumNs = 0;
  for (const at of records) {
    for (let i = 0; i < TIME_BUCKETS; i++) counts[i]! += f64[((at + COUNTS) >>> 1) + i]!;
    sumNs += f64[(at + SUM) >>> 1]!;
  }
  return { counts, sumNs };
}

function bounds(): number[] {
  const ns: number[] = [-Infinity];
  for (let range = 0; range < RANGES; range++) {
    const base = range === 0 ? 0 : 2 ** (range + MIN_BUCKET_BITS - 2);
    const width = 2 ** (Math.max(range, 1) + MIN_BUCKET_BITS - 2 - SUB_BUCKET_BITS);
    for (let sub = 0; sub < SUB_BUCKETS; sub++) ns.push(base + sub * width);
  }
  return [...ns, 2 ** (MAX_BUCKET_BITS - 1), Infinity].map((bound) => bound / 1e9);
}
