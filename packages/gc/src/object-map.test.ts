import type { Ptr } from "@mallocgc/sysmem";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ObjectMap } from "./object-map.ts";
import { MarkerHeap, randomGraph, type TestObject } from "./testing/marker-heap.ts";

/** A word of the region that nothing else uses. */
const ROOT = 32 as Ptr;

/** The pointer words of an object, as the map says. */
function pointersOf(heap: MarkerHeap, map: ObjectMap, object: TestObject): number[] {
  const s = heap.pageMap.spanOf(object.slot);
  const words: number[] = [];
  map.forEachPointer(s, heap.spans.slotOf(s, object.slot), (addr) => void words.push(addr));
  return words;
}

describe("the map of an object's pointers", () => {
  test("has just the words that were declared pointers, for objects of every kind", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
      const heap = MarkerHeap.create(32 << 20);
      const map = new ObjectMap(heap.region, heap.spans);
      for (const object of randomGraph(heap, 300, seed)) expect(pointersOf(heap, map, object)).toEqual(object.refs);
    }), { numRuns: 15 });
  });

  test("agrees with the marking kernel: what the map leads to is what a marker marks", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
      const heap = MarkerHeap.create(32 << 20);
      const map = new ObjectMap(heap.region, heap.spans);
      const [root] = randomGraph(heap, 300, seed);
      const reached = new Set<number>();
      const todo = [root!.slot as number];
      for (let slot = todo.pop(); slot !== undefined; slot = todo.pop()) {
        if (reached.has(slot)) continue;
        reached.add(slot);
        const s = heap.pageMap.spanOf(slot);
        map.forEachPointer(s, heap.spans.slotOf(s, slot), (addr) => {
          const to = heap.region.i32[addr >>> 2]! >>> 0;
          if (to === 0) return;
          const target = heap.pageMap.spanOf(to);
          todo.push(heap.spans.slotAddr(target, heap.spans.slotOf(target, to)));
        });
      }
      const marker = heap.marker();
      heap.region.i32[ROOT] = root!.addr;
      marker.markRange(ROOT, 1);
      while (marker.drain(1 << 30) > 0);
      expect(reached).toEqual(heap.marked());
    }), { numRuns: 15 });
  });

  test("of an array has elements up to its length, and none beyond its slot when the length is damaged", () => {
    const heap = MarkerHeap.create();
    const map = new ObjectMap(heap.region, heap.spans);
    const array = heap.typed(8 + 40 * 4, heap.type(true, [true], 4), 40);
    expect(pointersOf(heap, map, array)).toHaveLength(40);
    heap.region.i32[array.addr >>> 2] = 0x7fffffff;
    const s = heap.pageMap.spanOf(array.slot);
    const words = pointersOf(heap, map, array);
    expect(words.length).toBeGreaterThanOrEqual(40);
    expect(Math.max(...words)).toBeLessThan(array.slot + heap.spans.elemSize(s));
  });

  test("of an object whose type is not written yet has nothing", () => {
    const heap = MarkerHeap.create();
    const map = new ObjectMap(heap.region, heap.spans);
    const object = heap.typed(200, heap.type(false, [true]));
    heap.region.i32[object.slot >>> 2] = 0;
    expect(pointersOf(heap, map, object)).toEqual([]);
  });
});
