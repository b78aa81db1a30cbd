import { describe, expect, test } from "vitest";
import { attachHeap, createHeap, type Heap } from "./index.ts";
import { expectExact } from "./testing/figures.ts";
import { Thread } from "./testing/threads.ts";

const MIB = 1 << 20;

describe("a heap between threads", () => {
  test("blocks that one thread allocated are read by a second and freed by a third", async () => {
    const heap = createHeap({ gc: false, maxBytes: 64 * MIB });
    for (const size of [5, 16, 64, 1000, 40_000]) {
      const { addrs } = await new Thread(heap.handle, { kind: "allocate", size, count: 500 }).answer();
      expect(addrs.findIndex((addr, i) => heap.u8[addr] !== (i & 0xff) || heap.usableSize(addr) < size)).toBe(-1);
      expect(heap.readMemStats().HeapObjects).toBeGreaterThan(500 / 4);
      expectExact(heap);
      await new Thread(heap.handle, { kind: "free", addrs }).answer();
      expect(() => heap.free(addrs[0]!)).toThrow(expect.objectContaining({ name: "HeapError" }));
      expectExact(heap);
      expect(heap.readMemStats()).toMatchObject({ HeapObjects: 0, HeapAlloc: 0 });
    }
    heap.flush();
    expect(heap.readMemStats().HeapInuse).toBe(0);
  });

  test("a thread that comes and goes leaves its counters, and its place to the next", async () => {
    const heap = createHeap({ gc: false, maxBytes: 16 * MIB, maxThreads: 2 });
    let mallocs = 0;
    for (let i = 0; i < 5; i++) {
      const { addrs } = await new Thread(heap.handle, { kind: "allocate", size: 100, count: 77 }).answer();
      mallocs += 77;
      for (const addr of addrs) heap.free(addr);
      expect(heap.readMemStats()).toMatchObject({ Mallocs: mallocs, Frees: mallocs, HeapObjects: 0 });
    }
    expect(attachHeap(heap.handle).processorId).toBe(1);
    expectExact(heap);
  });

  test("verify and sizeClassStats beside working threads change nothing, and throw nothing", async () => {
    const heap = createHeap({ gc: false, maxBytes: 64 * MIB });
    const thread = new Thread(heap.handle, { kind: "churn", seed: 5, live: 500, maxSize: 20_000 });
    await thread.answer<string>();
    for (const end = performance.now() + 500; performance.now() < end; ) {
      heap.verify();
      heap.sizeClassStats();
    }
    thread.end();
    expect((await thread.answer()).problems).toEqual([]);
    expectExact(heap);
  });

  test("a thread that is terminated leaves its blocks and its place taken; the others go on, and can free its blocks", async () => {
    const heap = createHeap({ gc: false, maxBytes: 16 * MIB, maxThreads: 2 });
    const thread = new Thread(heap.handle, { kind: "fill", size: 3000, tag: 3 });
    const { count } = await thread.answer();
    await thread.terminate();
    expect(count).toBeGreaterThan(4000);
    expect(() => attachHeap(heap.handle)).toThrow(expect.objectContaining({ code: "ERR_TOO_MANY_THREADS" }));
    expect(heap.verify().broken).toEqual([]);
    const blocks = addressesOf(heap, 3072);
    expect(blocks.length).toBe(count);
    for (const addr of blocks) heap.free(addr);
    heap.flush();
    expect(heap.readMemStats().HeapAlloc).toBe(0);
    // What it had cached stays lost: a span of each class it used, a block of pages, some span records.
    expect(heap.readMemStats().HeapInuse).toBeLessThanOrEqual(3 * 8192);
    heap.free(heap.mallocgc(14 * MIB));
    expect(heap.verify().broken).toEqual([]);
  });
});

/** The live blocks of a size class with one slot size, found by asking about every slot of every span. */
function addressesOf(heap: Heap, elemSize: number): number[] {
  const found: number[] = [];
  for (let page = 0; page < heap.maxBytes; page += 8192) {
    const span = spanAt(heap, page);
    if (span?.elemSize !== elemSize || span.base !== page) continue;
    for (let i = 0; i < span.nelems; i++) {
      const addr = span.base + i * elemSize;
      try {
        heap.usableSize(addr);
        found.push(addr);
      } catch {
        // A free slot.
      }
    }
  }
  return found;
}

function spanAt(heap: Heap, addr: number): ReturnType<Heap["spanOf"]> | undefined {
  try {
    return heap.spanOf(addr);
  } catch {
    return undefined;
  }
}

