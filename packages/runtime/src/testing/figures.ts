/** The identities of MemStats, for tests. */
import { expect } from "vitest";
import type { Heap, MemStats, Metric } from "../index.ts";

/** What does not hold of MemStats, though it must at every moment, whoever is at work. */
export function brokenIdentities(stats: MemStats): string[] {
  const { BySize, PauseNs, PauseEnd, EnableGC, DebugGC, GCCPUFraction, NextGC, ...counts } = stats;
  const broken: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) broken.push(`${what}: ${JSON.stringify(counts)}`);
  };
  for (const [name, value] of Object.entries(counts)) must(Number.isInteger(value) && value >= 0, `${name} is an integer from 0`);
  const parts = stats.HeapSys + stats.StackSys + stats.MSpanSys + stats.MCacheSys + stats.BuckHashSys + stats.GCSys + stats.OtherSys;
  must(stats.Sys === parts, "Sys is the sum of its parts");
  must(stats.HeapSys === stats.HeapIdle + stats.HeapInuse, "HeapSys = HeapIdle + HeapInuse");
  must(stats.HeapReleased <= stats.HeapIdle, "what is released is idle");
  must(stats.HeapObjects === stats.Mallocs - stats.Frees, "HeapObjects = Mallocs - Frees");
  must(stats.Alloc === stats.HeapAlloc && stats.HeapAlloc <= stats.TotalAlloc, "Alloc = HeapAlloc <= TotalAlloc");
  must(stats.HeapAlloc <= stats.HeapInuse, "objects lie in spans in use");
  must(stats.MSpanInuse <= stats.MSpanSys && stats.MCacheInuse <= stats.MCacheSys, "records in use are part of what was taken for them");
  for (const { Size, Mallocs, Frees } of BySize) must(Frees >= 0 && Frees <= Mallocs, `no more blocks of ${Size} bytes freed, ${Frees}, than allocated, ${Mallocs}`);
  must(stats.NumForcedGC <= stats.NumGC, "cycles asked for are cycles");
  must(stats.LastGC === PauseEnd[(stats.NumGC + 255) % 256], "LastGC is the last PauseEnd");
  const pauses = PauseNs.reduce((n, ns) => n + ns, 0);
  must(stats.NumGC <= 256 ? pauses === stats.PauseTotalNs : pauses <= stats.PauseTotalNs, "PauseTotalNs is the sum of the pauses");
  must(PauseNs.length === 256 && PauseEnd.length === 256 && PauseEnd.filter((end) => end > 0).length === Math.min(stats.NumGC, 256), "there is an end for each cycle");
  must(GCCPUFraction >= 0 && GCCPUFraction <= 1 && NextGC > 0, "a share is from 0 to 1, and there is a goal");
  must((EnableGC || stats.NumGC === 0) && String(DebugGC) === "false", "only a collected heap has cycles");
  return broken;
}

/** What does not hold of metrics, though it must at every moment. */
export function brokenSums(metrics: readonly Metric[]): string[] {
  const broken: string[] = [];
  const scalar = new Map(metrics.map((m) => [m.name, m.kind === "float64-histogram" ? m.counts.reduce((n, count) => n + count, 0) : m.value]));
  const sum = (prefix: string, but: string): number => [...scalar].reduce((n, [name, value]) => n + (name.startsWith(prefix) && name !== but ? value : 0), 0);
  const same = (name: string, value: number): void => {
    if (scalar.get(name) !== value) broken.push(`${name} is ${scalar.get(name)}, not ${value}`);
  };
  const of = (name: string): number => scalar.get(name)!;
  for (const [name, value] of scalar) if (!(value >= 0)) broken.push(`${name} is ${value}`);
  same("/memory/classes/total:bytes", sum("/memory/classes/", "/memory/classes/total:bytes"));
  same("/memory/classes/heap/objects:bytes", of("/gc/heap/allocs:bytes") - of("/gc/heap/frees:bytes"));
  same("/gc/heap/objects:objects", of("/gc/heap/allocs:objects") - of("/gc/heap/frees:objects"));
  same("/gc/heap/allocs-by-size:bytes", of("/gc/heap/allocs:objects"));
  same("/gc/heap/frees-by-size:bytes", of("/gc/heap/frees:objects"));
  if (!scalar.has("/gc/cycles/total:gc-cycles")) return broken;
  same("/gc/cycles/total:gc-cycles", of("/gc/cycles/automatic:gc-cycles") + of("/gc/cycles/forced:gc-cycles"));
  same("/gc/scan/total:bytes", of("/gc/scan/globals:bytes") + of("/gc/scan/heap:bytes"));
  same("/cpu/classes/gc/total:cpu-seconds", sum("/cpu/classes/gc/", "/cpu/classes/gc/total:cpu-seconds"));
  return broken;
}

/** And what holds besides while all threads rest. */
export function expectExact(heap: Heap): void {
  const stats = heap.readMemStats();
  expect(brokenIdentities(stats)).toEqual([]);
  expect(stats.Sys).toBeLessThanOrEqual(heap.maxBytes);
  const classes = heap.sizeClassStats();
  expect(classes.reduce((n, row) => n + row.spanBytes, 0)).toBe(stats.HeapInuse);
  expect(classes.reduce((n, row) => n + row.objectBytes, 0)).toBe(stats.HeapAlloc);
  for (const { sizeClass, objects } of classes) {
    const row = stats.BySize[sizeClass];
    if (sizeClass > 0 && row !== undefined) expect([sizeClass, row.Mallocs - row.Frees]).toEqual([sizeClass, objects]);
  }
  expect(heap.verify()).toMatchObject({ ok: true, broken: [] });
}
