import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BumpHeap } from "../testing/bump-heap.ts";
import { hashTerm } from "../text/tokenizer.ts";
import { Ledger } from "./block-heap.ts";
import { SHARDS, SHARDS_BYTES, TermMap } from "./term-map.ts";

class Fixture {
  readonly heap: BumpHeap;
  readonly blocks: Ledger;
  readonly shards: number;
  readonly map: TermMap;
  readonly model: Map<string, Map<number, number>> = new Map();

  constructor(bytes = 1 << 18, first = 8) {
    this.heap = new BumpHeap(first + bytes, first);
    this.blocks = new Ledger(this.heap);
    this.shards = this.blocks.malloc(SHARDS_BYTES);
    this.map = new TermMap(this.blocks, this.shards);
  }

  add(term: string, file: number, count: number, hash?: number): void {
    const bytes = new TextEncoder().encode(term);
    this.map.add(bytes, 0, bytes.length, hash ?? hashTerm(bytes, bytes.length), file, count);
    let postings = this.model.get(term);
    if (postings === undefined) this.model.set(term, (postings = new Map()));
    postings.set(file, count);
  }

  lookup(term: string, hash?: number): ReturnType<TermMap["lookup"]> {
    const bytes = new TextEncoder().encode(term);
    return this.map.lookup(bytes, bytes.length, hash ?? hashTerm(bytes, bytes.length), Infinity);
  }

  expectAsModel(hash?: number): void {
    let [postings, occurrences] = [0, 0];
    for (const [term, perFile] of this.model) {
      const counts = [...perFile.values()];
      const sum = counts.reduce((a, b) => a + b, 0);
      postings += perFile.size;
      occurrences += sum;
      const info = this.lookup(term, hash);
      expect(info?.files, term).toBe(perFile.size);
      expect(info?.occurrences, term).toBe(sum);
      expect(new Map(info?.top.map(({ file, count }) => [file, count])), term).toEqual(perFile);
    }
    expect(this.map.totals()).toEqual({ terms: this.model.size, postings, occurrences });
  }

  freeAll(): void {
    for (let n = 0; n < SHARDS; n++) this.map.freeShard(n);
  }
}

describe("the map", () => {
  it("knows every posting of any sequence of additions", () => {
    const term = fc.string({ minLength: 1, maxLength: 64, unit: fc.constantFrom("a", "b", "c") });
    const addition = fc.record({ term, count: fc.integer({ min: 1, max: 400 }) });
    fc.assert(
      fc.property(fc.array(addition, { maxLength: 200 }), (additions) => {
        const f = new Fixture();
        additions.forEach(({ term, count }, file) => {
          f.add(term, (file * 37) % 211, count);
        });
        f.expectAsModel();
      }),
      { numRuns: 50 },
    );
  });

  it("keeps all terms when its tables have to grow many times", () => {
    const f = new Fixture(8 << 20);
    for (let i = 0; i < 20_000; i++) f.add(`term${i}`, i % 100, 1 + (i % 5));
    expect(f.blocks.frees).toBeGreaterThanOrEqual(SHARDS * 3);
    f.expectAsModel();
  });

  it("keeps all postings of a term whose block has to grow many times, and frees each block it has outgrown", () => {
    const f = new Fixture();
    for (let file = 0; file < 5000; file++) f.add("the", file, file + 1);
    f.expectAsModel();
    // Shards, slots, entry, postings: one block each.
    expect(f.heap.live.size).toBe(4);
  });

  it("works above 2 GiB, where addresses are negative as 32-bit words", () => {
    const f = new Fixture(1 << 20, 2 ** 31);
    for (let i = 0; i < 3000; i++) f.add(`term${i % 700}`, i, 1);
    f.expectAsModel();
    f.freeAll();
    expect([...f.heap.live.keys()]).toEqual([f.shards]);
  });

  it("tells terms apart that have the same hash", () => {
    const f = new Fixture();
    for (let i = 0; i < 100; i++) f.add(`t${i}`, i, 1, 42);
    f.expectAsModel(42);
    expect(f.lookup("t100", 42)).toBeUndefined();
  });

  it("orders the top files by count, then by number, and keeps as many as asked for", () => {
    const f = new Fixture();
    [3, 9, 1, 9, 5].forEach((count, file) => {
      f.add("x", file, count);
    });
    const bytes = new TextEncoder().encode("x");
    expect(f.map.lookup(bytes, 1, hashTerm(bytes, 1), 3)?.top).toEqual([
      { file: 1, count: 9 },
      { file: 3, count: 9 },
      { file: 4, count: 5 },
    ]);
  });

  it("gives back every block, with the size it was asked for", () => {
    const f = new Fixture();
    for (let i = 0; i < 3000; i++) f.add(`term${i % 700}`, i, 1);
    expect(f.blocks.bytesLive).toBe(f.heap.bytesLive);
    f.freeAll();
    expect([...f.heap.live]).toEqual([[f.shards, SHARDS_BYTES]]);
    expect(f.blocks.bytesLive).toBe(SHARDS_BYTES);
    expect(f.map.totals()).toEqual({ terms: 0, postings: 0, occurrences: 0 });
  });

  it("is as it was before when the heap refuses any of the blocks an addition needs", () => {
    let refused = 0;
    for (let blocksLeft = 0; blocksLeft < 200; blocksLeft++) {
      const f = new Fixture();
      f.heap.blocksLeft = blocksLeft;
      try {
        for (let i = 0; i < 300; i++) {
          const term = `t${i % 50}`;
          const bytes = new TextEncoder().encode(term);
          // One shard, so that its table must grow, and often.
          f.map.add(bytes, 0, bytes.length, i % 50, i, 1);
          let postings = f.model.get(term);
          if (postings === undefined) f.model.set(term, (postings = new Map()));
          postings.set(i, 1);
        }
      } catch (error) {
        expect((error as { code: string }).code).toBe("ERR_HEAP_EXHAUSTED");
        refused++;
      }
      f.heap.blocksLeft = Infinity;
      const totals = f.map.totals();
      expect(totals.terms).toBe(f.model.size);
      expect(totals.postings).toBe([...f.model.values()].reduce((sum, perFile) => sum + perFile.size, 0));
      expect(f.blocks.bytesLive).toBe(f.heap.bytesLive);
      f.freeAll();
      expect([...f.heap.live.keys()]).toEqual([f.shards]);
    }
    expect(refused).toBeGreaterThan(50);
  });
});
