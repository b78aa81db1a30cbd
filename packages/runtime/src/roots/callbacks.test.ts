import { verifySpecials } from "@mallocgc/gc";
import { describe, expect, test } from "vitest";
import { describeValue } from "../errors.ts";
import { TestHeap, TestView } from "./testing/test-heap.ts";

const code = (wanted: string): unknown => expect.objectContaining({ name: "HeapError", code: wanted });

function expectWhole(heap: TestHeap): void {
  expect(verifySpecials(heap.mem, heap.specials, heap.allSpans())).toEqual([]);
}

describe("finalizers", () => {
  test("run once, at a turn's start, with the object alive and rooted; the object dies a cycle later", () => {
    const heap = TestHeap.create();
    const inner = heap.object();
    const object = heap.object([inner]);
    const seen: number[] = [];
    heap.roots.callbacks.setFinalizer(object, (ref) => {
      seen.push(ref);
      expect(heap.mem[ref >>> 2]! >>> 0).toBe(inner);
      expect(heap.collect()).toBe(0);
    });
    expect(heap.collect([object])).toBe(0);
    expect(heap.collect()).toBe(0);
    expect([seen, heap.roots.due]).toEqual([[], true]);
    // It waits as a root, however many cycles pass.
    expect(heap.collect()).toBe(0);
    heap.roots.turnStart();
    expect([seen, heap.roots.due, heap.roots.handles.slots.count()]).toEqual([[object], false, 0]);
    expect(heap.collect()).toBe(2);
    expect([heap.roots.callbacks.count, heap.specials.count]).toEqual([0, 0]);
  });

  test("run in the order of dependency: what an object with a finalizer reaches waits for it", () => {
    const heap = TestHeap.create();
    const c = heap.object();
    const b = heap.object([heap.object([c])]);
    const a = heap.object([b]);
    const order: string[] = [];
    for (const [name, ref] of [["c", c], ["a", a], ["b", b]] as const) heap.roots.callbacks.setFinalizer(ref, () => order.push(name));
    for (const expected of [["a"], ["a", "b"], ["a", "b", "c"]]) {
      heap.collect();
      heap.roots.turnStart();
      expect(order).toEqual(expected);
      expectWhole(heap);
    }
    heap.collect();
    expect(heap.specials.count).toBe(0);
  });

  test("of objects in a circle never run", () => {
    const heap = TestHeap.create();
    const a = heap.object();
    const b = heap.object([a]);
    heap.mem[a >>> 2] = b;
    for (const ref of [a, b]) heap.roots.callbacks.setFinalizer(ref, () => expect.unreachable());
    for (let i = 0; i < 3; i++) {
      expect(heap.collect()).toBe(0);
      heap.roots.turnStart();
    }
  });

  test("may keep the object, and set a finalizer anew", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    let runs = 0;
    const fn = (ref: number): void => {
      runs++;
      heap.roots.named.set("saved", ref);
      if (runs === 1) heap.roots.callbacks.setFinalizer(ref, fn);
    };
    heap.roots.callbacks.setFinalizer(object, fn);
    heap.collect();
    heap.roots.turnStart();
    expect([runs, heap.roots.named.get("saved"), heap.collect()]).toEqual([1, object, 0]);
    heap.roots.named.delete("saved");
    heap.collect();
    heap.roots.turnStart();
    heap.roots.named.delete("saved");
    expect([runs, heap.collect()]).toEqual([2, 1]);
  });

  test("are one per object, and null takes one away, also that of another thread", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const object = heap.object();
    heap.roots.callbacks.setFinalizer(object, () => expect.unreachable());
    expect(() => other.roots.callbacks.setFinalizer(object, () => undefined)).toThrow(code("ERR_FINALIZER"));
    expect(other.roots.callbacks.count).toBe(0);
    other.roots.callbacks.setFinalizer(new TestView(object), null);
    other.roots.callbacks.setFinalizer(object, null);
    heap.roots.turnStart();
    expect([heap.roots.callbacks.count, heap.collect(), heap.specials.count]).toEqual([0, 1, 0]);
  });

  test("run on the thread that set them", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const log: string[] = [];
    heap.roots.callbacks.setFinalizer(heap.object(), () => log.push("heap"));
    other.roots.callbacks.setFinalizer(heap.object(), () => log.push("other"));
    heap.collect();
    heap.roots.turnStart();
    expect(log).toEqual(["heap"]);
    other.roots.turnStart();
    expect(log).toEqual(["heap", "other"]);
  });

  test("of a thread that has left are not run, and do not keep their object; its queue is empty for the next", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const [a, b] = [heap.object(), heap.object()];
    other.roots.callbacks.setFinalizer(a, () => expect.unreachable());
    heap.collect([b]);
    other.roots.callbacks.setFinalizer(b, () => expect.unreachable());
    other.leave();
    const next = TestHeap.attach(heap.handle, 1);
    expect([next.roots.due, heap.collect(), heap.specials.count]).toEqual([false, 2, 0]);
  });

  test("that a dead thread has left in its queue are dropped by who takes its place", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    other.roots.callbacks.setFinalizer(heap.object(), () => expect.unreachable());
    heap.collect();
    expect(heap.collect()).toBe(0);
    const next = TestHeap.attach(heap.handle, 1);
    expect([next.roots.due, heap.collect(), heap.specials.count]).toEqual([false, 1, 0]);
  });

  test("without room for a root the finalizer waits for another turn", () => {
    const heap = TestHeap.create(1 << 20);
    const object = heap.object();
    const seen: number[] = [];
    heap.roots.callbacks.setFinalizer(object, (ref) => seen.push(ref));
    heap.collect();
    const alloc = heap.roots.handles.slots.alloc.bind(heap.roots.handles.slots);
    heap.exhaust();
    heap.roots.turnStart();
    expect([seen, heap.roots.due, heap.collect()]).toEqual([[], true, 0]);
    expect(() => alloc(object)).toThrow(expect.objectContaining({ code: "ERR_HEAP_EXHAUSTED" }));
  });

  test("take the start of a live object and a function", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const fn = (): void => undefined;
    for (const bad of [0, -1, null, undefined, "x", {}]) expect(() => heap.roots.callbacks.setFinalizer(bad as never, fn), describeValue(bad)).toThrow(code("ERR_FINALIZER"));
    for (const bad of [object + 8, object + 64]) expect(() => heap.roots.callbacks.setFinalizer(bad, fn)).toThrow(code("ERR_NOT_ALLOCATED"));
    for (const bad of [undefined, "x", {}]) expect(() => heap.roots.callbacks.setFinalizer(object, bad as never)).toThrow(code("ERR_FINALIZER"));
    expect(heap.specials.count).toBe(0);
  });
});

describe("cleanups", () => {
  test("run with their argument when the object is gone, any number of them, after its finalizer", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const log: unknown[] = [];
    heap.roots.callbacks.addCleanup(object, (arg) => log.push(arg), "one");
    heap.roots.callbacks.setFinalizer(object, () => log.push("finalizer"));
    heap.roots.callbacks.addCleanup(object, (arg) => log.push(arg), { two: 2 });
    heap.collect();
    heap.roots.turnStart();
    expect(log).toEqual(["finalizer"]);
    expect(heap.collect()).toBe(1);
    heap.roots.turnStart();
    expect(log.slice(1)).toEqual(expect.arrayContaining(["one", { two: 2 }]));
    expect([log.length, heap.roots.callbacks.count, heap.specials.count]).toEqual([3, 0, 0]);
  });

  test("that throw, like finalizers that throw, are reported, and the rest still run", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const log: unknown[] = [];
    const fail = (): never => {
      throw new Error("no");
    };
    heap.roots.callbacks.addCleanup(heap.object(), fail, 1);
    heap.roots.callbacks.addCleanup(heap.object(), (arg) => log.push(arg), 2);
    heap.roots.callbacks.setFinalizer(object, fail);
    heap.roots.callbacks.addCleanup(heap.object(), (arg) => log.push(arg), 3);
    heap.collect();
    heap.roots.turnStart();
    expect(log).toEqual([2, 3]);
    expect(heap.errors).toEqual([[new Error("no"), "finalizer"], [new Error("no"), "cleanup"]]);
    expect([heap.roots.handles.slots.count(), heap.roots.due]).toEqual([0, false]);
  });

  test("what becomes due while they run waits for the next turn, and a turn inside one runs none", () => {
    const heap = TestHeap.create();
    const log: string[] = [];
    heap.roots.callbacks.addCleanup(heap.object(), () => {
      log.push("first");
      heap.roots.callbacks.addCleanup(heap.object(), () => log.push("late"), 0);
      heap.collect();
      heap.roots.turnStart();
    }, 0);
    heap.roots.callbacks.addCleanup(heap.object(), () => log.push("second"), 0);
    heap.collect();
    heap.roots.turnStart();
    expect(log).toEqual(["first", "second"]);
    heap.roots.turnStart();
    expect(log).toEqual(["first", "second", "late"]);
  });

  test("stop takes one away before its object dies, and silences it when it is due", () => {
    const heap = TestHeap.create();
    const [a, b] = [heap.object(), heap.object()];
    const log: unknown[] = [];
    const early = heap.roots.callbacks.addCleanup(a, (arg) => log.push(arg), "early");
    const late = heap.roots.callbacks.addCleanup(b, (arg) => log.push(arg), "late");
    heap.roots.callbacks.addCleanup(a, (arg) => log.push(arg), "stays");
    expect([early.stop(), early.stop()]).toEqual([true, false]);
    heap.collect();
    // The slot is another object's by now.
    const next = [heap.object(), heap.object()].includes(b);
    heap.roots.callbacks.addCleanup(b, (arg) => log.push(arg), "another's");
    expect([next, late.stop()]).toEqual([true, false]);
    heap.roots.turnStart();
    expect(log).toEqual(["stays"]);
    expect([heap.specials.count, heap.roots.callbacks.count]).toEqual([1, 1]);
  });

  test("refuse the object itself as an argument, as an address, a view or a handle", () => {
    const heap = TestHeap.create();
    const object = heap.object();
    const handle = heap.roots.handles.root(object);
    const fn = (): void => undefined;
    for (const arg of [object, new TestView(object), handle]) expect(() => heap.roots.callbacks.addCleanup<unknown>(object, fn, arg)).toThrow(code("ERR_CLEANUP"));
    for (const bad of [0, null, "x"]) expect(() => heap.roots.callbacks.addCleanup(bad as never, fn, 1)).toThrow(code("ERR_CLEANUP"));
    expect(() => heap.roots.callbacks.addCleanup(object, undefined as never, 1)).toThrow(code("ERR_CLEANUP"));
    expect(heap.specials.count).toBe(0);
    heap.roots.callbacks.addCleanup<unknown>(object, fn, heap.roots.handles.root(heap.object()));
    expect(heap.specials.count).toBe(1);
  });

  test("a function that makes its thread leave the heap is the last that runs", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const log: string[] = [];
    other.roots.callbacks.setFinalizer(heap.object(), () => {
      log.push("leaves");
      other.leave();
    });
    other.roots.callbacks.addCleanup(heap.object(), () => log.push("never"), 0);
    heap.collect();
    other.roots.turnStart();
    expect([log, other.errors, heap.roots.handles.slots.count(), heap.specials.count]).toEqual([["leaves"], [], 0, 0]);
  });
});
