import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { PageBits } from "./page-bits.ts";
import { Random, type BitRange } from "./testing/page-layout.ts";

const B = 8 as Ptr;
const OUT = 0 as Ptr;

function make(P: number, ranges: readonly BitRange[]): PageBits {
  const words = 8 + P / 32;
  const bits = new PageBits(new Int32Array(new SharedArrayBuffer(words * 4), 0, words), P);
  for (const [i, n] of ranges) bits.setRange(B, i, n);
  return bits;
}

/** All pages allocated but those given. */
function makeFree(P: number, free: readonly BitRange[]): PageBits {
  const bits = make(P, [[0, P]]);
  for (const [i, n] of free) bits.clearRange(B, i, n);
  return bits;
}

const show = (bits: PageBits): string => Array.from({ length: bits.pages }, (_, i) => bits.get(B, i)).join("");

function showRanges(P: number, ranges: readonly BitRange[]): string {
  const out = new Uint8Array(P);
  for (const [i, n] of ranges) out.fill(1, i, i + n);
  return out.join("");
}

/** Cases that need a chunk of 512 pages; Go leaves them out for small chunks too. */
const big = <T>(P: number, cases: T[]): T[] => (P >= 512 ? cases : []);

for (const P of [512, 64]) {
  describe(`bitmaps of ${P} pages (Go's TestPallocBits...)`, () => {
    // TestPallocBitsAllocRange
    for (const [name, i, n] of [
      ["one low", 0, 1],
      ["one high", P - 1, 1],
      ...big(P, [["inner", 129, 5], ["aligned", 128, 128], ["begin", 0, 321], ["end", P - (64 * 3 + 1), 64 * 3 + 1]] as const),
      ["all", 0, P],
    ] as const) {
      test(`setRange sets its bits and no others: ${name}`, () => {
        expect(show(make(P, [[i, n]]))).toBe("0".repeat(i) + "1".repeat(n) + "0".repeat(P - i - n));
        expect(show(makeFree(P, [[i, n]]))).toBe("1".repeat(i) + "0".repeat(n) + "1".repeat(P - i - n));
      });
    }

    // TestMallocBitsPopcntRange
    const popcounts: [name: string, init: BitRange[], tests: [i: number, n: number, want: number][]][] = [
      ["none", [], [[0, 1, 0], [5, 3, 0], [2, 11, 0], [P / 4 + 1, P / 2, 0], [0, P, 0]]],
      ["all", [[0, P]], [[0, 1, 1], [5, 3, 3], [2, 11, 11], [P / 4 + 1, P / 2, P / 2], [0, P, P]]],
      ["half", [[P / 2, P / 2]], [
        [0, 1, 0], [5, 3, 0], [2, 11, 0], [P / 2 - 1, 1, 0], [P / 2, 1, 1], [P / 2 + 10, 1, 1], [P / 2 - 1, 2, 1],
        [P / 4, P / 4, 0], [P / 4, P / 4 + 1, 1], [P / 4 + 1, P / 2, P / 4 + 1], [0, P, P / 2],
      ]],
      ...big<[string, BitRange[], [number, number, number][]]>(P, [
        ["odd bound", [[0, 111]], [
          [0, 1, 1], [5, 3, 3], [2, 11, 11], [110, 2, 1], [99, 50, 12], [110, 1, 1], [111, 1, 0], [99, 1, 1], [120, 1, 0],
          [P / 2, P / 2, 0], [0, P, 111],
        ]],
        ["scattered", [
          [1, 3], [5, 1], [7, 1], [10, 2], [13, 1], [15, 4], [21, 1], [23, 1], [26, 2], [30, 5], [36, 2], [40, 3], [44, 6], [51, 1],
          [53, 2], [58, 3], [63, 1], [67, 2], [71, 10], [84, 1], [89, 7], [99, 2], [103, 1], [107, 2], [111, 1], [113, 1], [115, 1],
          [118, 1], [120, 2], [125, 5],
        ], [[0, 11, 6], [0, 64, 39], [13, 64, 40], [64, 64, 34], [0, 128, 73], [1, 128, 74], [0, P, 75]]],
      ]),
    ];
    for (const [name, init, tests] of popcounts) {
      test(`popcntRange counts exactly its range: ${name}`, () => {
        const bits = make(P, init);
        for (const [i, n, want] of tests) expect(bits.popcntRange(B, i, n), `${i}, ${n}`).toBe(want);
      });
    }

    // TestPallocBitsSummarize
    const summaries: [name: string, free: BitRange[], want: [start: number, max: number, end: number]][] = [
      ["none free", [], [0, 0, 0]],
      ["only start", [[0, 10]], [10, 10, 0]],
      ["only end", [[P - 40, 40]], [0, 40, 40]],
      ["start and end", [[0, 11], [P - 23, 23]], [11, 23, 23]],
      ["one", [[2, 1]], [0, 1, 0]],
      ["all free", [[0, P]], [P, P, P]],
      ...big<[string, BitRange[], [number, number, number]]>(P, [
        ["start, max, end", [[0, 4], [50, 100], [P - 4, 4]], [4, 100, 4]],
        ["only max", [[1, 20], [35, 241], [P - 50, 30]], [0, 241, 0]],
        ["several", [[35, 2], [40, 5], [100, 5]], [0, 5, 0]],
      ]),
    ];
    for (const [name, free, want] of summaries) {
      test(`a summary is the free run at the start, the longest, and the one at the end: ${name}`, () => {
        const bits = makeFree(P, free);
        bits.mem[OUT] = -1;
        expect(bits.summarize(B, OUT)).toBe(true);
        expect(Array.from(bits.mem.subarray(OUT, OUT + 3))).toEqual(want);
        expect(bits.summarize(B, OUT), "the same again is no change").toBe(false);
      });
    }

    // TestPallocBitsSummarizeRandom
    test("summaries of random bitmaps, sparse and dense, are what a walk over the bits finds", () => {
      const random = new Random(P);
      const bits = make(P, []);
      for (let round = 0; round < 1000; round++) {
        for (let w = 0; w < P / 32; w++) {
          const word = random.word();
          bits.mem[B + w] = [word, word & random.word() & random.word(), word | random.word() | random.word(), 0, -1][random.next(round % 2 === 0 ? 1 : 5)]!;
        }
        const runs = show(bits).split("1").map((zeros) => zeros.length);
        bits.summarize(B, OUT);
        expect(Array.from(bits.mem.subarray(OUT, OUT + 3)), show(bits)).toEqual([runs[0], Math.max(...runs), runs.at(-1)]);
      }
    });

    // TestPallocBitsAlloc: -1 means that there is no such run.
    const finds: [name: string, before: BitRange[], npages: number, hits: number[], after: BitRange[]][] = [
      ["all free 1", [], 1, [0, 1, 2, 3, 4, 5], [[0, 6]]],
      ["all free 2", [], 2, [0, 2, 4, 6, 8, 10], [[0, 12]]],
      ["all free 5", [], 5, [0, 5, 10, 15, 20], [[0, 25]]],
      ["none free 1", [[0, P]], 1, [-1, -1], [[0, P]]],
      ["none free 2", [[0, P]], 2, [-1, -1], [[0, P]]],
      ["none free 5", [[0, P]], 5, [-1, -1], [[0, P]]],
      ["none free 65", [[0, P]], 65, [-1, -1], [[0, P]]],
      ["exact fit 1", [[0, P / 2 - 3], [P / 2 - 2, P / 2 + 2]], 1, [P / 2 - 3, -1], [[0, P]]],
      ["exact fit 2", [[0, P / 2 - 3], [P / 2 - 1, P / 2 + 1]], 2, [P / 2 - 3, -1], [[0, P]]],
      ["exact fit 5", [[0, P / 2 - 3], [P / 2 + 2, P / 2 - 2]], 5, [P / 2 - 3, -1], [[0, P]]],
      ...big<[string, BitRange[], number, number[], BitRange[]]>(P, [
        ["all free 64", [], 64, [0, 64, 128], [[0, 192]]],
        ["all free 65", [], 65, [0, 65, 130], [[0, 195]]],
        ["some free 64", [[0, 32], [64, 32], [100, P - 100]], 64, [-1], [[0, 32], [64, 32], [100, P - 100]]],
        ["exact fit 65", [[0, P / 2 - 31], [P / 2 + 34, P / 2 - 34]], 65, [P / 2 - 31, -1], [[0, P]]],
        ["some free 161", [[0, 185], [331, 1]], 161, [332], [[0, 185], [331, 162]]],
      ]),
    ];
    for (const [name, before, npages, hits, after] of finds) {
      test(`find gives the lowest run that is long enough: ${name}`, () => {
        const bits = make(P, before);
        for (const hit of hits) {
          const at = bits.find(B, npages, 0);
          expect(at).toBe(hit);
          if (npages === 1) expect(bits.find1(B, 0)).toBe(hit);
          if (at >= 0) bits.setRange(B, at, npages);
        }
        expect(show(bits)).toBe(showRanges(P, after));
      });
    }

    test("find agrees with a walk over the bits, for random bitmaps, lengths and starting points", () => {
      const random = new Random(P + 1);
      const bits = make(P, []);
      for (let round = 0; round < 2000; round++) {
        for (let w = 0; w < P / 32; w++) bits.mem[B + w] = [0, -1, random.word(), random.word() & random.word() & random.word(), -1 >>> random.next(32), -1 << random.next(32)][random.next(6)]!;
        const npages = 1 + random.next([8, 64, P][random.next(3)]!);
        const from = random.next(P);
        const text = show(bits);
        // What lies below the word of `from` is known to be allocated.
        const word = from & ~31;
        expect(bits.find(B, npages, from), text).toBe(text.indexOf("0".repeat(npages), word));
        expect(bits.find1(B, from)).toBe(text.indexOf("0", word));
      }
    });

    // TestPallocBitsFree
    const frees: [name: string, free: BitRange[], npages: number, at: number[], after: BitRange[]][] = [
      ["none free 1", [], 1, [0, 1, 2, 3, 4, 5], [[0, 6]]],
      ["none free 2", [], 2, [0, 2, 4, 6, 8, 10], [[0, 12]]],
      ["none free 5", [], 5, [0, 5, 10, 15, 20], [[0, 25]]],
      ...big<[string, BitRange[], number, number[], BitRange[]]>(P, [
        ["some free", [[0, 32], [64, 32], [100, 1]], 1, [32], [[0, 33], [64, 32], [100, 1]]],
        ["none free 64", [], 64, [0, 64, 128], [[0, 192]]],
        ["none free 65", [], 65, [0, 65, 130], [[0, 195]]],
      ]),
    ];
    for (const [name, free, npages, at, after] of frees) {
      test(`clearRange frees its pages and no others: ${name}`, () => {
        const bits = makeFree(P, free);
        for (const i of at) bits.clearRange(B, i, npages);
        expect(show(bits)).toBe(show(makeFree(P, after)));
      });
    }
  });
}
