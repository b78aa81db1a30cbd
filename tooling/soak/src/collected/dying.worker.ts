/** A thread that is going to be terminated: in the middle of a turn, between two, or at work at random. */
import { parentPort, workerData } from "node:worker_threads";
import { attachHeap, type HeapHandle } from "@mallocgc/runtime";
import { Control } from "../control.ts";
import { Post } from "./post.ts";
import { CollectedThread } from "./thread.ts";

/** What the thread is started with, and how it is to die. */
export interface DyingJob {
  readonly handle: HeapHandle;
  readonly how: "in a turn" | "between turns" | "at work";
  readonly seed: number;
}

/** What it says when it is ready to die. */
export interface DyingAnswer {
  readonly processorId: number;
}

const { handle, how, seed } = workerData as DyingJob;
const heap = attachHeap(handle);
const say = (): void => {
  const answer: DyingAnswer = { processorId: heap.processorId };
  parentPort!.postMessage(answer);
};

if (how === "at work") {
  const player = new CollectedThread(heap, new Control(1), 0, seed, new Post([]));
  player.reserve();
  say();
  for (;;) await player.play(1000, 500, () => undefined);
}

let kept = heap.turn(() => {
  const at = heap.mallocgc(64);
  heap.i32[at >>> 2] = seed;
  heap.roots.set("by a name", at);
  return heap.root(heap.mallocgc(100));
});
heap.turn(() => { heap.roots.set("by a handle", kept.ref); });
if (how === "in a turn") {
  heap.turn(() => {
    kept = heap.root(heap.mallocgc(100));
    say();
    // With no lock in its hands: those have a test of their own.
    for (const at = kept.ref >>> 2; ; ) heap.i32[at] = heap.i32[at]! + 1;
  });
}
say();
// So that the thread stays.
parentPort!.on("message", () => { kept.dispose(); });
