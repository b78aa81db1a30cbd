import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SizeCount, addSizes, compactSizes } from "./request-sizes.ts";

const distribution = fc
  .uniqueArray(fc.tuple(fc.nat(5000), fc.integer({ min: 1, max: 1000 })), { selector: ([size]) => size })
  .map((pairs) => pairs.sort((a, b) => a[0] - b[0]) as SizeCount[]);

const requests = (sizes: readonly SizeCount[]): number => sizes.reduce((sum, [, count]) => sum + count, 0);
const atLeast = (sizes: readonly SizeCount[], size: number): number => requests(sizes.filter(([s]) => s >= size));

describe("the distribution of sizes", () => {
  it("of several threads is their sum", () => {
    expect(addSizes([[[8, 2], [64, 1]], [[8, 3]], []])).toEqual([[8, 5], [64, 1]]);
  });

  it("made small keeps the number of requests and the largest size, ascends, and makes no request smaller", () => {
    fc.assert(
      fc.property(distribution, fc.integer({ min: 1, max: 50 }), (sizes, most) => {
        const small = compactSizes(sizes, most);
        expect(small.length).toBeLessThanOrEqual(most);
        expect(requests(small)).toBe(requests(sizes));
        expect(small.at(-1)?.[0]).toBe(sizes.at(-1)?.[0]);
        expect(small.map(([size]) => size)).toEqual([...new Set(small.map(([size]) => size))].sort((a, b) => a - b));
        for (const [size] of sizes) expect(atLeast(small, size)).toBeGreaterThanOrEqual(atLeast(sizes, size));
      }),
    );
  });
});
