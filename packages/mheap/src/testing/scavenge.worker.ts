/** A thread that gives all free pages back to an operating system that takes its time; it says so as soon as the first are on their way. */
import { parentPort, workerData } from "node:worker_threads";
import { openRegion, type Region } from "@mallocgc/sysmem";
import type { HeapConfig } from "../index.ts";
import { openTestHeap } from "./test-heap.ts";

export interface ScavengeJob {
  readonly memory: Region["memory"];
  readonly config: HeapConfig;
  readonly id: number;
  readonly takesMs: number;
}

const job = workerData as ScavengeJob;
const heap = openTestHeap(openRegion(job.memory), job.config, job.id);
const clock = new Int32Array(new SharedArrayBuffer(4));
heap.scavengeAll({
  pageSize: 4096,
  release(offset, length) {
    parentPort!.postMessage("begun");
    Atomics.wait(clock, 0, 0, job.takesMs);
    heap.mem.fill(0, offset / 4, (offset + length) / 4);
    return length;
  },
});
