/** Named roots with types: what is set as an object of a type comes back as one, in any thread. */
import { describe, expect, test } from "vitest";
import { attachHeap, createHeap, f64, ref, str, struct, u32, type Heap } from "./index.ts";

const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  tag: u32,
});
const PointType = struct("Point", { x: f64, y: f64, name: str });

function scene(): { heap: Heap; Node: ReturnType<typeof bind> } {
  const heap = createHeap({ maxBytes: 4 << 20, gcWorkers: 0 });
  return { heap, Node: bind(heap) };
}

function bind(heap: Heap) {
  return heap.type(NodeType);
}

test("a root set to a view is got as a view of its type, and as its address", () => {
  const { heap, Node } = scene();
  const node = heap.new(Node, { tag: 7 });
  heap.roots.set("x", node);
  expect([heap.roots.get("x", Node)?.tag, heap.roots.get("x"), heap.roots.has("x"), heap.roots.names()]).toEqual([7, node.$ref, true, ["x"]]);
});

test("a root set to an address has no type: it is got as whatever the program says", () => {
  const { heap, Node } = scene();
  const at = heap.alloc(Node);
  Node.tag.set(at, 9);
  heap.roots.set("x", at);
  expect(heap.roots.get("x", Node)?.tag).toBe(9);
});

test("null is nil, which keeps the name; delete forgets it", () => {
  const { heap, Node } = scene();
  heap.roots.set("x", heap.new(Node));
  heap.roots.set("x", null);
  expect([heap.roots.get("x"), heap.roots.get("x", Node), heap.roots.has("x")]).toEqual([0, null, true]);
  expect([heap.roots.delete("x"), heap.roots.delete("x"), heap.roots.has("x")]).toEqual([true, false, false]);
});

describe("a root of another type", () => {
  test("is refused with both names", () => {
    const { heap, Node } = scene();
    heap.roots.set("x", heap.new(Node));
    expect(() => heap.roots.get("x", heap.type(PointType))).toThrow(expect.objectContaining({ code: "ERR_TYPE_MISMATCH", message: expect.stringMatching(/x is an object of type Node, not Point/) as string }));
  });

  test("that it had before is forgotten when it is set anew", () => {
    const { heap, Node } = scene();
    heap.roots.set("x", heap.new(Node));
    heap.roots.set("x", heap.new(heap.type(PointType), { name: "p" }));
    expect(heap.roots.get("x", heap.type(PointType))?.name).toBe("p");
  });
});

test("another P of the heap finds the root under its name, with its type", () => {
  const { heap, Node } = scene();
  heap.roots.set("x", heap.new(Node, { tag: 5 }));
  const other = attachHeap(heap.handle);
  expect(other.roots.get("x", bind(other))?.tag).toBe(5);
  expect(() => other.roots.get("x", other.type(PointType))).toThrow(expect.objectContaining({ code: "ERR_TYPE_MISMATCH" }));
  other.detach();
});

test("what a root leads to lives until the root is set anew, and the rest is collected", () => {
  const { heap, Node } = scene();
  const weak = heap.turn(() => {
    const leaf = heap.new(Node, { tag: 1 });
    heap.roots.set("x", heap.new(Node, { next: leaf }));
    return heap.weak(leaf);
  });
  heap.gcSync();
  expect(heap.turn(() => Node.tag.get(weak.get()))).toBe(1);
  heap.turn(() => { heap.roots.set("x", null); });
  heap.gcSync();
  expect(heap.turn(() => weak.get())).toBe(0);
});
