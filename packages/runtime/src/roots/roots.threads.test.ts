import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { verifySpecials } from "@mallocgc/gc";
import { describe, expect, test } from "vitest";
import type { HandleMessage } from "./handle.ts";
import type { RootsJob, RootsWork } from "./testing/roots.worker.ts";
import { TestHeap, keptBy } from "./testing/test-heap.ts";

function start(heap: TestHeap, processorId: number, work: RootsWork): Worker {
  const workerData: RootsJob = { handle: heap.handle, processorId, work };
  return new Worker(new URL("./testing/roots.worker.ts", import.meta.url), { workerData, execArgv: ["--conditions=dev"] });
}

async function answer<T>(worker: Worker): Promise<T> {
  const [message] = (await once(worker, "message")) as [T];
  return message;
}

/** Word 0 counts the threads that have arrived, word 1 says how many are to. */
function gateFor(threads: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8)).fill(threads, 1);
}

describe("roots between threads", () => {
  test("a handle goes to another thread, by clone and by move, and comes back", async () => {
    const heap = TestHeap.create();
    const object = heap.object([4711]);
    const worker = start(heap, 1, { kind: "echo" });
    expect(await answer(worker)).toBe("ready");
    const handle = heap.roots.handles.root(object);
    worker.postMessage(handle);
    const first = await answer<{ word: number; back: HandleMessage }>(worker);
    worker.postMessage(handle.move());
    const second = await answer<{ word: number; back: HandleMessage }>(worker);
    expect([first.word, second.word]).toEqual([4711, 4711]);
    // Both are on their way back, and nothing else keeps the object.
    expect([heap.collect(), keptBy(heap, heap.roots.handles.slots)]).toEqual([0, [object, object]]);
    const back = [first.back, second.back].map((message) => heap.roots.handles.adopt(message));
    expect(back.map((h) => h.ref)).toEqual([object, object]);
    worker.postMessage("end");
    await once(worker, "exit");
    for (const h of back) h.dispose();
    expect([heap.roots.handles.slots.count(), heap.collect()]).toEqual([0, 1]);
  });

  test("of two threads that adopt the same moves at the same time, each move goes to exactly one", async () => {
    const heap = TestHeap.create(8 << 20);
    const messages = Array.from({ length: 3000 }, (_, i) => heap.roots.handles.root(heap.object([i])).move());
    const gate = gateFor(2);
    const [a, b] = await Promise.all([1, 2].map((id) => answer<number[]>(start(heap, id, { kind: "grab", messages, gate }))));
    const all = [...a!, ...b!].sort((x, y) => x - y);
    expect(all).toEqual(messages.map((_, i) => i));
    expect([heap.roots.handles.slots.count(), heap.collect()]).toEqual([0, 3000]);
    expect(heap.roots.verify(3)).toEqual([]);
    // All slots have come back to this thread.
    const blocks = [...heap.roots.handles.slots.ranges()].length;
    for (let i = 0; i < 3000; i++) heap.roots.handles.root(null);
    expect([...heap.roots.handles.slots.ranges()].length).toBe(blocks);
  });

  test("two threads that make the same unique values at the same time, and a third that comes later, have the same objects", async () => {
    const heap = TestHeap.create(16 << 20);
    const gate = gateFor(2);
    const work: RootsWork = { kind: "unique", from: 0, to: 1000, rounds: 5, gate };
    const [a, b] = await Promise.all([1, 2].map((id) => answer<{ problems: string[]; made: [number, number][] }>(start(heap, id, work))));
    expect([...a!.problems, ...b!.problems]).toEqual([]);
    expect(a!.made).toEqual(b!.made);
    const ours = Array.from({ length: 1000 }, (_, i) => heap.roots.uniques.unique(`value ${i}`));
    expect(ours.map((unique) => [unique.id, unique.ref])).toEqual(a!.made);
    expect(new Set(ours.map((unique) => unique.ref)).size).toBe(1000);
    expect([heap.roots.uniques.count, heap.roots.verify(3), verifySpecials(heap.mem, heap.specials, heap.allSpans())]).toEqual([1000, [], []]);
  });

  test("a thread that waits for a named root sleeps until another sets it", async () => {
    const heap = TestHeap.create();
    const worker = start(heap, 1, { kind: "wait", name: "here" });
    expect(await answer(worker)).toBe("ready");
    heap.roots.named.set("elsewhere", null);
    const answered = answer<number>(worker);
    await new Promise((resolve) => setTimeout(resolve, 50));
    heap.roots.named.set("here", heap.object([77]));
    expect(await answered).toBe(77);
  });

  test("threads that set and delete names at the same time find their own and no other's", async () => {
    const heap = TestHeap.create(8 << 20);
    const gate = gateFor(2);
    const problems = await Promise.all([1, 2].map((id) => answer<string[]>(start(heap, id, { kind: "names", rounds: 20_000, gate }))));
    expect(problems.flat().slice(0, 5)).toEqual([]);
    expect(heap.roots.verify(3)).toEqual([]);
    const names = heap.roots.named.names();
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(heap.mem[heap.roots.named.get(name) >>> 2]).toBe(Number(name.split(" ")[1]));
  });
});
