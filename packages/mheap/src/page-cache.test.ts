import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { PageCache, PageCacheRec } from "./page-cache.ts";
import { Layout, Random, type BitRange, type ChunkRanges } from "./testing/page-layout.ts";

const FULL = 0xffffffffffffffffn;
const C = 4 as Ptr;
const BASE = 640;

function write(mem: Int32Array, at: Ptr, base: number, free: bigint, scav: bigint): void {
  const words = [free, free >> 32n, scav, scav >> 32n].map((x) => Number(BigInt.asIntN(32, x)));
  mem.set([base, ...words], at + PageCacheRec.offset.base);
}

function read(mem: Int32Array, at: Ptr): { base: number; free: bigint; scav: bigint } {
  const u = (i: number): bigint => BigInt(mem[at + i]! >>> 0);
  return { base: mem[at]!, free: u(1) | (u(2) << 32n), scav: u(3) | (u(4) << 32n) };
}

// Go's TestPageCacheAlloc: [npages, page of the block or -1, scavenged].
const allocCases: [name: string, free: bigint, scav: bigint, hits: [npages: number, at: number, scav: number][]][] = [
  ["empty", 0n, 0n, [1, 2, 3, 4, 5, 11, 12, 16, 27, 32, 43, 57, 64, 121].map((n): [number, number, number] => [n, -1, 0])],
  ["lowest page", 1n, 1n, [[1, 0, 1], [1, -1, 0], [10, -1, 0]]],
  ["highest page", 1n << 63n, 1n, [[1, 63, 0], [1, -1, 0], [10, -1, 0]]],
  ["pages with holes", 0x20005555n, 0x5505n, [
    [2, -1, 0], [1, 0, 1], [1, 2, 1], [1, 4, 0], [1, 6, 0], [1, 8, 1], [1, 10, 1], [1, 12, 1], [1, 14, 1], [1, 29, 0], [1, -1, 0], [10, -1, 0],
  ]],
  ["lowest two", 3n, 2n << 62n & FULL, [[2, 0, 0], [2, -1, 0], [1, -1, 0]]],
  ["highest two", 3n << 62n, 3n << 62n, [[2, 62, 2], [2, -1, 0], [1, -1, 0]]],
  ["pairs with holes", 0x3333n << 31n, 0x3030n << 31n, [[2, 31, 0], [2, 35, 2], [2, 39, 0], [2, 43, 2], [2, -1, 0]]],
  ["highest 53", ((1n << 53n) - 1n) << 10n & FULL, ((1n << 16n) - 1n) << 10n, [[53, 10, 16], [53, -1, 0], [1, -1, 0]]],
  ["53 of a full block", FULL, ((1n << 16n) - 1n) << 10n, [[53, 0, 16], [53, -1, 0], [1, 53, 0]]],
  ["all 64", FULL, FULL, [[64, 0, 64], [64, -1, 0], [1, -1, 0]]],
  ["a full block, mixed sizes", FULL, FULL, [
    [5, 0, 5], [7, 5, 7], [1, 12, 1], [23, 13, 23], [63, -1, 0], [3, 36, 3], [3, 39, 3], [3, 42, 3], [12, 45, 12], [11, -1, 0], [4, 57, 4],
    [4, -1, 0], [6, -1, 0], [36, -1, 0], [2, 61, 2], [3, -1, 0], [1, 63, 1], [4, -1, 0], [2, -1, 0], [62, -1, 0], [1, -1, 0],
  ]],
];

describe("a page cache (Go's TestPageCacheAlloc)", () => {
  for (const [name, free, scav, hits] of allocCases) {
    test(`hands out the first run that fits and counts its scavenged pages: ${name}`, () => {
      const mem = new Int32Array(16);
      write(mem, C, BASE, free, scav);
      const cache = new PageCache(mem, C);
      for (const [i, [npages, at, scavenged]] of hits.entries()) {
        const page = cache.alloc(npages);
        expect(page, `hit ${i}`).toBe(at < 0 ? 0 : BASE + at);
        if (page !== 0) expect(cache.scav, `hit ${i}`).toBe(scavenged);
      }
    });
  }

  test("random blocks and sizes: the pages are those a walk over the bits finds, and no others leave the cache", () => {
    const random = new Random(7);
    for (let round = 0; round < 500; round++) {
      const mem = new Int32Array(16);
      mem.set([BASE, random.word(), random.word() | random.word(), 0, 0], C);
      mem[C + 3] = random.word() & mem[C + 1]!;
      mem[C + 4] = random.word() & mem[C + 2]!;
      const cache = new PageCache(mem, C);
      for (let i = 0; i < 10; i++) {
        const before = read(mem, C);
        const npages = 1 + random.next(random.next(2) === 0 ? 4 : 20);
        const mask = (1n << BigInt(npages)) - 1n;
        let at = 0n;
        while (at < 64n && ((before.free >> at) & mask) !== mask) at++;
        const page = cache.alloc(npages);
        if (at === 64n) {
          expect(page).toBe(0);
          expect(read(mem, C)).toEqual(before);
          continue;
        }
        expect(page).toBe(BASE + Number(at));
        expect(read(mem, C)).toEqual({ base: BASE, free: before.free & ~(mask << at), scav: before.scav & ~(mask << at) });
        expect(cache.scav).toBe(((before.scav >> at) & mask).toString(2).replaceAll("0", "").length);
      }
      expect(cache.empty).toBe(read(mem, C).free === 0n);
    }
  });
});

/** Ranges of set bits, counted from `base`. */
function ranges(word: bigint, base: number): BitRange[] {
  const out: BitRange[] = [];
  for (const match of word.toString(2).padStart(64, "0").split("").reverse().join("").matchAll(/1+/g)) out.push([base + match.index, match[0].length]);
  return out;
}

interface ToCacheCase {
  readonly name: string;
  readonly alloc: ChunkRanges;
  readonly scav?: ChunkRanges;
  /** Where the block is ([chunk, page]; 0: none), its free and its scavenged pages. */
  readonly hits: readonly (readonly [place: readonly [number, number] | 0, free: bigint, scav: bigint])[];
  readonly afterAlloc: ChunkRanges;
  readonly afterScav?: ChunkRanges;
}

function toCacheCases(P: number): ToCacheCase[] {
  const full: BitRange[] = [[0, P]];
  const cases: ToCacheCase[] = [
    {
      name: "the last block of three chunks", alloc: { 0: full, 1: full, 2: [[0, P - 64]] }, scav: { 0: full, 1: full, 2: [] },
      hits: [[[2, P - 64], FULL, 0n]], afterAlloc: { 0: full, 1: full, 2: full },
    },
    { name: "nothing free", alloc: { 0: full }, hits: [[0, 0n, 0n], [0, 0n, 0n], [0, 0n, 0n]], afterAlloc: { 0: full } },
    {
      name: "scavenged pages that are allocated do not count", alloc: { 0: [[0, 1], [10, 2]] }, scav: { 0: [[0, 4], [11, 1]] },
      hits: [[[0, 0], FULL & ~(1n | (3n << 10n)), 7n << 1n]], afterAlloc: { 0: [[0, 64]] }, afterScav: { 0: [[0, 1], [11, 1]] },
    },
  ];
  if (P < 512) return cases;
  cases.push(
    {
      name: "all free", alloc: { 0: [] }, scav: { 0: [[1, 1], [64, 64]] },
      hits: [[[0, 0], FULL, 2n], [[0, 64], FULL, FULL], [[0, 128], FULL, 0n], [[0, 192], FULL, 0n]], afterAlloc: { 0: [[0, 256]] },
    },
    {
      name: "not contiguous", alloc: { 0: full, 0xff: [[0, 0]] }, scav: { 0: full, 0xff: [[31, 67]] },
      hits: [[[0xff, 0], FULL, ((1n << 33n) - 1n) << 31n]], afterAlloc: { 0: full, 0xff: [[0, 64]] }, afterScav: { 0: full, 0xff: [[64, 34]] },
    },
    {
      name: "the first free page decides", alloc: { 0: [[0, 32], [33, 31], [96, 32]] }, scav: { 0: [[1, 4], [31, 5], [66, 2]] },
      hits: [[[0, 0], 1n << 32n, 1n << 32n], [[0, 64], (1n << 32n) - 1n, 3n << 2n]], afterAlloc: { 0: [[0, 128]] },
    },
  );
  return cases;
}

for (const P of [512, 64] as const) {
  describe(`page caches and the page allocator with chunks of ${P} pages (Go's TestPageCacheFlush, TestPageAllocAllocToCache)`, () => {
    test("a flushed cache is empty, and its pages are free and scavenged as it said", () => {
      const random = new Random(P);
      const words = (): bigint => (BigInt(random.word() >>> 0) << 32n) | BigInt(random.word() >>> 0);
      const blocks: [base: number, free: bigint, scav: bigint][] = [[0, 0n, 0n], [0, FULL, FULL]];
      for (let i = 0; i < 100; i++) {
        const free = words();
        blocks.push([random.next(P / 64) * 64, free, words() & free]);
      }
      for (const [base, free, scav] of blocks) {
        const layout = new Layout(P, { 0: [[base, 64]] });
        write(layout.pages.mem, C, layout.page(0, base), free, scav);
        layout.pages.flushCache(C);
        expect(new PageCache(layout.pages.mem, C).empty).toBe(true);
        expect(layout.bitmaps()).toEqual(new Layout(P, { 0: ranges(~free & FULL, base) }, { 0: ranges(scav, base) }).bitmaps());
      }
    });

    for (const c of toCacheCases(P)) {
      test(`a cache gets the lowest block that has a free page: ${c.name}`, () => {
        const layout = new Layout(P, c.alloc, c.scav);
        for (const [place, free, scav] of c.hits) {
          write(layout.pages.mem, C, 0, 0n, 0n);
          layout.pages.allocToCache(C);
          expect(read(layout.pages.mem, C)).toEqual({ base: place === 0 ? 0 : layout.page(...place), free, scav });
        }
        expect(layout.bitmaps()).toEqual(new Layout(P, c.afterAlloc, c.afterScav).bitmaps());
      });
    }
  });
}
