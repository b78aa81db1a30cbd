import fc from "fast-check";
import { expect, test } from "vitest";
import { cumulativeBuckets } from "./histogram.ts";
import type { HistogramMetric } from "./metric.ts";

test("whatever the buckets, each that is left counts exactly the values up to its bound", () => {
  const bounds = fc.uniqueArray(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 40 }).map((list) => list.sort((a, b) => a - b));
  fc.assert(fc.property(bounds, fc.array(fc.integer({ min: 1, max: 6000 }), { maxLength: 200 }), (list, values) => {
    const buckets = [...list, Infinity];
    const inside = values.filter((value) => value >= list[0]!);
    const counts = list.map((from, i) => inside.filter((value) => value >= from && value < buckets[i + 1]!).length);
    const h: HistogramMetric = { name: "/x:bytes", unit: "bytes", description: "", cumulative: true, kind: "float64-histogram", buckets, counts };
    const kept = cumulativeBuckets(h);
    expect(kept.map(({ count }) => count)).toEqual(kept.map(({ le }) => inside.filter((value) => value <= le).length));
    expect(kept.at(-1)).toEqual({ le: Infinity, count: inside.length });
    expect(kept.slice(1, -1).every(({ le }, i) => le + 1 >= 2 * (kept[i]!.le + 1))).toBe(true);
  }));
});

test("a unit that is not known keeps its buckets", () => {
  const h: HistogramMetric = { name: "/x:y", unit: "y", description: "", cumulative: true, kind: "float64-histogram", buckets: [0, 1, 1.5, Infinity], counts: [1, 1, 1] };
  expect(cumulativeBuckets(h)).toEqual([{ le: 1, count: 1 }, { le: 1.5, count: 2 }, { le: Infinity, count: 3 }]);
});
