/**
 * Taking over from threads that died: whatever such a thread was in the middle of, the heap is whole afterwards, its place is free, and nothing it held is held
 * up or lost.
 */
import { GcProcessor, STEP_DRAIN, STEP_FLUSH, STEP_GRACE, STEP_IDLE, STEP_SWEEP } from "@mallocgc/gc";
import type { Addr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { bury } from "./bury.ts";
import { HEADER_PTR, HeapHeader } from "./header.ts";
import { attachHeap, createHeap, ref, struct, u32, type Heap } from "./index.ts";
import { Driver, gcWord, inTurn, isMarked, isThere, list } from "./testing/driver.ts";
import { TestHeap, type TestP } from "./testing/test-p.ts";
import { verifyHeap } from "./verify.ts";

const ZERO = ((HEADER_PTR + HeapHeader.offset.zero) * 4) as Addr;
const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  tag: u32,
});

function scene(): { heap: TestHeap; d: Driver; p: TestP; bury: (p: TestP) => boolean; broken: () => readonly unknown[] } {
  const heap = new TestHeap({ gcPercent: -1 });
  const d = new Driver(heap);
  const p = heap.attach();
  expect(heap.handle.type).toBe("mallocgc.heap");
  return { heap, d, p, bury: ({ processorId }) => bury(d.p.layers, d.p.processorId, processorId, ZERO), broken: () => verifyHeap(d.p.layers, d.p.collector).broken };
}

/** The P begins a turn that it will not end, and roots, by name, a list of 100 nodes. */
function dieInTurn(p: TestP): number {
  p.collector.mutator.enter();
  p.collector.turns.open = true;
  const head = list(p, 100);
  p.collector.roots.named.set("x", head);
  return head;
}

describe("a thread that died", () => {
  test("in a turn holds no cycle up any more, and what it made and published is there", () => {
    const { d, p, bury, broken } = scene();
    const head = dieInTurn(p);
    d.request();
    d.advance();
    expect(d.p.collector.heldUpBy()?.processorId).toBe(p.processorId);
    expect(bury(p)).toBe(true);
    d.finish();
    expect([isThere(d.p, head), d.word("cyclesSwept"), broken()]).toEqual([true, 1, []]);
  });

  test("leaves a place for another, who begins anew", () => {
    const { heap, d, p, bury, broken } = scene();
    dieInTurn(p);
    bury(p);
    const next = heap.attach();
    expect([next.processorId, gcWord(next, "turn") & 3, gcWord(next, "greyLen")]).toEqual([p.processorId, 0, 0]);
    inTurn(next, () => next.node());
    d.finish();
    expect(broken()).toEqual([]);
  });

  test("while holding handles lets go of their objects", () => {
    const { d, p, bury } = scene();
    const [held, named] = inTurn(p, () => {
      const [a, b] = [p.node(), p.node()];
      p.collector.roots.handles.root(a);
      p.collector.roots.named.set("x", b);
      return [a, b];
    });
    d.finish();
    expect(isThere(d.p, held)).toBe(true);
    bury(p);
    d.finish();
    expect([isThere(d.p, held), isThere(d.p, named)]).toEqual([false, true]);
  });

  test.each([["grace", STEP_GRACE], ["drain", STEP_DRAIN]])("in a cycle at %s, with something shaded, has it marked", (_name, step) => {
    const { d, p, bury, broken } = scene();
    const [root, hidden] = inTurn(p, () => {
      const leaf = p.node(p.node());
      const at = p.node(leaf);
      p.collector.roots.named.set("x", at);
      return [at, leaf];
    });
    d.to(step);
    p.collector.mutator.enter();
    p.collector.turns.open = true;
    p.store(root, 0, 0);
    p.collector.roots.named.set("y", hidden);
    expect(gcWord(p, "greyLen")).toBeGreaterThan(0);
    bury(p);
    expect(isMarked(d.p, hidden)).toBe(true);
    d.finish();
    expect([isThere(d.p, hidden), isThere(d.p, d.p.load(hidden, 0)), broken()]).toEqual([true, true, []]);
  });

  test("in the middle of marking: what it had in hand is found again, and it counts as at work no more", () => {
    const { d, p, bury, broken } = scene();
    const head = inTurn(p, () => {
      const at = list(p, 3000);
      p.collector.roots.named.set("x", at);
      return at;
    });
    d.to(STEP_DRAIN);
    // It has taken all there is to mark off the list, scanned some of it, and dies before it hands the rest over.
    const { marker } = p.collector as unknown as { marker: { drain(budget: number): number; readonly pending: number } };
    p.mem[p.layers.processors.gcOf(p.processorId) + GcProcessor.offset.marking] = 1;
    marker.drain(64);
    expect(d.p.collector.nothingToTake()).toBe(true);
    expect(() => { d.to(STEP_FLUSH); }).toThrow("stands at drain");
    bury(p);
    d.finish();
    let n = 0;
    for (let at = head; at !== 0; at = d.p.load(at, 0)) n += isThere(d.p, at) ? 1 : 0;
    expect([n, broken()]).toEqual([3000, []]);
  });

  test("in the middle of handing over what it had shaded: that is marked by who takes over", () => {
    const { d, p, bury, broken } = scene();
    const hidden = inTurn(p, () => {
      const leaf = p.node(p.node());
      p.collector.roots.named.set("x", p.node(leaf));
      return leaf;
    });
    d.to(STEP_GRACE);
    p.collector.mutator.enter();
    p.collector.turns.open = true;
    p.collector.mutator.shade(hidden);
    const { marker } = p.collector as unknown as { marker: { markRange(): void } };
    marker.markRange = (): never => {
      throw new Error("terminated");
    };
    expect(() => { p.collector.mutator.flush(); }).toThrow("terminated");
    expect([gcWord(p, "marking"), isMarked(d.p, hidden)]).toEqual([1, false]);
    bury(p);
    expect([isMarked(d.p, hidden), gcWord(p, "marking")]).toEqual([true, 0]);
    d.finish();
    expect(broken()).toEqual([]);
  });

  test("in the middle of a sweep: its span is swept on, and nothing alive is lost", () => {
    const { d, p, bury, broken } = scene();
    const root = inTurn(p, () => {
      const at = list(p, 50);
      p.collector.roots.named.set("x", at);
      return at;
    });
    p.layers.releaseAll();
    d.to(STEP_SWEEP);
    p.collector.mutator.enter();
    const s = p.layers.pages.spanOf(root);
    expect(p.layers.central.takeThisForSweep(s, p.layers.sweeper!)).toBe(true);
    bury(p);
    d.to(STEP_IDLE);
    expect([isThere(d.p, root), broken()]).toEqual([true, []]);
  });

  test("with stale spans in hand: SWEEP ends without it, and they are swept", () => {
    const { d, p, bury, broken } = scene();
    d.to(STEP_FLUSH);
    dieInTurn(p);
    d.to(STEP_SWEEP);
    bury(p);
    d.finish();
    d.finish();
    expect(broken()).toEqual([]);
  });

  test("in the driver's seat is not repaired: ERR_HEAP_DAMAGED", () => {
    const { d, p, bury } = scene();
    d.p.collector.cycle.stopDriving();
    expect(p.collector.cycle.tryDrive()).toBe(true);
    expect(() => bury(p)).toThrow(expect.objectContaining({ code: "ERR_HEAP_DAMAGED" }));
  });
});

describe("heap.bury", () => {
  test("buries a thread once, and nobody where none is", () => {
    const heap = createHeap({ maxBytes: 4 << 20, gcWorkers: 0 });
    const Node = heap.type(NodeType);
    const dead = attachHeap(heap.handle);
    dead.roots.set("x", dead.alloc(dead.type(NodeType)));
    expect([heap.bury(dead.processorId), heap.bury(dead.processorId), heap.bury(5)]).toEqual([true, false, false]);
    heap.gcSync();
    expect(heap.turn(() => Node.tag.get(heap.roots.get("x")))).toBe(0);
    expect(heap.verify().broken).toEqual([]);
  });

  test("does the same in a by-hand heap: its pages and spans go back, its blocks stay", () => {
    const heap: Heap = createHeap({ gc: false, maxBytes: 4 << 20 });
    const dead = attachHeap(heap.handle);
    const addr = dead.mallocgc(64);
    expect(heap.bury(dead.processorId)).toBe(true);
    heap.free(addr);
    expect(heap.verify().broken).toEqual([]);
  });
});
