/** One P's part in a cycle: what it does when it takes notice of each phase, its write barrier, and what it says of weakly held objects. */
import { GREY_ENTRIES, STEP_ARM, STEP_DRAIN, STEP_FLUSH, STEP_GRACE, STEP_MARK, STEP_SWEEP, addTimes, type TimeCounts } from "@mallocgc/gc";
import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { Driver, gcWord, inTurn, isMarked, isThere, list, revives, wordWith } from "./testing/driver.ts";
import { TestHeap, type TestP } from "./testing/test-p.ts";

function scene(): { d: Driver; p: TestP } {
  const heap = new TestHeap();
  return { d: new Driver(heap), p: heap.attach() };
}

/** What the P has shaded and not marked yet. */
function grey(p: TestP): number[] {
  const from = gcWord(p, "grey");
  return Array.from({ length: gcWord(p, "greyLen") }, (_, i) => p.mem[from + i]! >>> 0);
}

/** The P in a turn that began before the cycle, which it has acked up to that step. */
function turnUpTo(d: Driver, p: TestP, step: number): void {
  p.collector.mutator.enter();
  p.collector.turns.open = true;
  d.to(STEP_ARM);
  p.collector.mutator.poll();
  if (step === STEP_ARM) return;
  d.to(STEP_MARK);
  p.collector.mutator.poll();
}

describe("taking notice of", () => {
  test("ARM turns the barrier on, and nothing that is allocated counts as marked yet", () => {
    const { d, p } = scene();
    turnUpTo(d, p, STEP_ARM);
    const addr = p.node();
    p.store(p.node(), 0, addr);
    expect([grey(p), p.layers.cache.black]).toEqual([[addr], false]);
  });

  test("MARK makes what is allocated from then on count as marked, in spans in hand and in spans taken later", () => {
    const { d, p } = scene();
    const before = inTurn(p, () => p.node());
    turnUpTo(d, p, STEP_MARK);
    const after = Array.from({ length: 2000 }, () => p.node());
    const alive = (addr: number): boolean => {
      const s = p.layers.pages.spanOf(addr);
      return p.layers.marks.isAlive(s, p.layers.spans.slotOf(s, addr));
    };
    expect([alive(before), after.every(alive)]).toEqual([false, true]);
    p.collector.mutator.leave();
    p.collector.turns.open = false;
    d.finish();
    expect([isThere(p, before), after.every((addr) => isThere(p, addr))]).toEqual([false, true]);
  });

  test("SWEEP throws away what is shaded, gives every cached span back, and nothing new counts as marked", () => {
    const { d, p } = scene();
    d.to(STEP_DRAIN);
    inTurn(p, () => {
      const addr = p.node();
      d.to(STEP_FLUSH);
      p.collector.mutator.poll();
      p.store(addr, 0, addr);
      expect(grey(p)).toEqual([addr]);
      d.advance();
      p.collector.mutator.poll();
      expect([d.step, grey(p), p.layers.cache.black]).toEqual(["sweep", [], false]);
      expect(gcWord(p, "phaseSeen")).toBe(d.word("phase"));
    });
    d.finish();
    inTurn(p, () => p.node());
    d.finish();
    expect(p.collector.badPointers().count).toBe(0);
  });

  test("OFF changes nothing that the sweep has not changed before: a turn over the end of a cycle goes on allocating", () => {
    const { d, p } = scene();
    d.to(STEP_SWEEP);
    inTurn(p, () => {
      const addr = p.node();
      d.finish();
      p.collector.mutator.poll();
      expect([isThere(p, addr), gcWord(p, "phaseSeen")]).toEqual([true, d.word("phase")]);
    });
  });

  test("a phase that is already another by then: a P that rested over two cycles acks what is now", () => {
    const { d, p } = scene();
    inTurn(p, () => p.node());
    d.finish();
    d.to(STEP_GRACE);
    p.collector.mutator.enter();
    expect([gcWord(p, "phaseSeen"), p.layers.cache.black]).toEqual([d.word("phase"), true]);
  });
});

describe("a pointer store", () => {
  test("while no cycle marks is a store and nothing else", () => {
    const { p } = scene();
    inTurn(p, () => {
      const [a, b] = [p.node(), p.node()];
      p.store(a, 0, b);
      p.store(a, 0, 0);
      expect([p.load(a, 0), grey(p)]).toEqual([0, []]);
    });
  });

  test("shades what was there and what comes, nil left out", () => {
    const { d, p } = scene();
    const [a, b, c] = inTurn(p, () => [p.node(), p.node(), p.node()]);
    turnUpTo(d, p, STEP_ARM);
    p.store(a, 0, b);
    p.store(a, 0, c);
    p.store(a, 0, 0);
    expect([grey(p), p.load(a, 0)]).toEqual([[b, b, c, c], 0]);
  });

  test("takes notice of the phase before it shades: after SWEEP nothing is left in the buffer", () => {
    const { d, p } = scene();
    const [a, b] = inTurn(p, () => [p.node(), p.node()]);
    p.collector.mutator.enter();
    d.request();
    d.advance();
    p.store(a, 0, b);
    expect([gcWord(p, "phaseSeen"), grey(p)]).toEqual([d.word("phase"), [b]]);
  });

  test("by compare-and-swap shades both when it succeeds, and neither when it does not", () => {
    const { d, p } = scene();
    const [a, b, c] = inTurn(p, () => [p.node(), p.node(), p.node()]);
    inTurn(p, () => { p.store(a, 0, b); });
    turnUpTo(d, p, STEP_ARM);
    const { mutator } = p.collector;
    expect([mutator.compareExchangeRef(a, c, 0), grey(p), p.load(a, 0)]).toEqual([b, [], b]);
    expect([mutator.compareExchangeRef(a, b, c), grey(p), p.load(a, 0)]).toEqual([b, [b, c], c]);
  });

  test("by compare-and-swap gives addresses as unsigned numbers, above 2 GiB too", () => {
    const { p } = scene();
    inTurn(p, () => {
      const word = p.allocator.malloc(16, 1);
      p.mem[word >>> 2] = 0x90000000 | 0;
      expect(p.collector.mutator.compareExchangeRef(word, 0x90000000, 0xf0000000)).toBe(0x90000000);
      expect([p.load(word, 0), p.collector.mutator.compareExchangeRef(word, 5, 6)]).toEqual([0xf0000000, 0xf0000000]);
    });
  });
});

describe("the grey buffer", () => {
  test("when it is full is marked and handed over, and goes on", () => {
    const { d, p } = scene();
    const nodes = inTurn(p, () => Array.from({ length: GREY_ENTRIES + 10 }, () => p.node()));
    turnUpTo(d, p, STEP_MARK);
    const before = d.word("workSeq");
    for (const addr of nodes) p.collector.mutator.shade(addr);
    expect(grey(p)).toHaveLength(10);
    expect(nodes.slice(0, GREY_ENTRIES).every((addr) => isMarked(p, addr))).toBe(true);
    expect(d.word("workSeq")).toBeGreaterThan(before);
    expect(isMarked(p, nodes.at(-1)!)).toBe(false);
  });

  test("is empty after a turn, and what was in it is marked", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => p.node());
    d.to(STEP_DRAIN);
    p.collector.mutator.enter();
    p.collector.mutator.shade(addr);
    p.collector.mutator.leave();
    expect([grey(p), isMarked(p, addr)]).toEqual([[], true]);
  });

  test("leaves out what is new: a program that allocates and links hands nothing over, and marking ends", () => {
    const { d, p } = scene();
    d.to(STEP_DRAIN);
    inTurn(p, () => {
      const before = d.word("workSeq");
      const head = list(p, 300);
      d.to(STEP_FLUSH);
      p.collector.mutator.poll();
      expect([d.word("workSeq") - before, grey(p), isMarked(p, head)]).toEqual([0, [], false]);
      d.advance();
      expect([d.step, isThere(p, head)]).toEqual(["sweep", true]);
    });
    d.finish();
  });

  test("answers a round of flushing once, when it is asked", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => p.node());
    d.to(STEP_DRAIN);
    p.collector.mutator.enter();
    p.collector.mutator.shade(addr);
    p.collector.mutator.poll();
    expect(grey(p)).toEqual([addr]);
    d.to(STEP_FLUSH);
    p.collector.mutator.poll();
    expect([grey(p), gcWord(p, "flushSeen")]).toEqual([[], d.word("flushSeq")]);
  });

  test("shades nothing while the barrier is off", () => {
    const { p } = scene();
    inTurn(p, () => {
      p.collector.mutator.shade(p.node());
      expect(grey(p)).toEqual([]);
    });
  });
});

describe("an object that only a weak ref leads to", () => {
  test("is alive while no cycle is under way", () => {
    const { d, p } = scene();
    inTurn(p, () => { expect([revives(p, p.node()), d.word("revived")]).toEqual([true, 0]); });
  });

  test("is alive in ARM, acked or not, and need not be shaded: the cycle waits for this turn's end", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => p.node());
    p.collector.mutator.enter();
    p.collector.mutator.poll = (): void => { d.to(STEP_ARM); };
    expect([revives(p, addr), d.phase, d.word("revived"), grey(p)]).toEqual([true, "arm", 0, []]);
    Reflect.deleteProperty(p.collector.mutator, "poll");
    p.collector.mutator.poll();
    expect([revives(p, addr), gcWord(p, "phaseSeen") === d.word("phase"), d.word("revived"), grey(p)]).toEqual([true, true, 0, []]);
  });

  test("is dead in ARM, if a thread still has its span in its hands and has not swept it", () => {
    const { d, p } = scene();
    const dead = inTurn(p, () => p.node());
    p.layers.releaseAll();
    d.to(STEP_SWEEP);
    const { central, pages, sweeper } = p.layers;
    const span = pages.spanOf(dead);
    expect(central.takeThisForSweep(span, { tryAcquire: () => true } as never)).toBe(true);
    d.finish();
    d.to(STEP_ARM);
    p.collector.mutator.enter();
    expect([revives(p, dead), d.word("revived"), grey(p)]).toEqual([false, 0, []]);
    sweeper!.tryAcquire(span);
    sweeper!.sweep(span);
    central.uncacheSpan(span);
  });

  test("is revived in MARK: shaded, counted, and there after the cycle with all it leads to", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => p.node(p.node()));
    const child = p.load(addr, 0);
    d.to(STEP_DRAIN);
    inTurn(p, () => { expect([revives(p, addr), d.word("revived"), grey(p)]).toEqual([true, 1, [addr]]); });
    d.finish();
    expect([isThere(p, addr), isThere(p, child)]).toEqual([true, true]);
  });

  test("is alive without more ado when it is marked, or new", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => {
      const root = p.node();
      p.collector.roots.named.set("x", root);
      return root;
    });
    d.to(STEP_DRAIN);
    d.to(STEP_FLUSH);
    inTurn(p, () => {
      expect([revives(p, addr), revives(p, p.node()), d.word("revived"), grey(p)]).toEqual([true, true, 0, []]);
    });
  });

  test("is dead in SWEEP if marking has not reached it, though its span is not swept yet; else alive, before its span is swept and after", () => {
    const { d, p } = scene();
    const [kept, dead] = inTurn(p, () => {
      const root = p.node();
      p.collector.roots.named.set("x", root);
      return [root, p.node()];
    });
    p.layers.releaseAll();
    d.to(STEP_SWEEP);
    p.collector.mutator.enter();
    expect([revives(p, kept), isThere(p, dead), revives(p, dead)]).toEqual([true, true, false]);
    d.finish();
    expect([revives(p, kept), isThere(p, dead)]).toEqual([true, false]);
  });

  test("is looked up after the phase: what is swept and given away before that is not shaded", () => {
    const { d, p } = scene();
    const addr = inTurn(p, () => p.node());
    d.to(STEP_DRAIN);
    const { mutator } = p.collector;
    mutator.enter();
    const word = wordWith(p, addr);
    mutator.poll = (): void => void Atomics.store(p.mem, word, 0);
    expect([mutator.makeStrongFromWeak(word), d.word("revived"), grey(p)]).toEqual([0, 0, []]);
  });

  test("whose pages are gone is dead", () => {
    const { d, p } = scene();
    const large = inTurn(p, () => p.allocator.malloc(100_000, 1));
    d.to(STEP_SWEEP);
    p.collector.mutator.enter();
    d.p.layers.sweeper!.reclaim(100);
    expect([p.layers.pages.spanOf(large), revives(p, large)]).toEqual([0, false]);
  });
});

describe("the turn word", () => {
  test("is odd in a turn, and another in each turn; a safepoint makes another without leaving", () => {
    const { p } = scene();
    const { mutator } = p.collector;
    const words = [];
    mutator.enter();
    words.push(gcWord(p, "turn"));
    mutator.safepoint();
    words.push(gcWord(p, "turn"));
    mutator.leave();
    words.push(gcWord(p, "turn"));
    mutator.enter();
    words.push(gcWord(p, "turn"));
    expect(words.map((word) => word & 1)).toEqual([1, 1, 0, 1]);
    expect(new Set(words).size).toBe(4);
  });

  test("of a turn that has ended, wakes the driver once, and only if it waits for that", () => {
    const { d, p } = scene();
    const { mutator } = p.collector;
    const woken = (end: () => void): number => {
      const before = d.word("wake");
      end();
      return d.word("wake") - before;
    };
    const safepoint = (): void => { mutator.safepoint(); };
    mutator.enter();
    expect(woken(safepoint), "no cycle").toBe(0);
    d.to(STEP_ARM);
    mutator.poll();
    expect(woken(safepoint), "the driver waits for nobody").toBe(0);
    d.advance();
    mutator.poll();
    d.advance();
    expect([d.step, woken(safepoint), woken(safepoint)]).toEqual(["grace", 1, 0]);
    d.to(STEP_DRAIN);
    expect(woken(() => { mutator.leave(); })).toBe(0);
    mutator.enter();
    d.to(STEP_FLUSH);
    expect(woken(() => { mutator.leave(); }), "answers the flush").toBe(1);
  });

  test("claimed by the thread that leaves, or by who buries a dead one, is claimed by nobody else", () => {
    const { p } = scene();
    expect([p.collector.mutator.claimDead(), p.collector.mutator.claimDead()]).toEqual([true, false]);
  });
});

test("how long an operation was held up is noted: the longest of this P, and of all", () => {
  const { d, p } = scene();
  p.collector.mutator.noteStall(performance.now() - 5);
  p.collector.mutator.noteStall(performance.now() - 1);
  expect(p.collector.mutator.maxStallUs).toBeGreaterThanOrEqual(5000);
  expect(d.word("maxStallUs")).toBe(p.collector.mutator.maxStallUs);
  expect(d.p.collector.mutator.maxStallUs).toBeLessThan(p.collector.mutator.maxStallUs);
});

test("each handshake is a pause of this P, in its histogram; the longest of all threads is the cycle's", () => {
  const { d, p } = scene();
  const pauses = (): TimeCounts => addTimes(p.layers.region, [gcWord(p, "pauses") as Ptr]);
  const count = (): number => pauses().counts.reduce((n, of) => n + of, 0);
  turnUpTo(d, p, STEP_MARK);
  // The first turn's beginning, ARM and MARK; polls that find nothing new are none.
  p.collector.mutator.poll();
  const { sumNs } = pauses();
  expect([count(), sumNs > 0]).toEqual([3, true]);
  const longest = d.word("maxPauseNs");
  expect([longest > 0, longest <= sumNs, longest >= sumNs / 3]).toEqual([true, true, true]);
  p.collector.mutator.leave();
  p.collector.turns.open = false;
  d.finish();
  expect([d.word("maxPauseNs"), d.p.collector.log.totals().pauseNs]).toEqual([0, longest]);
});
