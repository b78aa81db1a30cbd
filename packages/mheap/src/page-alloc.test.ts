/**
 * Go's TestPageAlloc... as data, for both chunk sizes; the cases that Go runs on 64-bit machines only (heaps with holes of terabytes) are
 * left out: they need more than 4 GiB of addresses. Where Go's cases want 512-page chunks, so do ours.
 */
import type { PageIndex } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { MheapError } from "./errors.ts";
import type { ChunkPages } from "./page-alloc.ts";
import { Layout, NaivePages, Random, emptyPageAlloc, type BitRange, type ChunkRanges } from "./testing/page-layout.ts";

/** Where a page is: [chunk, page in the chunk]; 0 is "none". */
type Place = readonly [chunk: number, pi: number] | 0;

interface AllocCase {
  readonly name: string;
  readonly before: ChunkRanges;
  readonly scav: ChunkRanges;
  readonly hits: readonly (readonly [npages: number, place: Place, scav: number])[];
  readonly after: ChunkRanges;
}

function allocCases(P: number): AllocCase[] {
  const full: BitRange[] = [[0, P]];
  const cases: AllocCase[] = [
    {
      name: "all free, 1 page", before: { 0: [] }, scav: { 0: [[0, 1], [2, 2]] },
      hits: [[1, [0, 0], 1], [1, [0, 1], 0], [1, [0, 2], 1], [1, [0, 3], 1], [1, [0, 4], 0]],
      after: { 0: [[0, 5]] },
    },
    {
      name: "the only free page of three chunks", before: { 0: full, 1: full, 2: [[0, P - 1]] }, scav: { 0: full, 1: full, 2: full },
      hits: [[1, [2, P - 1], 1]], after: { 0: full, 1: full, 2: full },
    },
    {
      name: "not contiguous, 1 page", before: { 0: full, 0xff: [[0, 0]] }, scav: { 0: full, 0xff: full },
      hits: [[1, [0xff, 0], 1]], after: { 0: full, 0xff: [[0, 1]] },
    },
    {
      name: "all free, 2 pages", before: { 0: [] }, scav: { 0: [[0, 3], [7, 1]] },
      hits: [[2, [0, 0], 2], [2, [0, 2], 1], [2, [0, 4], 0], [2, [0, 6], 1], [2, [0, 8], 0]], after: { 0: [[0, 10]] },
    },
    {
      name: "2 pages across chunks", before: { 0: [[0, P - 1]], 1: [[1, P - 1]] }, scav: { 0: [[P - 1, 1]], 1: [] },
      hits: [[2, [0, P - 1], 1]], after: { 0: full, 1: full },
    },
    {
      name: "all free, 5 pages", before: { 0: [] }, scav: { 0: [[0, 8], [9, 1], [17, 5]] },
      hits: [[5, [0, 0], 5], [5, [0, 5], 4], [5, [0, 10], 0], [5, [0, 15], 3], [5, [0, 20], 2]], after: { 0: [[0, 25]] },
    },
    {
      name: "a chunk less 3 pages", before: { 0: [] }, scav: { 0: [[10, 1]] },
      hits: [[P - 3, [0, 0], 1], [P - 3, 0, 0], [1, [0, P - 3], 0], [2, [0, P - 2], 0], [1, 0, 0], [P - 3, 0, 0]], after: { 0: full },
    },
    {
      name: "a whole chunk", before: { 0: [] }, scav: { 0: [[0, 1], [P - 1, 1]] },
      hits: [[P, [0, 0], 2], [P, 0, 0], [1, 0, 0]], after: { 0: full },
    },
    {
      name: "a chunk and a page, across chunks", before: { 0: [[0, P / 2]], 1: [] }, scav: { 0: full, 1: full },
      hits: [[P + 1, [0, P / 2], P + 1], [P, 0, 0], [1, [1, P / 2 + 1], 1]], after: { 0: full, 1: [[0, P / 2 + 2]] },
    },
    {
      name: "two chunks", before: { 0: [], 1: [] }, scav: {},
      hits: [[P * 2, [0, 0], 0], [P * 2, 0, 0], [1, 0, 0]], after: { 0: full, 1: full },
    },
    {
      name: "two chunks, beyond a gap", before: { 0: [], 0x40: [], 0x41: [] }, scav: { 0: full, 0x40: [], 0x41: [] },
      hits: [[P * 2, [0x40, 0], 0], [21, [0, 0], 21], [1, [0, 21], 1]], after: { 0: [[0, 22]], 0x40: full, 0x41: full },
    },
    {
      name: "five quarters of a chunk, across chunks",
      before: { 0: full, 1: [[0, (P * 3) / 4]], 2: [[0, (P * 3) / 4]], 3: [[0, 0]] },
      scav: { 0: full, 1: [[P / 2, P / 4 + 1]], 2: [[Math.floor(P / 3), 1]], 3: [[Math.floor((P * 2) / 3), 1]] },
      hits: [[(P * 5) / 4, [2, (P * 3) / 4], 1], [(P * 5) / 4, 0, 0], [1, [1, (P * 3) / 4], 1]],
      after: { 0: full, 1: [[0, (P * 3) / 4 + 1]], 2: full, 3: full },
    },
  ];
  if (P < 512) return cases;
  const eight = (ranges: BitRange[], last: BitRange[]): ChunkRanges => ({ 0: ranges, 1: ranges, 2: ranges, 3: ranges, 4: ranges, 5: ranges, 6: ranges, 7: last });
  cases.push(
    {
      name: "all free, 64 pages", before: { 0: [] }, scav: { 0: [[21, 1], [63, 65]] },
      hits: [[64, [0, 0], 2], [64, [0, 64], 64], [64, [0, 128], 0]], after: { 0: [[0, 192]] },
    },
    {
      name: "all free, 65 pages", before: { 0: [] }, scav: { 0: [[129, 1]] },
      hits: [[65, [0, 0], 0], [65, [0, 65], 1], [65, [0, 130], 0]], after: { 0: [[0, 195]] },
    },
    {
      name: "a chunk's worth, across chunks", before: { 0: [[0, P / 2]], 1: [[P / 2, P / 2]] }, scav: { 0: [], 1: [[3, 100]] },
      hits: [[P, [0, P / 2], 100], [P, 0, 0], [1, 0, 0]], after: { 0: full, 1: full },
    },
    {
      name: "7 chunks and 5 pages", before: eight([], []),
      scav: { 0: [[50, 1]], 1: [[31, 1]], 2: [[7, 1]], 3: [[200, 1]], 4: [[3, 1]], 5: [[51, 1]], 6: [[20, 1]], 7: [[1, 1]] },
      hits: [[P * 7 + 5, [0, 0], 8], [P * 7 + 5, 0, 0], [1, [7, 5], 0]], after: eight(full, [[0, 6]]),
    },
    {
      name: "two chunks' worth, across three", before: { 0: [[0, P / 2]], 1: [], 2: [[P / 2, P / 2]] },
      scav: { 0: [[0, 7]], 1: [[3, 5], [121, 10]], 2: [[P / 2 + 12, 2]] },
      hits: [[P * 2, [0, P / 2], 15], [P * 2, 0, 0], [1, 0, 0]], after: { 0: full, 1: full, 2: full },
    },
  );
  return cases;
}

interface FreeCase {
  readonly name: string;
  readonly npages: number;
  readonly before: ChunkRanges;
  readonly frees: readonly (readonly [chunk: number, pi: number])[];
  readonly after: ChunkRanges;
}

function freeCases(P: number): FreeCase[] {
  const full: BitRange[] = [[0, P]];
  const eight = (ranges: BitRange[], last: BitRange[]): ChunkRanges => ({ 0: ranges, 1: ranges, 2: ranges, 3: ranges, 4: ranges, 5: ranges, 6: ranges, 7: last });
  const cases: FreeCase[] = [
    { name: "1 page", npages: 1, before: { 0: full }, frees: [[0, 0], [0, 1], [0, 2], [0, 3], [0, 4]], after: { 0: [[5, P - 5]] } },
    {
      name: "1 page in each of three chunks", npages: 1, before: { 0: full, 1: full, 2: full }, frees: [[0, P / 2], [1, 0], [2, P - 1]],
      after: { 0: [[0, P / 2], [P / 2 + 1, P / 2 - 1]], 1: [[1, P - 1]], 2: [[0, P - 1]] },
    },
    { name: "2 pages", npages: 2, before: { 0: full }, frees: [[0, 0], [0, 2], [0, 4], [0, 6], [0, 8]], after: { 0: [[10, P - 10]] } },
    { name: "2 pages across chunks", npages: 2, before: { 0: [[P - 1, 1]], 1: [[0, 1]] }, frees: [[0, P - 1]], after: { 0: [], 1: [] } },
    { name: "5 pages", npages: 5, before: { 0: full }, frees: [[0, 0], [0, 5], [0, 10], [0, 15], [0, 20]], after: { 0: [[25, P - 25]] } },
    { name: "a chunk", npages: P, before: { 0: full }, frees: [[0, 0]], after: { 0: [] } },
    { name: "a chunk's worth, across chunks", npages: P, before: { 0: [[P / 2, P / 2]], 1: [[0, P / 2]] }, frees: [[0, P / 2]], after: { 0: [], 1: [] } },
    {
      name: "a chunk and a page, across chunks", npages: P + 1, before: { 0: full, 1: full }, frees: [[0, P / 2]],
      after: { 0: [[0, P / 2]], 1: [[P / 2 + 1, P / 2 - 1]] },
    },
    { name: "two chunks", npages: P * 2, before: { 0: full, 1: full }, frees: [[0, 0]], after: { 0: [], 1: [] } },
    {
      name: "two chunks' worth, across three", npages: P * 2, before: { 0: full, 1: full, 2: full }, frees: [[0, P / 2]],
      after: { 0: [[0, P / 2]], 1: [], 2: [[P / 2, P / 2]] },
    },
    { name: "7 chunks and 5 pages", npages: P * 7 + 5, before: eight(full, full), frees: [[0, 0]], after: eight([], [[5, P - 5]]) },
  ];
  if (P < 512) return cases;
  cases.push(
    { name: "64 pages", npages: 64, before: { 0: full }, frees: [[0, 0], [0, 64], [0, 128]], after: { 0: [[192, P - 192]] } },
    { name: "65 pages", npages: 65, before: { 0: full }, frees: [[0, 0], [0, 65], [0, 130]], after: { 0: [[195, P - 195]] } },
  );
  return cases;
}

/** TestPageAllocGrow: chunks grown into, and the ranges [first, end) of chunks that they make. */
const growCases: { name: string; chunks: number[]; ranges: [first: number, end: number][] }[] = [
  { name: "one", chunks: [0], ranges: [[0, 1]] },
  { name: "2 contiguous", chunks: [0, 1], ranges: [[0, 2]] },
  { name: "5 contiguous", chunks: [0, 1, 2, 3, 4], ranges: [[0, 5]] },
  { name: "discontiguous", chunks: [0, 2, 4], ranges: [[0, 1], [2, 3], [4, 5]] },
  { name: "mixed", chunks: [0, 1, 2, 4], ranges: [[0, 3], [4, 5]] },
  { name: "wildly discontiguous", chunks: [0, 1, 0x10, 0x21], ranges: [[0, 2], [0x10, 0x11], [0x21, 0x22]] },
  {
    name: "33 ranges",
    chunks: Array.from({ length: 33 }, (_, i) => 2 * i),
    ranges: Array.from({ length: 33 }, (_, i) => [2 * i, 2 * i + 1]),
  },
];

for (const P of [512, 64] as const) {
  describe(`the page allocator with chunks of ${P} pages (Go's TestPageAlloc...)`, () => {
    for (const c of growCases) {
      test(`growth is remembered as ranges of chunks: ${c.name}`, () => {
        const layout = new Layout(P, Object.fromEntries(c.chunks.map((chunk) => [chunk, []])));
        expect(layout.pages.inUse()).toEqual(c.ranges.map(([first, end]) => ({ page: layout.page(first, 0), npages: (end - first) * P })));
      });
    }

    for (const c of allocCases(P)) {
      test(`alloc takes the lowest run that fits and counts its scavenged pages: ${c.name}`, () => {
        const layout = new Layout(P, c.before, c.scav);
        for (const [i, [npages, place, scav]] of c.hits.entries()) {
          const page = layout.pages.alloc(npages);
          expect(page, `hit ${i}`).toBe(place === 0 ? 0 : layout.page(...place));
          if (page !== 0) expect(layout.pages.scav, `hit ${i}`).toBe(scav);
        }
        expect(layout.bitmaps()).toEqual(new Layout(P, c.after, c.scav).bitmaps());
      });
    }

    for (const npages of [1, 2, 3, 4, 5, 8, 16, 64, 1024, 1025, 2048, 2049]) {
      test(`allocating ${npages} pages until none are left takes every run in address order, and then says so`, () => {
        const layout = new Layout(P, { 0: [], 1: [], 2: [], 3: [] });
        const n = Math.floor((P * 4) / npages);
        for (let i = 0; i < n; i++) expect(layout.pages.alloc(npages)).toBe(layout.page(0, i * npages));
        expect(layout.pages.alloc(npages)).toBe(0);
        const left = (chunk: number): BitRange[] => [[0, Math.max(0, Math.min(P, n * npages - chunk * P))]];
        expect(layout.bitmaps()).toEqual(new Layout(P, { 0: left(0), 1: left(1), 2: left(2), 3: left(3) }).bitmaps());
      });
    }

    for (const c of freeCases(P)) {
      test(`free gives back its pages and no others: ${c.name}`, () => {
        const layout = new Layout(P, c.before);
        for (const place of c.frees) layout.pages.free(layout.page(...place), c.npages);
        expect(layout.bitmaps()).toEqual(new Layout(P, c.after).bitmaps());
      });
    }

    test("what is freed is allocated again at the same place, 8 chunks or 1 page", () => {
      const layout = new Layout(P, { 0: [], 1: [], 2: [], 3: [], 4: [], 5: [], 6: [], 7: [] });
      for (const npages of [P * 8, P * 8, P * 8, 1, P * 8]) {
        expect(layout.pages.alloc(npages)).toBe(layout.page(0, 0));
        layout.pages.free(layout.page(0, 0), npages);
      }
    });

    test("pages outside what the heap has grown by are never handed out", () => {
      const pages = emptyPageAlloc(P, 16);
      pages.grow(20 as PageIndex, 10);
      expect(pages.alloc(11)).toBe(0);
      expect(pages.alloc(10)).toBe(20);
      expect(pages.scav, "fresh pages are scavenged").toBe(10);
      expect(pages.alloc(1)).toBe(0);
      pages.grow(30 as PageIndex, P);
      expect(pages.alloc(P)).toBe(30);
      expect(pages.freeRunBelow(30 + P)).toBe(0);
      pages.free(25 as PageIndex, 5 + P);
      expect(pages.freeRunBelow(30 + P)).toBe(5 + P);
      expect(pages.freeRunBelow(20)).toBe(0);
    });

    test("a summary that promises pages which are not there is reported, not followed", () => {
      const layout = new Layout(P, { 0: [[0, P]] });
      const { pages } = layout;
      for (let level = 0, i = layout.base * P; level < 4; level++) pages.mem[pages.summaries.at(level, Math.floor(i / 2 ** pages.summaries.logPages[level]!)) + 1] = 7;
      expect(() => pages.alloc(7)).toThrow(MheapError);
      expect(() => pages.alloc(7)).toThrow(/summary \d+ of level 3 is \(0, 7, 0\) but there are no 7 free pages/);
    });

    for (const seed of [1, 2, 3]) {
      test(`random growth, allocation, freeing, page caches and scavenging agree with a walk over all pages, seed ${seed}`, () => {
        compareWithNaive(P, seed, P === 512 ? 1500 : 3000);
      });
    }
  });
}

/** Does the same random things to the allocator and to the naive model, and compares every answer. */
function compareWithNaive(P: ChunkPages, seed: number, steps: number): void {
  const random = new Random(seed);
  const nchunks = P === 512 ? 24 : 80;
  const pages = emptyPageAlloc(P, nchunks);
  const naive = new NaivePages(nchunks * P);
  const cache = 4;
  let heapEnd = 17;
  const live: { page: number; npages: number }[] = [];
  const sizes = [1, 1, 1, 2, 3, 5, 8, 16, 31, 33, 64, 65, 200, P, P + 1, 3 * P];
  for (let step = 0; step < steps; step++) {
    const what = random.next(100);
    if (what < 8 && heapEnd < nchunks * P) {
      const npages = Math.min(1 + random.next(2 * P), nchunks * P - heapEnd);
      pages.grow(heapEnd as PageIndex, npages);
      naive.grow(heapEnd, npages);
      heapEnd += npages;
    } else if (what < 55) {
      const npages = sizes[random.next(sizes.length)]!;
      const page = pages.alloc(npages);
      expect(page, `step ${step}, ${npages} pages`).toBe(naive.alloc(npages));
      if (page !== 0) {
        expect(pages.scav).toBe(naive.scav);
        live.push({ page, npages });
      }
    } else if (what < 90 && live.length > 0) {
      const i = random.next(live.length);
      const { page, npages } = live[i]!;
      live[i] = live.at(-1)!;
      live.pop();
      pages.free(page as PageIndex, npages);
      naive.free(page, npages);
    } else if (what < 95) {
      const chunk = random.next(nchunks);
      const max = 1 + random.next(P);
      const range = pages.beginScavenge(chunk, 1, max, 0);
      expect(range === undefined ? undefined : [range.page, range.npages]).toEqual(naive.scavenge(chunk, P, max));
      if (range !== undefined) pages.endScavenge(range, true);
    } else {
      pages.allocToCache(cache as never);
      const block = naive.block();
      const words = [-1, -1, -1, -1];
      for (let i = 0; i < 64; i++) {
        const bit = 1 << (i & 31);
        if (block?.free.includes(block.base + i) !== true) words[i >>> 5]! &= ~bit;
        if (block?.scav.includes(block.base + i) !== true) words[2 + (i >>> 5)]! &= ~bit;
      }
      expect(Array.from(pages.mem.subarray(cache, cache + 5))).toEqual([block?.base ?? 0, ...words]);
      pages.flushCache(cache as never);
      if (block !== undefined) naive.unblock(block.free, block.scav);
    }
  }
  for (let page = 17; page < heapEnd; page++) {
    const ci = Math.floor(page / P);
    expect(pages.bits.get(pages.allocBits(ci), page % P) === 0, `page ${page}`).toBe(naive.isFree(page));
    expect(pages.bits.get(pages.scavBits(ci), page % P) === 1, `page ${page}`).toBe(naive.isScavenged(page));
  }
  // The walk must have come across both success and failure, or it proves nothing.
  expect(live.length).toBeGreaterThan(10);
}
