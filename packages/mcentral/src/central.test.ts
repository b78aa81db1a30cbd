import fc from "fast-check";
import { SPAN_CLASS_TO_NELEMS, FREED_FULL, FREED_HELD, FREED_LISTED, MSpan, freedState, type SpanPtr } from "@mallocgc/mspan";
import { makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { describe, expect, test } from "vitest";
import { SPAN_BUDGET, reuseThreshold, type Sweeper } from "./index.ts";
import { TestCentral } from "./testing/test-central.ts";

const F = MSpan.offset;
/** 8 slots of 1 KiB; threshold 1. */
const KIB: number = makeSpanClass(sizeToClass(1024), true);
/** 126 slots of 64 bytes; threshold 15. */
const B64: number = makeSpanClass(sizeToClass(64), true);
const NELEMS = SPAN_CLASS_TO_NELEMS[B64]!;
const THRESHOLD = reuseThreshold(NELEMS);

/**
 * A collector in a few lines: `dead` holds the addresses that the next sweep of their span is to free. Sweeping sets freed bits, as
 * marking turned round would.
 */
class TestSweeper implements Sweeper {
  readonly swept: SpanPtr[] = [];
  /** Pages that were to be swept free before the heap was asked for new ones. */
  readonly reclaimed: number[] = [];
  readonly dead = new Set<number>();
  readonly t: TestCentral;
  /** Spans that another thread is sweeping. */
  readonly taken = new Set<SpanPtr>();

  constructor(t: TestCentral) {
    this.t = t;
  }

  tryAcquire(s: SpanPtr): boolean {
    const h = this.t.mem[this.t.spans.heapSweepgen]!;
    return !this.taken.has(s) && Atomics.compareExchange(this.t.mem, s + F.sweepgen, h - 2, h - 1) === h - 2;
  }

  sweep(s: SpanPtr): void {
    const { t } = this;
    for (const slot of t.live(s)) if (this.dead.delete(t.spans.slotAddr(s, slot))) t.freed.free(s, slot, Infinity);
    Atomics.store(t.mem, s + F.sweepgen, t.mem[t.spans.heapSweepgen]!);
    this.swept.push(s);
  }

  reclaim(npages: number): void {
    this.reclaimed.push(npages);
  }

  /** All slots of the span are unreachable from now on. */
  kill(s: SpanPtr): void {
    for (const slot of this.t.live(s)) this.dead.add(this.t.spans.slotAddr(s, slot));
  }
}

function collected(): { t: TestCentral; sweeper: TestSweeper } {
  let sweeper!: TestSweeper;
  const t = TestCentral.create(64 << 20, (own) => (sweeper = new TestSweeper(own)));
  return { t, sweeper };
}

/** A new collection: what was swept is unswept. */
function nextCycle(t: TestCentral): void {
  t.mem[t.spans.heapSweepgen]! += 2;
}

describe("cacheSpan", () => {
  test("takes partial swept, then partial unswept, then full unswept that sweeping frees something in, then new pages", () => {
    const { t, sweeper } = collected();
    const [partialOld, fullOld, fullAlive] = [t.grown(KIB, 3), t.grown(KIB), t.grown(KIB)];
    for (const s of [partialOld, fullAlive, fullOld]) t.central.uncacheSpan(s);
    nextCycle(t);
    const partialNew = t.grown(KIB, 2);
    t.central.uncacheSpan(partialNew);
    sweeper.kill(fullOld);
    const inUse = t.pagesInUse();
    expect(t.central.cacheSpan(KIB)).toBe(partialNew);
    expect(sweeper.swept).toEqual([]);
    expect(t.central.cacheSpan(KIB)).toBe(partialOld);
    expect(sweeper.swept).toEqual([partialOld]);
    expect(t.central.cacheSpan(KIB)).toBe(fullOld);
    expect(sweeper.swept).toEqual([partialOld, fullAlive, fullOld]);
    expect(t.spans.allocCount(fullOld)).toBe(0);
    expect(t.pagesInUse()).toBe(inUse);
    const grown = t.central.cacheSpan(KIB);
    expect([partialNew, partialOld, fullOld, fullAlive]).not.toContain(grown);
    expect(t.pagesInUse()).toBe(inUse + 1);
    expect(t.set(KIB, 2 + ((t.mem[t.spans.heapSweepgen]! >>> 1) & 1)), "swept and still full").toEqual([fullAlive]);
  });

  test("looks at 100 unswept spans at most, in both sets together, before it grows", () => {
    const { t, sweeper } = collected();
    const spans = Array.from({ length: SPAN_BUDGET + 50 }, () => t.grown(KIB));
    for (const s of spans) t.central.uncacheSpan(s);
    nextCycle(t);
    expect(spans).not.toContain(t.central.cacheSpan(KIB));
    expect(sweeper.swept).toEqual(spans.slice(0, SPAN_BUDGET));
    expect(spans).not.toContain(t.central.cacheSpan(KIB));
    expect(sweeper.swept, "the rest the next time").toEqual(spans);
    t.central.cacheSpan(KIB);
    expect(sweeper.swept, "and none twice").toHaveLength(spans.length);
  });

  test("leaves an unswept span alone that another thread is sweeping", () => {
    const { t, sweeper } = collected();
    const [mine, others] = [t.grown(KIB, 1), t.grown(KIB, 1)];
    t.central.uncacheSpan(others);
    t.central.uncacheSpan(mine);
    nextCycle(t);
    sweeper.taken.add(others);
    expect(t.central.cacheSpan(KIB)).toBe(mine);
    expect(sweeper.swept).toEqual([mine]);
    expect(t.mem[others + F.onSet]).toBe(0);
  });

  test("without a sweeper takes partial spans in the order they came, then grows", () => {
    const t = TestCentral.create();
    const spans = [t.grown(KIB, 1), t.grown(KIB, 2), t.grown(KIB, 3)];
    for (const s of spans) t.central.uncacheSpan(s);
    for (const s of spans) {
      expect(t.central.cacheSpan(KIB)).toBe(s);
      expect(freedState(t.mem[s + F.freed]!)).toBe(FREED_HELD);
    }
    expect(spans).not.toContain(t.central.cacheSpan(KIB));
  });

  test("goes on where the last holder stopped, or at the first slot freed since", () => {
    const t = TestCentral.create();
    const s = t.grown(B64, 50);
    t.central.uncacheSpan(s);
    expect(t.central.cacheSpan(B64)).toBe(s);
    expect(t.spans.allocCount(s)).toBe(50);
    expect(t.take(s)).toBe(50);
    t.central.uncacheSpan(s);
    t.free(s, 9);
    expect(t.central.cacheSpan(B64)).toBe(s);
    expect(t.spans.allocCount(s)).toBe(50);
    expect([t.take(s), t.take(s)]).toEqual([9, 51]);
  });

  test("answers 0 when the region is full, and nothing is lost by that", () => {
    const t = TestCentral.create(1 << 20);
    const spans: SpanPtr[] = [];
    for (let s = t.central.cacheSpan(KIB); s !== 0; s = t.central.cacheSpan(KIB)) {
      spans.push(s);
      while (t.take(s) >= 0);
      t.central.uncacheSpan(s);
    }
    expect(spans.length).toBeGreaterThan(50);
    t.free(spans[7]!, 3);
    expect(t.central.cacheSpan(KIB)).toBe(spans[7]);
    expect(t.take(spans[7]!)).toBe(3);
  });
});

describe("uncacheSpan", () => {
  test("puts a span on the partial or the full set, or gives it back when it is empty", () => {
    const t = TestCentral.create();
    const inUse = t.pagesInUse();
    const [partial, full, untouched] = [t.grown(B64, 5), t.grown(B64), t.grown(B64, 0)];
    for (const s of [partial, full, untouched]) t.central.uncacheSpan(s);
    expect(t.set(B64, 0)).toEqual([partial]);
    expect(t.set(B64, 2)).toEqual([full]);
    expect(freedState(t.mem[partial + F.freed]!)).toBe(FREED_LISTED);
    expect(freedState(t.mem[full + F.freed]!)).toBe(FREED_FULL);
    expect(t.allSpans()).not.toContain(untouched);
    expect(t.pagesInUse()).toBe(inUse + 2);
  });

  test("merges what was freed while the span was held: all of it, and the span is given back", () => {
    const t = TestCentral.create();
    const s = t.grown(B64);
    for (let slot = 0; slot < NELEMS; slot++) expect(t.free(s, slot)).toBe(true);
    t.central.uncacheSpan(s);
    expect(t.allSpans()).toEqual([]);
    const [enough, few] = [t.grown(B64), t.grown(B64)];
    for (let slot = 0; slot < THRESHOLD; slot++) {
      t.free(enough, slot);
      if (slot > 0) t.free(few, slot);
    }
    t.central.uncacheSpan(enough);
    t.central.uncacheSpan(few);
    expect([t.set(B64, 0), t.set(B64, 2)], "below the threshold it waits for more").toEqual([[enough], [few]]);
    expect(t.spans.allocCount(enough)).toBe(NELEMS - THRESHOLD);
    t.free(few, 0);
    expect(t.set(B64, 0)).toEqual([enough, few]);
  });

  test("leaves no holder, and the span swept", () => {
    const t = TestCentral.create();
    t.mem[t.spans.heapSweepgen] = 4;
    const s = t.grown(B64, 5);
    t.mem[s + F.holder] = 3;
    t.mem[s + F.sweepgen] = 7;
    t.central.uncacheSpan(s);
    expect([t.mem[s + F.holder], t.mem[s + F.sweepgen]]).toEqual([0, 4]);
  });
});

describe("exchangeSpan", () => {
  test("puts the old span where uncacheSpan would, and takes the one that cacheSpan would", () => {
    const { t, sweeper } = collected();
    const [old, waiting] = [t.grown(B64), t.grown(B64, 3)];
    t.central.uncacheSpan(waiting);
    expect(t.central.exchangeSpan(old)).toBe(waiting);
    expect([t.set(B64, 0), t.set(B64, 2)]).toEqual([[], [old]]);
    expect(freedState(t.mem[waiting + F.freed]!)).toBe(FREED_HELD);
    nextCycle(t);
    sweeper.kill(old);
    const spent = t.grown(B64);
    expect(t.central.exchangeSpan(spent), "nothing swept is at hand: it sweeps").toBe(old);
    expect(t.set(B64, 3)).toEqual([spent]);
  });

  test("gives an empty span back, and may take the very span that it was given", () => {
    const t = TestCentral.create();
    const empty = t.grown(B64, 0);
    const next = t.central.exchangeSpan(empty);
    expect(t.allSpans()).toEqual([next]);
    for (let slot = t.take(next); slot >= 0; slot = t.take(next)) t.free(next, slot);
    const alive = t.central.exchangeSpan(next);
    expect(t.allSpans()).toEqual([alive]);
    while (t.take(alive) >= 0);
    for (let slot = 0; slot < THRESHOLD; slot++) t.free(alive, slot);
    expect(t.central.exchangeSpan(alive)).toBe(alive);
    expect(t.take(alive)).toBe(0);
  });
});

describe("freed slots of a span that nobody holds", () => {
  test("below the threshold a full span stays full; at the threshold it is listed, and its slots are handed out again", () => {
    const t = TestCentral.create();
    const s = t.grown(B64);
    t.central.uncacheSpan(s);
    for (let slot = 0; slot < THRESHOLD - 1; slot++) t.free(s, slot);
    expect([t.set(B64, 0), t.set(B64, 2)]).toEqual([[], [s]]);
    t.free(s, 100);
    expect([t.set(B64, 0), t.set(B64, 2)]).toEqual([[s], []]);
    t.free(s, 101);
    expect(t.central.cacheSpan(B64)).toBe(s);
    expect(Array.from({ length: THRESHOLD + 2 }, () => t.take(s))).toEqual([...Array(THRESHOLD - 1).keys(), 100, 101, -1]);
  });

  test("the last live slot of a span that is listed gives its pages back", () => {
    const t = TestCentral.create();
    for (const handedOut of [1, 40, NELEMS]) {
      const s = t.grown(B64, handedOut);
      t.central.uncacheSpan(s);
      for (let slot = 0; slot < handedOut - 1; slot++) t.free(s, slot);
      expect(t.allSpans()).toEqual([s]);
      t.free(s, handedOut - 1);
      expect(t.allSpans()).toEqual([]);
      expect(t.pagesInUse()).toBe(0);
    }
  });

  test("a span of one slot is given back at once", () => {
    const t = TestCentral.create();
    const spc = makeSpanClass(sizeToClass(8192), true);
    const s = t.grown(spc);
    t.central.uncacheSpan(s);
    expect(t.set(spc, 2)).toEqual([s]);
    expect(t.free(s, 0)).toBe(true);
    expect(t.allSpans()).toEqual([]);
  });

  test("list and release do nothing to a span that was taken, released, or whose record is another span's by now", () => {
    const t = TestCentral.create();
    const s = t.grown(B64);
    const check = (): void => {
      t.central.list(s);
      t.central.release(s);
    };
    const before = t.mem.slice(s, s + MSpan.words);
    check();
    expect(t.mem.slice(s, s + MSpan.words), "held").toEqual(before);
    t.central.uncacheSpan(s);
    t.central.release(s);
    expect(t.set(B64, 2), "full").toEqual([s]);
    for (let slot = 0; slot < NELEMS; slot++) t.free(s, slot);
    expect(t.allSpans()).toEqual([]);
    check();
    let again = t.grown(KIB, 3);
    for (let i = 0; again !== s && i < 300; i++) again = t.grown(KIB, 3);
    expect(again, "the record is used again, for another class").toBe(s);
    check();
    t.central.uncacheSpan(s);
    const listed = t.mem.slice(s, s + MSpan.words);
    check();
    expect(t.mem.slice(s, s + MSpan.words)).toEqual(listed);
    expect(t.set(KIB, 0)).toEqual([s]);
  });
});

describe("reclaim", () => {
  test("offers every full span with a freed slot, and from then on the first freed slot is enough, until the class grows", () => {
    const t = TestCentral.create();
    const [none, one, some] = [t.grown(B64), t.grown(B64), t.grown(B64)];
    for (const s of [none, one, some]) t.central.uncacheSpan(s);
    t.free(one, 5);
    for (let slot = 0; slot < THRESHOLD - 1; slot++) t.free(some, slot);
    expect(t.set(B64, 0)).toEqual([]);
    expect(t.central.reclaim(B64)).toBe(2);
    expect([t.set(B64, 0), t.set(B64, 2)]).toEqual([[one, some], [none]]);
    expect(t.central.threshold(B64)).toBe(1);
    t.free(none, 17);
    expect(t.set(B64, 0)).toEqual([one, some, none]);
    for (const s of [one, some, none]) expect(t.central.cacheSpan(B64)).toBe(s);
    expect(t.central.threshold(B64)).toBe(1);
    t.central.cacheSpan(B64);
    expect(t.central.threshold(B64), "it has grown").toBe(THRESHOLD);
    expect(t.central.threshold(KIB)).toBe(reuseThreshold(8));
  });

  test("gives a span back whose last free was counted before, but whose freeing thread died before it could list it", () => {
    const t = TestCentral.create();
    const s = t.grown(B64);
    t.central.uncacheSpan(s);
    for (let slot = 0; slot < NELEMS; slot++) t.freed.free(s, slot, 1);
    expect(t.set(B64, 2)).toEqual([s]);
    expect(t.central.reclaim(B64)).toBe(1);
    expect(t.allSpans()).toEqual([]);
  });
});

describe("a thread that dies, or is slow, between counting a free and what it owes", () => {
  test("the next free past the threshold lists the span in its place", () => {
    const t = TestCentral.create();
    const s = t.grown(B64);
    t.central.uncacheSpan(s);
    for (let slot = 0; slot < THRESHOLD; slot++) t.freed.free(s, slot, THRESHOLD);
    expect(t.set(B64, 2)).toEqual([s]);
    t.free(s, 50);
    expect(t.set(B64, 0)).toEqual([s]);
  });

  test("an empty span that was not given back is taken by the next who needs one", () => {
    const t = TestCentral.create();
    const s = t.grown(B64, 10);
    t.central.uncacheSpan(s);
    for (let slot = 0; slot < 10; slot++) t.freed.free(s, slot, THRESHOLD);
    expect(t.central.cacheSpan(B64)).toBe(s);
    expect(t.spans.allocCount(s)).toBe(0);
  });
});

test("any sequence of caching, allocating, freeing, giving back and reclaiming hands no slot out twice and loses none", () => {
  const classes = [KIB, B64];
  const step = fc.record({
    what: fc.constantFrom("alloc", "alloc", "free", "free", "uncache", "reclaim"),
    spc: fc.constantFrom(...classes),
    n: fc.integer({ min: 1, max: 200 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      const t = TestCentral.create(1 << 20);
      const held = new Map<number, SpanPtr>();
      const live: { addr: number; spc: number }[] = [];
      const isLive = new Set<number>();
      for (const { what, spc, n } of steps) {
        for (let i = 0; i < n; i++) {
          if (what === "alloc") {
            let s = held.get(spc) ?? t.central.cacheSpan(spc);
            if (s === 0) break;
            held.set(spc, s);
            let slot = t.take(s);
            if (slot < 0) {
              t.central.uncacheSpan(s);
              held.delete(spc);
              s = t.central.cacheSpan(spc);
              if (s === 0) break;
              held.set(spc, s);
              slot = t.take(s);
            }
            expect(slot, "cacheSpan gives a span with a free slot").toBeGreaterThanOrEqual(0);
            const addr = t.spans.slotAddr(s, slot);
            expect(isLive.has(addr), "handed out once").toBe(false);
            isLive.add(addr);
            live.push({ addr, spc });
          } else if (what === "free") {
            if (live.length === 0) break;
            const block = live.splice((n * 7919 + i * 31) % live.length, 1)[0]!;
            isLive.delete(block.addr);
            expect(t.freeAddr(block.addr)).toBe(true);
            expect(t.freeAddr(block.addr), "freed once").toBe(false);
          }
        }
        const s = held.get(spc);
        if (what === "uncache" && s !== undefined) {
          t.central.uncacheSpan(s);
          held.delete(spc);
        }
        if (what === "reclaim") t.central.reclaim(spc);
        const found = t.allSpans().flatMap((span) => t.live(span).map((slot) => t.spans.slotAddr(span, slot) as number));
        expect(found.sort((a, b) => a - b)).toEqual([...isLive].sort((a, b) => a - b));
        for (const c of classes) {
          const [partial, full] = [t.set(c, 0), t.set(c, 2)];
          for (const span of partial) expect([freedState(t.mem[span + F.freed]!), t.live(span).length > 0]).toEqual([FREED_LISTED, true]);
          for (const span of full) expect([freedState(t.mem[span + F.freed]!), t.freed.pending(span) < reuseThreshold(t.spans.nelems(span))]).toEqual([FREED_FULL, true]);
          const of = t.allSpans().filter((span) => t.spans.spanClass(span) === c);
          expect(partial.length + full.length + (held.has(c) ? 1 : 0), "every span is held or on one set").toBe(of.length);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test("thresholds are an eighth of the slots, at least one", () => {
  expect([1, 2, 7, 8, 15, 16, 126, 504, 992].map(reuseThreshold)).toEqual([1, 1, 1, 1, 1, 2, 15, 63, 124]);
  const t = TestCentral.create();
  for (let spc = 0; spc < SPAN_CLASS_TO_NELEMS.length; spc++) expect(t.central.threshold(spc)).toBe(reuseThreshold(SPAN_CLASS_TO_NELEMS[spc]!));
});
