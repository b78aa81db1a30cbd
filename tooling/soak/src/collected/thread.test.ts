/** The soak proves something only if it notices a heap that is wrong: here the heap is made wrong behind the thread's back. */
import { createHeap, type Heap } from "@mallocgc/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Control } from "../control.ts";
import { Census } from "./census.ts";
import { compare, rest } from "./collected-round.ts";
import { Post } from "./post.ts";
import { CollectedThread } from "./thread.ts";

const SEED = 5;

let heap: Heap;
let control: Control;
let player: CollectedThread;

beforeEach(async () => {
  heap = createHeap({ maxBytes: 32 << 20, gcWorkers: 0, heapMinimum: 256 << 10, gcCheckMark: true, clobberFree: true });
  control = new Control(1);
  player = new CollectedThread(heap, control, 0, SEED, new Post([]));
  await player.play(20_000, 1000, () => undefined);
});
afterEach(() => {
  heap.close();
});

async function checkAtRest(): Promise<void> {
  await rest(player, true, control, () => undefined);
  const census = new Census();
  player.check(census);
  player.checkShared(census);
  compare(player, census.take(), control);
}

/** The address of an object of the thread's own graph. */
function someObject(): number {
  return heap.turn(() => {
    for (const name of heap.roots.names()) {
      const at = name.startsWith("private") ? heap.roots.get(name) : 0;
      if (at !== 0) return at;
    }
    throw new Error("the graph is empty");
  });
}

test("a sound heap passes, and all kinds of step happen", async () => {
  await checkAtRest();
  const { steps, allocations, forced, callbacks, checked } = control.totals();
  expect(steps).toBe(20_000);
  expect(Math.min(allocations, forced, callbacks, checked)).toBeGreaterThan(3);
});

test("a seed gives the same intentions again", async () => {
  const again = createHeap({ maxBytes: 32 << 20, gcWorkers: 0, heapMinimum: 256 << 10, gcCheckMark: true, clobberFree: true });
  const second = new Control(1);
  await new CollectedThread(again, second, 0, SEED, new Post([])).play(20_000, 1000, () => undefined);
  expect(second.totals().allocations).toBe(control.totals().allocations);
  again.close();
});

test("an object that nothing leads to, but that is kept, is noticed", async () => {
  const kept = heap.turn(() => heap.root(heap.mallocgc(100)));
  await expect(checkAtRest()).rejects.toThrow(/objects are in reach.*in the heap after two cycles/);
  kept.dispose();
});

test("an object that is freed while it is in reach is noticed", async () => {
  const at = someObject();
  heap.i32.fill(0xdeadbeef, at >>> 2, (at >>> 2) + 2);
  await expect(checkAtRest()).rejects.toThrow(/where no object is: deadbeef deadbeef/);
});

test("another object in the place of the one that was there is noticed", async () => {
  const at = someObject();
  const other = heap.turn(() => heap.roots.get(heap.roots.names().find((name) => name.startsWith("private") && heap.roots.get(name) !== at && heap.roots.get(name) !== 0)!));
  heap.i32.copyWithin(at >>> 2, other >>> 2, (other >>> 2) + 2);
  await expect(checkAtRest()).rejects.toThrow(/leads to object \d+ at \d+, not to object|is not as it was/);
});

test("a ref that is lost is noticed", async () => {
  heap.turn(() => {
    for (const name of heap.roots.names()) if (name.startsWith("private")) heap.roots.set(name, 0);
  });
  await expect(checkAtRest()).rejects.toThrow(/where no object is|is in reach, but|not to object/);
});
