import { describe, expect, test } from "vitest";
import { describeValue } from "../errors.ts";
import { collectUntil } from "./testing/engine-gc.ts";
import { TestHeap, TestView } from "./testing/test-heap.ts";

describe("weak refs", () => {
  test("find their object while something else keeps it, and nothing after, also when its slot is another's", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const weak = heap.roots.weaks.weak(object);
    heap.collect([object]);
    expect(weak.get()).toBe(object);
    expect(heap.collect()).toBe(1);
    expect(weak.get()).toBe(0);
    expect(heap.object()).toBe(object);
    expect(weak.get()).toBe(0);
  });

  test("are equal exactly when made from the same object, in one thread and in two, alive and dead", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const [a, b] = [heap.object(), heap.object()];
    const first = heap.roots.weaks.weak(a);
    expect(heap.roots.weaks.weak(new TestView(a))).toBe(first);
    const theirs = other.roots.weaks.weak(a);
    const of = heap.roots.weaks.weak(b);
    for (const round of ["alive", "dead"]) {
      expect([first.equals(theirs), theirs.equals(first), first.equals(of), first.id === theirs.id, first.id === of.id], round).toEqual([true, true, false, true, false]);
      heap.collect();
    }
    expect(heap.object()).toBe(b);
    const again = heap.roots.weaks.weak(b);
    expect([again.equals(of), again.id === of.id]).toEqual([false, false]);
    const elsewhere = TestHeap.create();
    const same = elsewhere.roots.weaks.weak(elsewhere.object());
    expect([same.id === first.id, first.equals(same)]).toEqual([true, false]);
  });

  test("see no object whose finalizer is due, though it lives", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const weak = heap.roots.weaks.weak(object);
    heap.roots.callbacks.setFinalizer(object, (ref) => {
      heap.roots.named.set("saved", ref);
      expect(weak.get()).toBe(0);
    });
    heap.collect();
    expect(weak.get()).toBe(0);
    heap.roots.turnStart();
    expect([heap.collect(), heap.roots.named.get("saved"), weak.get()]).toEqual([0, object, 0]);
    const again = heap.roots.weaks.weak(object);
    expect([again.get(), again.equals(weak)]).toEqual([object, false]);
  });

  test("give nothing for an object that the collector has found dead and not swept yet", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const weak = heap.roots.weaks.weak(object);
    heap.dying.add(object);
    expect(weak.get()).toBe(0);
  });

  test("are made from objects", () => {
    const heap = TestHeap.create();
    for (const bad of [0, null, undefined, 64, -1, 1.5, "x", {}]) {
      expect(() => heap.roots.weaks.weak(bad as never), describeValue(bad)).toThrow(expect.objectContaining({ code: "ERR_WEAK" }));
    }
    const object = heap.object();
    heap.exhaust();
    expect(() => heap.roots.weaks.weak(object)).toThrow(expect.objectContaining({ code: "ERR_HEAP_EXHAUSTED" }));
  });

  test("give their handle back when they are dropped and their object is dead, or their thread leaves", async () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const object = heap.object();
    (() => void heap.roots.weaks.weak(object))();
    const theirs = other.roots.weaks.weak(object);
    await collectUntil(() => heap.roots.due);
    heap.roots.turnStart();
    heap.collect();
    expect([heap.specials.handles.count, theirs.get()]).toEqual([1, 0]);
    other.leave();
    expect(heap.specials.handles.count).toBe(0);
  });
});
