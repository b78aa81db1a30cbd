import { type Heap, createHeap } from "@mallocgc/runtime";
import { describe, expect, it } from "vitest";
import { hashTerm } from "../text/tokenizer.ts";
import { InvertedIndex, NO_FILE } from "./inverted-index.ts";

const NAMES = ["one.md", "zwölf.md", "three.md"];
const TERM = Buffer.from("word");
const HASH = hashTerm(TERM, TERM.length);

function indexIn(heap: Heap): InvertedIndex {
  const index = new InvertedIndex(heap);
  index.setFiles(NAMES);
  index.begin(1);
  return index;
}

function heapOf(maxBytes = 4 << 20): Heap {
  return createHeap({ maxBytes, gcWorkers: 0 });
}

describe("an index", () => {
  it("hands out each file once, and none after stop", () => {
    const heap = heapOf();
    const index = indexIn(heap);
    heap.turn(() => {
      const at = index.current();
      expect([0, 1, 2, 3, 4].map(() => index.takeFile(at))).toEqual([0, 1, 2, NO_FILE, NO_FILE]);
    });
    index.begin(2);
    heap.turn(() => {
      const at = index.current();
      expect(index.takeFile(at)).toBe(0);
      index.stop(at);
      expect(index.takeFile(at)).toBe(NO_FILE);
    });
  });

  it("is whole when all its files are done, and says of each whether it is", () => {
    const heap = heapOf();
    const index = indexIn(heap);
    heap.turn(() => {
      const at = index.current();
      for (const file of [2, 0, 1]) {
        expect([index.isWhole(at), index.isFileDone(at, file)]).toEqual([false, false]);
        index.fileDone(at, file, 1024);
        expect(index.isFileDone(at, file)).toBe(true);
      }
      expect(index.isWhole(at)).toBe(true);
      expect(index.progress()).toEqual({ files: 3, filesDone: 3, kibDone: 3 });
    });
  });

  it("answers with names, survives collections, and lies open to whoever attaches", () => {
    const heap = heapOf();
    const index = indexIn(heap);
    heap.turn(() => {
      index.add(index.current(), TERM, 0, TERM.length, HASH, 1, 3);
    });
    heap.gcSync();
    const other = new InvertedIndex(heap);
    expect(other.query(TERM, HASH, 5)).toEqual({ files: 1, occurrences: 3, top: [{ file: "zwölf.md", count: 3 }] });
  });

  it("goes with all it leads to when another takes its place; who holds it in a turn has it until the turn's end", () => {
    const heap = heapOf();
    const index = indexIn(heap);
    heap.gcSync();
    const empty = heap.readMemStats().HeapObjects;
    heap.turn(() => {
      const old = index.current();
      index.add(old, TERM, 0, TERM.length, HASH, 0, 1);
      index.begin(2);
      expect([index.round(old), index.round(index.current())]).toEqual([1, 2]);
      const found: number[] = [];
      index.forEachPosting(old, TERM, HASH, (file) => void found.push(file));
      expect(found).toEqual([0]);
    });
    expect(index.query(TERM, HASH, 5).files).toBe(0);
    heap.gcSync();
    expect(heap.readMemStats().HeapObjects).toBe(empty);
    index.drop();
    heap.gcSync();
    expect(heap.readMemStats().HeapObjects).toBe(0);
    expect(heap.verify().broken).toEqual([]);
  });
});
