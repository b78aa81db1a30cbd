/**
 * A collected heap that is full: of garbage, and then there is room again; of what lives, and then the error says what to do, what lives is intact, and the
 * heap goes on once something was let go.
 */
import { describe, expect, test } from "vitest";
import { HeapExhaustedError, array, createHeap, ref, struct, u32, u8, type Heap, type HeapOptions } from "./index.ts";

const MIB = 1 << 20;
const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  tag: u32,
});

function bound(heap: Heap) {
  return { Node: heap.type(NodeType), Bytes: heap.type(array(u8)) };
}

/** Allocates nodes in one turn, linked under root "full", until the heap is full; how many there were. */
function fillWithLive(heap: Heap): number {
  const { Node } = bound(heap);
  return heap.turn(() => {
    let n = 0;
    let head = 0;
    heap.roots.set("full", null);
    try {
      for (; ; n++) {
        const at = heap.alloc(Node);
        Node.next.set(at, head);
        Node.tag.set(at, n);
        head = at;
      }
    } catch (error) {
      // The name is there already, so this takes no room. Until here the turn keeps them all.
      heap.roots.set("full", head);
      expect(error).toBeInstanceOf(HeapExhaustedError);
      expect(error).toMatchObject({ code: "ERR_HEAP_EXHAUSTED", requested: 8, maxBytes: heap.maxBytes });
      expect((error as Error).message).toMatch(/drop roots, end the turn or call heap\.safepoint\(\)/);
    }
    return n;
  });
}

/** The list's tags are n-1 ... 0. */
function expectWhole(heap: Heap, n: number): void {
  const { Node } = bound(heap);
  heap.turn(() => {
    let left = n;
    for (let at = heap.roots.get("full"); at !== 0; at = Node.next.get(at)) if (Node.tag.get(at) !== --left) break;
    expect(left).toBe(0);
  });
}

/** Verifies the heap at rest: who was refused has asked for a cycle, which background threads may be at. */
function expectSound(heap: Heap): void {
  heap.gcSync();
  expect(heap.verify().broken).toEqual([]);
}

const HEAPS: HeapOptions[] = [{ maxBytes: MIB }, { maxBytes: 2 * MIB }, { maxBytes: 2 * MIB, gcWorkers: 1 }, { maxBytes: 4 * MIB, heapMinimum: 64 << 10 }];

describe.each(HEAPS)("a heap of %o", (options) => {
  const make = async (more: HeapOptions = {}): Promise<Heap> => {
    const heap = createHeap({ gcWorkers: 0, maxThreads: 4, ...options, ...more });
    // A background thread needs room for its own records.
    while (heap.gcStats().workers < (options.gcWorkers ?? 0)) await new Promise((resolve) => setTimeout(resolve, 1));
    return heap;
  };

  test("full of what lives refuses with advice, keeps all of it, and takes more once it is let go", async () => {
    const heap = await make();
    const n = fillWithLive(heap);
    expect(n).toBeGreaterThan(10_000);
    expectWhole(heap, n);
    heap.gcSync();
    expectWhole(heap, n);
    heap.turn(() => { heap.roots.set("full", null); });
    heap.gcSync();
    const again = fillWithLive(heap);
    expect(again).toBeGreaterThan(n * 0.9);
    expectWhole(heap, again);
    expectSound(heap);
    heap.close();
  });

  test("full of garbage of turns that are over, has room after a cycle, as the error says", async () => {
    const heap = await make({ gcPercent: -1 });
    const { Bytes } = bound(heap);
    const turn = (): number => heap.turn(() => {
      let n = 0;
      for (; n < 10; n++) heap.alloc(Bytes, 1000);
      return n;
    });
    let refused = 0;
    for (let i = 0; i < 1000; i++) {
      try {
        turn();
      } catch (error) {
        expect(error).toBeInstanceOf(HeapExhaustedError);
        refused++;
        await heap.gc();
        expect(turn()).toBe(10);
      }
    }
    // 10 MB in all.
    expect(heap.gcStats().cyclesSwept).toBeGreaterThan(1);
    expect(refused).toBeGreaterThan(0);
    heap.close();
  });

  test("goes on without being refused where growth begins cycles, in turns that leave time for them", async () => {
    const heap = await make({ heapMinimum: 256 << 10 });
    const { Bytes } = bound(heap);
    for (let i = 0; i < 300; i++) {
      heap.turn(() => { for (let k = 0; k < 10; k++) heap.alloc(Bytes, 1000); });
      if (i % 10 === 0) await heap.gc();
    }
    expect(heap.gcStats().cyclesSwept).toBeGreaterThanOrEqual(30);
    heap.close();
  });

  test("refuses a block that is too large for it at any time, and a smaller one is had at once", async () => {
    const heap = await make();
    const { Bytes } = bound(heap);
    heap.turn(() => {
      expect(() => heap.alloc(Bytes, heap.maxBytes)).toThrow(HeapExhaustedError);
      expect(heap.alloc(Bytes, 1000)).toBeGreaterThan(0);
    });
    expectSound(heap);
    heap.close();
  });

  test("full of large garbage, has room for one large object after a cycle", async () => {
    const heap = await make({ gcPercent: -1 });
    const { Bytes } = bound(heap);
    heap.turn(() => {
      // The name is there before the heap is full; samples of the heap profile, drawn by chance, may have taken what room there is for records by then.
      heap.roots.set("large", null);
      expect(() => { for (;;) heap.alloc(Bytes, 50_000); }).toThrow(HeapExhaustedError);
    });
    await heap.gc();
    heap.turn(() => { heap.roots.set("large", heap.alloc(Bytes, 250_000)); });
    expectSound(heap);
    heap.close();
  });

  test("full in the middle of a cycle: marking and sweeping need nothing that there is not", async () => {
    const heap = await make({ gcPercent: -1 });
    const n = fillWithLive(heap);
    for (let i = 0; i < 3; i++) {
      const done = heap.gc();
      heap.turn(() => { expect(() => heap.alloc(bound(heap).Bytes, 100_000)).toThrow(HeapExhaustedError); });
      await done;
    }
    expectWhole(heap, n);
    expect(heap.gcStats().badPointers).toBe(0);
    heap.close();
  });
});

test("every call that allocates throws the same error in a full heap, and leaves the heap whole", () => {
  const heap = createHeap({ maxBytes: MIB, maxThreads: 4, gcWorkers: 0, gcPercent: -1 });
  const { Node } = bound(heap);
  const n = fillWithLive(heap);
  // Also what is left in pages for other classes.
  heap.turn(() => {
    const fill = (call: () => unknown): void => { expect(() => { for (let i = 0; i < 1e6; i++) call(); }).toThrow(HeapExhaustedError); };
    fill(() => heap.mallocgc(16));
    fill(() => heap.mallocgc(3));
    fill(() => heap.mallocgc(100_000));
    fill(() => heap.new(Node, {}));
  });
  expectWhole(heap, n);
  heap.turn(() => { heap.roots.set("full", null); });
  heap.gcSync();
  expect(heap.turn(() => heap.alloc(Node))).toBeGreaterThan(0);
  expect(heap.verify().broken).toEqual([]);
});
