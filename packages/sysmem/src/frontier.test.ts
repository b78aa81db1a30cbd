import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Frontier, FrontierRecord, MAX_REGION_BYTES, PAGE_SIZE, createRegion, type Ptr } from "./index.ts";

const AT = 16 as Ptr;

function frontier(pages: number, firstPage: number) {
  const region = createRegion(pages * PAGE_SIZE, false);
  const ends = new Frontier(region, AT);
  ends.init(firstPage);
  return { region, ends };
}

describe("Frontier", () => {
  test("the two ends may meet and never cross, whatever is taken in whatever order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 })), { maxLength: 60 }), (takes) => {
        const { ends } = frontier(128, 5);
        const takenBy = Array.from({ length: 128 }, (_, page): string | undefined => (page < 5 ? "tables" : undefined));
        for (const [heap, npages] of takes) {
          const left = takenBy.filter((who) => who === undefined).length;
          const start = heap ? ends.takeHeap(npages) : ends.takePersistent(npages);
          expect(start >= 0).toBe(npages <= left);
          if (start < 0) continue;
          for (let page = start as number; page < start + npages; page++) {
            expect(takenBy[page]).toBeUndefined();
            takenBy[page] = heap ? "heap" : "persistent";
          }
          expect(ends.heapEnd).toBe(takenBy.includes("heap") ? takenBy.lastIndexOf("heap") + 1 : 5);
          expect(ends.persistentStart).toBe(takenBy.includes("persistent") ? takenBy.indexOf("persistent") : 128);
          expect(ends.freePages).toBe(left - npages);
          expect(ends.verify()).toEqual([]);
        }
      }),
    );
  });

  test("the last page can be taken by either end, and then there is none", () => {
    for (const take of ["takeHeap", "takePersistent"] as const) {
      const { ends } = frontier(8, 2);
      expect(ends.takeHeap(5)).toBe(2);
      expect(ends[take](1)).toBe(7);
      expect(ends.takeHeap(1)).toBe(-1);
      expect(ends.takePersistent(1)).toBe(-1);
      expect(ends.heapEnd).toBe(ends.persistentStart);
    }
  });

  test("a region of 4 GiB has 2^19 pages, and its last is the first that goes", () => {
    const region = createRegion(MAX_REGION_BYTES, true);
    const ends = new Frontier(region, AT);
    ends.init(1);
    expect(ends.takePersistent(1)).toBe(2 ** 19 - 1);
    expect(ends.takeHeap(2 ** 19 - 2)).toBe(1);
    expect(ends.freePages).toBe(0);
  });

  test("page counts that are no such thing are refused and move nothing", () => {
    const { ends } = frontier(8, 2);
    for (const npages of [0, -1, 1.5, NaN, Infinity, "1", undefined]) {
      expect(() => ends.takeHeap(npages as number), String(npages)).toThrow(expect.objectContaining({ code: "ERR_ALLOC_SIZE" }));
      expect(() => ends.takePersistent(npages as number), String(npages)).toThrow(expect.objectContaining({ code: "ERR_ALLOC_SIZE" }));
    }
    expect([ends.heapEnd, ends.persistentStart]).toEqual([2, 8]);
    expect(() => ends.init(9)).toThrow(/too small for its tables/);
  });

  test("verify sees each word when it is corrupted", () => {
    for (const [field, values] of [
      ["heapEnd", [-1, 9, 100]],
      ["persistentStart", [1, 9, -5]],
    ] as const) {
      for (const value of values) {
        const { region, ends } = frontier(8, 2);
        region.i32[AT + FrontierRecord.offset[field]] = value;
        expect(ends.verify(), `${field} = ${value}`).not.toEqual([]);
      }
    }
  });
});
