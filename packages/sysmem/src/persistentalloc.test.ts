import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  Frontier,
  MAX_REGION_BYTES,
  PAGE_SIZE,
  PERSISTENT_CHUNK_BYTES,
  PERSISTENT_LARGE_BYTES,
  PersistentAlloc,
  PersistentAllocRecord,
  createRegion,
  ptrOf,
  type Ptr,
} from "./index.ts";

const AT = 32 as Ptr;

function persistent(bytes: number) {
  const region = createRegion(bytes, bytes > 2 ** 30);
  const frontier = new Frontier(region, 16 as Ptr);
  frontier.init(1);
  return { region, frontier, alloc: new PersistentAlloc(region, AT, frontier) };
}

describe("PersistentAlloc", () => {
  test("blocks are aligned, zero, apart from each other, above the frontier, and counted, until the region is full", () => {
    const request = fc.record({
      bytes: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 20000 }), fc.integer({ min: 60000, max: 200000 })),
      align: fc.constantFrom(4, 8, 16, 64, 4096, 8192),
      heapPages: fc.integer({ min: 0, max: 12 }),
    });
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 60 }), (requests) => {
        const { region, frontier, alloc } = persistent(16 << 20);
        let words = 0;
        for (const { bytes, align, heapPages } of requests) {
          if (heapPages > 0) frontier.takeHeap(heapPages);
          const free = frontier.freePages;
          const addr = alloc.alloc(bytes, align);
          if (addr === 0) {
            expect(free * PAGE_SIZE, "0 only when the pages are not there").toBeLessThan(bytes);
            continue;
          }
          expect(addr % align).toBe(0);
          expect(addr).toBeGreaterThanOrEqual(frontier.persistentStart * PAGE_SIZE);
          expect(addr + bytes).toBeLessThanOrEqual(region.byteLength);
          // Zero proves both: never used, and no overlap with an earlier block, each of which was filled.
          expect(region.u8.subarray(addr, addr + bytes).every((byte) => byte === 0)).toBe(true);
          region.u8.fill(0xff, addr, addr + bytes);
          words += Math.ceil(bytes / 4);
          expect(alloc.inUse).toBe(words * 4);
          expect(alloc.verify()).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("small requests share a chunk of 256 KiB from the top of the region", () => {
    const { region, frontier, alloc } = persistent(16 << 20);
    const first = alloc.alloc(100, 8);
    expect(first).toBe(region.byteLength - PERSISTENT_CHUNK_BYTES);
    expect(alloc.alloc(100, 8)).toBe(first + 104);
    expect(frontier.persistentStart * PAGE_SIZE).toBe(first);
    expect(alloc.sys).toBe(PERSISTENT_CHUNK_BYTES);
    expect(alloc.inUse).toBe(200);
  });

  test("a request of 64 KiB takes its own pages and leaves the chunk as it was", () => {
    const { region, alloc } = persistent(16 << 20);
    const small = alloc.alloc(8, 8);
    const large = alloc.alloc(PERSISTENT_LARGE_BYTES, 8);
    expect(large).toBe(region.byteLength - PERSISTENT_CHUNK_BYTES - PERSISTENT_LARGE_BYTES);
    expect(alloc.alloc(PERSISTENT_LARGE_BYTES + 1, 8)).toBe(large - PERSISTENT_LARGE_BYTES - PAGE_SIZE);
    expect(alloc.alloc(8, 8)).toBe(small + 8);
    expect(alloc.sys).toBe(PERSISTENT_CHUNK_BYTES + 2 * PERSISTENT_LARGE_BYTES + PAGE_SIZE);
  });

  test("a chunk is at most a 64th of a small region", () => {
    for (const [bytes, chunk] of [[1 << 20, 2 * PAGE_SIZE], [4 << 20, 8 * PAGE_SIZE], [16 << 20, PERSISTENT_CHUNK_BYTES], [64 << 20, PERSISTENT_CHUNK_BYTES]] as const) {
      const { region, alloc } = persistent(bytes);
      expect(alloc.alloc(8, 8)).toBe(region.byteLength - chunk);
      expect(alloc.sys).toBe(chunk);
    }
  });

  test("where no whole chunk is to be had, a request takes just the pages it needs, down to the last", () => {
    const { frontier, alloc } = persistent(65536);
    expect(alloc.alloc(100, 8)).toBe(7 * PAGE_SIZE);
    expect(alloc.alloc(PAGE_SIZE - 104, 8), "from the page it has").toBe(7 * PAGE_SIZE + 104);
    expect(alloc.alloc(PAGE_SIZE + 1, 8)).toBe(5 * PAGE_SIZE);
    expect(frontier.takeHeap(4)).toBe(1);
    expect(alloc.alloc(PAGE_SIZE, 8)).toBe(0);
    expect(alloc.alloc(PAGE_SIZE - 8, 8), "the rest of the last piece").toBe(6 * PAGE_SIZE + 8);
    expect(alloc.alloc(1, 8)).toBe(0);
    expect(alloc.verify()).toEqual([]);
  });

  test("at the top of 4 GiB nothing wraps round", () => {
    const { alloc } = persistent(MAX_REGION_BYTES);
    const first = alloc.alloc(PAGE_SIZE, PAGE_SIZE);
    expect(first).toBe(MAX_REGION_BYTES - PERSISTENT_CHUNK_BYTES);
    for (let n = PAGE_SIZE * 2; n <= PERSISTENT_CHUNK_BYTES; n += PAGE_SIZE) expect(alloc.alloc(PAGE_SIZE, PAGE_SIZE)).toBe(first + n - PAGE_SIZE);
    expect(alloc.alloc(1, 4)).toBe(first - PERSISTENT_CHUNK_BYTES);
    expect(alloc.alloc(3 * 2 ** 30, 8)).toBe(MAX_REGION_BYTES - 2 * PERSISTENT_CHUNK_BYTES - 3 * 2 ** 30);
    expect(alloc.inUse).toBe(3 * 2 ** 30 + PERSISTENT_CHUNK_BYTES + 4);
    expect(alloc.verify()).toEqual([]);
  });

  test("two views of one record in one region are one allocator", () => {
    const { region, frontier, alloc } = persistent(16 << 20);
    const other = new PersistentAlloc(region, AT, frontier);
    expect(other.alloc(8, 8)).toBe(alloc.alloc(8, 8) - 8);
    expect(other.inUse).toBe(alloc.inUse);
  });

  test("sizes and alignments that are no such thing are refused and change nothing", () => {
    const { region, alloc } = persistent(16 << 20);
    for (const bytes of [0, -1, 1.5, NaN, Infinity, "8", undefined]) {
      expect(() => alloc.alloc(bytes as number, 8), String(bytes)).toThrow(expect.objectContaining({ code: "ERR_ALLOC_SIZE" }));
    }
    for (const align of [0, 1, 2, 12, -8, 16384, 2 ** 32, NaN, "8", undefined]) {
      expect(() => alloc.alloc(8, align as number), String(align)).toThrow(expect.objectContaining({ code: "ERR_ALLOC_ALIGN" }));
    }
    expect(alloc.alloc(2 ** 40, 8), "too large is not wrong, only not to be had").toBe(0);
    expect(Array.from(region.i32.subarray(AT, AT + PersistentAllocRecord.words))).toEqual([0, 0, 0, 0]);
  });

  test("verify sees each word when it is corrupted", () => {
    for (const [field, values] of [
      ["next", [-1, 5, 2 ** 30]],
      ["end", [1, 2 ** 30]],
      ["inUseWords", [-1, 2 ** 29]],
      ["sysPages", [0, 31, -1]],
    ] as const) {
      for (const value of values) {
        const { region, alloc } = persistent(16 << 20);
        expect(ptrOf(alloc.alloc(64, 8))).toBeGreaterThan(0);
        region.i32[AT + PersistentAllocRecord.offset[field]] = value;
        expect(alloc.verify(), `${field} = ${value}`).not.toEqual([]);
      }
    }
  });
});
