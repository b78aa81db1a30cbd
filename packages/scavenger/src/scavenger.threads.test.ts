import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { AllocateJob, AllocateResult } from "./testing/allocate.worker.ts";
import { TestScavenger } from "./testing/test-scavenger.ts";

const MIB = 1 << 20;
/** Spans that each thread allocates at least. */
const ENOUGH = 20_000;

test("while threads allocate and free, and give back for a memory limit, another gives back in every way: no page is lost, all that should be zero is", async () => {
  const t = TestScavenger.create({}, { maxBytes: 64 * MIB, chunkPages: 64 });
  const shared = new Int32Array(new SharedArrayBuffer(12));
  const workers = [1, 2].map((id) => {
    const workerData: AllocateJob = { memory: t.region.memory, config: t.config, id, seed: id * 7919, shared, memoryLimit: 14 * MIB };
    return new Worker(new URL("./testing/allocate.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
  });
  const results = Promise.all(workers.map(async (worker) => ((await once(worker, "message")) as [AllocateResult])[0]));
  results.catch(() => Atomics.store(shared, 0, 1));
  let background = 0;
  for (let round = 0; Atomics.load(shared, 0) === 0 && (Atomics.load(shared, 1) < ENOUGH || Atomics.load(shared, 2) < ENOUGH); round++) {
    if (round % 3 === 0) {
      t.endCycle();
      t.scavenger.pace(1, 2);
    }
    const before = t.os.calls.length;
    for (let ns = t.scavenger.step(); ns !== Infinity; ns = t.scavenger.step()) t.clock += ns;
    background += t.os.calls.length - before;
    if (round % 10 === 0) t.scavenger.scavengeAll();
    if (round % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  Atomics.store(shared, 0, 1);
  for (const { notZero, assists } of await results) {
    expect(notZero).toBe(0);
    expect(assists, "releases for the memory limit").toBeGreaterThan(0);
  }
  expect(background).toBeGreaterThan(0);
  expect(t.problems()).toEqual([]);
  t.scavenger.scavengeAll();
  expect(t.heap.scavengeAll(t.os)).toBe(0);
  expect([t.heapRetained(), t.inUse()]).toEqual([0, 0]);
});
