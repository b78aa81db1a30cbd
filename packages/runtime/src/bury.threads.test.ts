import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { GcRecord } from "@mallocgc/gc";
import type { Addr } from "@mallocgc/sysmem";
import { expect, test } from "vitest";
import { bury } from "./bury.ts";
import { HEADER_PTR, HeapHeader } from "./header.ts";
import { startWorkers } from "./start-worker.ts";
import { brokenBesidesCounts } from "./testing/broken.ts";
import type { GraphJob, GraphResult } from "./testing/graph.worker.ts";
import { TestHeap } from "./testing/test-p.ts";
import { verifyHeap } from "./verify.ts";

const ROOTS = 40;
const ZERO = ((HEADER_PTR + HeapHeader.offset.zero) * 4) as Addr;

function start(job: GraphJob): Worker {
  return new Worker(new URL("./testing/graph.worker.ts", import.meta.url), { workerData: job, execArgv: ["--conditions=dev"] });
}

test("a thread that is terminated at any moment, and buried, leaves a heap that others go on with", async () => {
  const seed = Number(process.env["MALLOCGC_SEED"] ?? Math.floor(Math.random() * 1e9));
  console.log(`MALLOCGC_SEED=${seed}`);
  const heap = new TestHeap({ maxBytes: 64 << 20, heapMinimum: 256 << 10, gcCheckMark: true, clobberFree: true });
  const p = heap.attach();
  const { processors, plan } = p.layers;
  p.collector.turns.turn(() => {
    for (let i = 0; i < ROOTS; i++) p.collector.roots.named.set(`root ${i}`, 0);
  });
  const { handle } = heap;
  // So that no thread of the program drives a cycle: a death in the driver's seat is not repaired.
  startWorkers(1, handle, (error) => { throw error; });
  while (Atomics.load(p.mem, plan.at("gc") + GcRecord.offset.workers) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  // By place and generation: a place that was left is soon another's.
  const attached = (): string[] => Array.from({ length: processors.length }, (_, id) => id).filter((id) => processors.isRunning(id)).map((id) => `${id}.${processors.generationOf(id)}`);
  const survivor = start({ handle, seed, turns: 60_000, roots: ROOTS });
  const result = once(survivor, "message") as Promise<[GraphResult]>;
  while (attached().length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  const living = new Set(attached());
  let damaged = false;
  let buried = 0;
  for (let round = 1; round <= 6 && !damaged; round++) {
    const doomed = start({ handle, seed: seed + round, turns: 1e9, roots: ROOTS });
    while (attached().every((id) => living.has(id))) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, (seed >>> round) % 50));
    await doomed.terminate();
    try {
      for (const id of attached()) if (!living.has(id)) buried += bury(p.layers, p.processorId, Number.parseInt(id), ZERO) ? 1 : 0;
    } catch (error) {
      // With a lock in its hands: some microseconds of its time.
      expect(error).toMatchObject({ code: "ERR_HEAP_DAMAGED" });
      damaged = true;
    }
  }
  if (damaged) {
    await survivor.terminate();
    heap.close();
    return;
  }
  const [{ problems }] = await result;
  expect(problems).toEqual([]);
  await p.collector.gc();
  expect(brokenBesidesCounts(verifyHeap(p.layers, p.collector).broken)).toEqual([]);
  expect(buried).toBeGreaterThan(0);
  p.detach();
  heap.close();
});
