import fc from "fast-check";
import { TINY_SPAN_CLASS } from "@mallocgc/sizeclass";
import { describe, expect, test } from "vitest";
import { TestCache } from "./testing/test-cache.ts";

/** Go's rule, on 32 bits, restated: which block, and where in it. */
class GoTiny {
  private tiny = -1;
  private offset = 0;
  private blocks = 0;

  alloc(size: number): [block: number, offset: number] {
    let offset = this.offset;
    if (size % 8 === 0) offset = Math.ceil(offset / 8) * 8;
    else if (size === 12) offset = Math.ceil(offset / 8) * 8;
    else if (size % 4 === 0) offset = Math.ceil(offset / 4) * 4;
    else if (size % 2 === 0) offset = Math.ceil(offset / 2) * 2;
    if (this.tiny >= 0 && offset + size <= 16) {
      this.offset = offset + size;
      return [this.tiny, offset];
    }
    const block = this.blocks++;
    if (this.tiny < 0 || size < this.offset) {
      this.tiny = block;
      this.offset = size;
    }
    return [block, 0];
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 15 }), { maxLength: 300, size: "max" });

function slotOf(t: TestCache, addr: number): [slot: number, offset: number] {
  const s = t.heap.spanOf(addr);
  const slot = t.spans.slotOf(s, addr);
  return [slot, addr - t.spans.slotAddr(s, slot)];
}

describe("tiny objects", () => {
  test("are packed as Go packs them: the same block and offset for any sequence of sizes", () => {
    fc.assert(
      fc.property(sizes, (sequence) => {
        const t = TestCache.create(1 << 20);
        const go = new GoTiny();
        let packed = 0;
        for (const size of sequence) {
          const [block, offset] = go.alloc(size);
          const addr = t.tiny.alloc(size);
          expect(slotOf(t, addr)).toEqual([block, offset]);
          if (offset > 0) packed++;
        }
        expect(t.counter("tinyAllocs"), "those that went into a block that was there").toBe(packed);
      }),
      { numRuns: 200 },
    );
  });

  test("an object that does not fit takes the place of the current block only if it leaves more room", () => {
    const t = TestCache.create();
    const at = (size: number): [number, number] => slotOf(t, t.tiny.alloc(size));
    expect(at(5)).toEqual([0, 0]);
    expect(at(12), "needs offset 8, where it does not fit; 12 is no less than 5: block 0 stays current").toEqual([1, 0]);
    expect(at(11), "block 0, behind the 5").toEqual([0, 5]);
    expect(at(1), "block 0 is full to its last byte").toEqual([2, 0]);
  });

  test("never overlap while they live, and their block is used again when the last of them is gone", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ size: fc.integer({ min: 1, max: 15 }), free: fc.nat(1000), keep: fc.nat(3) }), { maxLength: 400, size: "max" }), (steps) => {
        const t = TestCache.create(1 << 20);
        const { u8 } = t.region;
        const live: { addr: number; size: number; mark: number }[] = [];
        for (const [i, { size, free, keep }] of steps.entries()) {
          const addr = t.tiny.alloc(size);
          expect(u8.subarray(addr, addr + size).every((byte) => byte === 0), "zeroed").toBe(true);
          const mark = (i % 255) + 1;
          u8.fill(mark, addr, addr + size);
          live.push({ addr, size, mark });
          if (keep > 0 || live.length > 40) {
            const gone = live.splice(free % live.length, 1)[0]!;
            expect(u8.subarray(gone.addr, gone.addr + gone.size).every((byte) => byte === gone.mark), "nobody else wrote there").toBe(true);
            t.freeTiny(gone.addr);
          }
        }
        for (const { addr, size, mark } of live) {
          expect(u8.subarray(addr, addr + size).every((byte) => byte === mark)).toBe(true);
          t.freeTiny(addr);
        }
        t.tiny.closeCurrent();
        t.cache.releaseAll();
        t.heap.flush();
        expect(t.pagesInUse(), "nothing is left").toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("a block whose objects are all freed is not given up while more may come into it", () => {
    const t = TestCache.create();
    const first = t.tiny.alloc(4);
    t.freeTiny(first);
    const second = t.tiny.alloc(4);
    expect(second).toBe(first + 4);
    t.freeTiny(second);
    expect(t.counter("smallFrees", TINY_SPAN_CLASS >> 1)).toBe(0);
    t.tiny.closeCurrent();
    expect(t.counter("smallFrees", TINY_SPAN_CLASS >> 1)).toBe(1);
  });

  test("a block that never becomes current is closed at once: its slot is free when its one object is", () => {
    const t = TestCache.create();
    t.tiny.alloc(2);
    const alone = t.tiny.alloc(15);
    t.freeTiny(alone);
    expect(t.counter("smallFrees", TINY_SPAN_CLASS >> 1)).toBe(1);
    expect(t.tiny.alloc(3) & 15, "the block of the 2 is still current").toBe(2);
  });

  test("share their span with plain blocks of 16 bytes, which have no masks", () => {
    const t = TestCache.create();
    const tiny = t.tiny.alloc(3);
    const plain = t.cache.alloc(TINY_SPAN_CLASS, 1);
    const s = t.heap.spanOf(tiny);
    expect(t.heap.spanOf(plain)).toBe(s);
    expect([t.tinyBits.isTinyBlock(s, t.spans.slotOf(s, tiny)), t.tinyBits.isTinyBlock(s, t.spans.slotOf(s, plain))]).toEqual([true, false]);
    expect(t.freeAddr(plain)).toBe(true);
  });

  test("answers 0 when the region is full, and gives away no slot by that", () => {
    const t = TestCache.create(1 << 20);
    const blocks: number[] = [];
    for (let addr = t.tiny.alloc(15); addr !== 0; addr = t.tiny.alloc(15)) blocks.push(addr);
    expect(blocks.length).toBeGreaterThan(20_000);
    for (let i = 0; i < 1000; i++) expect(t.tiny.alloc(15)).toBe(0);
    for (const addr of blocks) t.freeTiny(addr);
    t.tiny.closeCurrent();
    t.cache.releaseAll();
    t.heap.flush();
    expect(t.pagesInUse()).toBe(0);
  });
});
