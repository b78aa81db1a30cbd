import fc from "fast-check";
import { type Heap, createHeap } from "@mallocgc/runtime";
import { describe, expect, it } from "vitest";
import { hashTerm } from "../text/tokenizer.ts";
import { Requests } from "./requests.ts";
import { Shards, TermMap, type FileCount, type TermInfo } from "./term-map.ts";

const ROOT = "map";

/** A map in a heap that this thread collects alone, and beside it a plain Map as a model. */
class Fixture {
  readonly heap: Heap;
  readonly requests = new Requests();
  readonly map: TermMap;
  readonly model = new Map<string, Map<number, number>>();

  constructor(maxBytes = 16 << 20) {
    this.heap = createHeap({ maxBytes, gcWorkers: 0, gcCheckMark: true });
    this.map = new TermMap(this.heap, this.requests);
    this.heap.turn(() => {
      this.heap.roots.set(ROOT, this.map.create());
    });
  }

  add(term: string, file: number, count: number, hash?: number): void {
    const bytes = new TextEncoder().encode(term);
    this.map.add(this.heap.roots.get(ROOT), bytes, 0, bytes.length, hash ?? hashTerm(bytes, bytes.length), file, count);
    let postings = this.model.get(term);
    if (postings === undefined) this.model.set(term, (postings = new Map()));
    postings.set(file, count);
  }

  lookup(term: string, hash?: number, limit = Infinity): TermInfo {
    const bytes = new TextEncoder().encode(term);
    return this.map.lookup(this.heap.roots.get(ROOT), bytes, hash ?? hashTerm(bytes, bytes.length), limit);
  }

  postingsOf(term: string, hash?: number): FileCount[] {
    const bytes = new TextEncoder().encode(term);
    const found: FileCount[] = [];
    this.map.forEachPosting(this.heap.roots.get(ROOT), bytes, hash ?? hashTerm(bytes, bytes.length), (file, count) => void found.push({ file, count }));
    return found;
  }

  /** After a collection, in a turn of its own: what the map says is what the model says, and the heap is whole. */
  expectAsModel(hash?: number): void {
    this.heap.gcSync();
    let [postings, occurrences] = [0, 0];
    this.heap.turn(() => {
      for (const [term, perFile] of this.model) {
        const sum = [...perFile.values()].reduce((a, b) => a + b, 0);
        postings += perFile.size;
        occurrences += sum;
        const found = this.postingsOf(term, hash);
        expect(found.length, term).toBe(perFile.size);
        expect(new Map(found.map(({ file, count }) => [file, count])), term).toEqual(perFile);
        expect(this.lookup(term, hash, 0), term).toEqual({ files: perFile.size, occurrences: sum, top: [] });
      }
      expect(this.map.totals(this.heap.roots.get(ROOT))).toMatchObject({ terms: this.model.size, postings, occurrences });
    });
    expect(this.heap.verify().broken).toEqual([]);
  }
}

describe("the map", () => {
  it("knows every posting of any sequence of additions", () => {
    const term = fc.string({ minLength: 1, maxLength: 64, unit: fc.constantFrom("a", "b", "c") });
    const addition = fc.record({ term, count: fc.integer({ min: 1, max: 400 }) });
    fc.assert(
      fc.property(fc.array(addition, { maxLength: 200 }), (additions) => {
        const f = new Fixture(1 << 20);
        additions.forEach(({ term, count }, file) => {
          f.add(term, (file * 37) % 211, count);
        });
        f.expectAsModel();
      }),
      { numRuns: 30 },
    );
  });

  it("keeps all terms when its slots have to grow many times", () => {
    const f = new Fixture();
    for (let i = 0; i < 20_000; i++) f.add(`term${i}`, i % 100, 1 + (i % 5));
    f.expectAsModel();
  });

  it("keeps all postings of a term whose object has to be replaced many times, and each that it has outgrown is collected", () => {
    const f = new Fixture();
    for (let file = 0; file < 5000; file++) f.add("the", file, file + 1);
    f.expectAsModel();
    // The shards and their array; slots, entry, term and postings.
    expect(f.heap.readMemStats().HeapObjects).toBe(257 + 4);
    expect(f.requests.total).toBeGreaterThan(257 + 20);
  });

  it("tells terms apart that have the same hash", () => {
    const f = new Fixture();
    for (let i = 0; i < 100; i++) f.add(`t${i}`, i, 1, 42);
    f.expectAsModel(42);
    expect(f.lookup("t100", 42)).toEqual({ files: 0, occurrences: 0, top: [] });
  });

  it("orders the top files by count, then by number, and keeps as many as asked for", () => {
    const f = new Fixture();
    [3, 9, 1, 9, 5].forEach((count, file) => {
      f.add("x", file, count);
    });
    expect(f.lookup("x", undefined, 3).top).toEqual([
      { file: 1, count: 9 },
      { file: 3, count: 9 },
      { file: 4, count: 5 },
    ]);
  });

  it("says how many bytes it has asked for that it still leads to", () => {
    const f = new Fixture();
    const asked = (): number => f.map.totals(f.heap.roots.get(ROOT)).askedBytes;
    const before = asked();
    expect(before).toBe(8 + 256 * 4 + 256 * 64);
    f.add("ab", 0, 1);
    // Slots for 16, the entry, its term, its postings.
    expect(asked() - before).toBe(8 + 16 * 8 + 28 + (8 + 2) + (8 + 8));
    // A fifth posting of two bytes does not fit 8.
    for (let file = 1; file < 5; file++) f.add("ab", file, 1);
    expect(asked() - before).toBe(8 + 16 * 8 + 28 + (8 + 2) + (8 + 24));
  });

  it("gives the entry of a term, which may be read and written", () => {
    const f = new Fixture();
    f.add("word", 3, 7);
    const bytes = new TextEncoder().encode("word");
    const find = (length: number): number => f.map.find(f.heap.roots.get(ROOT), bytes, 0, length, hashTerm(bytes, bytes.length));
    const { occurrences } = f.map.entry;
    expect(occurrences.get(find(4))).toBe(7);
    occurrences.set(find(4), 8);
    expect(f.lookup("word").occurrences).toBe(8);
    expect(find(3)).toBe(0);
  });

  it("is garbage as a whole when its root is set to another", () => {
    const f = new Fixture();
    for (let i = 0; i < 3000; i++) f.add(`term${i % 700}`, i, 1);
    f.heap.gcSync();
    const full = f.heap.readMemStats().HeapObjects;
    expect(full).toBeGreaterThan(257 + 700 * 3);
    f.heap.roots.set(ROOT, f.map.create());
    f.heap.gcSync();
    expect(f.heap.readMemStats().HeapObjects).toBe(257);
    expect(f.heap.turn(() => f.heap.type(Shards).length(f.heap.roots.get(ROOT)))).toBe(256);
    expect(f.heap.verify().broken).toEqual([]);
  });

  it("is as it was before when the heap refuses any of the objects an addition needs", () => {
    let refused = 0;
    for (let left = 0; left < 120; left++) {
      const f = new Fixture(1 << 20);
      const { alloc } = f.heap;
      let granted = left;
      f.heap.alloc = ((...args: Parameters<typeof alloc>) => {
        if (granted-- === 0) throw Object.assign(new Error("full"), { code: "ERR_HEAP_EXHAUSTED" });
        return alloc.apply(f.heap, args);
      }) as typeof alloc;
      try {
        // One shard, so that its slots must grow, and often.
        for (let i = 0; i < 300; i++) f.add(`t${i % 50}`, i, 1, i % 50);
      } catch (error) {
        expect((error as { code: string }).code).toBe("ERR_HEAP_EXHAUSTED");
        refused++;
      }
      f.heap.alloc = alloc;
      const { askedBytes, terms, postings } = f.map.totals(f.heap.roots.get(ROOT));
      expect(terms).toBe(f.model.size);
      expect(postings).toBe([...f.model.values()].reduce((sum, perFile) => sum + perFile.size, 0));
      f.heap.gcSync();
      const { HeapAlloc } = f.heap.readMemStats();
      expect(HeapAlloc).toBeGreaterThanOrEqual(askedBytes);
      expect(HeapAlloc).toBeLessThan(askedBytes * 1.2);
    }
    expect(refused).toBe(120);
  });
});
