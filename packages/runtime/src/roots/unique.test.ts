import { describe, expect, test } from "vitest";
import { describeValue } from "../errors.ts";
import { collectUntil } from "./testing/engine-gc.ts";
import { TestHeap, keptBy } from "./testing/test-heap.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("unique values", () => {
  test("are equal, with one object, exactly when their values are: in one thread and in two", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const values = ["", "a", "b", "\0", "aé", "é".repeat(500), "\ufeffx", "x", bytes(), bytes(97), bytes(98), bytes(0), bytes(1, 2, 3)];
    const ours = values.map((value) => heap.roots.uniques.unique(value));
    const theirs = values.map((value) => other.roots.uniques.unique(typeof value === "string" ? value : value.slice()));
    ours.forEach((unique, i) => {
      expect(unique.value).toEqual(values[i]);
      expect(theirs[i]!.value).toEqual(values[i]);
      theirs.forEach((their, j) => expect([unique.equals(their), unique.id === their.id, unique.ref === their.ref]).toEqual([i === j, i === j, i === j]));
    });
    expect(heap.roots.uniques.unique("b")).toBe(ours[2]);
    expect(heap.roots.uniques.count).toBe(values.length);
  });

  test("keep their object as long as a thread or the heap holds it, and no longer", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const theirs = other.roots.uniques.unique("shared");
    expect([heap.collect(), theirs.value]).toEqual([0, "shared"]);
    const holder = heap.object([theirs.ref]);
    const { id, ref } = theirs;
    other.leave();
    expect(heap.collect([holder])).toBe(0);
    const again = heap.roots.uniques.unique("shared");
    expect([again.id, again.ref]).toEqual([id, ref]);
    expect(() => theirs.ref).toThrow(expect.objectContaining({ code: "ERR_HEAP_DETACHED" }));
  });

  test("that are dropped die, with their entries, and the value is another object then", async () => {
    const heap = TestHeap.create();
    const id = (() => heap.roots.uniques.unique("dropped").id)();
    await collectUntil(() => heap.roots.due);
    expect(heap.collect()).toBe(0);
    heap.roots.turnStart();
    expect([heap.collect(), keptBy(heap, heap.roots.handles.slots)]).toEqual([1, []]);
    expect(heap.leaks).toEqual([]);
    const again = heap.roots.uniques.unique("dropped");
    expect([again.id === id, again.value, heap.roots.uniques.count, heap.specials.handles.count]).toEqual([false, "dropped", 1, 1]);
  });

  test("of which most have died leave no entries behind for long", () => {
    const heap = TestHeap.create(16 << 20);
    const other = TestHeap.attach(heap.handle, 1);
    for (let i = 0; i < 1000; i++) other.roots.uniques.unique(`value ${i}`);
    other.leave();
    expect([heap.collect(), heap.roots.uniques.count]).toEqual([1000, 1000]);
    for (let i = 0; i < 300; i++) heap.roots.uniques.unique(`another ${i}`);
    expect(heap.roots.uniques.count).toBe(300);
  });

  test("found dead but not swept are not given out: the value gets another object", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const first = other.roots.uniques.unique("x");
    heap.dying.add(first.ref);
    const second = heap.roots.uniques.unique("x");
    expect([second.ref === first.ref, second.equals(first), second.value]).toEqual([false, false, "x"]);
    other.leave();
    heap.collect();
    expect(heap.roots.uniques.unique("x")).toBe(second);
  });

  test("two threads that make the same value at the same moment agree on the first", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const allocBytes = heap.allocBytes.bind(heap);
    heap.allocBytes = (nbytes) => {
      other.roots.uniques.unique("race");
      return allocBytes(nbytes);
    };
    const ours = heap.roots.uniques.unique("race");
    expect(ours.equals(other.roots.uniques.unique("race"))).toBe(true);
    expect([heap.roots.uniques.count, heap.collect(), heap.specials.handles.count]).toEqual([1, 1, 1]);
  });

  test("are made from well-formed strings and bytes", () => {
    const heap = TestHeap.create();
    for (const bad of [undefined, null, 5, {}, "\ud800", [1]]) expect(() => heap.roots.uniques.unique(bad as never), describeValue(bad)).toThrow(expect.objectContaining({ code: "ERR_ROOT" }));
    heap.allocBytes(16);
    heap.exhaust();
    expect(() => heap.roots.uniques.unique("no room")).toThrow(expect.objectContaining({ code: "ERR_HEAP_EXHAUSTED" }));
    expect([heap.roots.uniques.count, heap.specials.count]).toEqual([0, 0]);
  });
});
