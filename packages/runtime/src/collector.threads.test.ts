import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { startWorkers } from "./start-worker.ts";
import type { GraphJob, GraphResult } from "./testing/graph.worker.ts";
import { TestHeap } from "./testing/test-p.ts";
import { verifyHeap } from "./verify.ts";

const ROOTS = 40;
const TURNS = 20_000;

async function work(job: GraphJob): Promise<GraphResult> {
  const worker = new Worker(new URL("./testing/graph.worker.ts", import.meta.url), { workerData: job, execArgv: ["--conditions=dev"] });
  const [result] = (await once(worker, "message")) as [GraphResult];
  return result;
}

test.each([0, 1, 2])("threads that change one graph while %i background threads collect it never meet a freed object", async (workers) => {
  const seed = Number(process.env["MALLOCGC_SEED"] ?? Math.floor(Math.random() * 1e9));
  console.log(`MALLOCGC_SEED=${seed}`);
  const heap = new TestHeap({ maxBytes: 64 << 20, heapMinimum: 256 << 10, gcCheckMark: true, clobberFree: true });
  const p = heap.attach();
  p.collector.turns.turn(() => {
    for (let i = 0; i < ROOTS; i++) p.collector.roots.named.set(`root ${i}`, 0);
  });
  const { handle } = heap;
  startWorkers(workers, handle, (error) => { throw error; });
  const results = await Promise.all([1, 2, 3].map((n) => work({ handle, seed: seed + n, turns: TURNS, roots: ROOTS })));
  expect(results.flatMap((r) => r.problems)).toEqual([]);
  await p.collector.gc();
  expect(p.collector.log.read(2)).toBeDefined();
  // With what second marks have found, and what markers have met.
  expect(verifyHeap(p.layers, p.collector).broken).toEqual([]);
  p.detach();
  heap.close();
});
