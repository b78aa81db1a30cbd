/**
 * One thread's part of a measurement: open, warm up, wait for the others, run against the clock.
 *
 * Warm-up ends when V8 has had time to optimise the kernel and, where blocks are freed, each live block has been replaced
 * about once (so that the heap is in its steady state), but no later than WARM_UP_MAX_MS. Fresh memory can be had only
 * once, so there the warm-up goes on in heaps of its own, which are thrown away.
 *
 * The clock is wall time. Warm-up counts the thread's processor time instead, so that a busy machine does not cut it short; the
 * two together tell whether a sample was disturbed.
 */
import type { Distribution } from "./distribution.ts";
import { meanSize, sizeTable } from "./distribution.ts";
import type { AddressImplementation, Implementation, OpenAllocator } from "./impl/implementation.ts";
import type { BlockJob } from "./job.ts";
import {
  FreshAddresses,
  FreshObjects,
  RandomAddresses,
  RandomObjects,
  RingAddresses,
  RingObjects,
  type AddressAllocator,
  type Kernel,
} from "./kernels.ts";

const WARM_UP_MS = 80;
/** Fresh memory is allocated by the slow path for the most part at large sizes, which V8 optimises later than a short loop. */
const WARM_UP_FRESH_MS = 300;
const WARM_UP_MAX_MS = 500;
const WARM_UP_HEAP_BYTES = 256 * 1024 * 1024;
/** Operations per call of a kernel: many calls, each too short for on-stack replacement to matter. */
const BATCH = 256;

/** How the threads of one measurement meet. With one thread there is nobody to meet. */
export interface Meeting {
  /** Tells how many operations this thread would time; returns the least that any thread told. */
  agree(ops: number): number;
  /** Returns in all threads at once. */
  start(): void;
}

export const alone: Meeting = { agree: (ops) => ops, start: () => undefined };

/** When this thread began and ended, on the process's clock, and what it did. */
export interface ThreadTime {
  readonly start: bigint;
  readonly end: bigint;
  readonly ops: number;
  /** The part of that time in which this thread had a processor. */
  readonly onProcessor: number;
}

/** Runs the job's pattern in this thread. `handle`: the heap to attach to; absent, this thread opens its own. */
export async function measureThread(
  job: BlockJob,
  implementation: Implementation,
  distribution: Distribution | undefined,
  meeting: Meeting,
  handle?: unknown,
): Promise<{ time: ThreadTime; bytesPerOp: number }> {
  const sizes = sizeTable(job.size, distribution, job.seed);
  if (job.case === "alloc-fresh") await warmUpFresh(implementation, sizes, meanSize(job.size, distribution));
  const opened =
    implementation.blocks === "object" ? undefined : handle === undefined ? await implementation.open(job.heapBytes) : attach(implementation, handle);
  const kernel = makeKernel(job, implementation, opened, sizes);
  const time = timeKernel(kernel, job, job.live ?? 0, meeting);
  const counted = opened?.counters?.();
  const bytesPerOp = counted === undefined ? meanSize(job.size, distribution) : counted.bytes / counted.blocks;
  opened?.close();
  return { time, bytesPerOp };
}

/** Runs a kernel against the clock; warms it up first, with at least so many operations, where the job leaves their number open. */
export function timeKernel(kernel: Kernel, job: { readonly ops?: number; readonly targetMs: number }, atLeastOps: number, meeting: Meeting): ThreadTime {
  const planned = job.ops ?? Math.max(1, Math.round((job.targetMs * 1e6) / warmUp(kernel, atLeastOps)));
  const ops = meeting.agree(planned);
  meeting.start();
  const cpuStart = cpuMs();
  const start = process.hrtime.bigint();
  runBatches(kernel, ops);
  const end = process.hrtime.bigint();
  return { start, end, ops, onProcessor: Math.min(1, ((cpuMs() - cpuStart) * 1e6) / Number(end - start)) };
}

/** Wall time of the slowest thread, in ns: from the first to begin to the last to end. */
export function wallTime(times: readonly ThreadTime[]): number {
  let start = times[0]!.start;
  let end = times[0]!.end;
  for (const t of times) {
    if (t.start < start) start = t.start;
    if (t.end > end) end = t.end;
  }
  return Number(end - start);
}

function makeKernel(job: BlockJob, implementation: Implementation, opened: OpenAllocator<AddressAllocator> | undefined, sizes: Uint32Array): Kernel {
  const live = job.live ?? 0;
  if (implementation.blocks === "object") {
    const { allocator } = implementation.open();
    if (job.case === "alloc-fresh") return new FreshObjects(allocator, sizes);
    return job.case === "free-ring" ? new RingObjects(allocator, sizes, live) : new RandomObjects(allocator, sizes, live, job.seed);
  }
  const { allocator } = opened!;
  if (job.case === "alloc-fresh") return new FreshAddresses(allocator, sizes);
  return job.case === "free-ring" ? new RingAddresses(allocator, sizes, live) : new RandomAddresses(allocator, sizes, live, job.seed);
}

/** Runs until the kernel is warm; returns the ns per operation of the last half of it. */
function warmUp(kernel: Kernel, atLeastOps: number): number {
  const began = cpuMs();
  let done = 0;
  let n = 1;
  let last = 0;
  for (;;) {
    const t0 = cpuMs();
    runBatches(kernel, n);
    const t1 = cpuMs();
    done += n;
    last = ((t1 - t0) * 1e6) / n;
    const elapsed = t1 - began;
    if ((elapsed >= WARM_UP_MS && done >= atLeastOps) || elapsed >= WARM_UP_MAX_MS) return last;
    // Double, but never plan past the end of the time there is.
    n = Math.max(1, Math.min(n * 2, Math.floor(((WARM_UP_MAX_MS - elapsed) * 1e6) / Math.max(last, 1))));
  }
}

async function warmUpFresh(implementation: Implementation, sizes: Uint32Array, mean: number): Promise<void> {
  const ops = Math.max(16, Math.floor(WARM_UP_HEAP_BYTES / (mean * 1.25 + 64)));
  const began = cpuMs();
  do {
    if (implementation.blocks === "object") {
      runUntil(new FreshObjects(implementation.open().allocator, sizes), ops, began + WARM_UP_FRESH_MS);
    } else {
      const opened = await implementation.open(WARM_UP_HEAP_BYTES);
      runUntil(new FreshAddresses(opened.allocator, sizes), ops, began + WARM_UP_FRESH_MS);
      opened.close();
    }
  } while (cpuMs() - began < WARM_UP_FRESH_MS);
}

function runUntil(kernel: Kernel, ops: number, deadline: number): void {
  for (let done = 0; done < ops && cpuMs() < deadline; done += BATCH) kernel.run(Math.min(BATCH, ops - done));
}

/** Processor time of this thread, in ms. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

export function runBatches(kernel: Kernel, ops: number): void {
  for (let done = 0; done < ops; done += BATCH) kernel.run(Math.min(BATCH, ops - done));
}

function attach(implementation: AddressImplementation, handle: unknown): OpenAllocator<AddressAllocator> {
  if (implementation.attach === undefined) throw new Error("this implementation cannot attach to another thread's heap");
  return implementation.attach(handle);
}
