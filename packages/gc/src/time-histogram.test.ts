import { createRegion, type Ptr } from "@mallocgc/sysmem";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TIME_BUCKETS, TIME_BUCKET_BOUNDS, TimeHistogramRecord, addTimes, recordTime, timeBucket } from "./time-histogram.ts";

/** Where a value belongs, by the bounds alone. */
function byBounds(ns: number): number {
  return TIME_BUCKET_BOUNDS.findLastIndex((bound) => Math.round(bound * 1e9) <= ns);
}

test("every time falls into the bucket whose bounds it lies between", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 49, noNaN: true }), (exponent) => timeBucket(Math.floor(2 ** exponent)) === byBounds(Math.floor(2 ** exponent))), { numRuns: 5000 });
  for (const bound of TIME_BUCKET_BOUNDS.slice(1, -1)) {
    const ns = Math.round(bound * 1e9);
    expect([ns, timeBucket(ns), timeBucket(ns - 1)]).toEqual([ns, byBounds(ns), byBounds(ns) - 1]);
  }
});

test("a clock that went backwards counts below 0, and what no bucket is for counts above all", () => {
  expect([-1, -1e12, 0, 2 ** 47 - 1, 2 ** 47, 2 ** 60].map(timeBucket)).toEqual([0, 0, 1, TIME_BUCKETS - 2, TIME_BUCKETS - 1, TIME_BUCKETS - 1]);
});

test("no bucket is wider than a quarter of the values in it, from 256 ns on", () => {
  for (let i = 5; i < TIME_BUCKETS - 1; i++) {
    const [from, to] = [TIME_BUCKET_BOUNDS[i]!, TIME_BUCKET_BOUNDS[i + 1]!];
    expect((to - from) / from).toBeLessThanOrEqual(0.2500001);
  }
});

test("the records of several Ps add up, counts and sum", () => {
  const region = createRegion(1 << 20, false);
  const records = [64, 64 + TimeHistogramRecord.words] as Ptr[];
  const times = [[5, 300, 1000], [300, -7]];
  times.forEach((list, p) => { for (const ns of list) recordTime(region.f64, records[p]!, ns); });
  const { counts, sumNs } = addTimes(region, records);
  expect(sumNs).toBe(5 + 300 + 1000 + 300);
  expect([...counts].flatMap((count, i) => (count === 0 ? [] : [[i, count]]))).toEqual([[0, 1], [1, 1], [byBounds(300), 2], [byBounds(1000), 1]].sort((a, b) => a[0]! - b[0]!));
});
