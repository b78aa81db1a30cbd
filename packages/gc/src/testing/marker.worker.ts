/**
 * A thread of marker.threads.test.ts: marks, together with others, what one of them has put on the lists.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { RegionMemory } from "@mallocgc/sysmem";
import { MarkerHeap } from "./marker-heap.ts";

/** What the test tells a worker. Places are word indexes. */
export interface MarkerJob {
  readonly memory: RegionMemory;
  readonly id: number;
  readonly budget: number;
  /** Whether it puts pointers off. */
  readonly defer: boolean;
  /** Set to 1 by the test when the roots are on the list. */
  readonly gate: number;
  /** Markers that have work in hand, or are about to take some. */
  readonly atWork: number;
}

const job = workerData as MarkerJob;
const heap = MarkerHeap.open(job.memory);
const marker = heap.marker(job.id);
const mem = heap.region.i32;
if (job.defer) marker.deferPointers();

parentPort!.postMessage("ready");
Atomics.wait(mem, job.gate, 0, 30000);
for (;;) {
  Atomics.add(mem, job.atWork, 1);
  while (marker.drain(job.budget) > 0);
  Atomics.sub(mem, job.atWork, 1);
  // Whoever takes a buffer has announced itself first; so with nobody at work, an empty list stays empty.
  if (Atomics.load(mem, job.atWork) === 0 && marker.nothingToTake()) break;
}
parentPort!.postMessage({ objects: marker.markedObjects, bytes: marker.markedBytes, bad: marker.badPointers });
