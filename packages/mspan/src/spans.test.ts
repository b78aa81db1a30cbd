import { CLASS_TO_PAGES, CLASS_TO_SIZE, NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import { randomFrom } from "@mallocgc/testing";
import { describe, expect, test } from "vitest";
import { FREED_HELD, MSpan, SPAN_CLASS_TO_NELEMS, SPAN_DEAD, SPAN_IN_USE, popcount32, type SpanPtr } from "./index.ts";
import { FIRST_SPAN_ADDR, takeSlots, testSpans, type TestSpans } from "./testing/test-spans.ts";

const SMALL = Array.from({ length: NUM_SPAN_CLASSES - 2 }, (_, i) => i + 2);
const F = MSpan.offset;

/** Writes `allocBits` as given by slot, those beyond `nelems` as they must be. */
function setAllocBits(t: TestSpans, s: SpanPtr, isSet: (slot: number) => boolean): void {
  const mem = t.region.i32;
  const nelems = t.spans.nelems(s);
  for (let i = 0; i < nelems; i++) {
    const at = mem[s + F.allocBits]! + (i >>> 5);
    if (isSet(i)) mem[at]! |= 1 << (i & 31);
    else mem[at]! &= ~(1 << (i & 31));
  }
}

describe("nextFree", () => {
  test("hands out the clear bits of allocBits in order and no other slot, in every span class", () => {
    const random = randomFrom(20240);
    for (const spc of SMALL) {
      for (const density of [0, 1, 2, 5, 100]) {
        const t = testSpans(1 << 20);
        const s = t.make(spc);
        const used = Array.from({ length: SPAN_CLASS_TO_NELEMS[spc]! }, () => density !== 0 && random(density) === 0);
        setAllocBits(t, s, (i) => used[i]!);
        t.spans.rewind(s);
        const expected = used.flatMap((u, i) => (u ? [] : [i]));
        expect(takeSlots(t, s), `span class ${spc}, 1/${density} used`).toEqual(expected);
        expect(t.spans.isSpent(s)).toBe(true);
        expect(t.spans.nextFree(s), "and stays so").toBe(0);
        expect(t.spans.countHandedOut(s)).toBe(used.length);
      }
    }
  });

  test("long runs of used words are passed over, whether they begin at a window's edge or within it", () => {
    for (const [from, to] of [[0, 64], [0, 65], [31, 97], [1, 991], [64, 960]] as const) {
      const t = testSpans();
      const s = t.make(3);
      setAllocBits(t, s, (i) => i >= from && i < to);
      t.spans.rewind(s);
      const slots = takeSlots(t, s);
      expect(slots).toHaveLength(992 - (to - from));
      expect(slots.filter((i) => i >= from && i < to)).toEqual([]);
    }
  });

  test("every address handed out is where slotAddr says and lies below the limit", () => {
    for (const spc of [2, 3, 5, 18, 19, 70, 71, 134, 135]) {
      const t = testSpans();
      const s = t.make(spc);
      const size = CLASS_TO_SIZE[spc >> 1]!;
      for (let i = 0; i < SPAN_CLASS_TO_NELEMS[spc]!; i++) {
        const addr = t.spans.nextFree(s);
        expect(addr).toBe(FIRST_SPAN_ADDR + i * size);
        expect(t.spans.slotAddr(s, i)).toBe(addr);
        expect(addr + size).toBeLessThanOrEqual(t.spans.limit(s));
      }
      expect(t.spans.nextFree(s)).toBe(0);
    }
  });

  test("nextFreeFast answers 0 at the end of a window of 32 slots and leaves the rest to nextFree", () => {
    const t = testSpans();
    const s = t.make(5);
    for (let i = 0; i < 32; i++) expect(t.spans.nextFreeFast(s)).toBe(FIRST_SPAN_ADDR + 16 * i);
    expect(t.spans.nextFreeFast(s)).toBe(0);
    expect(t.spans.nextFree(s)).toBe(FIRST_SPAN_ADDR + 16 * 32);
  });
});

describe("a window that was cut", () => {
  test("ends where it was told to, and its other slots come next, from wherever the search goes on", () => {
    const random = randomFrom(77);
    for (const spc of SMALL) {
      const t = testSpans(1 << 20);
      const s = t.make(spc);
      const used = Array.from({ length: SPAN_CLASS_TO_NELEMS[spc]! }, () => random(3) === 0);
      setAllocBits(t, s, (i) => used[i]!);
      t.spans.rewind(s);
      const mem = t.region.i32;
      const slots: number[] = [];
      while (mem[s + F.allocCache] !== 0 || t.spans.nextWindow(s)) {
        const there = popcount32(mem[s + F.allocCache]!);
        const n = random(there);
        t.spans.cutWindow(s, n);
        expect(popcount32(mem[s + F.allocCache]!)).toBe(n);
        for (let i = 0; i < n; i++) slots.push(t.spans.slotOf(s, t.spans.nextFreeFast(s)));
        expect(t.spans.nextFreeFast(s), "the fast path misses here").toBe(0);
        // One slot at least, or a window cut to nothing would be laid out for ever.
        if (t.spans.nextWindow(s)) slots.push(t.spans.slotOf(s, t.spans.nextFreeFast(s)));
      }
      expect(slots, `span class ${spc}`).toEqual(used.flatMap((u, i) => (u ? [] : [i])));
      expect(t.spans.isSpent(s)).toBe(true);
    }
  });
});

describe("what a span says of its slots", () => {
  test("a span on fresh pages leaves its last bytes untouched until something was freed and merged", () => {
    for (const spc of SMALL) {
      const t = testSpans();
      const s = t.make(spc, FIRST_SPAN_ADDR, 0);
      const mem = t.region.i32;
      const own = t.spans.ownAllocBits(s);
      expect(mem[s + F.allocBits], `span class ${spc}`).toBe(t.spans.noBits);
      const [slot] = takeSlots(t, s);
      expect(mem.subarray(t.spans.limit(s) >>> 2, (FIRST_SPAN_ADDR + CLASS_TO_PAGES[spc >> 1]! * PAGE_SIZE) >>> 2).every((word) => word === 0)).toBe(true);
      t.freed.free(s, slot!, 1);
      t.freed.merge(s);
      expect(mem[s + F.allocBits], `span class ${spc}`).toBe(own);
    }
  });

  test("a new span's bits and heap bits are clear, also on pages full of old bytes", () => {
    for (const spc of SMALL) {
      const t = testSpans();
      const npages = CLASS_TO_PAGES[spc >> 1]!;
      t.region.u8.fill(0xa5, FIRST_SPAN_ADDR, FIRST_SPAN_ADDR + npages * PAGE_SIZE);
      const s = t.make(spc, FIRST_SPAN_ADDR, 1);
      const mem = t.region.i32;
      const nelems = t.spans.nelems(s);
      const words = (nelems + 31) >>> 5;
      for (let w = 0; w < words; w++) {
        expect([mem[mem[s + F.allocBits]! + w], mem[mem[s + F.freedBits]! + w]], `span class ${spc}, word ${w}`).toEqual([0, 0]);
      }
      const heapBits = t.spans.heapBits(s);
      if (heapBits !== 0) for (let w: number = heapBits; w < mem[s + F.freedBits]!; w++) expect(mem[w]).toBe(0);
      expect(takeSlots(t, s)).toHaveLength(nelems);
      expect(t.region.u8[FIRST_SPAN_ADDR], "slots are left as they are").toBe(0xa5);
    }
  });

  test("a slot was handed out if it lies below freeIndex or its bit is set, by plain and by ordered reads alike", () => {
    const random = randomFrom(7);
    for (const spc of [3, 5, 13, 40, 135]) {
      const t = testSpans();
      const s = t.make(spc);
      const nelems = t.spans.nelems(s);
      const used = new Set<number>();
      for (let i = 0; i < nelems; i++) if (random(3) === 0) used.add(i);
      setAllocBits(t, s, (i) => used.has(i));
      t.spans.rewind(s);
      const taken = takeSlots(t, s, nelems >>> 2);
      const below = t.region.i32[s + F.freeIndex]!;
      for (let i = 0; i < nelems; i++) {
        const expected = used.has(i) || taken.includes(i);
        if (i < below) expect(expected, "nothing below freeIndex is free").toBe(true);
        expect(t.spans.wasHandedOut(s, i)).toBe(expected);
        expect(t.spans.wasHandedOutConfirmed(s, i)).toBe(expected);
      }
      for (const i of [nelems, nelems + 1, 1023, 100000]) {
        expect(t.spans.wasHandedOut(s, i)).toBe(false);
        expect(t.spans.wasHandedOutConfirmed(s, i)).toBe(false);
      }
      expect(t.spans.countHandedOut(s)).toBe(new Set([...used, ...taken]).size);
    }
  });

  test("popcount32 counts the bits of any word", () => {
    const random = randomFrom(5);
    for (const word of [0, 1, -1, 1 << 31, 0x7fffffff, ...Array.from({ length: 200 }, () => random(2 ** 32) | 0)]) {
      expect(popcount32(word)).toBe((word >>> 0).toString(2).replaceAll("0", "").length);
    }
  });
});

describe("slotOf", () => {
  const aboveTwoGiB = 2 ** 31 + 13 * PAGE_SIZE;
  for (const base of [FIRST_SPAN_ADDR, 2 ** 31 - 2 * PAGE_SIZE, aboveTwoGiB]) {
    test(`finds the slot of its first byte, its last, and any between, in a span at ${base}`, () => {
      const random = randomFrom(3);
      const t = testSpans(2 ** 31 + (64 << 20));
      for (const spc of [2, 3, 5, 7, 13, 19, 47, 70, 99, 134, 135]) {
        const s = t.make(spc, base);
        const size = CLASS_TO_SIZE[spc >> 1]!;
        expect(t.spans.base(s)).toBe(base);
        expect(t.spans.limit(s)).toBe(base + size * SPAN_CLASS_TO_NELEMS[spc]!);
        for (let slot = 0; slot < SPAN_CLASS_TO_NELEMS[spc]!; slot++) {
          const addr = t.spans.slotAddr(s, slot);
          expect(addr).toBe(base + slot * size);
          for (const offset of [0, 1, size - 1, random(size)]) expect(t.spans.slotOf(s, addr + offset)).toBe(slot);
        }
      }
    });
  }

  test("beyond the last slot it is a number that was never handed out", () => {
    const t = testSpans();
    const s = t.make(13);
    takeSlots(t, s);
    for (let addr: number = t.spans.limit(s); addr < FIRST_SPAN_ADDR + PAGE_SIZE; addr++) expect(t.spans.wasHandedOut(s, t.spans.slotOf(s, addr))).toBe(false);
  });

  test("a large object of more than 2 GiB is one slot to its last byte", () => {
    const t = testSpans(2 ** 32 - 65536);
    const npages = 2 ** 31 / PAGE_SIZE + 5;
    const s = t.make(1, FIRST_SPAN_ADDR, 0, npages);
    expect(t.spans.elemSize(s)).toBe(npages * PAGE_SIZE);
    expect(t.spans.slotOf(s, FIRST_SPAN_ADDR + npages * PAGE_SIZE - 1)).toBe(0);
    expect(t.spans.slotOf(s, FIRST_SPAN_ADDR + npages * PAGE_SIZE)).toBe(1);
    expect(t.spans.limit(s)).toBe(FIRST_SPAN_ADDR + npages * PAGE_SIZE);
  });
});

describe("a span's life", () => {
  test("it is filled in whole, over whatever the record held, and published last", () => {
    const t = testSpans();
    const s = t.make(13);
    t.region.i32.fill(-1, s, s + MSpan.words);
    t.region.i32[s + F.state] = SPAN_DEAD;
    t.region.i32[t.spans.heapSweepgen] = 6;
    t.spans.init(s, t.spans.base(t.make(5, 5 * PAGE_SIZE)), 1, 13, 1);
    const mem = t.region.i32;
    expect(t.spans.state(s)).toBe(SPAN_IN_USE);
    expect(mem[s + F.freed]).toBe(FREED_HELD);
    expect(mem[s + F.sweepgen]).toBe(6);
    for (const field of ["freeIndex", "heldSince", "allocCount", "holder", "onSet", "next", "prev", "tinyBits", "specials", "largeType"] as const) {
      expect(mem[s + F[field]], field).toBe(0);
    }
    expect(mem[s + F.needzero]).toBe(1);
    expect([t.spans.spanClass(s), t.spans.npages(s), t.spans.elemSize(s), t.spans.nelems(s)]).toEqual([13, 1, 64, 126]);
    expect(takeSlots(t, s)).toHaveLength(126);
    t.spans.retire(s);
    expect(t.spans.state(s)).toBe(SPAN_DEAD);
  });

  test("objects with pointers up to 128 bytes have heap bits just below the inline bits, others have none", () => {
    for (const spc of SMALL) {
      const t = testSpans();
      const s = t.make(spc);
      const at = t.spans.heapBits(s);
      const small = CLASS_TO_SIZE[spc >> 1]! <= 128 && (spc & 1) === 0;
      expect(at !== 0, `span class ${spc}`).toBe(small);
      if (!small) continue;
      expect((t.spans.ownAllocBits(s) - at) * 4).toBe(CLASS_TO_PAGES[spc >> 1]! * 256);
      expect(at * 4).toBeGreaterThanOrEqual(t.spans.limit(s));
    }
  });
});
