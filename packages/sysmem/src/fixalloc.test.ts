import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FIXALLOC_CHUNK_BYTES, FixAlloc, FixAllocRecord, Frontier, PAGE_SIZE, PersistentAlloc, createRegion, type Ptr } from "./index.ts";

const AT = 64 as Ptr;

function fixalloc(bytes: number, words: number, zero: boolean) {
  const region = createRegion(bytes, false);
  const frontier = new Frontier(region, 16 as Ptr);
  frontier.init(1);
  const persistent = new PersistentAlloc(region, 32 as Ptr, frontier);
  return { region, frontier, persistent, fix: new FixAlloc(region, AT, persistent, { words, zero }) };
}

describe("FixAlloc", () => {
  test("objects in use never overlap, are aligned, and keep what is written to them, in any order of alloc and free", () => {
    const step = fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, { weight: 2, arbitrary: fc.nat(1000) });
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 8, 32, 100, 4096), fc.boolean(), fc.array(step, { minLength: 1, maxLength: 200 }), (words, zero, steps) => {
        const { region, persistent, fix } = fixalloc(1 << 19, words, zero);
        const mem = region.i32;
        const live: { at: Ptr; mark: number }[] = [];
        const handedOut = new Set<number>();
        const align = Math.min((words & -words) * 4, 64);
        let mark = 1;
        for (const choice of steps) {
          if (choice < 0) {
            const at = fix.alloc();
            if (at === 0) {
              expect(persistent.alloc(words * 4, 4), "0 only when not even one object fits").toBe(0);
              break;
            }
            expect((at * 4) % align).toBe(0);
            expect(live.every((o) => o.at + words <= at || at + words <= o.at)).toBe(true);
            if (zero || !handedOut.has(at)) expect(mem.subarray(at, at + words).every((word) => word === 0)).toBe(true);
            handedOut.add(at);
            mem.fill(mark, at, at + words);
            live.push({ at, mark: mark++ });
          } else if (live.length > 0) {
            const [gone] = live.splice(choice % live.length, 1);
            fix.free(gone!.at);
            // Go's promise: only the first word is overwritten.
            expect(mem.subarray(gone!.at + 1, gone!.at + words).every((word) => word === gone!.mark)).toBe(true);
          }
          expect(fix.inUse).toBe(live.length * words * 4);
        }
        for (const o of live) expect(mem.subarray(o.at, o.at + words).every((word) => word === o.mark)).toBe(true);
        expect(fix.verify()).toEqual([]);
        expect(persistent.verify()).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("the object freed last is handed out first, as it was but for its first word, unless zeroing is asked for", () => {
    for (const zero of [false, true]) {
      const { region, fix } = fixalloc(1 << 20, 8, zero);
      const a = fix.alloc();
      const b = fix.alloc();
      region.i32.fill(7, a, a + 8);
      fix.free(b);
      fix.free(a);
      expect(fix.alloc()).toBe(a);
      expect(Array.from(region.i32.subarray(a + 1, a + 8))).toEqual(Array(7).fill(zero ? 0 : 7));
      expect(fix.alloc()).toBe(b);
    }
  });

  test("a chunk is 16 KiB rounded down to whole objects", () => {
    const { persistent, fix } = fixalloc(1 << 20, 30, false);
    fix.alloc();
    const objects = Math.floor(FIXALLOC_CHUNK_BYTES / 120);
    expect(persistent.inUse).toBe(objects * 120);
    for (let i = 1; i < objects; i++) fix.alloc();
    expect(persistent.inUse).toBe(objects * 120);
    fix.alloc();
    expect(persistent.inUse).toBe(2 * objects * 120);
    expect(fix.sys).toBe(persistent.inUse);
  });

  test("when memory is tight the chunks shrink until the very last object, and what is freed can be had again", () => {
    const { fix, frontier } = fixalloc(65536, 32, false);
    frontier.takeHeap(5); // two pages are left
    const all: Ptr[] = [];
    for (let p = fix.alloc(); p !== 0; p = fix.alloc()) all.push(p);
    expect(all.length).toBe((2 * PAGE_SIZE) / 128);
    expect(fix.verify()).toEqual([]);
    for (const p of all) fix.free(p);
    expect(fix.inUse).toBe(0);
    for (let i = 0; i < all.length; i++) expect(fix.alloc()).not.toBe(0);
    expect(fix.alloc()).toBe(0);
  });

  test("nil, an object freed just before, and more frees than allocs are refused and change nothing", () => {
    const { fix } = fixalloc(1 << 20, 4, false);
    const a = fix.alloc();
    const b = fix.alloc();
    expect(() => fix.free(0 as Ptr)).toThrow(/is nil/);
    fix.free(a);
    expect(() => fix.free(a)).toThrow(expect.objectContaining({ code: "ERR_FREE" }));
    fix.free(b);
    expect(() => fix.free(a)).toThrow(expect.objectContaining({ code: "ERR_FREE" }));
    expect(fix.verify()).toEqual([]);
  });

  test("an object freed twice with another in between is found by verify", () => {
    const { fix } = fixalloc(1 << 20, 4, false);
    const [a, b] = [fix.alloc(), fix.alloc(), fix.alloc()];
    fix.free(a);
    fix.free(b);
    fix.free(a);
    expect(fix.verify()).toEqual([expect.stringContaining("freed twice")]);
  });

  test("sizes that are no such thing are refused", () => {
    for (const words of [0, -1, 1.5, NaN, FIXALLOC_CHUNK_BYTES / 4 + 1, "4", undefined]) {
      expect(() => fixalloc(65536, words as number, true), String(words)).toThrow(expect.objectContaining({ code: "ERR_ALLOC_SIZE" }));
    }
  });

  test("verify sees each word when it is corrupted", () => {
    for (const [field, values] of [
      ["list", [-1, 3, 1, 2 ** 29]],
      ["next", [0, -4, 2 ** 29]],
      ["left", [-4, 2, 0]],
      ["carved", [0, 3, -1]],
      ["inUse", [-1, 0, 5]],
      ["sysWords", [0, 4]],
    ] as const) {
      for (const value of values) {
        const { region, fix } = fixalloc(1 << 20, 4, false);
        fix.alloc();
        fix.free(fix.alloc());
        region.i32[AT + FixAllocRecord.offset[field]] = value;
        expect(fix.verify(), `${field} = ${value}`).not.toEqual([]);
      }
    }
  });
});
