import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { GcRecord } from "@mallocgc/gc";
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

test.each([
  { workers: 0 }, { workers: 1 }, { workers: 2 },
  // So large that background threads put pointers off; collected all the time.
  { workers: 1, ballast: 64 << 20 }, { workers: 2, ballast: 64 << 20 },
])("threads that change one graph while $workers background threads collect it (beside $ballast bytes) never meet a freed object", async ({ workers, ballast = 0 }) => {
  const seed = Number(process.env["MALLOCGC_SEED"] ?? Math.floor(Math.random() * 1e9));
  console.log(`MALLOCGC_SEED=${seed}`);
  const heap = new TestHeap({ maxBytes: (64 << 20) + ballast, heapMinimum: 256 << 10, gcCheckMark: true, clobberFree: true });
  const p = heap.attach();
  p.collector.turns.turn(() => {
    for (let i = 0; i < ROOTS; i++) p.collector.roots.named.set(`root ${i}`, 0);
    if (ballast !== 0) p.collector.roots.named.set("ballast", p.allocator.malloc(ballast, 0));
  });
  const { handle } = heap;
  startWorkers(workers, handle, (error) => { throw error; });
  const state = { atWork: true };
  const changing = Promise.all([1, 2, 3].map((n) => work({ handle, seed: seed + n, turns: TURNS, roots: ROOTS }))).finally(() => { state.atWork = false; });
  while (state.atWork && ballast !== 0) await p.collector.gc();
  const results = await changing;
  expect(results.flatMap((r) => r.problems)).toEqual([]);
  await p.collector.gc();
  expect(p.mem[p.collector.mutator.gc + GcRecord.offset.cyclesDone]).toBeGreaterThanOrEqual(ballast === 0 ? 2 : 10);
  // With what second marks have found, and what markers have met.
  expect(verifyHeap(p.layers, p.collector).broken).toEqual([]);
  p.detach();
  heap.close();
});
