/**
 * Fewer buckets: what Go's histograms have is more than a time series database should keep for each.
 *
 * As client_golang does it: of the bounds of bytes those that are at least twice the last one stay, of those of seconds those that are at least ten times
 * the last, up to a second. Counts are added up into the buckets that are left, so nothing is lost but detail.
 *
 * Go's bucket i holds values below its upper bound, Prometheus' `le` those up to it. Sizes are whole bytes and times whole ns, so the next smaller one is the same
 * bucket's `le`.
 */
import type { HistogramMetric } from "./metric.ts";

/** What a bucket holds with all those before it. */
export interface CumulativeBucket {
  /** The largest value in it. */
  readonly le: number;
  readonly count: number;
}

const BASE: Readonly<Record<string, number>> = { bytes: 2, seconds: 10 };
const MAX_SECONDS = 1;
const NS = 1e9;

/** The buckets of a histogram, fewer of them and cumulative; the last is that of all values. */
export function cumulativeBuckets({ unit, buckets, counts }: HistogramMetric): CumulativeBucket[] {
  const base = BASE[unit] ?? 1;
  const kept: CumulativeBucket[] = [];
  let last = 0;
  let count = 0;
  for (let i = 0; i < counts.length; i++) {
    count += counts[i]!;
    const upper = buckets[i + 1]!;
    const stays = upper > 0 && upper >= last * base && !(unit === "seconds" && upper > MAX_SECONDS);
    if (upper === Infinity) kept.push({ le: Infinity, count });
    else if (stays) {
      kept.push({ le: largestBelow(upper, unit), count });
      last = upper;
    }
  }
  return kept;
}

function largestBelow(bound: number, unit: string): number {
  if (unit === "bytes") return bound - 1;
  return unit === "seconds" ? (Math.round(bound * NS) - 1) / NS : bound;
}
