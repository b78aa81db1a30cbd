/** Sweeping: what dies is counted and given out again, what has nothing left goes back, and whoever comes first sweeps. */
import { STEP_SWEEP } from "@mallocgc/gc";
import { MSpan, SCAN_NEVER } from "@mallocgc/mspan";
import { describe, expect, test } from "vitest";
import { readMemStats } from "./mem-stats.ts";
import { Driver, inTurn, isMarked, isThere, list, spansOf } from "./testing/driver.ts";
import { brokenIdentities } from "./testing/figures.ts";
import { TestHeap, type TestP } from "./testing/test-p.ts";

const KIB = 1024;
const S = MSpan.offset;

function scene(options: ConstructorParameters<typeof TestHeap>[0] = {}): { d: Driver; p: TestP } {
  const heap = new TestHeap({ gcPercent: -1, ...options });
  return { d: new Driver(heap), p: heap.attach() };
}

describe("what died", () => {
  test("is counted as freed, small and large, once each", () => {
    const { d, p } = scene();
    inTurn(p, () => {
      list(p, 1000);
      for (let i = 0; i < 5; i++) p.allocator.malloc(100 * KIB, 1);
      p.collector.roots.named.set("x", p.allocator.malloc(100 * KIB, 1));
    });
    p.layers.releaseAll();
    const before = readMemStats(p.layers);
    d.finish();
    const after = readMemStats(p.layers);
    expect([after.Frees - before.Frees, after.HeapObjects, after.Mallocs]).toEqual([1005, before.HeapObjects - 1005, before.Mallocs]);
    expect(before.HeapAlloc - after.HeapAlloc).toBe(1000 * 16 + 5 * 104 * KIB);
    d.finish();
    expect(readMemStats(p.layers).Frees).toBe(after.Frees);
  });

  test("is handed out again, zeroed, and a slot that lives is not", () => {
    const { d, p } = scene();
    const nodes = inTurn(p, () => {
      const all = Array.from({ length: 2048 }, (_, i) => p.node(0, 0, i + 1));
      all.forEach((addr, i) => { if (i % 4 === 0) p.collector.roots.named.set(`x${i}`, addr); });
      return all;
    });
    p.layers.releaseAll();
    d.finish();
    inTurn(p, () => {
      const kept = new Set(nodes.filter((_, i) => i % 4 === 0));
      const fresh = Array.from({ length: 1000 }, () => p.node());
      expect(fresh.some((addr) => kept.has(addr))).toBe(false);
      expect(fresh.every((addr) => p.stamp(addr) === 0)).toBe(true);
      expect(fresh.filter((addr) => nodes.includes(addr)).length).toBeGreaterThan(500);
      expect(nodes.every((addr, i) => i % 4 !== 0 || p.stamp(addr) === i + 1)).toBe(true);
    });
  });

  test("reads as 0xdeadbeef with clobberFree, as long as nothing else is there", () => {
    const { d, p } = scene({ clobberFree: true });
    const [root, dead] = inTurn(p, () => {
      const at = p.node();
      p.collector.roots.named.set("x", at);
      return [at, p.node(0, 0, 7)];
    });
    d.finish();
    expect([p.stamp(root), p.stamp(dead) >>> 0]).toEqual([0, 0xdeadbeef]);
  });
});

test("a span in which nothing lives goes back: its pages are free, for any use", () => {
  const { d, p } = scene();
  inTurn(p, () => { list(p, 10_000); });
  p.layers.releaseAll();
  const before = spansOf(p);
  expect(before.length).toBeGreaterThan(10);
  d.finish();
  expect(spansOf(p)).toEqual([]);
  inTurn(p, () => { expect(p.allocator.malloc(before.length * 8192, 1)).toBeGreaterThan(0); });
});

test("a figure claims nothing that is not so, in every step of a cycle", () => {
  const { d, p } = scene();
  inTurn(p, () => {
    p.collector.roots.named.set("x", list(p, 3000));
    list(p, 3000);
    p.allocator.malloc(100 * KIB, 1);
  });
  d.request();
  for (let steps = 0; d.word("cyclesSwept") === 0; steps++) {
    expect(brokenIdentities(readMemStats(p.layers))).toEqual([]);
    expect(steps).toBeLessThan(500);
    d.advance(512);
    if (steps % 3 === 0) inTurn(p, () => p.node());
  }
  expect(brokenIdentities(readMemStats(p.layers))).toEqual([]);
});

test("after a sweep no mark is left, no slot is new, and every span is of this generation", () => {
  const { d, p } = scene();
  inTurn(p, () => {
    p.collector.roots.named.set("x", list(p, 3000));
    p.collector.roots.named.set("large", p.allocator.malloc(100 * KIB, 1));
  });
  d.finish();
  const h = p.mem[p.layers.spans.heapSweepgen]!;
  for (const s of spansOf(p)) {
    expect([p.mem[s + S.freeIndexForScan], p.mem[s + S.sweepgen]]).toEqual([SCAN_NEVER, h]);
    for (let slot = 0; slot < p.layers.spans.nelems(s); slot++) expect(p.layers.marks.isMarked(s, slot)).toBe(false);
  }
});

test("of two threads that want a span, one sweeps it", () => {
  const { d, p } = scene();
  const addr = inTurn(p, () => p.allocator.malloc(100 * KIB, 1));
  d.to(STEP_SWEEP);
  const s = p.layers.pages.spanOf(addr);
  expect([p.layers.sweeper!.tryAcquire(s), d.p.layers.sweeper!.tryAcquire(s)]).toEqual([true, false]);
});

describe("reclaim", () => {
  test("frees whole spans before the heap grows: what an allocation needs comes from garbage", () => {
    const { d, p } = scene();
    inTurn(p, () => { for (let i = 0; i < 60; i++) p.allocator.malloc(64 * KIB, 1); });
    p.layers.releaseAll();
    d.to(STEP_SWEEP);
    const end = p.layers.pages.frontier.heapEnd;
    inTurn(p, () => { for (let i = 0; i < 50; i++) p.allocator.malloc(64 * KIB, 1); });
    expect(p.layers.pages.frontier.heapEnd).toBe(end);
    d.finish();
  });

  test("takes no span in which something lives", () => {
    const { d, p } = scene();
    const [kept, dead] = inTurn(p, () => {
      const large = p.allocator.malloc(64 * KIB, 1);
      p.collector.roots.named.set("x", large);
      return [large, p.allocator.malloc(64 * KIB, 1)];
    });
    d.to(STEP_SWEEP);
    d.p.layers.sweeper!.reclaim(1000);
    expect([isThere(p, kept), p.layers.pages.spanOf(dead)]).toEqual([true, 0]);
    d.finish();
    expect(isThere(p, kept)).toBe(true);
  });

  test("stops when enough came free", () => {
    const { d, p } = scene({ maxBytes: 64 << 20 });
    inTurn(p, () => { for (let i = 0; i < 500; i++) p.allocator.malloc(64 * KIB, 1); });
    d.to(STEP_SWEEP);
    d.p.layers.sweeper!.reclaim(8);
    expect(d.word("pagesSwept")).toBeGreaterThanOrEqual(8);
    expect(d.word("pagesSwept")).toBeLessThanOrEqual(512);
    d.finish();
  });

  test("does nothing between cycles", () => {
    const { d, p } = scene();
    inTurn(p, () => p.allocator.malloc(64 * KIB, 1));
    d.p.layers.sweeper!.reclaim(1000);
    expect(d.word("pagesSwept")).toBe(0);
  });
});

describe("a sweep that a thread died in", () => {
  test("is ended by who takes over: what lives is kept, the span is of this generation and can be allocated from", () => {
    const { d, p } = scene();
    const [kept, dead] = inTurn(p, () => {
      const root = p.node();
      p.collector.roots.named.set("x", root);
      return [root, p.node()];
    });
    p.layers.releaseAll();
    d.to(STEP_SWEEP);
    const s = p.layers.pages.spanOf(kept);
    const { sweeper, central } = p.layers;
    // As it dies in the sweep: the span is off its set, its generation says that it is being swept.
    expect(central.takeThisForSweep(s, sweeper!)).toBe(true);
    sweeper!.finishBroken(s);
    central.uncacheSpan(s);
    expect([isThere(p, kept), isThere(p, dead), isMarked(p, kept)]).toEqual([true, true, false]);
    d.finish();
    d.finish();
    expect([isThere(p, kept), isThere(p, dead)]).toEqual([true, false]);
  });
});
