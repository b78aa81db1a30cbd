import { CLASS_TO_SIZE, NUM_SPAN_CLASSES, makeSpanClass, sizeToClass } from "@mallocgc/sizeclass";
import { MSpan, SPAN_CLASS_TO_NELEMS } from "@mallocgc/mspan";
import { describe, expect, test, vi } from "vitest";
import { MCache } from "./index.ts";
import { TestCache } from "./testing/test-cache.ts";

const F = MSpan.offset;
const spanClassOf = (size: number): number => makeSpanClass(sizeToClass(size), true);
const B64 = spanClassOf(64);
const NELEMS = SPAN_CLASS_TO_NELEMS[B64]!;
const SMALL = Array.from({ length: NUM_SPAN_CLASSES - 2 }, (_, i) => i + 2);

/** Counts every call of every function of Atomics while `f` runs. */
function atomicsCalls(f: () => void): number {
  const names = Object.getOwnPropertyNames(Atomics).filter((name) => typeof Atomics[name as "load"] === "function");
  expect(names).toContain("compareExchange");
  const spies = names.map((name) => vi.spyOn(Atomics, name as "load"));
  try {
    f();
    return spies.reduce((n, spy) => n + spy.mock.calls.length, 0);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe("the fast path", () => {
  test("within a span makes no call to Atomics, in every span class; the counter does count", () => {
    for (const spc of SMALL) {
      const t = TestCache.create();
      expect(atomicsCalls(() => t.cache.alloc(spc, 1)), `span class ${spc}: the first call takes a span`).toBeGreaterThan(0);
      expect(atomicsCalls(() => { for (let i = 1; i < SPAN_CLASS_TO_NELEMS[spc]!; i++) t.cache.alloc(spc, 1); }), `span class ${spc}`).toBe(0);
    }
  });

  test("within a span of reused, dirty slots makes none either, whether a block is cleared by the loop or the kernel", () => {
    for (const size of [64, 1024]) {
      const t = TestCache.create();
      const spc = spanClassOf(size);
      const n = SPAN_CLASS_TO_NELEMS[spc]!;
      const blocks = Array.from({ length: n }, () => t.cache.alloc(spc, 0));
      for (const addr of blocks) t.freeAddr(addr);
      t.cache.alloc(spc, 1);
      expect(t.mem[t.cached(spc) + F.needzero]).toBe(1);
      expect(atomicsCalls(() => { for (let i = 1; i < n; i++) t.cache.alloc(spc, 1); })).toBe(0);
    }
  });

  test("hands out the slots of a span in order, then those of the next", () => {
    const t = TestCache.create();
    const first = t.cache.alloc(B64, 1);
    for (let i = 1; i < NELEMS; i++) expect(t.cache.alloc(B64, 1)).toBe(first + 64 * i);
    const s = t.cached(B64);
    const next = t.cache.alloc(B64, 1);
    expect(t.cached(B64)).not.toBe(s);
    expect(t.spans.slotOf(t.cached(B64), next)).toBe(0);
  });

  test("knows a class without a span by the empty span, which stays all zero", () => {
    const t = TestCache.create();
    for (const spc of SMALL) expect(t.cached(spc)).toBe(t.cache.emptySpan);
    for (const spc of SMALL) expect(t.cache.alloc(spc, 1)).not.toBe(0);
    for (let i = 0; i < MSpan.words; i++) expect(t.mem[t.cache.emptySpan + i]).toBe(0);
  });
});

describe("allocation with heap bits", () => {
  const withHeapBits = SMALL.filter((spc) => (spc & 1) === 0 && CLASS_TO_SIZE[spc >>> 1]! <= 128);

  /** The heap bits of a slot, as a mask of its words. */
  function bitsOf(t: TestCache, s: number, offset: number, nwords: number): number {
    let mask = 0;
    for (let i = 0; i < nwords; i++) {
      const bit = offset / 4 + i;
      if (((t.mem[t.mem[s + F.heapBits]! + (bit >>> 5)]! >>> (bit & 31)) & 1) !== 0) mask |= 1 << i;
    }
    return mask;
  }

  test("says of each slot which words are pointers and nothing of its neighbours, also where it lies across two words of bits, and again when slots are reused", () => {
    expect(withHeapBits.length).toBeGreaterThan(8);
    for (const spc of withHeapBits) {
      const t = TestCache.create();
      const nelems = SPAN_CLASS_TO_NELEMS[spc]!;
      const size = CLASS_TO_SIZE[spc >>> 1]!;
      const nwords = size / 4;
      const all = nwords === 32 ? -1 : 2 ** nwords - 1;
      for (const round of [0, 1]) {
        const maskOf = (i: number): number => (0x9e3779b1 >>> (i + 7 * round) % 19) & all;
        const slots = Array.from({ length: nelems }, (_, i) => t.cache.allocTyped(spc, maskOf(i)));
        const s = t.cached(spc);
        for (const [i, addr] of slots.entries()) {
          expect(bitsOf(t, s, addr - t.mem[s + F.startAddr]!, nwords), `span class ${spc}, slot ${i}, round ${round}`).toBe(maskOf(i));
          expect(t.mem[addr >>> 2], "zeroed").toBe(0);
          t.mem[addr >>> 2] = -1;
        }
        for (const addr of slots) t.freeAddr(addr);
      }
    }
  });

  test("makes no call to Atomics within a span", () => {
    for (const spc of withHeapBits) {
      const t = TestCache.create();
      t.cache.allocTyped(spc, 1);
      expect(atomicsCalls(() => { for (let i = 1; i < SPAN_CLASS_TO_NELEMS[spc]!; i++) t.cache.allocTyped(spc, 1); }), `span class ${spc}`).toBe(0);
    }
  });

  test("gives 0 when the region is exhausted", () => {
    const t = TestCache.create();
    let last = 1;
    while (last !== 0) last = t.cache.allocTyped(makeSpanClass(sizeToClass(128), false), 1);
    expect(t.cache.allocTyped(makeSpanClass(sizeToClass(128), false), 1)).toBe(0);
  });
});

describe("refill", () => {
  test("takes a span with all that says whose it is", () => {
    const t = TestCache.create().another(2);
    t.mem[t.spans.heapSweepgen] = 4;
    t.cache.alloc(B64, 1);
    const s = t.cached(B64);
    expect([t.mem[s + F.holder], t.mem[s + F.sweepgen], t.mem[s + F.onSet], t.mem[s + F.heldSince]]).toEqual([3, 7, 0, 0]);
  });

  test("takes back in place what was freed in the cached span, from the threshold on", () => {
    const t = TestCache.create();
    const threshold = t.central.threshold(B64);
    for (const nfreed of [threshold, threshold - 1]) {
      const blocks = [t.cache.alloc(B64, 1)];
      const s = t.cached(B64);
      while (!t.spans.isSpent(s)) blocks.push(t.cache.alloc(B64, 1));
      const freed = blocks.slice(0, nfreed);
      for (const addr of freed) t.freeAddr(addr);
      if (nfreed === threshold) {
        expect(freed.map(() => t.cache.alloc(B64, 1)), "the same slots, in order").toEqual(freed);
        expect(t.cached(B64)).toBe(s);
      }
      t.cache.alloc(B64, 1);
      expect(t.cached(B64), "below it the span goes back to the central").not.toBe(s);
    }
  });

  test("answers 0 when the region is full, leaves the class without a span, and allocates again once something was freed", () => {
    const t = TestCache.create(1 << 20);
    const spc = spanClassOf(1024);
    const blocks: number[] = [];
    for (let addr = t.cache.alloc(spc, 1); addr !== 0; addr = t.cache.alloc(spc, 1)) blocks.push(addr);
    expect(blocks.length).toBeGreaterThan(400);
    expect(new Set(blocks).size).toBe(blocks.length);
    expect(t.cached(spc)).toBe(t.cache.emptySpan);
    expect(t.cache.alloc(spc, 1)).toBe(0);
    expect(t.freeAddr(blocks[17]!)).toBe(true);
    expect(t.cache.alloc(spc, 1)).toBe(blocks[17]);
    expect(t.cache.alloc(spc, 1)).toBe(0);
  });
});

describe("releaseAll", () => {
  test("gives every cached span back: to the sets, or to the heap if nothing in it lives", () => {
    const t = TestCache.create();
    for (const spc of SMALL) t.cache.alloc(spc, 1);
    const freed = t.cache.alloc(B64, 1);
    const s = t.heap.spanOf(freed);
    for (let slot = 0; slot < 2; slot++) t.free(s, slot);
    const inUse = t.pagesInUse();
    t.cache.releaseAll();
    for (const spc of SMALL) expect(t.cached(spc)).toBe(t.cache.emptySpan);
    expect(t.pagesInUse()).toBe(inUse - 1);
    expect(t.heap.spanOf(freed)).toBe(0);
    const again = t.cache.alloc(spanClassOf(128), 1);
    expect(t.spans.slotOf(t.heap.spanOf(again), again), "what was partly used is found again").toBe(1);
  });
});

describe("counters", () => {
  test("after a release the allocations of each class are what was asked for, however spans came and went", () => {
    const t = TestCache.create();
    const asked = new Map<number, number>();
    let n = 0;
    const ring: number[] = [];
    for (let round = 0; round < 30_000; round++) {
      const spc = [5, B64, spanClassOf(1024), spanClassOf(8192)][(round * 7) % 4]!;
      ring.push(t.cache.alloc(spc, 1));
      asked.set(spc, (asked.get(spc) ?? 0) + 1);
      if (ring.length > 300) {
        t.freeAddr(ring.splice((round * 31) % ring.length, 1)[0]!);
        n++;
      }
      if (round % 5000 === 4999) t.cache.releaseAll();
    }
    t.cache.releaseAll();
    for (const [spc, count] of asked) expect(t.counter("smallAllocs", spc >> 1), `span class ${spc}`).toBe(count);
    let frees = 0;
    for (let i = 0; i < NUM_SPAN_CLASSES / 2; i++) frees += t.counter("smallFrees", i);
    expect(frees).toBe(n);
  });

  test("an allocation in progress is what the cached span has handed out beyond heldSince", () => {
    const t = TestCache.create();
    for (let i = 0; i < 40; i++) t.cache.alloc(B64, 1);
    const s = t.cached(B64);
    expect(t.counter("smallAllocs", B64 >> 1)).toBe(0);
    expect(t.spans.countHandedOut(s) - t.mem[s + F.heldSince]!).toBe(40);
  });

  test("stay when the record is given to another P", () => {
    const t = TestCache.create();
    t.cache.alloc(B64, 1);
    t.cache.releaseAll();
    t.cache.init(9);
    expect(t.mem[t.cache.base + MCache.offset.owner]).toBe(9);
    expect(t.counter("smallAllocs", B64 >> 1)).toBe(1);
  });
});

describe("zeroed blocks", () => {
  for (const shared of [true, false]) {
    test(`read as zero after dirty reuse, in every span class and of every block its whole length and no more (shared: ${shared})`, () => {
      for (const spc of SMALL) {
        const t = TestCache.create(16 << 20, shared);
        const { u8 } = t.region;
        const size = CLASS_TO_SIZE[spc >> 1]!;
        const n = Math.min(SPAN_CLASS_TO_NELEMS[spc]!, 40);
        const used = Array.from({ length: n }, () => t.cache.alloc(spc, 1));
        for (const addr of used) u8.fill(0xff, addr, addr + size);
        for (let i = 0; i < n; i += 2) t.freeAddr(used[i]!);
        t.cache.releaseAll();
        for (let i = 0; i < n; i += 2) {
          const addr = t.cache.alloc(spc, 1);
          expect(u8.subarray(addr, addr + size).every((byte) => byte === 0), `span class ${spc}, block at ${addr}`).toBe(true);
        }
        for (let i = 1; i < n; i += 2) {
          expect(u8.subarray(used[i], used[i]! + size).every((byte) => byte === 0xff), `span class ${spc}: its neighbour keeps its bytes`).toBe(true);
        }
      }
    });
  }

  test("are left as they are when they need not be zeroed", () => {
    const t = TestCache.create();
    const addr = t.cache.alloc(B64, 1);
    const keep = t.cache.alloc(B64, 1);
    t.region.u8.fill(0xff, addr, addr + 64);
    t.freeAddr(addr);
    t.cache.releaseAll();
    expect(t.cache.alloc(B64, 0)).toBe(addr);
    expect(t.region.u8[addr + 63]).toBe(0xff);
    expect(keep).not.toBe(addr);
  });
});
