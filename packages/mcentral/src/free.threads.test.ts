import { randomInt } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { FREED_FULL, FREED_LISTED, MSpan, freedState } from "@mallocgc/mspan";
import { describe, expect, test } from "vitest";
import { reuseThreshold } from "./index.ts";
import type { FreeJob } from "./testing/free.worker.ts";
import { TestCentral } from "./testing/test-central.ts";

const F = MSpan.offset;

function shared(words: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * words));
}

async function run(jobs: readonly FreeJob[]): Promise<number[]> {
  const workers = jobs.map((workerData) => new Worker(new URL("./testing/free.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const results = workers.map((worker) => once(worker, "message") as Promise<[number]>);
  Atomics.store(jobs[0]!.gate, 0, 1);
  Atomics.notify(jobs[0]!.gate, 0);
  return (await Promise.all(results)).map(([result]) => result);
}

describe("blocks that are freed by other threads than those that allocate", () => {
  for (const { threads, sizes, ring, rounds } of [
    { threads: 2, sizes: [64], ring: 200, rounds: 700_000 },
    { threads: 4, sizes: [64], ring: 5000, rounds: 250_000 },
    { threads: 3, sizes: [1024, 8192], ring: 40, rounds: 150_000 },
    { threads: 4, sizes: [32, 256, 2048], ring: 1000, rounds: 200_000 },
  ]) {
    test(`${threads} threads, blocks of ${sizes.join(", ")} bytes: none is handed out twice, no free is refused, and at the end every page is back`, async () => {
      const seed = randomInt(1, 2 ** 31);
      console.log(`free threads=${threads} sizes=${sizes.join("+")} seed=${seed}`);
      const t = TestCentral.create(64 << 20);
      const spanClasses = sizes.map((size): number => makeSpanClass(sizeToClass(size), true));
      const blocks = shared(ring);
      const owner = shared(t.region.byteLength / 8);
      const gate = shared(1);
      await run(
        Array.from({ length: threads }, (_, i): FreeJob => ({
          memory: t.region.memory, id: i + 1, seed: seed + i * 7919, rounds, kind: "trade", spanClasses, ring: blocks, owner, gate,
        })),
      );
      const live = Array.from(blocks).filter((addr) => addr !== 0);
      const found = t.allSpans().flatMap((s) => t.live(s).map((slot) => t.spans.slotAddr(s, slot) as number));
      expect(found.sort((a, b) => a - b), `seed ${seed}`).toEqual(live.sort((a, b) => a - b));
      for (const s of t.allSpans()) {
        const full = freedState(t.mem[s + F.freed]!) === FREED_FULL;
        expect(full || freedState(t.mem[s + F.freed]!) === FREED_LISTED).toBe(true);
        expect(t.live(s).length, "no empty span is kept").toBeGreaterThan(0);
        expect(t.spans.allocCount(s) - t.freed.pending(s), "count and bits agree").toBe(t.live(s).length);
        expect(full && t.freed.pending(s) >= reuseThreshold(t.spans.nelems(s)), "past the threshold it is listed").toBe(false);
        expect(t.set(t.spans.spanClass(s), full ? 2 : 0)).toContain(s);
      }
      for (const addr of live) expect(t.freeAddr(addr)).toBe(true);
      expect(t.allSpans()).toEqual([]);
      t.heap.flush();
      expect(t.pagesInUse()).toBe(0);
    });
  }

  test("when all threads free the same blocks, exactly one succeeds for each", async () => {
    const t = TestCentral.create(64 << 20);
    const spanClass: number = makeSpanClass(sizeToClass(64), true);
    const blocks = shared(100_000);
    for (let i = 0; i < blocks.length; ) {
      const s = t.central.cacheSpan(spanClass);
      for (let addr = t.spans.nextFree(s); addr !== 0 && i < blocks.length; addr = t.spans.nextFree(s)) blocks[i++] = addr;
      t.central.uncacheSpan(s);
    }
    const gate = shared(1);
    const job = { memory: t.region.memory, seed: 1, rounds: 0, kind: "race", spanClasses: [], ring: blocks, owner: shared(1), gate } as const;
    const won = await run([1, 2, 3].map((id): FreeJob => ({ ...job, id })));
    expect(won.reduce((n, each) => n + each, 0)).toBe(blocks.length);
    console.log(`free race won=${won.join(",")}`);
  });
});
