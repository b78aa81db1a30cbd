import { describe, expect, it } from "vitest";
import { Histogram } from "./histogram.ts";
import { xorshift32 } from "./random.ts";

describe("the histogram", () => {
  it("knows each quantile to within a 64th, over all magnitudes", () => {
    const next = xorshift32(1);
    const values = Array.from({ length: 20_000 }, () => (next() / 2 ** 32) * 2 ** (next() % 41));
    const histogram = new Histogram();
    for (const x of values) histogram.add(x);
    const sorted = values.toSorted((a, b) => a - b);
    for (const q of [0, 0.25, 0.5, 0.9, 0.99, 0.9999]) {
      const truth = sorted[Math.floor(q * values.length)]!;
      expect(histogram.quantile(q)).toBeGreaterThanOrEqual(Math.floor(truth));
      expect(histogram.quantile(q)).toBeLessThanOrEqual((truth * 65) / 64 + 1);
    }
  });

  it("counts every value, and keeps the greatest exactly", () => {
    const histogram = new Histogram();
    for (const x of [0, 63, 64, 2 ** 31 - 1, 2 ** 31, 123_456_789_012]) histogram.add(x);
    expect(histogram.counts.reduce((a, b) => a + b)).toBe(6);
    expect(histogram.quantile(1)).toBe(123_456_789_012);
  });

  it("puts what is too long for its buckets into the last of them", () => {
    const histogram = new Histogram();
    histogram.add(2 ** 50);
    expect(histogram.counts.at(-1)).toBe(1);
    expect(histogram.max).toBe(2 ** 50);
  });

  it("rises from bucket to bucket, so that no quantile is above a later one", () => {
    const histogram = new Histogram();
    for (let i = 0; i < 400; i++) histogram.add(1.1 ** i);
    const quantiles = Array.from({ length: 100 }, (_, i) => histogram.quantile(i / 100));
    expect(quantiles).toEqual(quantiles.toSorted((a, b) => a - b));
  });
});
