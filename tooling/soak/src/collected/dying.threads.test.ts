/** What holds when a thread ends without `detach`: terminated between turns, in one, or at any instruction. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createHeap, type Heap } from "@mallocgc/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Control } from "../control.ts";
import { expectWhole } from "../round.ts";
import { Rng } from "../rng.ts";
import type { DyingAnswer, DyingJob } from "./dying.worker.ts";
import { Post } from "./post.ts";
import { SharedGraph, dropSharedRoots } from "./shared-graph.ts";
import { Shapes } from "./shapes.ts";

/** Invariants whose end is the end of objects that somebody reaches. */
const HARMFUL = /second mark|pointer leads to an object|meet pointers only/;

let heap: Heap;
/** A lock is in a dead thread's hands: who leaves would wait for it. */
let damaged: boolean;

beforeEach(() => {
  damaged = false;
  heap = createHeap({ maxBytes: 32 << 20, gcWorkers: 1, heapMinimum: 256 << 10, gcCheckMark: true, clobberFree: true });
});
afterEach(() => {
  if (!damaged) heap.close();
});

/** Starts a thread, and terminates it when it is ready, or `ms` later; the number of its P. */
async function die(how: DyingJob["how"], seed = 7, ms = 0): Promise<number> {
  const workerData: DyingJob = { handle: heap.handle, how, seed };
  const worker = new Worker(new URL("./dying.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
  const [{ processorId }] = (await once(worker, "message")) as [DyingAnswer];
  if (ms > 0) await sleep(ms);
  await worker.terminate();
  return processorId;
}

test("a thread that died between turns holds nobody up; what its handles keep stays until it is buried", async () => {
  const id = await die("between turns");
  const weak = heap.turn(() => heap.weak(heap.roots.get("by a handle")));
  heap.roots.delete("by a handle");
  await heap.gc();
  expect(weak.get()).not.toBe(0);
  await heap.gc();
  expect(heap.bury(id)).toBe(true);
  await heap.gc();
  expect(weak.get()).toBe(0);
  expect(heap.i32[heap.roots.get("by a name") >>> 2]).toBe(7);
  expectWhole(heap);
});

test("a thread that died in a turn holds the collector up, which names it, and nobody else; once it is buried the cycle ends", async () => {
  const id = await die("in a turn");
  const swept = heap.gcStats().cyclesSwept;
  const cycle = heap.gc();
  while (heap.gcStats().heldUpBy?.processorId !== id) await sleep(5);
  // The others go on: what is there is found, and more is made, until the heap is full, which is said.
  heap.turn(() => { expect(heap.i32[heap.roots.get("by a name") >>> 2]).toBe(7); });
  expect(() => { for (;;) heap.turn(() => heap.mallocgc(100_000)); }).toThrow(expect.objectContaining({ code: "ERR_HEAP_EXHAUSTED" }));
  expect(heap.gcStats().cyclesSwept).toBe(swept);
  expect(heap.bury(id)).toBe(true);
  await cycle;
  heap.turn(() => {
    expect(heap.mallocgc(1 << 20)).not.toBe(0);
    expect(heap.i32[heap.roots.get("by a name") >>> 2]).toBe(7);
  });
  await heap.gc();
  expectWhole(heap);
});

test("a thread that died at any moment can be buried, and nothing that lives is lost; or it is said that it cannot be repaired", async () => {
  for (let n = 0; n < 6; n++) {
    const seed = randomInt(2 ** 31);
    const id = await die("at work", seed, randomInt(1, 60));
    if (!buried(id)) return;
    await heap.gc();
    heap.turn(() => {
      const graph = new SharedGraph(new Shapes(heap), new Control(1), 0, new Rng(seed), new Post([]), () => 0);
      graph.forEachShared(() => undefined);
    });
    await heap.gc();
    // What was in its hands on the way from one place to another, pages or a span, may be lost to the heap, and the verifier says so.
    expect(heap.verify().broken.filter(({ invariant }) => HARMFUL.test(invariant)), `seed ${seed}`).toEqual([]);
    // A mutex in an object that it held is held for ever, by whoever gets its place: nobody may come across one.
    dropSharedRoots(heap);
  }
}, 60_000);

/** False when it died with something in its hands that cannot be repaired; that is said. */
function buried(id: number): boolean {
  try {
    return heap.bury(id);
  } catch (error) {
    expect(error).toMatchObject({ code: "ERR_HEAP_DAMAGED" });
    damaged = true;
    return false;
  }
}
