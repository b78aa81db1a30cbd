/**
 * What the page heap costs, in Go's benchmark format (benchstat reads it):
 *
 *     node --conditions=dev packages/mheap/bench/mheap.ts [NAME ...]
 *
 * Each case runs in a process of its own, so that none is optimised for another's types, and calls its kernel thousands of times.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { Heap, PageCacheRec, SpanCacheRec, type HeapConfig } from "@mallocgc/mheap";
import { Spans, type SpanPtr } from "@mallocgc/mspan";
import { Mutexes, createRegion, openRegion, planRegion, type Ptr, type Region } from "@mallocgc/sysmem";

const CONFIG: HeapConfig = { maxBytes: 1 << 30, chunkPages: 512 };
const TINY_SPAN_CLASS = 5;
const SAMPLES = 5;

/** Words of a P: nothing but its two caches. */
const P_WORDS = Math.ceil((PageCacheRec.words + SpanCacheRec.words) / 16) * 16;
const MAX_THREADS = 2;

/** P `id`'s way into the heap in `region`. */
function openHeap(region: Region, config: HeapConfig, id: number): Heap {
  const plan = planRegion([...Spans.tables(), { name: "p", bytes: MAX_THREADS * P_WORDS * 4, align: 64, doc: "caches" }, ...Heap.tables(config)], 64);
  const p = (plan.at("p") + id * P_WORDS) as Ptr;
  return new Heap(region, plan, new Mutexes(region, id + 1), new Spans(region, plan.at("mspan")), p, (p + PageCacheRec.words) as Ptr, config);
}

function newHeap(config: HeapConfig): Heap {
  const heap = openHeap(createRegion(config.maxBytes, true), config, 0);
  heap.init();
  return heap;
}

interface Sample {
  readonly n: number;
  readonly ns: number;
}

/**
 * Runs the kernel, which does `batch` operations, for about `ms`, in windows of about a millisecond; nanoseconds per operation in the
 * fastest window, which is what no other work on the machine has disturbed.
 */
function time(kernel: () => void, batch: number, ms = 600): Sample {
  const calls = Math.ceil(2000 / batch);
  const until = performance.now() + ms;
  let n = 0;
  let ns = Infinity;
  while (performance.now() < until) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) kernel();
    ns = Math.min(ns, Number(process.hrtime.bigint() - start) / (calls * batch));
    n += calls * batch;
  }
  return { n, ns };
}

/** Allocates a span and frees it at once: the page cache serves one block of 64 pages, then the next. */
function allocFree(npages: number, chunkPages: 512 | 64): Sample {
  const heap = newHeap({ ...CONFIG, chunkPages });
  const spanClass = npages === 1 ? TINY_SPAN_CLASS : 1;
  return time(() => {
    for (let i = 0; i < 100; i++) heap.free(heap.alloc(npages, spanClass));
  }, 100);
}

/** Only allocates spans of a page, or only frees them: records and pages are new to the processor's caches each time. */
function oneWay(what: "alloc" | "free"): Sample {
  const heap = newHeap(CONFIG);
  const spans = new Int32Array(100_000);
  const batch = 1000;
  const best = { alloc: Infinity, free: Infinity };
  const rounds = 20;
  const timed = (way: "alloc" | "free", kernel: (i: number) => void): void => {
    for (let first = 0; first < spans.length; first += batch) {
      const start = process.hrtime.bigint();
      for (let i = first; i < first + batch; i++) kernel(i);
      best[way] = Math.min(best[way], Number(process.hrtime.bigint() - start) / batch);
    }
  };
  for (let round = 0; round < rounds; round++) {
    timed("alloc", (i) => (spans[i] = heap.alloc(1, TINY_SPAN_CLASS)));
    timed("free", (i) => {
      heap.free(spans[i] as SpanPtr);
    });
  }
  return { n: rounds * spans.length, ns: best[what] };
}

/** Frees and allocates spans of 1 to 4 pages at random, with so many live: free memory is in many small holes. */
function churn(live: number): Sample {
  const heap = newHeap(CONFIG);
  const spans = Int32Array.from({ length: live }, (_, i) => heap.alloc(1 + (i & 3), 1));
  let seed = 1;
  return time(() => {
    for (let i = 0; i < 100; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      const at = (seed >>> 8) % live;
      heap.free(spans[at] as SpanPtr);
      spans[at] = heap.alloc(1 + (seed & 3), 1);
    }
  }, 100);
}

/** Looks up addresses in live spans. */
function spanOf(): Sample {
  const heap = newHeap(CONFIG);
  const bases = Array.from({ length: 1024 }, () => heap.spans.base(heap.alloc(1, TINY_SPAN_CLASS)) + 24);
  let sum = 0;
  const sample = time(() => {
    for (let i = 0; i < 1024; i++) sum = (sum + heap.spanOf(bases[i]!)) | 0;
  }, 1024);
  if (sum === 1) console.log(sum);
  return sample;
}

const ROUNDS = 3000;
const BATCH = 64;

/** The work of one thread: 64 spans of a page allocated, then freed. */
function batches(heap: Heap, rounds: number): void {
  const spans = new Int32Array(BATCH);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < BATCH; i++) spans[i] = heap.alloc(1, TINY_SPAN_CLASS);
    for (let i = 0; i < BATCH; i++) heap.free(spans[i] as SpanPtr);
  }
}

/** All threads allocate and free at once: wall time per span of one thread. */
async function threaded(threads: number): Promise<Sample> {
  const region = createRegion(CONFIG.maxBytes, true);
  openHeap(region, CONFIG, 0).init();
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: threads }, (_, i) => new Worker(new URL(import.meta.url), { workerData: { memory: region.memory, id: i, gate }, execArgv: ["--conditions=dev"] }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const done = workers.map((worker) => once(worker, "message"));
  const start = process.hrtime.bigint();
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  await Promise.all(done);
  return { n: threads * ROUNDS * BATCH, ns: Number(process.hrtime.bigint() - start) / (ROUNDS * BATCH) };
}

const CASES: Readonly<Record<string, () => Sample | Promise<Sample>>> = {
  "AllocFree/npages=1": () => allocFree(1, 512),
  "AllocFree/npages=1/chunk=64": () => allocFree(1, 64),
  "AllocFree/npages=4": () => allocFree(4, 512),
  "AllocFree/npages=16": () => allocFree(16, 512),
  "AllocFree/npages=1024": () => allocFree(1024, 512),
  "AllocOnly/npages=1": () => oneWay("alloc"),
  "FreeOnly/npages=1": () => oneWay("free"),
  "Churn/live=1000": () => churn(1000),
  "Churn/live=30000": () => churn(30_000),
  "SpanOf": spanOf,
  "Batches/threads=1": () => threaded(1),
  "Batches/threads=2": () => threaded(2),
};

if (!isMainThread) {
  const { memory, id, gate } = workerData as { memory: WebAssembly.Memory; id: number; gate: Int32Array };
  const heap = openHeap(openRegion(memory), CONFIG, id);
  batches(heap, ROUNDS);
  parentPort!.postMessage("ready");
  Atomics.wait(gate, 0, 0);
  batches(heap, ROUNDS);
  parentPort!.postMessage("done");
} else if (process.argv[2] === "--case") {
  const name = process.argv[3]!;
  const { n, ns } = await CASES[name]!();
  console.log(`Benchmark${name}\t${n}\t${ns.toFixed(1)} ns/op`);
} else {
  const wanted = process.argv.slice(2);
  for (const name of Object.keys(CASES)) {
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    for (let sample = 0; sample < SAMPLES; sample++) {
      execFileSync(process.execPath, ["--no-warnings", "--conditions=dev", fileURLToPath(import.meta.url), "--case", name], { stdio: "inherit" });
    }
  }
}
