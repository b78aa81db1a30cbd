import fc from "fast-check";
import type { Region } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { FREED_MERGE } from "./freed-word.ts";
import {
  FREED_FULL, FREED_HELD, FREED_LISTED, FREE_DONE, FREE_EMPTY, FREE_LIST, FREE_NOT_LIVE, FreedBits, MSpan, Spans, freedCount, type SpanPtr,
} from "./index.ts";
import { takeSlots, testSpans, type TestSpans } from "./testing/test-spans.ts";

const F = MSpan.offset;
const NEVER = 10_000;

/** What the span should be, in the plainest form. */
class Model {
  readonly handedOut: boolean[];
  readonly freed: boolean[];
  next = 0;

  constructor(nelems: number) {
    this.handedOut = new Array<boolean>(nelems).fill(false);
    this.freed = new Array<boolean>(nelems).fill(false);
  }
  alloc(): number {
    while (this.next < this.handedOut.length && this.handedOut[this.next]) this.next++;
    if (this.next === this.handedOut.length) return -1;
    this.handedOut[this.next] = true;
    return this.next;
  }
  free(slot: number): boolean {
    if (this.handedOut[slot] !== true || this.freed[slot]) return false;
    this.freed[slot] = true;
    return true;
  }
  merge(): number {
    let n = 0;
    for (let i = 0; i < this.freed.length; i++) {
      if (!this.freed[i]) continue;
      this.freed[i] = this.handedOut[i] = false;
      n++;
    }
    if (n > 0) this.next = 0;
    return n;
  }
  get live(): number {
    return this.handedOut.filter((h, i) => h && !this.freed[i]).length;
  }
}

function expectSame(t: TestSpans, s: SpanPtr, model: Model): void {
  for (let i = 0; i < model.handedOut.length; i++) {
    expect(t.spans.wasHandedOut(s, i), `slot ${i} handed out`).toBe(model.handedOut[i]);
    expect(t.freed.isFreed(s, i), `slot ${i} freed`).toBe(model.freed[i]);
  }
  expect(t.freed.pending(s)).toBe(model.freed.filter(Boolean).length);
  expect(t.spans.countHandedOut(s) - t.freed.pending(s)).toBe(model.live);
}

describe("free and merge", () => {
  test("any sequence of allocations, frees, wrong frees and merges does what the model does", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("alloc"), n: fc.integer({ min: 1, max: 70 }) }),
      fc.record({ kind: fc.constant("free"), n: fc.nat(1100) }),
      fc.record({ kind: fc.constant("free all but"), n: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ kind: fc.constant("merge"), n: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.constantFrom(2, 3, 5, 12, 13, 18, 19, 20, 41, 70, 100, 135), fc.array(step, { maxLength: 60, size: "max" }), (spc, steps) => {
        const t = testSpans();
        const s = t.make(spc);
        const model = new Model(t.spans.nelems(s));
        for (const { kind, n } of steps) {
          if (kind === "alloc") {
            for (let i = 0; i < n; i++) {
              const addr = t.spans.nextFree(s);
              expect(addr === 0 ? -1 : t.spans.slotOf(s, addr)).toBe(model.alloc());
            }
          } else if (kind === "merge") {
            expect(t.freed.merge(s)).toBe(model.merge());
            expect(t.spans.allocCount(s)).toBe(model.handedOut.filter(Boolean).length);
          } else {
            const slots = kind === "free" ? [n] : model.handedOut.flatMap((h, i) => (h && i % n !== 0 ? [i] : []));
            for (const slot of slots) expect(t.freed.free(s, slot, NEVER)).toBe(model.free(slot) ? FREE_DONE : FREE_NOT_LIVE);
          }
        }
        expectSame(t, s, model);
      }),
      { numRuns: 150 },
    );
  });

  test("a slot is freed once: a second free, before and after the merge, is refused and changes nothing", () => {
    const t = testSpans();
    const s = t.make(13);
    takeSlots(t, s, 40);
    expect(t.freed.free(s, 7, NEVER)).toBe(FREE_DONE);
    const before = t.region.i32.slice(s, s + MSpan.words);
    expect(t.freed.free(s, 7, NEVER)).toBe(FREE_NOT_LIVE);
    expect(t.freed.free(s, 40, NEVER), "not handed out yet").toBe(FREE_NOT_LIVE);
    expect(t.freed.free(s, 126, NEVER), "no slot").toBe(FREE_NOT_LIVE);
    expect(t.region.i32.slice(s, s + MSpan.words)).toEqual(before);
    expect(t.freed.merge(s)).toBe(1);
    expect(t.freed.free(s, 7, NEVER)).toBe(FREE_NOT_LIVE);
    expect(takeSlots(t, s, 1)).toEqual([7]);
    expect(t.freed.free(s, 7, NEVER), "handed out again").toBe(FREE_DONE);
  });

  test("a merge that finds nothing leaves the search where it was; one that finds something starts it anew and marks the span as dirty", () => {
    const t = testSpans();
    const s = t.make(13);
    takeSlots(t, s, 40);
    expect(t.freed.merge(s)).toBe(0);
    expect([t.region.i32[s + F.freeIndex], t.region.i32[s + F.needzero], t.spans.allocCount(s)]).toEqual([40, 0, 40]);
    expect(takeSlots(t, s, 1)).toEqual([40]);
    t.freed.free(s, 3, NEVER);
    expect(t.freed.merge(s)).toBe(1);
    expect([t.region.i32[s + F.freeIndex], t.region.i32[s + F.needzero], t.spans.allocCount(s)]).toEqual([0, 1, 40]);
    expect(takeSlots(t, s, 2)).toEqual([3, 41]);
  });
});

describe("what a free says is owed", () => {
  test("nothing while the span is held, however many are freed", () => {
    const t = testSpans();
    const s = t.make(13);
    for (const slot of takeSlots(t, s)) expect(t.freed.free(s, slot, 1)).toBe(FREE_DONE);
  });

  test("FREE_LIST from the threshold on while the span is full", () => {
    for (const threshold of [1, 2, 15, 126]) {
      const t = testSpans();
      const s = t.make(13);
      const slots = takeSlots(t, s);
      expect(t.freed.setState(s, FREED_HELD, FREED_FULL)).toBe(0);
      slots.forEach((slot, i) => expect(t.freed.free(s, slot, threshold)).toBe(i + 1 >= threshold ? FREE_LIST : FREE_DONE));
    }
  });

  test("FREE_EMPTY once, from the free that takes the last live slot of a listed span", () => {
    const t = testSpans();
    const s = t.make(13);
    const slots = takeSlots(t, s);
    for (const slot of slots.slice(0, 20)) t.freed.free(s, slot, NEVER);
    t.freed.merge(s);
    for (const slot of slots.slice(20, 30)) t.freed.free(s, slot, NEVER);
    expect(t.freed.setState(s, FREED_HELD, FREED_LISTED), "waiting when it was listed").toBe(10);
    for (const slot of slots.slice(30, -1)) expect(t.freed.free(s, slot, 1)).toBe(FREE_DONE);
    expect(t.freed.free(s, slots.at(-1)!, 1)).toBe(FREE_EMPTY);
    expect(t.freed.pending(s)).toBe(t.spans.allocCount(s));
  });
});

/** Spans that run something at the moment when `free` looks at its slot for the second time. */
class InterruptedSpans extends Spans {
  looks = 0;
  atSecondLook: (() => void) | undefined;

  override wasHandedOut(s: SpanPtr, slot: number): boolean {
    if (++this.looks === 2) {
      const interrupt = this.atSecondLook;
      this.atSecondLook = undefined;
      interrupt?.();
    }
    return super.wasHandedOut(s, slot);
  }
}

describe("a free that a merge overtakes", () => {
  /** A span of 126 slots, all handed out; `between` runs in the middle of the free of slot 7, its bit just set. */
  function interrupted(between: (t: TestSpans, s: SpanPtr) => void): { t: TestSpans; s: SpanPtr; result: number } {
    let spans!: InterruptedSpans;
    const t = testSpans(1 << 20, (region: Region, state) => (spans = new InterruptedSpans(region, state as never)));
    const s = t.make(13);
    takeSlots(t, s);
    spans.looks = 0;
    spans.atSecondLook = () => {
      between(t, s);
    };
    const result = t.freed.free(s, 7, NEVER);
    return { t, s, result };
  }

  test("stands when the merge has taken its bit", () => {
    const { t, s, result } = interrupted((u, v) => expect(u.freed.merge(v)).toBe(1));
    expect(result).toBe(FREE_DONE);
    expect(t.freed.pending(s), "counted by the merge before, by the free after").toBe(0);
    expect(takeSlots(t, s)).toEqual([7]);
  });

  test("stands when the slot was merged and handed out again", () => {
    const { t, s, result } = interrupted((u, v) => {
      u.freed.merge(v);
      expect(takeSlots(u, v)).toEqual([7]);
    });
    expect(result).toBe(FREE_DONE);
    expect(t.freed.isFreed(s, 7), "the new block lives").toBe(false);
    expect(t.freed.pending(s)).toBe(0);
  });

  test("is refused when an earlier free of the slot was merged before its bit was set: it was a double free", () => {
    const { t, s, result } = interrupted((u, v) => {
      // What had happened between the first look and the or, told afterwards: the bit that is set now is ours and was not merged.
      u.freed.merge(v);
      Atomics.or(u.region.i32, u.region.i32[v + F.freedBits]!, 1 << 7);
      Atomics.add(u.region.i32, v + F.freed, 1);
    });
    expect(result).toBe(FREE_NOT_LIVE);
    expect(t.freed.isFreed(s, 7), "its bit is taken back").toBe(false);
    expect(t.freed.pending(s)).toBe(0);
  });

  test("waits for a merge that is at work, and stands if that one does not end: a holder that died must not turn a free into an error", () => {
    const { t, s, result } = interrupted((u, v) => {
      // A merge that stops after it has written allocBits and freeIndex.
      Atomics.add(u.region.i32, v + F.freed, FREED_MERGE);
      u.region.i32[u.region.i32[v + F.allocBits]!] = ~(1 << 7);
      for (let w = 1; w < 4; w++) u.region.i32[u.region.i32[v + F.allocBits]! + w] = -1;
      u.spans.rewind(v);
    });
    expect(result).toBe(FREE_DONE);
    expect(freedCount(t.region.i32[s + F.freed]!)).toBe(1);
  });
});

test("two FreedBits over one region merge and free each other's spans: nothing a merge needs stays in the object", () => {
  const t = testSpans();
  const other = new FreedBits(t.region, new Spans(t.region, t.spans.heapSweepgen));
  const s = t.make(13);
  const slots = takeSlots(t, s);
  for (const slot of slots) expect(other.free(s, slot, NEVER)).toBe(FREE_DONE);
  expect(t.freed.merge(s)).toBe(126);
  expect(takeSlots(t, s)).toEqual(slots);
  t.freed.free(s, 100, NEVER);
  expect(other.merge(s)).toBe(1);
  expect(takeSlots(t, s)).toEqual([100]);
});
