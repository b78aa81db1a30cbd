import { loadScavenger } from "@mallocgc/go-oracle";
import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { SCAV_CHUNK_WORDS, ScavengeIndex } from "./scavenge-index.ts";
import { ScavengerRecord } from "./scavenger-record.ts";

/** An index without a heap: ranges of pages, which may cross chunks, are allocated and freed by number. */
class TestIndex {
  readonly index: ScavengeIndex;
  readonly mem: Int32Array;
  readonly size: number;

  constructor(nchunks: number, chunkPages: number) {
    this.mem = new Int32Array(ScavengerRecord.words + nchunks * SCAV_CHUNK_WORDS);
    this.index = new ScavengeIndex(this.mem, 0 as Ptr, ScavengerRecord.words as Ptr, nchunks, chunkPages);
    this.size = chunkPages;
  }

  alloc(page: number, limit: number): void {
    this.each(page, limit, (ci, _first, n) => {
      this.index.alloc(ci, n);
    });
  }
  free(page: number, limit: number): void {
    this.each(page, limit, (ci, first, n) => {
      this.index.free(ci, first + n - 1, n);
    });
  }
  private each(page: number, limit: number, what: (ci: number, first: number, n: number) => void): void {
    for (let at = page; at < limit; ) {
      const first = at % this.size;
      const n = Math.min(this.size - first, limit - at);
      what(Math.floor(at / this.size), first, n);
      at += n;
    }
  }
}

for (const P of [512, 64]) {
  describe(`the index of chunks of ${P} pages (Go's TestScavengeIndex)`, () => {
    /** The tests' first chunk is not the first of all. */
    const BASE = 256;
    const page = (chunk: number, pi = 0): number => (BASE + chunk) * P + pi;
    type Found = readonly [chunk: number, pi: number];
    interface Case {
      readonly name: string;
      readonly mark: readonly (readonly [from: number, limit: number])[];
      readonly found: readonly Found[];
    }
    const wholeDown = (high: number, low: number): Found[] => Array.from({ length: high - low + 1 }, (_, i) => [high - i, P - 1] as const);
    const cases: Case[] = [
      { name: "nothing marked", mark: [], found: [] },
      { name: "one page", mark: [[page(0, 3), page(0, 4)]], found: [[0, 3]] },
      { name: "the first page", mark: [[page(0, 0), page(0, 1)]], found: [[0, 0]] },
      { name: "several pages", mark: [[page(0, 9), page(0, 14)]], found: [[0, 13]] },
      { name: "a whole chunk", mark: [[page(0), page(1)]], found: [[0, P - 1]] },
      { name: "the last page", mark: [[page(0, P - 1), page(1)]], found: [[0, P - 1]] },
      { name: "seven chunks, at an offset", mark: [[page(6, 11), page(13, 15)]], found: [[13, 14], ...wholeDown(12, 6)] },
      { name: "32 chunks", mark: [[page(0), page(32)]], found: wholeDown(31, 0) },
      { name: "32 chunks, at an offset", mark: [[page(3), page(35)]], found: wholeDown(34, 3) },
      { name: "32 chunks, each alone", mark: Array.from({ length: 32 }, (_, i) => [page(i), page(i + 1)] as const), found: wholeDown(31, 0) },
      { name: "one chunk twice", mark: [[page(0), page(1)], [page(0), page(1)]], found: [[0, P - 1]] },
      { name: "32 chunks twice", mark: [[page(0), page(32)], [page(0), page(32)]], found: wholeDown(31, 0) },
      { name: "32 chunks twice, at offsets", mark: [[page(4), page(31)], [page(5), page(36)]], found: wholeDown(35, 4) },
    ];
    if (P >= 512) {
      cases.push(
        { name: "two chunks", mark: [[page(0, 128), page(1, 128)]], found: [[1, 127], [0, P - 1]] },
        { name: "two chunks, at an offset", mark: [[page(7, 128), page(8, 129)]], found: [[8, 128], [7, P - 1]] },
      );
    }

    /** All chunks were dense in the last generation, and have nothing to give. */
    function setup(): TestIndex {
      const t = new TestIndex(BASE + 64, P);
      t.alloc(page(0), page(64));
      t.index.nextGen();
      t.free(page(0), page(64));
      for (let ci = BASE; ci < BASE + 64; ci++) t.index.setEmpty(ci);
      t.index.resetSearchAddrs();
      return t;
    }
    function mark(t: TestIndex, [from, limit]: readonly [number, number]): void {
      t.alloc(from, limit);
      t.free(from, limit);
    }
    /** What searches find one after another, each chunk set empty then, and that nothing is found at last. */
    function expectFound(t: TestIndex, force: boolean, found: readonly Found[]): void {
      for (const [chunk, pi] of found) {
        expect(t.index.find(force)).toBe(page(chunk, pi));
        t.index.setEmpty(BASE + chunk);
      }
      expect(t.index.find(force)).toBe(0);
    }

    for (const c of cases) {
      test(`in the background finds what is freed a generation later, highest first: ${c.name}`, () => {
        const t = setup();
        for (const range of c.mark) mark(t, range);
        expectFound(t, false, []);
        t.index.nextGen();
        expectFound(t, false, c.found);
      });
      test(`forced finds what is freed at once, highest first: ${c.name}`, () => {
        const t = setup();
        for (const range of c.mark) mark(t, range);
        expectFound(t, true, c.found);
      });
    }

    for (const force of [false, true]) {
      test(`finds each chunk of 32 as it is freed, ${force ? "forced" : "a generation each"}`, () => {
        const t = setup();
        for (let i = 0; i < 32; i++) {
          mark(t, [page(i), page(i + 1)]);
          if (!force) t.index.nextGen();
          expect(t.index.find(force)).toBe(page(i, P - 1));
          t.index.setEmpty(BASE + i);
        }
        expectFound(t, force, []);
      });
    }

    test("passes a dense chunk over in the background: as long as it is, and for a generation more", () => {
      const t = new TestIndex(4, P);
      const dense = (P * 31) / 32;
      t.alloc(2 * P, 2 * P + dense + 1);
      t.free(2 * P + dense, 2 * P + dense + 1);
      t.index.nextGen();
      expect(t.index.find(true)).toBe(2 * P + dense);
      expect(t.index.find(false), "dense now").toBe(0);
      t.free(2 * P + dense - 1, 2 * P + dense);
      t.index.nextGen();
      t.free(2 * P + dense - 2, 2 * P + dense - 1);
      expect(t.index.find(false), "not dense when the generation began").toBe(2 * P + dense);
      const later = new TestIndex(4, P);
      later.alloc(2 * P, 3 * P - 1);
      later.index.nextGen();
      later.free(2 * P, 3 * P - 1);
      expect(later.index.find(false)).toBe(0);
      later.index.nextGen();
      expect(later.index.find(false)).toBe(3 * P - 2);
    });

    test("has nothing to give in a full chunk, nor in a new one", () => {
      const t = new TestIndex(4, P);
      t.alloc(P, 2 * P);
      t.free(P, P + 5);
      t.alloc(P, P + 5);
      expect(t.index.find(true)).toBe(0);
      t.index.alloc(2, P);
      t.index.grow(2, P - 3);
      t.index.nextGen();
      expect([t.index.find(true), t.index.find(false), t.index.word(2) & 0xffff]).toEqual([0, 0, 3]);
    });

    test("does not let a search that saw less lower a hint that was raised meanwhile", () => {
      for (const freed of ["before", "between"] as const) {
        const t = new TestIndex(8, P);
        t.alloc(P, 8 * P);
        t.free(3 * P, 3 * P + 1);
        if (freed === "between") expect(t.index.find(true)).toBe(3 * P);
        t.index.setEmpty(3);
        const { mem } = t;
        // The search reads the chunks one by one: when it comes to the chunk of its hint, another thread frees a higher one.
        const chunk = ScavengerRecord.words + 3 * SCAV_CHUNK_WORDS;
        const load = Atomics.load;
        let raced = false;
        Atomics.load = ((array: Int32Array, at: number) => {
          const value = load(array, at);
          if (at === chunk && !raced) {
            raced = true;
            t.free(6 * P + 2, 6 * P + 3);
          }
          return value;
        }) as typeof Atomics.load;
        try {
          expect(t.index.find(true)).toBe(0);
        } finally {
          Atomics.load = load;
        }
        expect(raced).toBe(true);
        expect(mem[ScavengerRecord.offset.searchAddrForce], "raised, and not seen yet").toBe(-(6 * P + 2));
        expect(t.index.find(true)).toBe(6 * P + 2);
      }
    });

    test("refuses counts that cannot be", () => {
      const t = new TestIndex(2, P);
      t.index.alloc(1, P - 1);
      for (const wrong of [() => t.index.alloc(1, 2), () => t.index.free(1, P - 1, P), () => t.index.grow(1, P)]) {
        expect(wrong).toThrow(expect.objectContaining({ name: "ScavengeError", code: "ERR_SCAVENGE_INDEX" }));
      }
    });

    test("verify notices each word that is wrong", () => {
      const make = (): TestIndex => {
        const t = new TestIndex(4, P);
        t.alloc(P, 3 * P);
        t.free(2 * P + 4, 2 * P + 9);
        return t;
      };
      const allocated = [0, P, P - 5, 0];
      const verify = (t: TestIndex): string[] => t.index.verify((ci) => allocated[ci]!, (ci) => ci === 2);
      expect(verify(make())).toEqual([]);
      const wrong: [what: string, (t: TestIndex) => void][] = [
        ["are allocated", (t) => t.mem[ScavengerRecord.words + 2]!++],
        ["said to be empty", (t) => { t.index.setEmpty(2); }],
        ["above searchAddrForce", (t) => (t.mem[ScavengerRecord.offset.searchAddrForce] = P)],
        ["above searchAddrForce", (t) => (t.mem[ScavengerRecord.offset.searchAddrForce] = 0)],
      ];
      for (const [what, corrupt] of wrong) {
        const t = make();
        corrupt(t);
        expect(verify(t)).toEqual([expect.stringContaining(what)]);
      }
    });
  });
}

for (const { seed, ops } of loadScavenger().parts.index) {
  test(`the index finds what Go's finds, after every one of ${ops.length} recorded operations, seed ${seed}`, () => {
    // Recorded from chunk 0 of Go's index on; ours begins a chunk higher, since page 0 is "none".
    const P = 512;
    const t = new TestIndex(13, P);
    let finds = 0;
    for (const [i, [op, a = 0, b = 0, c = 0]] of ops.entries()) {
      if (op === 0) t.alloc(P + a, P + a + b);
      else if (op === 1) t.free(P + a, P + a + b);
      else if (op === 2) t.index.nextGen();
      else if (op === 3) t.index.setEmpty(a + 1);
      else {
        finds++;
        expect(t.index.find(a === 1), `operation ${i}`).toBe(b < 0 ? 0 : (b + 1) * P + c);
      }
    }
    expect(finds).toBeGreaterThan(200);
  });
}
