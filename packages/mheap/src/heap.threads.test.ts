import { randomInt } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { createRegion } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { MHeap, type HeapConfig } from "./index.ts";
import type { HeapJob, HeapResult } from "./testing/heap.worker.ts";
import type { ScavengeJob } from "./testing/scavenge.worker.ts";
import { allCaches, openTestHeap } from "./testing/test-heap.ts";

const MIB = 1 << 20;
const THREADS = 4;

const cases: { name: string; config: HeapConfig; steps: number; maxLivePages: number; full: boolean }[] = [
  { name: "room for all, 512-page chunks", config: { maxBytes: 256 * MIB, chunkPages: 512 }, steps: 40_000, maxLivePages: 2000, full: false },
  { name: "room for all, 64-page chunks", config: { maxBytes: 256 * MIB, chunkPages: 64 }, steps: 40_000, maxLivePages: 2000, full: false },
  { name: "a region that is always full", config: { maxBytes: 16 * MIB, chunkPages: 64 }, steps: 40_000, maxLivePages: 2000, full: true },
];

describe("the page heap between real threads", () => {
  for (const { name, config, steps, maxLivePages, full } of cases) {
    test(`${THREADS} threads that allocate, free, and free for each other: no page has two holders, nothing is lost; ${name}`, async () => {
      const seed = randomInt(1, 2 ** 31);
      console.log(`mheap threads=${THREADS} chunkPages=${config.chunkPages} maxBytes=${config.maxBytes} seed=${seed}`);
      const region = createRegion(config.maxBytes, true);
      const heap = openTestHeap(region, config, 0);
      heap.init();
      const mailbox = new Int32Array(new SharedArrayBuffer(64));
      const workers = Array.from({ length: THREADS }, (_, i) => {
        const workerData: HeapJob = { memory: region.memory, config, id: i + 1, seed: seed + i * 7919, steps, maxLivePages, mailbox };
        return new Worker(new URL("./testing/heap.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
      });
      const results = (await Promise.all(workers.map((worker) => once(worker, "message") as Promise<[HeapResult]>))).map(([result]) => result);
      const sum = (key: "allocated" | "refused" | "passedOn" | "wildHits"): number => results.reduce((n, r) => n + r[key], 0);

      expect(results.flatMap((r) => r.problems), `seed ${seed}`).toEqual([]);
      expect(heap.verifyPages(allCaches(config)), `seed ${seed}`).toEqual([]);
      // What is left are the spans in the mailbox.
      for (const s of mailbox) if (s !== 0) heap.free(s as SpanPtr);
      expect(heap.verifyPages(allCaches(config)), `seed ${seed}`).toEqual([]);
      expect(heap.figures().inUse).toBe(0);
      heap.flush();
      expect(heap.spanRecords.inUse / (MSpan.words * 4)).toBe(0);
      // The run has to have been about something.
      expect(sum("allocated")).toBeGreaterThan(THREADS * steps * 0.1);
      expect(sum("passedOn")).toBeGreaterThan(1000);
      expect(sum("wildHits")).toBeGreaterThan(100);
      if (full) expect(sum("refused")).toBeGreaterThan(10);
      else expect(sum("refused")).toBe(0);
    });
  }

  test("a request waits for pages that another thread is giving back to the operating system, rather than be refused", async () => {
    const config: HeapConfig = { maxBytes: 4 * MIB, chunkPages: 64 };
    const region = createRegion(config.maxBytes, true);
    const heap = openTestHeap(region, config, 0);
    heap.init();
    const spans: SpanPtr[] = [];
    for (let s = heap.alloc(40, 1); s !== 0; s = heap.alloc(40, 1)) spans.push(s);
    heap.free(spans.pop()!);
    heap.flush();
    const workerData: ScavengeJob = { memory: region.memory, config, id: 1, takesMs: 300 };
    const worker = new Worker(new URL("./testing/scavenge.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
    const done = once(worker, "exit");
    expect((await Promise.race([once(worker, "message"), done]))[0]).toBe("begun");
    const scavenging = heap.at + MHeap.offset.scavenging;
    expect(Atomics.load(heap.mem, scavenging), "the other thread is at it").toBeGreaterThan(0);
    const s = heap.alloc(40, 1);
    expect(s).not.toBe(0);
    await done;
    expect(heap.verifyPages(allCaches(config))).toEqual([]);
  });
});
