import { createHeap } from "@mallocgc/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MemorySeries } from "./memory-series.ts";

const stats = { HeapInuse: 3, HeapIdle: 2, HeapReleased: 1 } as ReturnType<ReturnType<typeof createHeap>["readMemStats"]>;
const heap = { readMemStats: (): typeof stats => stats };

describe("a series of a heap's memory", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("has ten samples a second, and one at its end", () => {
    const series = new MemorySeries(heap);
    vi.advanceTimersByTime(1050);
    series.end();
    vi.advanceTimersByTime(1000);
    expect(series.samples).toHaveLength(11);
    expect(series.samples.map((s) => Math.round(s.seconds * 100) / 100)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.05]);
    expect(series.samples[0]).toMatchObject({ heapInuse: 3, heapIdle: 2, heapReleased: 1 });
  });

  it("of hours is no longer than one of minutes, evenly spaced from start to end, and has one a second in the first half hour", () => {
    const series = new MemorySeries(heap);
    vi.advanceTimersByTime(30 * 60_000);
    const gaps = (): number[] => series.samples.slice(1).map((s, i) => s.seconds - series.samples[i]!.seconds);
    expect(Math.max(...gaps())).toBeLessThan(1.001);
    vi.advanceTimersByTime(8 * 3_600_000);
    expect(Math.max(...gaps())).toBeLessThanOrEqual(2 * (gaps().reduce((sum, gap) => sum + gap) / gaps().length));
    expect(series.samples.length).toBeLessThan(2400);
    expect(series.samples.length).toBeGreaterThan(1000);
    expect(series.samples[0]!.seconds).toBeLessThan(0.2);
    series.end();
  });

  it("remembers the most resident bytes, also of samples that were thinned out", () => {
    let looks = 0;
    vi.spyOn(process.memoryUsage, "rss").mockImplementation(() => (++looks === 1003 ? 900 : 500));
    const series = new MemorySeries(heap);
    vi.advanceTimersByTime(300_000);
    series.end();
    expect(series.peakRss).toBe(900);
    expect(Math.max(...series.samples.map((s) => s.rss))).toBe(500);
  });
});

it("a sample is what the heap says of itself and the system of the process", () => {
  const real = createHeap({ gc: false, maxBytes: 16 << 20 });
  const series = new MemorySeries(real);
  const before = series.look();
  real.mallocgc(4 << 20);
  const after = series.look();
  series.end();
  expect(after.heapInuse - before.heapInuse).toBe(4 << 20);
  expect(after.heapIdle).toBeGreaterThanOrEqual(after.heapReleased);
  expect(after.rss).toBeGreaterThan(10 << 20);
  real.close();
});
