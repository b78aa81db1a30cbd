/**
 * The child process: one implementation, one case, one sample, in a V8 that has seen nothing else.
 *
 * The job comes as JSON in the first argument, the measurement goes out as one line of JSON.
 */
import { Worker } from "node:worker_threads";
import { isObjectCase } from "./cases.ts";
import { DISTRIBUTION_URL, readDistribution, sizeTable } from "./distribution.ts";
import type { AddressImplementation, Implementation } from "./impl/implementation.ts";
import type { Programs } from "./impl/programs.ts";
import type { BlockJob, Job, Measurement, ObjectJob } from "./job.ts";
import { loadImplementation, loadPrograms } from "./load-implementation.ts";
import { alone, measureThread, wallTime } from "./measure.ts";
import { measureObjects } from "./measure-objects.ts";
import { treesMeasurement } from "./measure-trees.ts";
import type { TreesCase } from "./object-cases.ts";
import { newControl, type BlocksTask, type TreesTask, type WorkerAnswer, type WorkerTask } from "./worker.ts";

const CREATE_OPS = 10;
const CREATE_WARM_UP = 2;

const job = JSON.parse(process.argv[2] ?? "") as Job;
const measurement = isObjectCase(job) ? await measureCollected(job, await loadPrograms(job.impl)) : await measureBlocks(job, await loadImplementation(job.impl));
process.stdout.write(`${JSON.stringify({ ...measurement, maxRssBytes: process.resourceUsage().maxRSS * 1024 })}\n`);

async function measureBlocks(job: BlockJob, implementation: Implementation): Promise<Measurement> {
  switch (job.case) {
    case "create-heap":
      return measureCreate(job, addresses(implementation));
    case "metadata":
      return measureMetadata(job, addresses(implementation));
    case "attach-heap":
      return measureWithWorkers(job, implementation, 1);
    default: {
      if (job.threads > 1) return measureWithWorkers(job, implementation, job.threads);
      const distribution = job.size === "mixed" ? await readDistribution(DISTRIBUTION_URL) : undefined;
      const { time, bytesPerOp } = await measureThread(job, implementation, distribution, alone);
      return { nsPerOp: wallTime([time]) / time.ops, ops: time.ops, bytesPerOp, onProcessor: time.onProcessor };
    }
  }
}

async function measureCollected(job: ObjectJob, programs: Programs): Promise<Measurement> {
  return job.case === "binary-trees" && job.threads > 1 ? measureTreesWithWorkers(job, programs) : measureObjects(job, programs);
}

/** One heap for all threads, where it can be shared: it is opened here, and used by the workers alone. */
async function measureTreesWithWorkers(job: ObjectJob<TreesCase>, programs: Programs): Promise<Measurement> {
  const shared = programs.sharedTrees === undefined ? undefined : await programs.sharedTrees(job);
  const control = newControl();
  const answers = await Promise.all(
    Array.from({ length: job.threads }, (_, index) => runWorker<TreesTask>({ kind: "trees", job, index, handle: shared?.handle, control })),
  );
  shared?.close();
  return treesMeasurement(answers);
}

async function measureWithWorkers(job: BlockJob, implementation: Implementation, workers: number): Promise<Measurement> {
  const canShare = implementation.blocks === "address" && implementation.attach !== undefined;
  const shared = canShare ? await implementation.open(job.heapBytes) : undefined;
  const control = newControl();
  const answers = await Promise.all(
    Array.from({ length: workers }, (_, i) => runWorker<BlocksTask>({ kind: "blocks", job: { ...job, seed: job.seed + i }, handle: shared?.handle, control })),
  );
  const times = answers.map((answer) => answer.time);
  const ops = times.reduce((sum, time) => sum + time.ops, 0);
  shared?.close();
  return { nsPerOp: wallTime(times) / ops, ops, bytesPerOp: answers[0]!.bytesPerOp, onProcessor: Math.min(...times.map((t) => t.onProcessor)) };
}

function runWorker<T extends WorkerTask>(task: T): Promise<WorkerAnswer<T>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: task });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`a worker ended with code ${code} and no answer`)));
  });
}

/** Opening alone is timed. */
async function measureCreate(job: BlockJob, implementation: AddressImplementation): Promise<Measurement> {
  let spent = 0n;
  for (let i = -CREATE_WARM_UP; i < CREATE_OPS; i++) {
    const t0 = process.hrtime.bigint();
    const opened = await implementation.open(job.heapBytes);
    const t1 = process.hrtime.bigint();
    if (i >= 0) spent += t1 - t0;
    opened.close();
  }
  return { nsPerOp: Number(spent) / CREATE_OPS, ops: CREATE_OPS, bytesPerOp: 0 };
}

/** Fills a heap until it says that it is full; what it then says about itself is the measurement. */
async function measureMetadata(job: BlockJob, implementation: AddressImplementation): Promise<Measurement> {
  const distribution = job.size === "mixed" ? await readDistribution(DISTRIBUTION_URL) : undefined;
  const sizes = sizeTable(job.size, distribution, job.seed);
  const opened = await implementation.open(job.heapBytes);
  if (opened.metadata === undefined) throw new Error(`${job.impl} does not say what its metadata takes`);
  let ops = 0;
  const start = process.hrtime.bigint();
  try {
    for (;;) {
      opened.allocator.alloc(sizes[ops & (sizes.length - 1)]!);
      ops++;
    }
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ERR_HEAP_EXHAUSTED") throw error;
  }
  const spent = Number(process.hrtime.bigint() - start);
  const metadata = opened.metadata();
  opened.close();
  return { nsPerOp: spent / ops, ops, bytesPerOp: metadata.totalBytes / ops, metadata };
}

function addresses(implementation: Implementation): AddressImplementation {
  if (implementation.blocks === "object") throw new Error("this case needs a heap of addresses");
  return implementation;
}
