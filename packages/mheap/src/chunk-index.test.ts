import type { PageIndex } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import type { ChunkIndex, Heap } from "./index.ts";
import { Random } from "./testing/page-layout.ts";
import { newTestHeap } from "./testing/test-heap.ts";

const MIB = 1 << 20;

/** Counts as a scavenger would. */
class Counts implements ChunkIndex {
  readonly inUse: number[] = [];
  readonly hasFree: boolean[] = [];
  readonly highest: number[] = [];
  alloc(ci: number, npages: number): void {
    this.inUse[ci] = (this.inUse[ci] ?? 0) + npages;
  }
  free(ci: number, last: number, npages: number): void {
    this.inUse[ci] = this.inUse[ci]! - npages;
    this.hasFree[ci] = true;
    this.highest[ci] = last;
  }
  grow(ci: number, npages: number): void {
    this.inUse[ci] = this.inUse[ci]! - npages;
  }
  setEmpty(ci: number): void {
    this.hasFree[ci] = false;
  }
}

function counted(heap: Heap): Counts {
  const counts = new Counts();
  heap.pages.index = counts;
  return counts;
}

for (const chunkPages of [512, 64] as const) {
  describe(`chunks of ${chunkPages} pages`, () => {
    test("an index is told of every page that is allocated or freed, so that it knows the bitmaps' counts at any time", () => {
      const heap = newTestHeap({ maxBytes: 32 * MIB, chunkPages });
      const counts = counted(heap);
      const random = new Random(5);
      const live: number[] = [];
      const os = { pageSize: 4096, release: (_: number, n: number): number => (random.next(4) === 0 ? 0 : n) };
      for (let step = 0; step < 3000; step++) {
        const what = random.next(100);
        if (what < 50) {
          const s = heap.alloc([1, 1, 2, 3, 15, 16, 40, 130][random.next(8)]!, 1);
          if (s !== 0) live.push(s);
        } else if (what < 90 && live.length > 0) heap.free(live.splice(random.next(live.length), 1)[0]! as never);
        else if (what < 95) heap.flush();
        else heap.scavengeOne(os, random.next(heap.pages.nchunks), 8, 0);
        if (step % 100 !== 0) continue;
        for (let ci = 0; ci < heap.pages.nchunks; ci++) {
          expect(counts.inUse[ci] ?? 0, `step ${step}, chunk ${ci}`).toBe(heap.pages.bits.popcntRange(heap.pages.allocBits(ci), 0, chunkPages));
        }
      }
    });

    test("an index is told the highest page of what is freed, also when a page cache with holes goes back", () => {
      const heap = newTestHeap({ maxBytes: 32 * MIB, chunkPages });
      const counts = counted(heap);
      const page = (4 * chunkPages) as PageIndex;
      heap.pages.grow(page, chunkPages);
      heap.pages.allocRange(page, chunkPages);
      heap.pages.free((page + 3) as PageIndex, 7);
      expect(counts.highest[4]).toBe(9);
      heap.flush();
      const cache = (heap.at + 64) as typeof heap.at;
      for (const last of [9, 41]) {
        heap.mem.fill(0, cache, cache + 5);
        if (last > 9) heap.pages.free((page + last) as PageIndex, 1);
        heap.pages.allocToCache(cache);
        heap.pages.flushCache(cache);
        expect(counts.highest[4]).toBe(last);
      }
    });

    test("a chunk with nothing to give, or that the operating system refused to take from, is empty until something in it is freed", () => {
      const heap = newTestHeap({ maxBytes: 32 * MIB, chunkPages });
      const counts = counted(heap);
      const s = heap.alloc(40, 1);
      const ci = Math.floor(heap.spans.base(s) / 8192 / chunkPages);
      heap.free(s);
      heap.flush();
      expect(counts.hasFree[ci]).toBe(true);
      expect(heap.scavengeOne({ pageSize: 4096, release: () => 0 }, ci, 8, 0)).toBe(-1);
      expect(counts.hasFree[ci]).toBe(false);
      heap.free(heap.alloc(40, 1));
      heap.flush();
      expect(counts.hasFree[ci]).toBe(true);
      expect(heap.scavengeAll({ pageSize: 4096, release: (_, n) => n })).toBe(40 * 8192);
      expect(counts.hasFree[ci]).toBe(false);
    });
  });
}

test("an observer hears of growth, and of scavenged pages that are taken, once for each request that needs the lock", () => {
  const heap = newTestHeap({ maxBytes: 32 * MIB, chunkPages: 64 });
  const heard: number[][] = [];
  heap.observer = { allocated: (...figures) => heard.push(figures) };
  const grown = (): number => heap.figures().mapped;
  let before = grown();
  const large = heap.alloc(70, 1);
  expect(heard).toEqual([[grown() - before, 70, 70]]);
  heap.free(large);
  heap.alloc(70, 1);
  expect(heard.length, "its pages were in use before").toBe(1);
  before = grown();
  heap.alloc(1, 1);
  const [, cached] = heard;
  expect(cached![0]).toBe(grown() - before);
  expect(cached![1], "the pages of the page cache, of which one is used").toBeGreaterThan(1);
  expect(cached![2]).toBe(1);
  heap.alloc(1, 1);
  expect(heard.length, "served by the page cache").toBe(2);
});
