/** The identities of MemStats, for tests. */
import { expect } from "vitest";
import type { Heap, MemStats } from "../index.ts";

/** What does not hold of MemStats, though it must at every moment, whoever is at work. */
export function brokenIdentities(stats: MemStats): string[] {
  const { BySize, ...figures } = stats;
  const broken: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) broken.push(`${what}: ${JSON.stringify(figures)}`);
  };
  for (const [name, value] of Object.entries(figures)) must(Number.isInteger(value) && value >= 0, `${name} is an integer from 0`);
  must(stats.Sys === stats.HeapSys + stats.MSpanSys + stats.MCacheSys + stats.GCSys + stats.OtherSys, "Sys is the sum of its parts");
  must(stats.HeapSys === stats.HeapIdle + stats.HeapInuse, "HeapSys = HeapIdle + HeapInuse");
  must(stats.HeapReleased <= stats.HeapIdle, "what is released is idle");
  must(stats.HeapObjects === stats.Mallocs - stats.Frees, "HeapObjects = Mallocs - Frees");
  must(stats.Alloc === stats.HeapAlloc && stats.HeapAlloc <= stats.TotalAlloc, "Alloc = HeapAlloc <= TotalAlloc");
  must(stats.MSpanInuse <= stats.MSpanSys && stats.MCacheInuse <= stats.MCacheSys, "records in use are part of what was taken for them");
  for (const { Size, Mallocs, Frees } of BySize) must(Frees >= 0 && Frees <= Mallocs, `no more blocks of ${Size} bytes freed, ${Frees}, than allocated, ${Mallocs}`);
  return broken;
}

/** And what holds besides while all threads rest. */
export function expectExact(heap: Heap): void {
  const stats = heap.readMemStats();
  expect(brokenIdentities(stats)).toEqual([]);
  expect(stats.Sys).toBeLessThanOrEqual(heap.maxBytes);
  expect(stats.HeapAlloc).toBeLessThanOrEqual(stats.HeapInuse);
  const classes = heap.sizeClassStats();
  expect(classes.reduce((n, row) => n + row.spanBytes, 0)).toBe(stats.HeapInuse);
  expect(classes.reduce((n, row) => n + row.objectBytes, 0)).toBe(stats.HeapAlloc);
  for (const { sizeClass, objects } of classes) {
    const row = stats.BySize[sizeClass];
    if (sizeClass > 0 && row !== undefined) expect([sizeClass, row.Mallocs - row.Frees]).toEqual([sizeClass, objects]);
  }
  expect(heap.verify()).toMatchObject({ ok: true, broken: [] });
}
