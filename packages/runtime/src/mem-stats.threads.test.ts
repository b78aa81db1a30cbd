import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createHeap, type MemStats, type Metric } from "./index.ts";
import { readMemStats } from "./mem-stats.ts";
import { readMetrics } from "./metrics.ts";
import { startWorkers } from "./start-worker.ts";
import { brokenIdentities, brokenSums, expectExact } from "./testing/figures.ts";
import type { GraphJob, GraphResult } from "./testing/graph.worker.ts";
import { TestHeap } from "./testing/test-p.ts";
import { Thread } from "./testing/threads.ts";
import { verifyHeap } from "./verify.ts";

const MIB = 1 << 20;
/** Readings of each kind of heap. A run of MALLOCGC_READINGS=100000 takes some minutes. */
const READINGS = Number(process.env["MALLOCGC_READINGS"] ?? 4000);
const SEED = Number(process.env["MALLOCGC_SEED"] ?? Math.floor(Math.random() * 1e9));

const NEVER_FALL = ["TotalAlloc", "Mallocs", "Frees", "HeapSys", "MSpanSys", "NumGC", "NumForcedGC", "LastGC", "PauseTotalNs"] as const;

/** What is wrong with one answer, or with its place after the last. */
class Reader {
  private lastStats: MemStats | undefined;
  private readonly last = new Map<string, readonly number[]>();

  check(stats: MemStats, metrics: readonly Metric[]): string[] {
    const broken = [...brokenIdentities(stats), ...brokenSums(metrics)];
    const before = this.lastStats ?? stats;
    for (const figure of NEVER_FALL) if (stats[figure] < before[figure]) broken.push(`${figure} went from ${before[figure]} to ${stats[figure]}`);
    stats.BySize.forEach(({ Size, Mallocs, Frees }, i) => {
      if (Mallocs < before.BySize[i]!.Mallocs || Frees < before.BySize[i]!.Frees) broken.push(`${Size} bytes: Mallocs or Frees fell`);
    });
    for (const m of metrics) {
      if (!m.cumulative) continue;
      const values = m.kind === "float64-histogram" ? m.counts : [m.value];
      const fell = values.findIndex((value, i) => value < (this.last.get(m.name)?.[i] ?? 0));
      if (fell >= 0) broken.push(`${m.name} went from ${String(this.last.get(m.name)?.[fell])} to ${String(values[fell])}`);
      this.last.set(m.name, values);
    }
    this.lastStats = stats;
    return broken;
  }
}

test("while four threads allocate and free by hand, the identities hold in every reading and no counter falls", { timeout: 600_000 }, async () => {
  console.log(`MALLOCGC_SEED=${SEED}`);
  const heap = createHeap({ gc: false, maxBytes: 256 * MIB });
  const threads = [0, 1, 2, 3].map((i) => new Thread(heap.handle, { kind: "churn", seed: SEED + i, live: 3000, maxSize: 60_000 }));
  await Promise.all(threads.map((thread) => thread.answer<string>()));
  const reader = new Reader();
  for (let i = 0; i < READINGS; i++) {
    const broken = reader.check(heap.readMemStats(), heap.metrics());
    if (broken.length > 0) expect(broken, `seed ${SEED}, reading ${i}`).toEqual([]);
  }
  for (const thread of threads) thread.end();
  const answers = await Promise.all(threads.map((thread) => thread.answer()));
  expect(answers.flatMap((answer) => answer.problems)).toEqual([]);
  expectExact(heap);
});

test("while four threads change a graph that is collected, the identities hold in every reading and no counter falls", { timeout: 600_000 }, async () => {
  console.log(`MALLOCGC_SEED=${SEED}`);
  const ROOTS = 40;
  const heap = new TestHeap({ maxBytes: 64 * MIB, heapMinimum: 256 << 10 });
  const p = heap.attach();
  p.collector.turns.turn(() => {
    for (let i = 0; i < ROOTS; i++) p.collector.roots.named.set(`root ${i}`, 0);
  });
  const { handle } = heap;
  startWorkers(1, handle, (error) => { throw error; });
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const threads = [1, 2, 3, 4].map((n) => {
    const workerData: GraphJob = { handle, seed: SEED + n, turns: 1e9, roots: ROOTS, stop };
    return new Worker(new URL("./testing/graph.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
  });
  const results = threads.map((thread) => once(thread, "message") as Promise<[GraphResult]>);
  while (p.layers.processors.running < 6) await new Promise((resolve) => setTimeout(resolve, 1));
  const reader = new Reader();
  for (let i = 0; i < READINGS; i++) {
    const broken = reader.check(readMemStats(p.layers, p.collector), readMetrics(p.layers, p.collector));
    if (broken.length > 0) expect(broken, `seed ${SEED}, reading ${i}`).toEqual([]);
  }
  Atomics.store(stop, 0, 1);
  expect((await Promise.all(results)).flatMap(([result]) => result.problems)).toEqual([]);
  const { NumGC, PauseTotalNs } = readMemStats(p.layers, p.collector);
  expect(NumGC).toBeGreaterThan(1);
  expect(PauseTotalNs).toBeGreaterThan(0);
  await p.collector.gc();
  expect(verifyHeap(p.layers, p.collector).broken).toEqual([]);
  p.detach();
  heap.close();
});
