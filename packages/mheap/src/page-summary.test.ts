import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { PageSummaries, SUMMARY_LEVELS, summaryLevelLengths } from "./page-summary.ts";

describe("the tree of summaries", () => {
  test("4 GiB take the levels of Go: 1, 3, 3, 3 bits for 512-page chunks, 4, 3, 3, 3 for 64-page ones", () => {
    expect(summaryLevelLengths(1024)).toEqual([2, 16, 128, 1024]);
    expect(summaryLevelLengths(8192)).toEqual([16, 128, 1024, 8192]);
  });

  test("a small region has a short root, and every inner summary all its children", () => {
    expect(summaryLevelLengths(1)).toEqual([1, 8, 8, 8]);
    expect(summaryLevelLengths(65)).toEqual([1, 8, 16, 72]);
    for (let n = 1; n < 3000; n += 37) {
      const lengths = summaryLevelLengths(n);
      expect(lengths).toHaveLength(SUMMARY_LEVELS);
      expect(lengths[3]).toBeGreaterThanOrEqual(n);
      for (let level = 0; level < 3; level++) expect(lengths[level]! * 8).toBeGreaterThanOrEqual(lengths[level + 1]!);
    }
  });

  test("runs are joined across neighbours: a start that goes on, a maximum in between, an end that began earlier", () => {
    const words = PageSummaries.words(64);
    const tree = new PageSummaries(new Int32Array(words), 0 as Ptr, 64, 6);
    const set = (ci: number, ...sum: [number, number, number]): void => {
      tree.mem.set(sum, tree.leaf(ci));
    };
    const get = (level: number, i: number): number[] => Array.from(tree.mem.subarray(tree.at(level, i), tree.at(level, i) + 3));
    set(0, 64, 64, 64);
    set(1, 5, 9, 7);
    set(2, 30, 30, 3);
    set(6, 1, 2, 20);
    set(7, 64, 64, 64);
    set(8, 64, 64, 64);
    set(9, 40, 40, 0);
    tree.propagate(0, 9);
    expect(get(2, 0)).toEqual([69, 84, 84]);
    expect(get(2, 1)).toEqual([104, 104, 0]);
    expect(get(1, 0)).toEqual([69, 188, 0]);
    expect(get(0, 0)).toEqual([69, 188, 0]);
    tree.setLeaves(0, 64, 64);
    tree.propagate(0, 63);
    expect(get(0, 0)).toEqual([4096, 4096, 0]);
    expect(get(1, 0)).toEqual([4096, 4096, 4096]);
  });
});
