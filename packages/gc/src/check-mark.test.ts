import { MSpan } from "@mallocgc/mspan";
import type { Ptr } from "@mallocgc/sysmem";
import { expect, test } from "vitest";
import { findLost, walkReachable, type CheckMarkParts } from "./check-mark.ts";
import { ObjectMap } from "./object-map.ts";
import { MarkerHeap, reachable, randomGraph, type TestObject } from "./testing/marker-heap.ts";

const ROOT = 32 as Ptr;

/** A heap whose one root is `root`, and all of it marked that this leads to. */
function marked(heap: MarkerHeap, root: TestObject): CheckMarkParts {
  heap.region.i32[ROOT] = root.addr | 0;
  const marker = heap.marker();
  marker.markRange(ROOT, 1);
  while (marker.drain(1 << 30) > 0);
  return { region: heap.region, spans: heap.spans, marks: heap.marks, objects: new ObjectMap(heap.region, heap.spans), finder: heap.pageMap, roots: [{ ranges: () => [[ROOT, 1]] }] };
}

/** Takes the mark off an object again: what a marker would have missed. */
function unmark(heap: MarkerHeap, object: TestObject): void {
  const s = heap.pageMap.spanOf(object.slot);
  const slot = heap.spans.slotOf(s, object.slot);
  const { i32 } = heap.region;
  i32[i32[s + MSpan.offset.freedBits]! + (slot >>> 5)]! &= ~(1 << (slot & 31));
}

test("where a marker has missed nothing, a second mark finds nothing lost", () => {
  const heap = MarkerHeap.create();
  expect(findLost(marked(heap, randomGraph(heap, 500, 11)[0]!))).toEqual([]);
});

test("each reachable object without a mark is found, with the word that led there", () => {
  const heap = MarkerHeap.create();
  const [a, b, c] = Array.from({ length: 3 }, () => heap.small(16, [true, true]));
  heap.link(a!, 0, b!, 4);
  heap.link(b!, 1, c!, 0);
  const parts = marked(heap, a!);
  unmark(heap, b!);
  unmark(heap, c!);
  expect(findLost(parts)).toEqual([
    { addr: b!.addr + 4, from: a!.refs[0], why: "not marked" },
    { addr: c!.addr, from: b!.refs[1], why: "not marked" },
  ]);
});

test("an object that nothing leads to may go without a mark", () => {
  const heap = MarkerHeap.create();
  const [a, b] = [heap.small(16, [true]), heap.small(16, [true])];
  heap.link(b, 0, a, 0);
  expect(findLost(marked(heap, a))).toEqual([]);
});

test("a new object counts as marked", () => {
  const heap = MarkerHeap.create();
  const [a, b] = [heap.small(16, [true]), heap.small(16, [true])];
  heap.link(a, 0, b, 0);
  const parts = marked(heap, a);
  unmark(heap, b);
  const s = heap.pageMap.spanOf(b.slot);
  const slot = heap.spans.slotOf(s, b.slot);
  // Handed out, though not in the allocation bits: so it came after freeIndexForScan was noted.
  heap.region.i32[s + MSpan.offset.freeIndexForScan] = slot;
  expect(findLost(parts)).toEqual([]);
});

test("a pointer into no span is found, and not followed", () => {
  const heap = MarkerHeap.create();
  const a = heap.small(16, [true]);
  const parts = marked(heap, a);
  heap.region.i32[a.refs[0]! >>> 2] = heap.region.byteLength - 8;
  expect(findLost(parts)).toEqual([{ addr: heap.region.byteLength - 8, from: a.refs[0], why: "no object" }]);
});

test("no more are told than asked for", () => {
  const heap = MarkerHeap.create();
  const objects = Array.from({ length: 50 }, () => heap.small(16, [true]));
  objects.forEach((object, i) => { if (i > 0) heap.link(objects[i - 1]!, 0, object, 0); });
  const parts = marked(heap, objects[0]!);
  for (const object of objects) unmark(heap, object);
  expect(findLost(parts, 3)).toHaveLength(3);
});

test("a walk visits every object that is reachable once", () => {
  const heap = MarkerHeap.create();
  const [root] = randomGraph(heap, 500, 5);
  const visited: number[] = [];
  walkReachable(marked(heap, root!), (_addr, _from, s, slot) => {
    visited.push(heap.spans.slotAddr(s, slot));
    return true;
  });
  expect(visited).toHaveLength(new Set(visited).size);
  expect(new Set(visited)).toEqual(reachable([root!]));
});
