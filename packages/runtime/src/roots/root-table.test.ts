import { describe, expect, test } from "vitest";
import { describeValue } from "../errors.ts";
import { MAX_ROOT_NAME_BYTES } from "./root-table.ts";
import { TestHeap, TestView, keptBy } from "./testing/test-heap.ts";

const code = (wanted: string): unknown => expect.objectContaining({ name: expect.stringMatching(/^Heap/) as string, code: wanted });

describe("named roots", () => {
  test("what is set is there under its name, in every attachment, and keeps its object", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const inner = heap.object();
    const outer = heap.object([inner]);
    heap.roots.named.set("index", outer);
    other.roots.named.set("größe", new TestView(inner));
    expect([heap, other].map((h) => [h.roots.named.get("index"), h.roots.named.get("größe")])).toEqual([[outer, inner], [outer, inner]]);
    expect(heap.roots.named.names().sort()).toEqual(["größe", "index"]);
    expect(keptBy(other, other.roots.named)).toEqual([inner, outer]);
    heap.object();
    expect(heap.collect()).toBe(1);
    heap.roots.named.set("index", null);
    expect([other.roots.named.get("index"), other.roots.named.has("index")]).toEqual([0, true]);
    expect(heap.collect()).toBe(1);
    expect(other.roots.named.delete("größe")).toBe(true);
    expect(heap.collect()).toBe(1);
  });

  test("a name that was never set, or was deleted, is unknown, also to a thread that has seen it", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    expect(() => heap.roots.named.get("a")).toThrow(code("ERR_ROOT_UNKNOWN"));
    const object = heap.object();
    heap.roots.named.set("a", object);
    expect(other.roots.named.get("a")).toBe(object);
    expect(heap.roots.named.delete("a")).toBe(true);
    expect(heap.roots.named.delete("a")).toBe(false);
    expect(() => other.roots.named.get("a")).toThrow(code("ERR_ROOT_UNKNOWN"));
    expect(() => other.roots.named.getTyped("a")).toThrow(code("ERR_ROOT_UNKNOWN"));
    // The word is used anew: what the other thread remembers of it must not lead to the new name's object.
    heap.roots.named.set("b", heap.object());
    expect(() => other.roots.named.get("a")).toThrow(code("ERR_ROOT_UNKNOWN"));
    heap.roots.named.set("a", object);
    expect(other.roots.named.get("a")).toBe(object);
  });

  test("a root and the type that it was set with belong together", () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    const [a, b] = [heap.object(), heap.object()];
    heap.roots.named.set("a", a, 0xfffffff8);
    expect(other.roots.named.getTyped("a")).toEqual({ ref: a, type: 0xfffffff8 });
    expect(other.roots.named.getTyped("a")).toEqual({ ref: a, type: 0xfffffff8 });
    heap.roots.named.set("a", b, 800);
    expect(other.roots.named.getTyped("a")).toEqual({ ref: b, type: 800 });
    heap.roots.named.set("a", b);
    expect(other.roots.named.getTyped("a")).toEqual({ ref: b, type: 0 });
  });

  test("stores go through the barrier: the old and the new object are shaded while it is on", () => {
    const heap = TestHeap.create();
    const [a, b] = [heap.object(), heap.object()];
    heap.roots.named.set("a", a);
    heap.phaseNow = 3;
    heap.roots.named.set("a", b);
    heap.roots.named.delete("a");
    expect(heap.shaded).toEqual([a, b, b, 0]);
  });

  test("thousands of names are found, whatever was deleted between, and deleted ones are used anew", () => {
    const heap = TestHeap.create(8 << 20);
    const object = heap.object();
    for (let i = 0; i < 3000; i++) heap.roots.named.set(`name ${i}`, object, i);
    const words = [...heap.roots.named.ranges()].length;
    for (let i = 0; i < 3000; i += 2) heap.roots.named.delete(`name ${i}`);
    for (let i = 0; i < 1500; i++) heap.roots.named.set(`again ${i}`, object, -i);
    expect([...heap.roots.named.ranges()].length).toBe(words);
    for (let i = 1; i < 3000; i += 2) expect(heap.roots.named.getTyped(`name ${i}`).type).toBe(i);
    for (let i = 0; i < 1500; i++) expect(heap.roots.named.getTyped(`again ${i}`).type).toBe(-i >>> 0);
    expect(heap.roots.named.names().length).toBe(3000);
    expect(heap.roots.named.has("name 2")).toBe(false);
  });

  test("a name is 1 to 255 bytes of well-formed text, a value an address in the heap, a view or null", () => {
    const { roots, object } = ((heap) => ({ roots: heap.roots.named, object: heap.object() }))(TestHeap.create());
    for (const name of ["", "x".repeat(256), "€".repeat(86), "\ud800", 7, null]) {
      expect(() => roots.set(name as string, object), String(name)).toThrow(code("ERR_ROOT"));
      expect(() => roots.get(name as string), String(name)).toThrow(code("ERR_ROOT"));
    }
    for (const value of [undefined, "x", 1.5, -8, 2 ** 32, 64, {}, Symbol("s")]) expect(() => roots.set("a", value as never), describeValue(value)).toThrow(code("ERR_ROOT"));
    expect(roots.has("a")).toBe(false);
    const longest = "€".repeat(85);
    expect(Buffer.byteLength(longest)).toBe(MAX_ROOT_NAME_BYTES);
    roots.set(longest, object);
    expect(roots.get(longest)).toBe(object);
  });

  test("when the region is full a new name is refused, and those that are there can still be set", () => {
    const heap = TestHeap.create(1 << 20);
    const [a, b] = [heap.object(), heap.object()];
    heap.roots.named.set("a", a);
    heap.exhaust();
    expect(() => heap.roots.named.set("b".repeat(200), a)).toThrow(code("ERR_HEAP_EXHAUSTED"));
    heap.roots.named.set("a", b);
    expect([heap.roots.named.get("a"), heap.roots.named.names()]).toEqual([b, ["a"]]);
  });
});

describe("waiting for a named root", () => {
  test("returns at once what is there, and ends with ERR_ROOT_UNKNOWN when nothing comes", async () => {
    const heap = TestHeap.create();
    const object = heap.object();
    heap.roots.named.set("a", object);
    expect(heap.roots.named.wait("a", 0)).toBe(object);
    await heap.roots.named.waitAsync("a", 0);
    expect(() => heap.roots.named.wait("b", 5)).toThrow(code("ERR_ROOT_UNKNOWN"));
    await expect(heap.roots.named.waitAsync("b", 5)).rejects.toThrow(code("ERR_ROOT_UNKNOWN"));
    for (const timeout of [-1, NaN, "1"]) expect(() => heap.roots.named.wait("a", timeout as number)).toThrow(code("ERR_ROOT"));
  });

  test("waitAsync resolves when another attachment sets the name, not when it sets another", async () => {
    const heap = TestHeap.create();
    const other = TestHeap.attach(heap.handle, 1);
    let there = false;
    const waiting = heap.roots.named.waitAsync("late", 10_000).then(() => (there = true));
    other.roots.named.set("else", null);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(there).toBe(false);
    const object = other.object();
    other.roots.named.set("late", object);
    await waiting;
    expect(heap.roots.named.get("late")).toBe(object);
  });

  test("in a heap of one thread wait refuses to block for ever, and waitAsync looks now and then", async () => {
    const heap = TestHeap.create(4 << 20, 1, false);
    expect(() => heap.roots.named.wait("a", 10)).toThrow(code("ERR_ROOT"));
    const waiting = heap.roots.named.waitAsync("a", 10_000);
    heap.roots.named.set("a", null);
    await waiting;
    await expect(heap.roots.named.waitAsync("b", 5)).rejects.toThrow(code("ERR_ROOT_UNKNOWN"));
  });
});
