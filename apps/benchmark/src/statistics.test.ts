import { expect, it } from "vitest";
import { bestRatio, median, roundRatio } from "./statistics.ts";

it("takes the middle of an odd number of values, and the mean of the two middle ones of an even number", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 10, 2])).toBe(3);
  expect(median([])).toBeNaN();
});

it("compares within a round, so that a slow round of the whole machine does not change the ratio", () => {
  const ours = [10, 100, 10];
  const peer = [20, 200, 20];
  expect(roundRatio(ours, peer)).toBe(0.5);
  expect(roundRatio([10, 100, 100], [20, 200, 20])).toBe(0.5);
});

it("compares only rounds that both finished", () => {
  expect(roundRatio([10, 10, 10], [5])).toBe(2);
  expect(roundRatio([10], [])).toBeNaN();
});

it("compares the best samples, whatever the others suffered", () => {
  expect(bestRatio([30, 10, 900], [400, 20, 25])).toBe(0.5);
});
