/** Why objects are alive, and the graph of a heap as a snapshot, on graphs with known paths. */
import { heapSnapshot } from "@mallocgc/pprof-export";
import { afterEach, describe, expect, test } from "vitest";
import { array, bytes, createHeap, f64, fixed, ref, str, struct, u32, type Heap } from "../index.ts";

const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  get other() {
    return ref(NodeType);
  },
  tag: u32,
});
const EntryType = struct("Entry", { key: str, value: ref(NodeType) });
const IndexType = struct("Index", {
  name: str,
  data: bytes,
  buckets: ref(array(ref(NodeType))),
  entries: ref(array(EntryType)),
  pair: struct("Pair", { a: ref(NodeType), b: fixed(ref(NodeType), 3) }),
  pad: fixed(f64, 20),
});

const open: Heap[] = [];
afterEach(() => {
  for (const heap of open.splice(0)) heap.close();
});

function scene() {
  const heap = createHeap({ maxBytes: 16 << 20, gcWorkers: 0, memProfileRate: 0 });
  open.push(heap);
  const Node = heap.type(NodeType);
  const Index = heap.type(IndexType);
  const Entry = heap.type(EntryType);
  const Nodes = heap.type(array(ref(NodeType)));
  const Entries = heap.type(array(EntryType));
  const node = (tag: number): number => {
    const at = heap.alloc(Node);
    Node.tag.set(at, tag);
    return at;
  };
  return { heap, Node, Index, Entry, Nodes, Entries, node };
}

describe("whyAlive", () => {
  test("finds the shortest path, with type and field names, array indices, fields in fields, and the root's name", () => {
    const { heap, Node, Index, Nodes, node } = scene();
    heap.turn(() => {
      const index = heap.new(Index, { name: "words" });
      heap.roots.set("the index", index);
      const at = heap.roots.get("the index");
      const buckets = heap.alloc(Nodes, 10);
      Index.buckets.set(at, buckets);
      const [a, b, c, d] = [1, 2, 3, 4].map(node) as [number, number, number, number];
      Nodes.at.set(buckets, 7, a);
      Node.next.set(a, b);
      Node.other.set(b, c);
      Node.next.set(c, a);
      Index.pair.b.at.set(at, 2, d);
      expect(heap.debug.whyAlive(c)).toEqual({
        kind: "named",
        root: "the index",
        path: [
          { ref: at, type: "Index", field: "buckets" },
          { ref: buckets, type: "[]*Node", field: "[7]" },
          { ref: a, type: "Node", field: "next" },
          { ref: b, type: "Node", field: "other" },
          { ref: c, type: "Node", field: "" },
        ],
        text: 'root "the index": Index.buckets -> []*Node[7] -> Node.next -> Node.other -> Node',
      });
      expect(heap.debug.whyAlive(d)!.text).toBe('root "the index": Index.pair.b[2] -> Node');
      heap.roots.set("shortcut", b);
      expect(heap.debug.whyAlive(c)).toMatchObject({ root: "shortcut", path: [{ ref: b, field: "+4" }, { ref: c }] });
    });
  });

  test("names handles, finalizers and nothing at all for what they are; a view does for a ref", () => {
    const { heap, Node, node } = scene();
    heap.turn(() => {
      const held = node(1);
      const behind = node(2);
      Node.next.set(held, behind);
      const handle = heap.root(held);
      expect(heap.debug.whyAlive(heap.at(Node, behind)!)).toMatchObject({ kind: "handle", path: [{ ref: held }, { ref: behind }] });
      handle[Symbol.dispose]();
      expect(heap.debug.whyAlive(behind)).toBeUndefined();
      heap.setFinalizer(held, () => undefined);
      expect(heap.debug.whyAlive(held), "it is to be finalized").toBeUndefined();
      expect(heap.debug.whyAlive(behind)).toMatchObject({ kind: "finalizer", path: [{ ref: held }, { ref: behind }] });
      expect(heap.debug.whyAlive(heap.mallocgc(1000))).toBeUndefined();
    });
    expect(() => heap.debug.whyAlive(12)).toThrow(expect.objectContaining({ code: "ERR_ADDRESS_OUTSIDE" }));
  });

  test("goes through a list of a hundred thousand without a stack of its own", () => {
    const { heap, Node, node } = scene();
    heap.turn(() => {
      const first = node(0);
      heap.roots.set("list", first);
      let last = first;
      for (let i = 1; i < 100_000; i++) {
        const next = node(i);
        Node.next.set(last, next);
        last = next;
      }
      expect(heap.debug.whyAlive(last)!.path).toHaveLength(100_000);
    });
  });
});

describe("heapSnapshot", () => {
  test("has every object that roots lead to once, with its type's name, size and field names, and what pprof-export writes of it is whole", async () => {
    const { heap, Index, Nodes, Entries, node } = scene();
    let at = 0;
    const nodes = heap.turn(() => {
      heap.roots.set("index", heap.new(Index, { name: "some words" }));
      at = heap.roots.get("index");
      Index.buckets.set(at, heap.alloc(Nodes, 3));
      Nodes.at.set(Index.buckets.get(at), 1, node(5));
      const entries = heap.alloc(Entries, 2);
      Index.entries.set(at, entries);
      Entries.at.value.set(entries, 1, node(6));
      node(7);
      return heap.debug.heapSnapshot();
    });
    const [root, ...objects] = nodes;
    expect(root).toMatchObject({ id: 0, type: "synthetic", edges: [{ type: "property", name: "index" }] });
    const byName = (name: string) => objects.filter((object) => object.name === name);
    expect(objects.map((object) => object.name).sort()).toEqual(["Index", "Node", "Node", "[]*Node", "[]Entry", "str"]);
    const index = byName("Index")[0]!;
    expect(index.id, "an address of 32 bits would be no id").toBe(at >>> 2);
    expect(root!.edges[0]!.to).toBe(index.id);
    expect(index.edges.map((edge) => edge.name).sort()).toEqual(["buckets", "entries", "name"]);
    expect(byName("[]*Node")[0]!.edges).toEqual([{ type: "element", name: 1, to: expect.any(Number) }]);
    expect(byName("[]Entry")[0]!.edges.map((edge) => edge.name)).toEqual(["[1].value"]);
    expect(byName("Node").map((object) => object.selfSize)).toEqual([16, 16]);
    expect(byName("[]*Node")[0]!.type).toBe("array");
    let text = "";
    for await (const chunk of heapSnapshot(nodes)) text += chunk;
    expect((JSON.parse(text) as { snapshot: { node_count: number } }).snapshot.node_count).toBe(nodes.length);
  });
});
