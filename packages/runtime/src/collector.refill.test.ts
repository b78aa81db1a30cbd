/** What an allocating P does for the collector when it takes spans: asks for cycles, sweeps at a pace, pays by marking. */
import { STEP_DRAIN, STEP_SWEEP, WANTED_BY_GROWTH } from "@mallocgc/gc";
import { describe, expect, test } from "vitest";
import { Driver, gcWord, inTurn, isMarked, list } from "./testing/driver.ts";
import { TestHeap, type TestP } from "./testing/test-p.ts";

const KIB = 1024;
const MIB = 1 << 20;

function scene(heapMinimum = MIB): { d: Driver; p: TestP } {
  const heap = new TestHeap({ heapMinimum });
  return { d: new Driver(heap), p: heap.attach() };
}

/** Allocates `nbytes` of garbage in blocks of `size`. */
function churn(p: TestP, nbytes: number, size = KIB): void {
  for (let done = 0; done < nbytes; done += size) p.allocator.malloc(size, 1);
}

describe("live bytes", () => {
  test("count a span when it is taken, and what of it was not handed out is taken off when it goes back in the same cycle", () => {
    const { d, p } = scene();
    const before = d.word("heapLive");
    inTurn(p, () => p.allocator.malloc(KIB, 1));
    expect(d.word("heapLive") - before).toBe((8 * KIB) / 8);
    p.layers.releaseAll();
    expect(d.word("heapLive") - before).toBe(KIB / 8);
  });

  test("count a large object's pages", () => {
    const { d, p } = scene();
    const before = d.word("heapLive");
    inTurn(p, () => p.allocator.malloc(40_000, 1));
    expect((d.word("heapLive") - before) * 8).toBe(40 * KIB);
  });

  test("that may hold pointers are counted apart", () => {
    const { d, p } = scene();
    inTurn(p, () => {
      p.allocator.malloc(KIB, 1);
      expect(d.word("heapScan")).toBe(0);
      p.node();
    });
    expect(d.word("heapScan")).toBeGreaterThan(0);
  });

  test("are what was found alive, and new, after a cycle: garbage counts no more", () => {
    const { d, p } = scene();
    inTurn(p, () => {
      p.collector.roots.named.set("x", p.allocator.malloc(100 * KIB, 1));
      churn(p, 2 * MIB);
    });
    d.finish();
    expect(d.word("heapLive") * 8).toBeGreaterThanOrEqual(100 * KIB);
    expect(d.word("heapLive") * 8).toBeLessThan(300 * KIB);
  });
});

describe("a cycle is asked for", () => {
  test("at the first span taken past the trigger, and not before", () => {
    const { d, p } = scene();
    inTurn(p, () => {
      while (d.word("heapLive") < d.word("trigger")) {
        expect(d.word("wanted")).toBe(0);
        churn(p, 8 * KIB);
      }
      churn(p, 16 * KIB);
      expect(d.word("wanted")).toBe(WANTED_BY_GROWTH);
    });
  });

  test("by a large object too", () => {
    const { d, p } = scene();
    inTurn(p, () => {
      p.allocator.malloc(2 * MIB, 1);
      p.allocator.malloc(40_000, 1);
    });
    expect(d.word("wanted")).toBe(WANTED_BY_GROWTH);
  });

  test("once: sleepers are woken for the first who asks", () => {
    const { d, p } = scene();
    d.setWord("heapLive", d.word("trigger"));
    inTurn(p, () => {
      churn(p, 8 * KIB, 8 * KIB);
      const wake = d.word("wake");
      churn(p, 64 * KIB, 8 * KIB);
      expect(d.word("wake")).toBe(wake);
    });
  });
});

describe("while a cycle marks", () => {
  /** A heap with much to mark, where marking has just begun and nobody marks. */
  function marking(): { d: Driver; p: TestP; head: number } {
    const { d, p } = scene();
    const head = inTurn(p, () => {
      const at = list(p, 30_000);
      p.collector.roots.named.set("x", at);
      return at;
    });
    d.to(STEP_DRAIN);
    return { d, p, head };
  }

  test("who allocates goes into debt, and marks at the next refill", () => {
    const { d, p, head } = marking();
    inTurn(p, () => {
      churn(p, 8 * KIB, 8 * KIB);
      const before = d.p.collector.cycle.figures().heapScanWork;
      expect([gcWord(p, "assistDebt") > 0, before]).toEqual([true, d.p.collector.cycle.figures().heapScanWork]);
      const debt = gcWord(p, "assistDebt");
      p.allocator.malloc(16 * KIB, 1);
      expect(d.p.collector.cycle.figures().heapScanWork).toBeGreaterThan(before);
      expect(gcWord(p, "assistDebt")).toBeLessThan(debt + (16 * KIB) / 8);
    });
    expect([isMarked(p, head), gcWord(p, "marking")]).toEqual([true, 0]);
  });

  test("the background's credit pays first: then nothing is marked", () => {
    const { d, p } = marking();
    inTurn(p, () => {
      churn(p, 8 * KIB, 8 * KIB);
      d.setWord("bgCredit", 1 << 20);
      const before = d.p.collector.cycle.figures().heapScanWork;
      p.allocator.malloc(16 * KIB, 1);
      expect(d.p.collector.cycle.figures().heapScanWork).toBe(before);
      expect(d.word("bgCredit")).toBeLessThan(1 << 20);
    });
  });

  test("and the limiter asks for no assists, nobody pays", () => {
    const { d, p } = marking();
    d.setWord("limiting", 1);
    inTurn(p, () => {
      churn(p, 64 * KIB, 8 * KIB);
      expect([gcWord(p, "assistDebt"), d.word("assistUs"), d.p.collector.cycle.figures().heapScanWork]).toEqual([(64 * KIB) / 8, 0, 0]);
    });
  });

  test("an assist that finds nothing to mark lets the program go on, in debt", () => {
    const { d, p } = scene();
    d.to(STEP_DRAIN);
    inTurn(p, () => {
      churn(p, 256 * KIB, 8 * KIB);
      expect(gcWord(p, "assistDebt")).toBeGreaterThan(0);
    });
    d.finish();
  });

  test("allocation alone brings marking so far that it ends about when the goal is reached", () => {
    const { d, p } = marking();
    // The first cycle knows of none before it: how much there is to mark, the second expects.
    d.finish();
    d.to(STEP_DRAIN);
    inTurn(p, () => {
      const goal = d.p.collector.pacer.nextGoal;
      expect(d.word("heapLive") * 8).toBeLessThan(goal);
      while (d.word("heapLive") * 8 < goal) churn(p, 8 * KIB, 8 * KIB);
    });
    expect(d.p.collector.nothingToTake()).toBe(true);
  });
});

describe("proportional sweeping", () => {
  test("has swept everything when the next cycle is due, though nobody else sweeps", () => {
    const { d, p } = scene(4 * MIB);
    inTurn(p, () => {
      p.collector.roots.named.set("x", list(p, 60_000));
      for (let i = 0; i < 60_000; i++) p.node();
    });
    d.to(STEP_SWEEP);
    p.collector.mutator.enter();
    const swept = [d.word("pagesSwept")];
    // Of another class than what there is to sweep.
    while ((d.word("wanted") & WANTED_BY_GROWTH) === 0) {
      churn(p, 32 * KIB, 8 * KIB);
      swept.push(d.word("pagesSwept"));
    }
    expect(p.layers.sweeper!.sweepOne()).toBe(0);
    // In many small pieces, not in one.
    expect(new Set(swept).size).toBeGreaterThan(10);
    p.collector.mutator.leave();
    d.finish();
  });

  test("asks for nothing once all is swept", () => {
    const { d, p } = scene();
    inTurn(p, () => { list(p, 10_000); });
    p.layers.releaseAll();
    d.to(STEP_SWEEP);
    while (d.p.layers.sweeper!.sweepOne() !== 0);
    const swept = d.word("pagesSwept");
    inTurn(p, () => { churn(p, 64 * KIB, 8 * KIB); });
    expect(d.word("pagesSwept")).toBe(swept);
    d.finish();
  });
});
