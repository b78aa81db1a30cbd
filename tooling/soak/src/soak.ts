/**
 * The soak: rounds of random work by many threads until the time is up, the steps are done, or something breaks.
 *
 *     collected    typed objects, roots, cycles (collected/collected-round.ts)          by hand    blocks, malloc and free (round.ts)
 *
 * The calling thread makes each round's heap, waits, and afterwards, alone with it, checks that nothing is left. It also notices when no thread gets on:
 * a cycle that never ends holds up all who wait for it.
 */
import { once } from "node:events";
import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";
import { createHeap, type Heap } from "@mallocgc/runtime";
import { Census } from "./collected/census.ts";
import { createCollected, expectCollected, planCollected, type CollectedPlan } from "./collected/collected-round.ts";
import { Control, type Counts } from "./control.ts";
import { expectWhole, planRound, type RoundPlan, type ThreadFailure } from "./round.ts";
import type { RoundAnswer, RoundOrder, WorkerStart } from "./worker.ts";

/** What is soaked, how long, how many, and from which seed. Ends at whichever of `steps`, `seconds` and `cpuSeconds` (of the process) comes first. */
export interface SoakOptions {
  readonly mode: "collected" | "by-hand";
  readonly threads: number;
  readonly seed: number;
  readonly steps: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** The first round to play. */
  readonly round: number;
}

/** How far a soak is. */
export interface SoakProgress extends Counts {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rounds: number;
}

/** How a soak went: without failures, or why it ended. */
export interface SoakReport extends SoakProgress {
  readonly failures: readonly ThreadFailure[];
}

const PROGRESS_MS = 1000;
/** No thread has counted anything for so long: they wait for what never comes. */
const STUCK_MS = 120_000;
/** The failures of the thread that makes the heaps are told under this number. */
const COORDINATOR = -1;

/** Runs a soak; `onProgress` is called about once a second. */
export async function runSoak(options: SoakOptions, onProgress?: (progress: SoakProgress) => void): Promise<SoakReport> {
  const { mode, threads, seed, steps, seconds, cpuSeconds } = options;
  const control = new Control(threads);
  let failures: ThreadFailure[] = [];
  const start = performance.now();
  let rounds = 0;
  const progress = (): SoakProgress => ({ ...control.totals(), rounds, seconds: (performance.now() - start) / 1000, cpuSeconds: cpuTime() });
  const cpuTime = cpuSince();
  const workers = startThreads(options, control);
  const stuck = new Stuck();
  const timer = setInterval(() => {
    if (performance.now() - start >= seconds * 1000 || cpuTime() >= cpuSeconds) control.stop();
    stuck.look(control.totals());
    onProgress?.(progress());
  }, PROGRESS_MS);
  try {
    while (failures.length === 0 && !control.stopping && control.totals().steps < steps) {
      const round = options.round + rounds;
      const plan = mode === "collected" ? planCollected(seed, round, steps) : planRound(seed, round, steps);
      const heap = plan.mode === "collected" ? await createCollected(plan) : createHeap({ gc: false, maxBytes: plan.maxBytes, chunkPages: plan.chunkPages });
      const found: ThreadFailure[] = [];
      const answers = Promise.all(
        workers.map(async (worker) => {
          const { outcome } = await answerOf(worker);
          if (outcome !== undefined) found.push(outcome);
        }),
      );
      const order: RoundOrder = { handle: heap.handle, plan };
      for (const worker of workers) worker.postMessage(order);
      // A thread that fails may leave others waiting for a cycle; so what it has to say is not waited for together with theirs.
      if ((await Promise.race([answers, stuck.found])) === STUCK) found.push(failureOf(plan, describe(heap)));
      failures = found;
      if (failures.length === 0) failures = await checkEmpty(heap, plan);
      heap.close();
      rounds++;
    }
  } finally {
    clearInterval(timer);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return { ...progress(), failures };
}

/** Starts the threads, with a port from each to each. */
function startThreads({ threads, seed }: SoakOptions, control: Control): Worker[] {
  const census = new Census();
  const ports: MessagePort[][] = Array.from({ length: threads }, () => []);
  for (let a = 0; a < threads; a++) {
    for (let b = 0; b < a; b++) {
      const { port1, port2 } = new MessageChannel();
      ports[a]!.push(port1);
      ports[b]!.push(port2);
    }
  }
  return ports.map((own, thread) => {
    const workerData: WorkerStart = { thread, threads, seed, control: control.buffer, census: census.buffer, ports: own };
    return new Worker(new URL("./worker.ts", import.meta.url), { workerData, transferList: own, execArgv: ["--conditions=dev"] });
  });
}

/** A thread that dies without an answer ends the soak with its error. */
async function answerOf(worker: Worker): Promise<RoundAnswer> {
  const [answer] = (await once(worker, "message")) as [RoundAnswer];
  return answer;
}

const STUCK = "stuck";

/** Notices that nobody counts anything any more. */
class Stuck {
  readonly found: Promise<typeof STUCK>;
  private tell: () => void = () => undefined;
  private last = "";
  private since = performance.now();

  constructor() {
    this.found = new Promise((resolve) => { this.tell = (): void => { resolve(STUCK); }; });
  }

  look(counts: Counts): void {
    const now = Object.values(counts).join();
    if (now !== this.last) this.since = performance.now();
    this.last = now;
    if (performance.now() - this.since > STUCK_MS) this.tell();
  }
}

function describe(heap: Heap): string {
  return `no thread has got on for ${STUCK_MS / 1000} s${heap.isCollected ? `; the collector: ${JSON.stringify(heap.gcStats())}` : ""}`;
}

/** All other threads have left, with all that was theirs: is nothing left in the heap? */
async function checkEmpty(heap: Heap, plan: RoundPlan | CollectedPlan): Promise<ThreadFailure[]> {
  try {
    if (plan.mode === "collected") await expectCollected(heap);
    else expectEmpty(heap, plan);
    return [];
  } catch (error) {
    return [failureOf(plan, error instanceof Error ? (error.stack ?? error.message) : String(error))];
  }
}

/** All blocks are freed: no object, no byte in use, and a quarter of the region to be had in one piece. */
function expectEmpty(heap: Heap, plan: RoundPlan): void {
  const quarter = plan.maxBytes / 4;
  heap.free(heap.mallocgc(quarter));
  heap.freeOSMemory();
  const objects = expectWhole(heap);
  const { HeapAlloc, HeapObjects, HeapInuse, Mallocs, Frees } = heap.readMemStats();
  const left = { objects, HeapAlloc, HeapObjects, HeapInuse, unfreed: Mallocs - Frees };
  for (const [name, value] of Object.entries(left)) {
    if (value !== 0) throw new Error(`everything was freed, but ${name} is ${value}`);
  }
}

function failureOf({ round, phases }: RoundPlan | CollectedPlan, message: string): ThreadFailure {
  return { thread: COORDINATOR, round, phase: phases, step: 0, message };
}

/** Seconds of processor time that this process takes from now on, by all its threads. */
function cpuSince(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
}
