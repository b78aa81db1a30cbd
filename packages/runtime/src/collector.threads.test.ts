import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { GraphJob, GraphResult } from "./testing/graph.worker.ts";
import { TestHeap } from "./testing/test-p.ts";
import { startWorkers } from "./start-worker.ts";

const ROOTS = 40;

async function work(job: GraphJob): Promise<GraphResult> {
  const worker = new Worker(new URL("./testing/graph.worker.ts", import.meta.url), { workerData: job, execArgv: ["--conditions=dev"] });
  const [result] = (await once(worker, "message")) as [GraphResult];
  return result;
}

test.each([0, 1, 2])("threads that change one graph while %i background threads collect it never meet a freed object", async (workers) => {
  const seed = Number(process.env["MALLOCGC_SEED"] ?? Math.floor(Math.random() * 1e9));
  console.log(`seed ${seed}, ${workers} workers`);
  const heap = new TestHeap({ maxBytes: 64 << 20, heapMinimum: 256 << 10, gcCheckMark: true, clobberFree: true });
  const p = heap.attach();
  p.collector.turns.turn(() => {
    for (let i = 0; i < ROOTS; i++) p.collector.roots.named.set(`root ${i}`, 0);
  });
  const { handle } = heap;
  startWorkers(workers, handle, (error) => { throw error; });
  const results = await Promise.all([1, 2, 3].map((n) => work({ handle, seed: seed + n, turns: 20_000, roots: ROOTS })));
  expect(results.flatMap((r) => r.problems)).toEqual([]);
  await p.collector.gc();
  console.log(results.map((r) => [r.operations, r.maxStallUs]), p.collector.log.read(1), p.collector.log.read(20));
  expect(p.mem[p.layers.plan.at("gc") + 12]).toBe(0);
  p.detach();
  heap.close();
});
