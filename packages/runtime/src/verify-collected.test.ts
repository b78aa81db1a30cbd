/**
 * The verifier of a collected heap: one word of each kind that only such a heap has is overwritten, and the invariant it breaks is reported by name; put back,
 * all is well. It finds nothing in a heap at work: between cycles, and in each step of one.
 */
import { GcProcessor, GcRecord, STEP_DRAIN, STEP_FLUSH, STEP_SWEEP, WorkLists, WorkRecord } from "@mallocgc/gc";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { describe, expect, test } from "vitest";
import type { Collected } from "./collected.ts";
import { array, createHeap, ref, struct, u32, type Heap } from "./index.ts";
import type { Layers } from "./layers.ts";
import { Driver, inTurn, list, spansOf } from "./testing/driver.ts";
import { TestHeap } from "./testing/test-p.ts";
import { verifyHeap } from "./verify.ts";

const SPAN = MSpan.offset;
const G = GcRecord.offset;
const P = GcProcessor.offset;
const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  tag: u32,
});

/** A heap with something of everything, at rest. */
class Scene {
  readonly heap: Heap = createHeap({ maxBytes: 8 << 20, maxThreads: 4, gcWorkers: 0 });
  readonly layers: Layers = (this.heap as unknown as { layers: Layers }).layers;
  readonly mem: Int32Array = this.heap.i32;
  /** A list of nodes, of which the first is a root. */
  readonly node: number;
  readonly large: number;

  constructor() {
    const { heap } = this;
    const Node = heap.type(NodeType);
    [this.node, this.large] = heap.turn(() => {
      let head = 0;
      for (let i = 0; i < 100; i++) {
        const at = heap.alloc(Node);
        Node.next.set(at, head);
        head = at;
      }
      heap.roots.set("nodes", head);
      const Nodes = heap.type(array(ref(NodeType)));
      const large = heap.alloc(Nodes, 20_000);
      Nodes.at.set(large, 19_999, head);
      heap.roots.set("large", large);
      return [head, large];
    });
    heap.gcSync();
  }

  get gc(): number {
    return this.layers.plan.at("gc");
  }
  get p(): number {
    return this.layers.processors.gcOf(this.heap.processorId);
  }
  span(addr: number): SpanPtr {
    return this.layers.pages.spanOf(addr);
  }
  /** Marks of the span, as words. */
  marks(addr: number): number {
    return this.mem[this.span(addr) + SPAN.freedBits]!;
  }
}

/** What is overwritten: a word, with a value, and the invariant that breaks. */
type Damage = readonly [what: string, word: (s: Scene) => number, value: number, invariant: string];

const DAMAGES: Damage[] = [
  ["a mark bit of a small object", (s) => s.marks(s.node), 1, "between cycles no slot is marked"],
  ["a mark bit of a slot that is none", (s) => s.marks(s.node) + 14, -1, "between cycles no slot is marked"],
  ["the mark bit of a large object", (s) => s.marks(s.large), 1, "between cycles no slot is marked"],
  ["freeIndexForScan", (s) => s.span(s.node) + SPAN.freeIndexForScan, 5, "between cycles no slot is new"],
  ["a pointer field, to a page that is not in use", (s) => s.node >>> 2, (8 << 20) - 8192, "a pointer leads to an object"],
  ["a pointer field, to a slot that was never handed out", (s) => s.node >>> 2, -1, "a pointer leads to an object"],
  ["a pointer in a large array", (s) => (s.large + 8 + 4 * 10_000) >>> 2, 0x7ffffff0, "a pointer leads to an object"],
  ["the span's generation", (s) => s.span(s.node) + SPAN.sweepgen, 77, "sweepgen"],
  ["the turn word: at rest with something shaded", (s) => s.p + P.greyLen, 3, "a P in no turn has nothing shaded"],
  ["a P's record as a marker", (s) => s.p + P.work, 0, "a P is a marker"],
  ["sweeping", (s) => s.gc + G.sweeping, 1, "between cycles no span is unswept"],
  ["what a second mark has found", (s) => s.gc + G.lostObjects, 2, "a second mark finds what the first has found"],
  ["what markers have met", (s) => s.mem[s.p + P.work]! + WorkRecord.offset.badPointers, 1, "markers meet pointers only where pointers are"],
  ["the list of full buffers", (s) => s.layers.plan.at("gc.work") + WorkLists.offset.full, 4096, "between cycles no work is left"],
  ["a root, to no object", (s) => rootWord(s), 0x7ffffff0, "a pointer leads to an object"],
];

/** The word of the root that is the list of nodes. */
function rootWord({ heap, mem, node }: Scene): number {
  const { collectedPart } = heap as unknown as { collectedPart: Collected };
  for (const source of collectedPart.collector.roots.sources) {
    for (const [from, length] of source.ranges()) for (let w: number = from; w < from + length; w++) if (mem[w]! >>> 0 === node) return w;
  }
  throw new Error("no root");
}

/** Values that depend on where things are. */
function valueOf(s: Scene, what: string, value: number): number {
  return what.includes("never handed out") ? s.layers.spans.slotAddr(s.span(s.node), s.layers.spans.nelems(s.span(s.node)) - 1) : value;
}

describe("one word overwritten", () => {
  test("none: all is well", () => {
    expect(new Scene().heap.verify().broken).toEqual([]);
  });

  test.each(DAMAGES)("%s is found, as what it breaks", (what, word, value, invariant) => {
    const s = new Scene();
    const at = word(s);
    const old = s.mem[at]!;
    s.mem[at] = valueOf(s, what, value);
    const broken = s.heap.verify().broken.map((b) => b.invariant);
    expect(broken.filter((name) => name.includes(invariant)), `of ${broken.join("; ")}`).not.toEqual([]);
    s.mem[at] = old;
    expect(s.heap.verify().broken).toEqual([]);
  });
});

describe("in the middle of a cycle", () => {
  /** A cycle that stands at that step; P p holds nothing. */
  function at(step: number): { d: Driver; broken: () => string[] } {
    const heap = new TestHeap();
    const d = new Driver(heap);
    const p = heap.attach();
    // Fills in the header, as where another thread attaches.
    expect(heap.handle.memory).toBe(heap.region.memory);
    inTurn(p, () => {
      p.collector.roots.named.set("x", list(p, 2000));
      list(p, 2000);
    });
    d.to(step);
    return { d, broken: () => verifyHeap(p.layers, p.collector).broken.map((b) => b.invariant) };
  }

  test.each([["drain", STEP_DRAIN], ["flush", STEP_FLUSH], ["sweep", STEP_SWEEP]])("at %s nothing is broken, with marks and unswept spans about", (_name, step) => {
    expect(at(step).broken()).toEqual([]);
  });

  test("a mark on a slot that was never handed out is found", () => {
    const { d, broken } = at(STEP_FLUSH);
    const { layers, mem } = d.p;
    const s = spansOf(d.p).find((span) => layers.spans.nelems(span) > 100 && layers.spans.countHandedOut(span) < layers.spans.nelems(span))!;
    const slot = Array.from({ length: layers.spans.nelems(s) }, (_, i) => i).find((i) => !layers.spans.wasHandedOut(s, i))!;
    mem[mem[s + SPAN.freedBits]! + (slot >>> 5)]! |= 1 << (slot & 31);
    expect(broken()).toContain("only what was handed out is marked");
  });
});
