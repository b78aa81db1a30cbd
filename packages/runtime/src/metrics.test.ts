import { loadMetrics } from "@mallocgc/go-oracle";
import { expect, test } from "vitest";
import { createHeap, type MemStats, type Metric } from "./index.ts";

const go = loadMetrics();

/** Go's names that have no meaning here; docs/fidelity.md has the reasons. */
const NOT_HERE = [
  "/cpu/classes/gc/mark/idle:cpu-seconds",
  "/cpu/classes/idle:cpu-seconds",
  "/cpu/classes/scavenge/assist:cpu-seconds",
  "/cpu/classes/scavenge/background:cpu-seconds",
  "/cpu/classes/scavenge/total:cpu-seconds",
  "/cpu/classes/total:cpu-seconds",
  "/cpu/classes/user:cpu-seconds",
  "/gc/scan/stack:bytes",
  "/gc/stack/starting-size:bytes",
  "/memory/classes/heap/stacks:bytes",
  "/memory/classes/os-stacks:bytes",
  "/sched/pauses/stopping/gc:seconds",
  "/sched/pauses/stopping/other:seconds",
  "/sched/pauses/total/other:seconds",
];

function ours(): { metrics: Metric[]; stats: MemStats } {
  const heap = createHeap({ maxBytes: 4 << 20, gcWorkers: 0 });
  const figures = { metrics: heap.metrics(), stats: heap.readMemStats() };
  heap.close();
  return figures;
}

test("every metric of Go's is here, with its kind, or has no meaning here; and there are no others", () => {
  const here = ours().metrics.map(({ name, kind, cumulative }) => ({ name, kind, cumulative }));
  expect(here).toEqual(go.metrics.filter(({ name }) => !NOT_HERE.includes(name)));
  expect(here.length + NOT_HERE.length).toBe(go.metrics.length);
});

test("histograms have the buckets of Go's, to the last bit", () => {
  const histograms = ours().metrics.filter((m) => m.kind === "float64-histogram");
  expect(histograms.map(({ name }) => name)).toHaveLength(4);
  for (const { unit, buckets } of histograms) expect(buckets).toEqual(go.bounds[unit]);
});

test("MemStats has every field of Go's, in its order", () => {
  expect(Object.keys(ours().stats)).toEqual(go.memStats);
});
