/** The heap profile between threads: races, and threads that die. */
import { once } from "node:events";
import { randomInt } from "node:crypto";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createHeap, type HeapProfile } from "../index.ts";
import { Thread } from "../testing/threads.ts";

const MIB = 1 << 20;

function inUse({ records }: HeapProfile): number {
  return records.reduce((n, { allocBytes, freeBytes }) => n + allocBytes - freeBytes, 0);
}

test("while three threads allocate and free, every reading of the profile is possible, and in the end it is exact", async () => {
  const heap = createHeap({ gc: false, maxBytes: 128 * MIB, memProfileRate: 1 });
  const seed = randomInt(1, 2 ** 30);
  console.log(`profile threads=3 seed=${seed}`);
  const threads = [0, 1, 2].map((i) => new Thread(heap.handle, { kind: "churn", seed: seed + i, live: 500, maxSize: 60_000 }));
  await Promise.all(threads.map((thread) => thread.answer<string>()));
  let last = 0;
  for (const end = performance.now() + 2000; performance.now() < end; ) {
    const { records } = heap.debug.memProfile();
    for (const record of records) if (record.freeObjects > record.allocObjects || record.freeBytes > record.allocBytes) expect(record, `seed ${seed}`).toBe("possible");
    const allocated = records.reduce((n, { allocObjects }) => n + allocObjects, 0);
    expect(allocated).toBeGreaterThanOrEqual(last);
    last = allocated;
  }
  for (const thread of threads) thread.end();
  const answers = await Promise.all(threads.map((thread) => thread.answer()));
  expect(answers.flatMap((answer) => answer.problems), `seed ${seed}`).toEqual([]);
  const profile = heap.debug.memProfile();
  expect(last).toBeGreaterThan(1000);
  expect([inUse(profile), heap.readMemStats().HeapAlloc], `seed ${seed}`).toEqual([0, 0]);
  expect(new Set(profile.records.map((record) => record.thread)).size, "buckets of each thread").toBe(3);
  expect(heap.verify().broken).toEqual([]);
  heap.close();
});

test("a collected heap: threads that allocate under one another's cycles leave a profile that is exact after the last", async () => {
  const heap = createHeap({ maxBytes: 64 * MIB, memProfileRate: 512, heapMinimum: 256 << 10 });
  const threads = [0, 1].map(() => new Thread(heap.handle, { kind: "allocate", size: 64, count: 40_000 }));
  await Promise.all(threads.map((thread) => thread.answer()));
  await heap.gc();
  expect(heap.gcStats().cyclesSwept).toBeGreaterThan(1);
  const profile = heap.debug.memProfile();
  expect(inUse(profile), "nothing is kept").toBe(0);
  expect(profile.records.reduce((n, { allocObjects }) => n + allocObjects, 0)).toBeGreaterThan(1000);
  await heap.gc();
  expect(heap.verify().broken).toEqual([]);
  heap.close();
});

test("what a thread that was terminated has allocated still shows, under its stacks and its name", async () => {
  const heap = createHeap({ gc: false, maxBytes: 64 * MIB, memProfileRate: 1 });
  const worker = new Worker(new URL("../testing/job.worker.ts", import.meta.url), {
    workerData: { handle: heap.handle, stop: new Int32Array(new SharedArrayBuffer(4)), work: { kind: "fill", size: 50_000, tag: 7 } }, execArgv: ["--conditions=dev"], name: "filler",
  });
  await once(worker, "message");
  await worker.terminate();
  const check = (): void => {
    const records = heap.debug.memProfile().records.filter(({ stack }) => stack[0]!.functionName === "fill");
    expect(records.length).toBeGreaterThan(0);
    const bytes = records.reduce((n, { allocBytes, freeBytes }) => n + allocBytes - freeBytes, 0);
    expect(bytes).toBe(heap.readMemStats().HeapAlloc);
    expect(bytes).toBeGreaterThan(32 * MIB);
    expect(records.every(({ stack }) => stack[0]!.fileName.endsWith("/testing/job.worker.ts"))).toBe(true);
    expect(records[0]!.thread).toMatch(/^(filler|worker \d+)$/);
  };
  check();
  expect(heap.bury(1)).toBe(true);
  check();
  expect(heap.verify().broken).toEqual([]);
  heap.close();
});
