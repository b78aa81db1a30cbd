import { MSpan } from "@mallocgc/mspan";
import { PAGE_SIZE, type Addr, type Ptr } from "@mallocgc/sysmem";
import { randomFrom } from "@mallocgc/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Marker } from "./marker.ts";
import { MarkerHeap, randomGraph, reachable, type TestObject } from "./testing/marker-heap.ts";
import { WorkRecord } from "./work-record.ts";

/** A word of the region that nothing else uses, for roots: before the first table. */
const ROOTS = 32 as Ptr;
const ALL = 2 ** 40;

function rootsOf(objects: readonly TestObject[], random: (below: number) => number): TestObject[] {
  return Array.from({ length: 1 + random(4) }, () => objects[random(objects.length)]!);
}

/** Marks from the roots until nothing is left, `budget` bytes at a time. */
function markAll(heap: MarkerHeap, marker: Marker, roots: readonly TestObject[], budget = ALL): void {
  roots.forEach((root, i) => { heap.region.i32[ROOTS + i] = root.addr | 0; });
  marker.markRange(ROOTS, roots.length);
  while (marker.drain(budget) > 0);
}

describe.each([{ shared: true }, { shared: false }])("marking in a region that is shared: $shared", ({ shared }) => {
  test("marks exactly what a naive walk reaches, in graphs of all kinds of objects", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 1500 }), fc.constantFrom(1, 5000, ALL), (seed, n, budget) => {
      const heap = MarkerHeap.create(32 << 20, shared);
      const objects = randomGraph(heap, n, seed);
      const roots = rootsOf(objects, randomFrom(seed + 1));
      const marker = heap.marker();
      markAll(heap, marker, roots, budget);
      const expected = reachable(roots);
      expect(heap.marked()).toEqual(expected);
      expect(marker.markedObjects).toBe(expected.size);
      expect(marker.badPointers).toBe(0);
      expect(marker.nothingToTake()).toBe(true);
    }), { numRuns: 25 });
  });

  test("markedBytes counts whole slots; scanWork what was scanned, up to the last pointer", () => {
    const heap = MarkerHeap.create(4 << 20, shared);
    const leaf = heap.small(100, []);
    const node = heap.small(32, [false, true, true]);
    heap.link(node, 0, leaf, 99);
    heap.link(node, 1, node, 0);
    const marker = heap.marker();
    markAll(heap, marker, [node]);
    expect(marker.markedBytes).toBe(32 + 112);
    expect(marker.scanWork).toBe(12);
  });
});

/** Where the pointers of object `i` lead, of objects that lie side by side. */
const NEIGHBOURS: Readonly<Record<string, (i: number, random: (below: number) => number) => number>> = {
  forward: (i, random) => i + 1 + random(3),
  backward: (i, random) => i - 1 - random(3),
  "to and fro": (i, random) => i - 60 + random(121),
};

describe.each([{ shared: true }, { shared: false }])("a span whose objects point at each other, in a region that is shared: $shared", ({ shared }) => {
  test.each([8, 16, 24, 32, 48, 64, 80, 96, 112, 128])("of %i bytes each is marked as a naive walk does, each object counted and scanned once", (size) => {
    for (const [name, neighbour] of Object.entries(NEIGHBOURS)) {
      const random = randomFrom(size * 7 + name.length);
      const heap = MarkerHeap.create(8 << 20, shared);
      const words = Array.from({ length: size >>> 2 }, (_, w) => w === 1 || random(3) === 0);
      const objects = Array.from({ length: 3000 }, () => heap.small(size, words));
      objects.forEach((from, i) => {
        for (let ref = 0; ref < from.refs.length; ref++) {
          const to = objects[neighbour(i, random)];
          if (to !== undefined && random(8) !== 0) heap.link(from, ref, to, random(size));
        }
      });
      const roots = [objects[1500]!, objects[random(3000)]!];
      const marker = heap.marker();
      markAll(heap, marker, roots);
      const expected = reachable(roots);
      expect(heap.marked(), name).toEqual(expected);
      expect(marker.markedObjects).toBe(expected.size);
      expect(marker.markedBytes).toBe(expected.size * size);
      expect(marker.scanWork).toBe(expected.size * (words.lastIndexOf(true) + 1) * 4);
      expect(marker.badPointers).toBe(0);
    }
  });
});

test("a pointer to no slot is bad in a span that is passed over, too", () => {
  const heap = MarkerHeap.create();
  const objects = Array.from({ length: 20 }, () => heap.small(32, [true, true]));
  objects.slice(1).forEach((to, i) => { heap.link(objects[i]!, 0, to, 0); });
  const s = heap.pageMap.spanOf(objects[0]!.slot);
  const wild = heap.spans.base(s) + heap.spans.npages(s) * PAGE_SIZE - 1;
  heap.region.i32[objects[19]!.refs[1]! >>> 2] = wild;
  const marker = heap.marker();
  markAll(heap, marker, [objects[0]!]);
  expect(marker.markedObjects).toBe(20);
  expect(marker.badPointers).toBe(1);
  expect(marker.lastBadPointer).toBe(wild);
});

test("what a thread had noted of the span in which it died is forgotten by the next marker over its record", () => {
  const heap = MarkerHeap.create();
  const objects = Array.from({ length: 200 }, () => heap.small(32, [true]));
  for (let i = 1; i < 100; i++) heap.link(objects[i - 1]!, 0, objects[i]!, 0);
  const { hits, white } = WorkRecord.offset;
  heap.region.i32.fill(-1, heap.work + hits, heap.work + white);
  const marker = heap.marker();
  markAll(heap, marker, [objects[0]!]);
  expect(marker.markedObjects).toBe(100);
});

test("a long list is marked, whose every object is found from the one before", () => {
  const heap = MarkerHeap.create();
  const objects = Array.from({ length: 50_000 }, () => heap.small(16, [false, true]));
  const order = objects.map((_, i) => i);
  const random = randomFrom(7);
  for (let i = order.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  for (let i = 1; i < order.length; i++) heap.link(objects[order[i - 1]!]!, 0, objects[order[i]!]!, 0);
  const marker = heap.marker();
  markAll(heap, marker, [objects[order[0]!]!]);
  expect(marker.markedObjects).toBe(objects.length);
});

test("a large array is scanned in pieces: a budget ends in its middle, and the rest is on the stack", () => {
  const heap = MarkerHeap.create();
  const array = heap.typed(8 + 100_000 * 4, heap.type(true, [true], 4), 100_000);
  const leaf = heap.small(64, []);
  heap.link(array, 99_999, leaf, 8);
  const marker = heap.marker();
  marker.markOne(array.addr);
  expect(marker.drain(10_000)).toBeLessThan(20_000);
  expect(heap.isMarked(leaf)).toBe(false);
  while (marker.drain(10_000) > 0);
  expect(heap.isMarked(leaf)).toBe(true);
});

test("an array's length bounds the scan, and the slot bounds the length", () => {
  const heap = MarkerHeap.create();
  const type = heap.type(true, [true], 4);
  const [inside, outside] = [heap.small(64, []), heap.small(64, [])];
  const array = heap.typed(200, type, 40);
  heap.link(array, 9, inside, 0);
  heap.link(array, 10, outside, 0);
  heap.region.i32[array.addr >>> 2] = 10;
  const marker = heap.marker();
  markAll(heap, marker, [array]);
  expect(heap.marked()).toEqual(new Set([array.slot, inside.slot]));
  // A length beyond the slot: what follows is a neighbour's.
  const other = heap.typed(200, type, 40);
  const neighbour = heap.typed(200, type, 40);
  const lost = heap.small(64, []);
  heap.region.i32[other.addr >>> 2] = 0x7fffffff;
  heap.link(neighbour, 0, lost, 0);
  markAll(heap, marker, [other]);
  expect(heap.isMarked(lost)).toBe(false);
});

test("an object whose type is not set yet is marked and not scanned", () => {
  const heap = MarkerHeap.create();
  const leaf = heap.small(64, []);
  for (const nbytes of [200, 100_000]) {
    const object = heap.typed(nbytes, { at: 0 as Addr, array: false, elemSize: 0, words: [true] });
    heap.link(object, 0, leaf, 0);
    const marker = heap.marker();
    markAll(heap, marker, [object]);
    expect(heap.isMarked(object)).toBe(true);
  }
  expect(heap.isMarked(leaf)).toBe(false);
});

test("a pointer that leads to no span, or to no slot, is counted and noted, and marks nothing", () => {
  const heap = MarkerHeap.create();
  const node = heap.small(128, Array<boolean>(32).fill(true));
  const s = heap.pageMap.spanOf(node.slot);
  const wild = [
    1, 4096, 0xfffffff8, // before the heap, beyond the region
    heap.spans.base(s) + heap.spans.npages(s) * PAGE_SIZE, // the page after
    heap.spans.base(s) + heap.spans.npages(s) * PAGE_SIZE - 1, // behind the last slot of its own span
  ];
  wild.forEach((addr, i) => { heap.region.i32[node.refs[i]! >>> 2] = addr | 0; });
  const marker = heap.marker();
  markAll(heap, marker, [node]);
  expect(heap.marked()).toEqual(new Set([node.slot]));
  expect(marker.badPointers).toBe(wild.length);
  expect(wild).toContain(marker.lastBadPointer);
});

test("scanObject marks what an object leads to, and not the object", () => {
  const heap = MarkerHeap.create();
  const [object, child, grandchild] = [heap.small(48, [true]), heap.small(48, [true]), heap.small(48, [])];
  heap.link(object, 0, child, 4);
  heap.link(child, 0, grandchild, 0);
  const marker = heap.marker();
  marker.scanObject(object.addr);
  while (marker.drain(ALL) > 0);
  expect(heap.marked()).toEqual(new Set([child.slot, grandchild.slot]));
});

test("a marker without memory for buffers drops entries and says so; scanning marked objects again finds what was lost", () => {
  const heap = MarkerHeap.create(32 << 20);
  heap.buffers = 0;
  const fan = heap.typed(8 + 20_000 * 4, heap.type(true, [true], 4), 20_000);
  const leaves: TestObject[] = [];
  for (let i = 0; i < 20_000; i++) {
    const [node, leaf] = [heap.small(16, [true]), heap.small(16, [])];
    heap.link(fan, i, node, 0);
    heap.link(node, 0, leaf, 0);
    leaves.push(leaf);
  }
  const marker = heap.marker();
  // As roots: more than a stack holds, before the first is scanned.
  marker.markRange((fan.refs[0]! >>> 2) as Ptr, fan.refs.length);
  while (marker.drain(ALL) > 0);
  const lost = leaves.filter((leaf) => !heap.isMarked(leaf)).length;
  expect(lost).toBeGreaterThan(0);
  let rounds = 0;
  for (; marker.takeOverflow(); rounds++) {
    for (const s of heap.all) {
      marker.rescanMarked(s);
      while (marker.drain(ALL) > 0);
    }
  }
  expect(rounds).toBeGreaterThan(0);
  expect(leaves.every((leaf) => heap.isMarked(leaf))).toBe(true);
});

test("what a marker hands over is taken by another, and discard forgets what was not", () => {
  const heap = MarkerHeap.create();
  const objects = randomGraph(heap, 300, 11);
  const [first, second] = [heap.marker(0), heap.marker(1)];
  for (const root of objects) first.markOne(root.addr);
  expect(first.nothingToTake()).toBe(true);
  first.flushLocal();
  expect(first.nothingToTake()).toBe(false);
  while (second.drain(ALL) > 0);
  expect(second.scanWork).toBeGreaterThan(0);
  expect(first.drain(ALL)).toBe(0);
  first.scanObject(objects.find((object) => object.refs.length > 0)!.addr);
  first.discard();
  expect(first.drain(ALL)).toBe(0);
});

test("a record left busy by a thread that died says so once", () => {
  const heap = MarkerHeap.create();
  const marker = heap.marker();
  expect(marker.takeBroken()).toBe(false);
  heap.region.i32[heap.work + WorkRecord.offset.busy] = 1;
  expect(marker.takeBroken()).toBe(true);
  expect(marker.takeBroken()).toBe(false);
});

describe("pointers that are put off", () => {
  /** An array of so many refs, in a random order, to objects of 64 bytes that each point at another at random; every third ref is to a leaf, every fourth twice. */
  function fan(heap: MarkerHeap, n: number): { array: TestObject; nodes: TestObject[] } {
    const random = randomFrom(n);
    const array = heap.typed(8 + n * 4, heap.type(true, [true], 4), n);
    const nodes = Array.from({ length: n }, (_, i) => (i % 3 === 0 ? heap.small(64, []) : heap.small(64, [true, true])));
    for (let i = 0; i < n; i++) {
      const to = nodes[random(n)]!;
      heap.link(array, i, to, 4 * random(16));
      if (i % 4 === 0 && i + 1 < n) heap.link(array, ++i, to, 0);
    }
    for (const node of nodes) node.refs.forEach((_, ref) => { if (random(2) === 0) heap.link(node, ref, nodes[random(n)]!, 4 * random(16)); });
    return { array, nodes };
  }

  test.each([
    { n: 100, budget: ALL }, { n: 3000, budget: 1 }, { n: 3000, budget: 20_000 }, { n: 300_000, budget: ALL },
  ])("are marked, all of them: an array of $n refs, budget $budget", ({ n, budget }) => {
    for (const shared of [true, false]) {
      const heap = MarkerHeap.create(64 << 20, shared);
      const { array } = fan(heap, n);
      const marker = heap.marker();
      marker.deferPointers();
      markAll(heap, marker, [array], budget);
      const expected = reachable([array]);
      expect(marker.markedObjects).toBe(expected.size);
      expect(heap.marked()).toEqual(expected);
      expect([marker.pending, marker.badPointers, marker.nothingToTake()]).toEqual([0, 0, true]);
    }
  });

  test("count as in hand until flushLocal has marked them: another marker finds all work on the list", () => {
    const heap = MarkerHeap.create(32 << 20);
    const { array } = fan(heap, 20_000);
    const [first, second] = [heap.marker(0), heap.marker(1)];
    first.deferPointers();
    first.markOne(array.addr);
    first.drain(4000);
    const marked = first.markedObjects;
    expect(first.pending).toBeGreaterThan(900);
    first.flushLocal();
    expect(first.pending).toBe(0);
    expect(first.markedObjects).toBeGreaterThan(marked);
    while (second.drain(ALL) > 0);
    expect(heap.marked()).toEqual(reachable([array]));
  });

  test("are forgotten by discard", () => {
    const heap = MarkerHeap.create(32 << 20);
    const marker = heap.marker();
    marker.deferPointers();
    marker.markOne(fan(heap, 20_000).array.addr);
    marker.drain(4000);
    const marked = marker.markedObjects;
    marker.discard();
    expect(marker.pending).toBe(0);
    marker.flushLocal();
    expect(marker.markedObjects).toBe(marked);
  });

  test("are marked without memory for buffers, too: what is dropped is said", () => {
    const heap = MarkerHeap.create(64 << 20);
    const { array } = fan(heap, 150_000);
    const marker = heap.marker();
    marker.deferPointers();
    heap.buffers = 0;
    markAll(heap, marker, [array]);
    while (marker.takeOverflow()) {
      for (const s of heap.all) {
        marker.rescanMarked(s);
        while (marker.drain(ALL) > 0);
      }
    }
    expect(heap.marked()).toEqual(reachable([array]));
  });

  test("where there is no memory for them, are marked at once", () => {
    const heap = MarkerHeap.create(32 << 20);
    const { array } = fan(heap, 3000);
    const marker = heap.marker();
    heap.buffers = 100;
    marker.deferPointers();
    marker.markOne(array.addr);
    marker.drain(4000);
    expect(marker.markedObjects).toBeGreaterThan(500);
    markAll(heap, marker, [array]);
    expect(heap.marked()).toEqual(reachable([array]));
  });

  test("that lead nowhere are counted and noted", () => {
    const heap = MarkerHeap.create(32 << 20);
    const { array } = fan(heap, 3000);
    heap.region.i32[array.refs[17]! >>> 2] = 0xfffffff8 | 0;
    heap.region.i32[array.refs[18]! >>> 2] = 4096;
    const marker = heap.marker();
    marker.deferPointers();
    markAll(heap, marker, [array]);
    expect(marker.badPointers).toBe(2);
  });
});

test("the state of a span is not asked: the page map alone decides", () => {
  const heap = MarkerHeap.create();
  const object = heap.small(64, [true]);
  heap.region.i32[heap.pageMap.spanOf(object.slot) + MSpan.offset.state] = 0;
  const marker = heap.marker();
  markAll(heap, marker, [object]);
  expect(marker.badPointers).toBe(0);
  expect(marker.markedObjects).toBe(1);
});
