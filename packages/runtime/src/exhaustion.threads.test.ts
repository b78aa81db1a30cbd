import { describe, expect, test } from "vitest";
import { HeapExhaustedError, createHeap } from "./index.ts";
import { Thread } from "./testing/threads.ts";

const MIB = 1 << 20;

describe("a heap that two threads fill at once", () => {
  test.each([
    [24, 2 * MIB], [24, 16 * MIB], [5, 16 * MIB], [1000, 16 * MIB], [9000, 16 * MIB], [50_000, 16 * MIB],
  ])("with blocks of %i bytes, of %i bytes: each thread's blocks stay intact, and once both have freed all, as much can be had again", async (size, maxBytes) => {
    const heap = createHeap({ gc: false, maxBytes });
    const threads = [1, 2].map((tag) => new Thread(heap.handle, { kind: "fill", size, tag }));
    const rounds: number[] = [];
    for (let step = 0; step < 4; step++) {
      const answers = await Promise.all(threads.map((thread) => thread.answer()));
      expect(answers.flatMap((answer) => answer.problems)).toEqual([]);
      if (step % 2 === 0) {
        rounds.push(answers.reduce((n, answer) => n + answer.count, 0));
        // A third thread finds no room either: the two have left none.
        expect(() => heap.mallocgc(100_000)).toThrow(HeapExhaustedError);
      }
      expect(heap.verify().broken).toEqual([]);
      if (step < 3) for (const thread of threads) thread.goOn();
    }
    heap.flush();
    expect(heap.readMemStats()).toMatchObject({ HeapAlloc: 0, HeapObjects: 0, HeapInuse: 0 });
    // Each thread may hold a page cache of 64 pages when the other finds no room.
    const [first, second] = rounds as [number, number];
    expect(second * size).toBeGreaterThan(first * size - 2 * 64 * 8192);
    expect(second).toBeGreaterThan(first * 0.85);
  });

  test("a thread that finds no room can go on as soon as the other has freed and flushed", async () => {
    const heap = createHeap({ gc: false, maxBytes: 2 * MIB });
    const thread = new Thread(heap.handle, { kind: "fill", size: 1000, tag: 7 });
    const { count } = await thread.answer();
    expect(count).toBeGreaterThan(1000);
    expect(() => heap.mallocgc(100_000)).toThrow(HeapExhaustedError);
    thread.goOn();
    await thread.answer();
    const addr = heap.mallocgc(100_000);
    heap.flush();
    thread.goOn();
    const again = await thread.answer();
    expect(again.count).toBeGreaterThan(count - 200);
    heap.free(addr);
    thread.goOn();
    await thread.answer();
    expect(heap.verify().broken).toEqual([]);
  });
});
