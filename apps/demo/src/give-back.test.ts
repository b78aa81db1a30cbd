import type { Heap } from "@mallocgc/runtime";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { watchGiveBack } from "./give-back.ts";
import type { MemorySeries } from "./report/memory-series.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What is shown of a heap with 10 idle bytes, of which so many are released from second to second. */
async function watched(released: readonly number[], seconds: number): Promise<number[]> {
  const shown: number[] = [];
  let looks = 0;
  const gc = vi.fn(() => Promise.resolve());
  const heap = { gc } as unknown as Heap;
  const series = { look: () => ({ seconds: 0, heapInuse: 0, heapIdle: 10, heapReleased: released[Math.min(looks++, released.length - 1)]!, rss: 0 }) } as unknown as MemorySeries;
  const done = watchGiveBack(heap, series, seconds, (sample) => shown.push(sample.heapReleased));
  await vi.advanceTimersByTimeAsync(60_000);
  await done;
  expect(gc).toHaveBeenCalledOnce();
  return shown;
}

it("a watch shows the beginning and each second, until one after all is back", async () => {
  expect(await watched([1, 4, 10], 30)).toEqual([1, 4, 10, 10]);
  expect(await watched([10], 30)).toEqual([10, 10]);
});

it("a watch ends when two seconds have passed in which nothing went back, or its time is over", async () => {
  expect(await watched([1, 1, 4, 4, 4, 8], 30)).toEqual([1, 1, 4, 4, 4]);
  expect(await watched([1, 2, 3, 4, 5, 6], 3)).toEqual([1, 2, 3, 4]);
});
