/** A thread that allocates and frees spans at random and checks that what says it is zero is, until it is told to stop. */
import { parentPort, workerData } from "node:worker_threads";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE, openRegion, type Region } from "@mallocgc/sysmem";
import type { HeapConfig } from "@mallocgc/mheap";
import { TestScavenger } from "./test-scavenger.ts";

export interface AllocateJob {
  readonly memory: Region["memory"];
  readonly config: HeapConfig;
  readonly id: number;
  readonly seed: number;
  /** Word 0: 1 when the threads are to stop. Word `id`: how many spans this one has allocated. */
  readonly shared: Int32Array;
  readonly memoryLimit: number;
}

export interface AllocateResult {
  readonly notZero: number;
  readonly assists: number;
}

const job = workerData as AllocateJob;
const t = new TestScavenger(openRegion(job.memory), job.config, job.id);
t.limit = job.memoryLimit;
const { heap, region } = t;
const live: SpanPtr[] = [];
let state = job.seed;
let notZero = 0;

function random(below: number): number {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >>> 8) % below;
}

while (Atomics.load(job.shared, 0) === 0) {
  if (live.length < 200 && random(100) < 55) {
    const s = heap.alloc([1, 1, 1, 2, 3, 10, 16, 40][random(8)]!, 1);
    if (s === 0) continue;
    Atomics.add(job.shared, job.id, 1);
    const bytes = region.u8.subarray(heap.spans.base(s), heap.spans.base(s) + heap.spans.npages(s) * PAGE_SIZE);
    if (heap.mem[s + MSpan.offset.needzero] === 0) for (let at = 0; at < bytes.length; at += 512) if (bytes[at] !== 0) notZero++;
    for (let at = 0; at < bytes.length; at += 512) bytes[at] = job.id;
    live.push(s);
  } else if (live.length > 0) {
    heap.free(live.splice(random(live.length), 1)[0]!);
  }
}
for (const s of live) heap.free(s);
heap.flush();
parentPort!.postMessage({ notZero, assists: t.os.calls.length } satisfies AllocateResult);
