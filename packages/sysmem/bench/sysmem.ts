/**
 * What sysmem costs, in Go's benchmark format (benchstat reads it):
 *
 *     node --conditions=dev packages/sysmem/bench/sysmem.ts [NAME ...]
 *
 * Each case runs in a process of its own, so that none is optimised for another's types, and calls its kernel thousands of times.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { FixAlloc, Frontier, Mutexes, PersistentAlloc, RANK_HEAP, createRegion, openOsPages, openRegion, type Ptr, type Region } from "@mallocgc/sysmem";

const WORD = 1024 as Ptr;
const BATCH = 1000;
const SAMPLES = 5;

/** Runs the kernel, which does `batch` operations, for about `ms`; nanoseconds per operation. */
function time(kernel: () => void, batch: number, ms = 200): { n: number; ns: number } {
  const until = performance.now() + ms;
  let n = 0;
  const start = process.hrtime.bigint();
  while (performance.now() < until) {
    for (let i = 0; i < 10; i++) kernel();
    n += 10 * batch;
  }
  return { n, ns: Number(process.hrtime.bigint() - start) / n };
}

function fixallocIn(region: Region): FixAlloc {
  const frontier = new Frontier(region, 16 as Ptr);
  frontier.init(1);
  return new FixAlloc(region, 64 as Ptr, new PersistentAlloc(region, 32 as Ptr, frontier), { words: 32, zero: false });
}

function compareExchangePair(): { n: number; ns: number } {
  const mem = createRegion(65536, true).i32;
  return time(() => {
    for (let i = 0; i < BATCH; i++) {
      if (Atomics.compareExchange(mem, WORD, 0, 1) !== 0) throw new Error("taken");
      if (Atomics.compareExchange(mem, WORD, 1, 0) !== 1) throw new Error("not held");
    }
  }, BATCH);
}

function lockUnlock(): { n: number; ns: number } {
  const mutexes = new Mutexes(createRegion(65536, true), 1);
  return time(() => {
    for (let i = 0; i < BATCH; i++) {
      mutexes.lock(WORD, RANK_HEAP);
      mutexes.unlock(WORD, RANK_HEAP);
    }
  }, BATCH);
}

function assertHeld(): { n: number; ns: number } {
  const mutexes = new Mutexes(createRegion(65536, true), 1);
  mutexes.lock(WORD, RANK_HEAP);
  return time(() => {
    for (let i = 0; i < BATCH; i++) mutexes.assertHeld(WORD);
  }, BATCH);
}

function fixAllocFree(): { n: number; ns: number } {
  const fix = fixallocIn(createRegion(1 << 20, true));
  return time(() => {
    for (let i = 0; i < BATCH; i++) fix.free(fix.alloc());
  }, BATCH);
}

function releaseMiB(): { n: number; ns: number } {
  const region = createRegion(64 << 20, true);
  const os = openOsPages(region);
  let spent = 0n;
  const n = 32;
  for (let i = 0; i < n; i++) {
    region.u8.fill(1);
    const start = process.hrtime.bigint();
    if (os.release(0, 64 << 20) !== 64 << 20) throw new Error(`not released (backend ${os.backend})`);
    spent += process.hrtime.bigint() - start;
  }
  return { n: n * 64, ns: Number(spent) / (n * 64) };
}

const CASES: Readonly<Record<string, () => { n: number; ns: number } | Promise<{ n: number; ns: number }>>> = {
  "CompareExchangePair": compareExchangePair,
  "LockUnlock": lockUnlock,
  "LockUnlockContended/threads=2": () => contended(2),
  "LockUnlockContended/threads=4": () => contended(4),
  "AssertHeld": assertHeld,
  "FixAllocFree/size=128": fixAllocFree,
  "ReleaseMiB": releaseMiB,
};

const ROUNDS = 300_000;

/** All threads take one lock, add under it, and give it back: wall time per addition. */
async function contended(threads: number): Promise<{ n: number; ns: number }> {
  const region = createRegion(65536, true);
  const workers = Array.from({ length: threads }, (_, i) => new Worker(new URL(import.meta.url), { workerData: { memory: region.memory, owner: i + 1 }, execArgv: ["--conditions=dev"] }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const done = workers.map((worker) => once(worker, "message"));
  const start = process.hrtime.bigint();
  Atomics.store(region.i32, 1, 1);
  Atomics.notify(region.i32, 1);
  await Promise.all(done);
  const ns = Number(process.hrtime.bigint() - start) / (threads * ROUNDS);
  if (region.i32[WORD + 32] !== threads * (ROUNDS + BATCH)) throw new Error("additions were lost");
  return { n: threads * ROUNDS, ns };
}

function contend(memory: WebAssembly.Memory, owner: number): void {
  const region = openRegion(memory);
  const mem = region.i32;
  const mutexes = new Mutexes(region, owner);
  const add = (rounds: number): void => {
    for (let i = 0; i < rounds; i++) {
      mutexes.lock(WORD, RANK_HEAP);
      mem[WORD + 32]!++;
      mutexes.unlock(WORD, RANK_HEAP);
    }
  };
  add(BATCH);
  parentPort!.postMessage("ready");
  Atomics.wait(mem, 1, 0);
  add(ROUNDS);
  parentPort!.postMessage("done");
}

if (!isMainThread) {
  const { memory, owner } = workerData as { memory: WebAssembly.Memory; owner: number };
  contend(memory, owner);
} else if (process.argv[2] === "--case") {
  const name = process.argv[3]!;
  const { n, ns } = await CASES[name]!();
  console.log(`Benchmark${name}\t${n}\t${ns.toFixed(2)} ns/op`);
} else {
  const wanted = process.argv.slice(2);
  for (const name of Object.keys(CASES)) {
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    for (let sample = 0; sample < SAMPLES; sample++) {
      execFileSync(process.execPath, ["--no-warnings", "--conditions=dev", fileURLToPath(import.meta.url), "--case", name], { stdio: "inherit" });
    }
  }
}
