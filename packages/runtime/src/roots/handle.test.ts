import { describe, expect, test } from "vitest";
import { describeValue } from "../errors.ts";
import type { HandleMessage } from "./handle.ts";
import { collectUntil } from "./testing/engine-gc.ts";
import { TestHeap, TestView, keptBy } from "./testing/test-heap.ts";

const code = (wanted: string): unknown => expect.objectContaining({ name: "HeapError", code: wanted });
const DISPOSED = code("ERR_ROOT_DISPOSED");
const HANDLE = code("ERR_ROOT_HANDLE");

describe("handles", () => {
  test("keep their object, and all it reaches, until they are disposed of or set to another", () => {
    const heap = TestHeap.create();
    const [a, b] = [heap.object([heap.object()]), heap.object()];
    {
      using h = heap.roots.handles.root(a);
      heap.roots.handles.root(new TestView(b));
      expect([h.ref, h.disposed]).toEqual([a, false]);
      expect(heap.collect()).toBe(0);
      h.set(b);
      expect([heap.collect(), h.ref]).toEqual([2, b]);
      h.set(null);
      expect([heap.collect(), h.ref]).toEqual([0, 0]);
    }
    expect(heap.roots.handles.slots.count()).toBe(1);
  });

  test("disposed of twice, or used after, are an error, and disturb whoever has the slot then", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const first = heap.roots.handles.root(object);
    first.dispose();
    const second = heap.roots.handles.root(object);
    expect([second.slot, first.disposed]).toEqual([first.slot, true]);
    for (const use of [() => first.dispose(), () => first.ref, () => first.set(object), () => first.move()]) expect(use).toThrow(DISPOSED);
    expect(second.ref).toBe(object);
    expect(keptBy(heap, heap.roots.handles.slots)).toEqual([object]);
  });

  test("are for addresses in the heap, views and null", () => {
    const heap = TestHeap.create();
    for (const value of [undefined, 1.5, -1, 64, "x", {}, NaN]) expect(() => heap.roots.handles.root(value as never), describeValue(value)).toThrow(code("ERR_ROOT"));
    const h = heap.roots.handles.root(null);
    expect(() => h.set(12)).toThrow(code("ERR_ROOT"));
    expect(h.ref).toBe(0);
  });

  test("by the thousand, in any order of disposal, keep what they were made for, and use their slots anew", () => {
    const heap = TestHeap.create(8 << 20);
    const objects = Array.from({ length: 1000 }, () => heap.object());
    const handles = objects.map((ref) => heap.roots.handles.root(ref));
    expect(new Set(handles.map((h) => h.slot)).size).toBe(1000);
    const blocks = [...heap.roots.handles.slots.ranges()].length;
    expect(blocks).toBe(4);
    handles.forEach((h, i) => i % 3 === 0 && h.dispose());
    expect(keptBy(heap, heap.roots.handles.slots)).toEqual(objects.filter((_, i) => i % 3 !== 0));
    for (let i = 0; i < 1000; i += 3) handles[i] = heap.roots.handles.root(objects[i]!);
    expect([...heap.roots.handles.slots.ranges()].length).toBe(blocks);
    expect(handles.map((h) => h.ref)).toEqual(objects);
  });

  test("store through the barrier: while it is on, what they come to keep and what they let go is shaded", () => {
    const heap = TestHeap.create();
    const [a, b] = [heap.object(), heap.object()];
    heap.phaseNow = 1;
    const h = heap.roots.handles.root(a);
    h.set(b);
    h.dispose();
    expect(heap.shaded).toEqual([0, a, a, b, b, 0]);
  });

  test("when the region is full, a handle is refused and nothing is lost", () => {
    const heap = TestHeap.create(1 << 20);
    const object = heap.object();
    heap.exhaust();
    expect(() => heap.roots.handles.root(object)).toThrow(expect.objectContaining({ code: "ERR_HEAP_EXHAUSTED" }));
    expect(heap.roots.handles.slots.count()).toBe(0);
  });
});

describe("handles between threads", () => {
  function pair(): { heap: TestHeap; other: TestHeap; object: number } {
    const heap = TestHeap.create();
    return { heap, other: TestHeap.attach(heap.handle, 1), object: heap.object() };
  }

  test("a structured clone carries slot and generation and nothing else; who adopts it has a handle of its own", () => {
    const { heap, other, object } = pair();
    const h = heap.roots.handles.root(object);
    const clone = structuredClone(h) as HandleMessage;
    expect(clone).toEqual({ type: "mallocgc.root", heap: h.heap, slot: h.slot, generation: h.generation });
    const adopted = other.roots.handles.adopt(clone);
    expect(adopted.slot).not.toBe(h.slot);
    h.dispose();
    expect([adopted.ref, heap.collect()]).toEqual([object, 0]);
    expect(() => other.roots.handles.adopt(clone)).toThrow(DISPOSED);
    adopted.dispose();
    expect(heap.collect()).toBe(1);
  });

  test("the clone of a handle whose slot is another's by now is refused", () => {
    const { heap, other, object } = pair();
    const h = heap.roots.handles.root(object);
    const clone = structuredClone(h) as HandleMessage;
    h.dispose();
    heap.roots.handles.root(heap.object());
    expect(() => other.roots.handles.adopt(clone)).toThrow(DISPOSED);
    expect(other.roots.handles.slots.count()).toBe(1);
  });

  test("a move disposes of the handle here, keeps the object on the way, and is for one thread", () => {
    const { heap, other, object } = pair();
    const h = heap.roots.handles.root(object);
    const clone = structuredClone(h) as HandleMessage;
    const message = structuredClone(h.move());
    expect([h.disposed, heap.collect()]).toEqual([true, 0]);
    expect(() => h.ref).toThrow(DISPOSED);
    expect(() => other.roots.handles.adopt(clone)).toThrow(DISPOSED);
    const adopted = other.roots.handles.adopt(message);
    expect(adopted.ref).toBe(object);
    expect(() => heap.roots.handles.adopt(message)).toThrow(DISPOSED);
    expect(keptBy(heap, heap.roots.handles.slots)).toEqual([object]);
    adopted.dispose();
    expect(heap.collect()).toBe(1);
  });

  test("slots that another thread has freed come back to their owner when it has no other", () => {
    const { heap, other, object } = pair();
    const handles = Array.from({ length: 256 }, () => heap.roots.handles.root(object));
    for (const h of handles.slice(0, 100)) other.roots.handles.adopt(h.move()).dispose();
    const again = Array.from({ length: 100 }, () => heap.roots.handles.root(object));
    expect(new Set(again.map((h) => h.slot))).toEqual(new Set(handles.slice(0, 100).map((h) => h.slot)));
    expect([...heap.roots.handles.slots.ranges()].length).toBe(2);
    heap.roots.handles.root(object);
    expect([...heap.roots.handles.slots.ranges()].length).toBe(3);
  });

  test("garbage in the place of a handle is ERR_ROOT_HANDLE, whatever it is", () => {
    const { heap, other, object } = pair();
    const message = structuredClone(heap.roots.handles.root(object)) as HandleMessage;
    const foreign = structuredClone(TestHeap.create().roots.handles.root(null)) as HandleMessage;
    const garbage: unknown[] = [
      undefined, null, 5, "x", {}, [], { type: "mallocgc.heap" }, { type: "mallocgc.root" }, foreign,
      ...[-1, 0.5, 256, 2 ** 31, 2 ** 40, NaN, "0", null].map((slot) => ({ ...message, slot })),
      ...[0, 2, 4, 0.5, 2 ** 31, "1", undefined].map((generation) => ({ ...message, generation })),
    ];
    for (const g of garbage) expect(() => other.roots.handles.adopt(g), JSON.stringify(g)).toThrow(HANDLE);
    for (const generation of [5, 3, 7, -3]) expect(() => other.roots.handles.adopt({ ...message, generation })).toThrow(DISPOSED);
    expect(other.roots.handles.slots.count()).toBe(1);
    expect(other.roots.handles.adopt(message).ref).toBe(object);
  });

  test("a thread that leaves lets go of its objects, but not of those that it has moved; whoever takes its place goes on with its slots", () => {
    const { heap, other, object } = pair();
    const [kept, moved] = [other.roots.handles.root(object), other.roots.handles.root(heap.object())];
    const message = moved.move();
    other.leave();
    expect(() => kept.ref).toThrow(code("ERR_HEAP_DETACHED"));
    expect(heap.collect()).toBe(1);
    const next = TestHeap.attach(heap.handle, 1);
    expect(next.roots.handles.adopt(message).ref).not.toBe(0);
    expect([...heap.roots.handles.slots.ranges()].length).toBe(1);
    expect(heap.collect()).toBe(0);
  });

  test("what a thread that died has left is let go when its place is taken", () => {
    const { heap, other, object } = pair();
    other.roots.handles.root(object);
    expect(heap.collect()).toBe(0);
    TestHeap.attach(heap.handle, 1);
    expect(heap.collect()).toBe(1);
  });
});

describe("scopes", () => {
  test("let all go at their end, also what was rooted in inner ones that have ended before", () => {
    const heap = TestHeap.create();
    const [a, b, c] = [heap.object(), heap.object(), heap.object()];
    {
      using outer = heap.roots.handles.scope();
      outer.root(a);
      {
        using inner = heap.roots.handles.scope();
        const h = inner.root(b);
        outer.root(c).dispose();
        expect(keptBy(heap, heap.roots.handles.slots)).toEqual([a, b]);
        expect(h.ref).toBe(b);
      }
      expect(keptBy(heap, heap.roots.handles.slots)).toEqual([a]);
    }
    expect(keptBy(heap, heap.roots.handles.slots)).toEqual([]);
  });

  test("used after their end, or ended twice, are an error; so are their handles", () => {
    const heap = TestHeap.create();
    const scope = heap.roots.handles.scope();
    const h = scope.root(heap.object());
    const moved = scope.root(heap.object());
    const message = moved.move();
    scope.dispose();
    expect(scope.disposed).toBe(true);
    for (const use of [() => scope.root(null), () => scope.dispose(), () => h.ref, () => h.dispose()]) expect(use).toThrow(DISPOSED);
    expect(heap.roots.handles.adopt(message).ref).not.toBe(0);
  });
});

describe("what is dropped without being disposed of", () => {
  test("a handle's object is let go at a turn's start and reported, with the place where it was made in development", async () => {
    const heap = TestHeap.create();
    heap.checks = true;
    const object = heap.object();
    const kept = heap.roots.handles.root(object);
    (function leakHere() {
      heap.roots.handles.root(object);
      heap.roots.handles.root(object).dispose();
    })();
    await collectUntil(() => heap.roots.due);
    expect([heap.leaks, heap.roots.handles.slots.count()]).toEqual([[], 2]);
    heap.roots.turnStart();
    expect(heap.leaks).toEqual([{ what: "handle", where: expect.stringContaining("leakHere") as string }]);
    expect([heap.roots.handles.slots.count(), kept.ref, heap.roots.due]).toEqual([1, object, false]);
  });

  test("a scope is one report, without a place unless asked for; its handles keep it from being dropped", async () => {
    const heap = TestHeap.create();
    const object = heap.object();
    (() => {
      const scope = heap.roots.handles.scope();
      for (let i = 0; i < 5; i++) scope.root(object);
    })();
    const held = (() => heap.roots.handles.scope().root(object))();
    await collectUntil(() => heap.roots.due);
    heap.roots.turnStart();
    expect(heap.leaks).toEqual([{ what: "scope", where: undefined }]);
    expect([heap.roots.handles.slots.count(), held.ref]).toEqual([1, object]);
  });
});
