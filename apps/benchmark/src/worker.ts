/** A worker of a child process: one thread of a measurement with several, or the thread that attaches. */
import { parentPort, workerData } from "node:worker_threads";
import { DISTRIBUTION_URL, readDistribution } from "./distribution.ts";
import type { Implementation } from "./impl/implementation.ts";
import type { BlockJob, ObjectJob } from "./job.ts";
import { loadImplementation, loadPrograms } from "./load-implementation.ts";
import { measureThread, type Meeting, type ThreadTime } from "./measure.ts";
import { measureTrees, type TreesTime } from "./measure-trees.ts";
import type { TreesCase } from "./object-cases.ts";

/** What the child's main thread hands to a worker. */
export type WorkerTask = BlocksTask | TreesTask;

export interface BlocksTask extends SharedHeap {
  readonly kind: "blocks";
  readonly job: BlockJob;
}

export interface TreesTask extends SharedHeap {
  readonly kind: "trees";
  readonly job: ObjectJob<TreesCase>;
  /** This worker's number. */
  readonly index: number;
}

interface SharedHeap {
  /** The shared heap, where there is one. */
  readonly handle: unknown;
  /** For {@link Meeting}: three words, the second of them all ones. */
  readonly control: Int32Array;
}

export interface BlocksTime {
  readonly time: ThreadTime;
  readonly bytesPerOp: number;
}

export type WorkerAnswer<T extends WorkerTask> = T extends TreesTask ? TreesTime : BlocksTime;

/** Words of the control block. */
const AGREED = 0;
const LEAST_OPS = 1;
const READY = 2;

export function newControl(): Int32Array {
  const control = new Int32Array(new SharedArrayBuffer(12));
  control[LEAST_OPS] = 0x7fffffff;
  return control;
}

const ATTACH_OPS = 50;
const ATTACH_WARM_UP = 5;

if (parentPort !== null) {
  const task = workerData as WorkerTask;
  parentPort.postMessage(task.kind === "trees" ? await measureShareOfTrees(task) : await measureBlocks(task));
}

async function measureShareOfTrees({ job, index, handle, control }: TreesTask): Promise<TreesTime> {
  const { trees } = await loadPrograms(job.impl);
  if (trees === undefined) throw new Error("this implementation has no program for this case");
  return measureTrees(job, await trees(job, handle), index, meetingOf(control, job.threads));
}

async function measureBlocks(task: BlocksTask): Promise<BlocksTime> {
  const implementation = await loadImplementation(task.job.impl);
  return task.job.case === "attach-heap" ? measureAttach(task, implementation) : measurePattern(task, implementation);
}

async function measurePattern({ job, handle, control }: BlocksTask, implementation: Implementation): Promise<BlocksTime> {
  const distribution = job.size === "mixed" ? await readDistribution(DISTRIBUTION_URL) : undefined;
  return measureThread(job, implementation, distribution, meetingOf(control, job.threads), handle);
}

/** Attaching alone is timed; detaching makes room for the next. */
function measureAttach({ handle }: BlocksTask, implementation: Implementation): BlocksTime {
  if (implementation.blocks === "object" || implementation.attach === undefined) throw new Error("nothing to attach to");
  let spent = 0n;
  for (let i = -ATTACH_WARM_UP; i < ATTACH_OPS; i++) {
    const t0 = process.hrtime.bigint();
    const opened = implementation.attach(handle);
    const t1 = process.hrtime.bigint();
    if (i >= 0) spent += t1 - t0;
    opened.close();
  }
  return { time: { start: 0n, end: spent, ops: ATTACH_OPS, onProcessor: 1 }, bytesPerOp: 0 };
}

function meetingOf(control: Int32Array, threads: number): Meeting {
  return {
    agree(ops: number): number {
      for (;;) {
        const least = Atomics.load(control, LEAST_OPS);
        if (ops >= least || Atomics.compareExchange(control, LEAST_OPS, least, ops) === least) break;
      }
      if (Atomics.add(control, AGREED, 1) === threads - 1) Atomics.notify(control, AGREED);
      for (;;) {
        const agreed = Atomics.load(control, AGREED);
        if (agreed === threads) return Atomics.load(control, LEAST_OPS);
        Atomics.wait(control, AGREED, agreed);
      }
    },
    start(): void {
      // Spins: whoever is woken from sleep would start late.
      Atomics.add(control, READY, 1);
      while (Atomics.load(control, READY) < threads);
    },
  };
}
