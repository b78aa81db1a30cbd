/**
 * The soak: rounds of random work by many threads until the time is up, the steps are done, or something breaks.
 *
 * The calling thread makes each round's heap, waits, and afterwards, alone with it, checks that nothing is left: no object, no byte in
 * use, and a quarter of the region to be had in one piece.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { createHeap, type Heap } from "@mallocgc/runtime";
import { Control, type Counts } from "./control.ts";
import { expectWhole, planRound, type RoundPlan, type ThreadFailure } from "./round.ts";
import type { RoundAnswer, RoundOrder, WorkerStart } from "./worker.ts";

/** How long, how many, and from which seed. Ends at whichever of `steps` and `seconds` comes first. */
export interface SoakOptions {
  readonly threads: number;
  readonly seed: number;
  readonly steps: number;
  readonly seconds: number;
}

/** How far a soak is. */
export interface SoakProgress extends Counts {
  readonly seconds: number;
  readonly rounds: number;
}

/** How a soak went: without failures, or why it ended. */
export interface SoakReport extends SoakProgress {
  readonly failures: readonly ThreadFailure[];
}

const PROGRESS_MS = 1000;
/** The failures of the thread that makes the heaps are told under this number. */
const COORDINATOR = -1;

/** Runs a soak; `onProgress` is called about once a second. */
export async function runSoak(options: SoakOptions, onProgress?: (progress: SoakProgress) => void): Promise<SoakReport> {
  const { threads, seed, steps, seconds } = options;
  const control = new Control(threads);
  let failures: ThreadFailure[] = [];
  const start = performance.now();
  let rounds = 0;
  const progress = (): SoakProgress => ({ ...control.totals(), rounds, seconds: (performance.now() - start) / 1000 });

  const workers = Array.from({ length: threads }, (_, thread) => {
    const workerData: WorkerStart = { thread, threads, seed, control: control.buffer };
    return new Worker(new URL("./worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
  });
  const timer = setInterval(() => {
    if (performance.now() - start >= seconds * 1000) control.stop();
    onProgress?.(progress());
  }, PROGRESS_MS);
  try {
    while (failures.length === 0 && !control.stopping && control.totals().steps < steps) {
      const plan = planRound(seed, rounds, steps);
      const heap = createHeap({ maxBytes: plan.maxBytes, chunkPages: plan.chunkPages });
      const answers = workers.map((worker) => answerOf(worker));
      const order: RoundOrder = { handle: heap.handle, plan };
      for (const worker of workers) worker.postMessage(order);
      failures = (await Promise.all(answers)).flatMap(({ outcome }) => outcome ?? []);
      if (failures.length === 0) failures = checkEmpty(heap, plan);
      heap.close();
      rounds++;
    }
  } finally {
    clearInterval(timer);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return { ...progress(), failures };
}

/** A thread that dies without an answer ends the soak with its error. */
async function answerOf(worker: Worker): Promise<RoundAnswer> {
  const [answer] = (await once(worker, "message")) as [RoundAnswer];
  return answer;
}

/** All blocks are freed and all other threads have left: is nothing left in the heap? */
function checkEmpty(heap: Heap, plan: RoundPlan): ThreadFailure[] {
  try {
    const quarter = plan.maxBytes / 4;
    heap.free(heap.mallocgc(quarter));
    heap.freeOSMemory();
    const objects = expectWhole(heap);
    const { HeapAlloc, HeapObjects, HeapInuse, Mallocs, Frees } = heap.readMemStats();
    const left = { objects, HeapAlloc, HeapObjects, HeapInuse, unfreed: Mallocs - Frees };
    for (const [name, value] of Object.entries(left)) {
      if (value !== 0) throw new Error(`everything was freed, but ${name} is ${value}`);
    }
    return [];
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [{ thread: COORDINATOR, round: plan.round, phase: plan.phases, step: 0, message }];
  }
}
