import { randomInt } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { MarkerHeap, randomGraph, reachable } from "./testing/marker-heap.ts";
import type { MarkerJob } from "./testing/marker.worker.ts";

const GATE = 16;
const AT_WORK = 32;

test.each([{ budget: 100 }, { budget: 1e9 }, { budget: 1e9, defer: true }, { budget: 20_000, defer: true }])("two threads that mark at once mark what a naive walk reaches, each object once (budget $budget, pointers put off: $defer)", async ({ budget, defer = false }) => {
  const seed = randomInt(1, 2 ** 31);
  console.log(`marker threads seed=${seed}`);
  const heap = MarkerHeap.create(64 << 20);
  const objects = randomGraph(heap, 12_000, seed);
  const marker = heap.marker(0);
  const workers = await Promise.all([0, 1].map(async (id) => {
    const workerData: MarkerJob = { memory: heap.region.memory, id, budget, defer, gate: GATE, atWork: AT_WORK };
    const worker = new Worker(new URL("./testing/marker.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
    await once(worker, "message");
    return worker;
  }));
  const roots = objects.slice(0, 40);
  for (const root of roots) marker.markOne(root.addr);
  marker.flushLocal();
  const markedBefore = marker.markedObjects;
  const results = workers.map((worker) => once(worker, "message") as Promise<[{ objects: number; bytes: number; bad: number }]>);
  Atomics.store(heap.region.i32, GATE, 1);
  Atomics.notify(heap.region.i32, GATE);
  const counts = (await Promise.all(results)).map(([count]) => count);
  const expected = reachable(roots);
  expect(heap.marked(), `seed ${seed}`).toEqual(expected);
  // Record 0 is the first worker's too: its counters go on from the test's own.
  expect(counts[0]!.objects + counts[1]!.objects).toBe(expected.size);
  expect(markedBefore).toBe(new Set(roots.map((root) => root.slot)).size);
  expect(counts.map((count) => count.bad)).toEqual([0, 0]);
  expect(marker.takeOverflow()).toBe(false);
});
