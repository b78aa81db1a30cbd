import { WeakHandle } from "@mallocgc/gc";
import { describe, expect, test } from "vitest";
import { BLOCK_HEADER, BLOCK_SLOTS, CHUNK_ROOTS, HashIndexRecord, ProcessorRoots, RootEntry, RootsState, UniqueEntry } from "./roots-record.ts";
import { TestHeap } from "./testing/test-heap.ts";

const THREADS = 3;
const LINK = 2 * BLOCK_SLOTS;

/** A heap with roots of every kind, in use and given back. */
function filled(): TestHeap {
  const heap = TestHeap.create(4 << 20, THREADS);
  const other = TestHeap.attach(heap.handle, 1);
  const { named, handles, uniques } = heap.roots;
  for (let i = 0; i < 50; i++) named.set(`name ${i}`, heap.object());
  for (let i = 0; i < 20; i++) named.delete(`name ${2 * i}`);
  for (let i = 0; i < 10; i++) uniques.unique(`value ${i}`);
  const made = Array.from({ length: 300 }, () => handles.root(heap.object()));
  for (const handle of made.slice(0, 100)) handle.dispose();
  for (const handle of made.slice(100, 110)) other.roots.handles.adopt(handle.move());
  made[110]!.move();
  return heap;
}

describe("verifyRoots", () => {
  test("finds nothing in a new heap, nor in one with roots of all kinds", () => {
    expect(TestHeap.create().roots.verify(THREADS)).toEqual([]);
    expect(filled().roots.verify(THREADS)).toEqual([]);
  });

  const S = RootsState.offset;
  const E = RootEntry.offset;
  const entry = (heap: TestHeap): number => heap.mem[heap.mem[heap.state + S.chunks]!]! + BLOCK_HEADER + CHUNK_ROOTS + RootEntry.words;
  const freeSlot = (heap: TestHeap): number => heap.roots.handles.slots.wordOf(heap.mem[heap.processorRoots + ProcessorRoots.offset.free]! - 1);
  const uniqueEntry = (heap: TestHeap): number => {
    const buckets = heap.mem[heap.state + S.unique + HashIndexRecord.offset.buckets]!;
    return heap.mem.subarray(buckets, buckets + 64).find((head) => head !== 0)!;
  };
  const breaks: [string, RegExp, (heap: TestHeap) => void][] = [
    ["the number of blocks", /cannot be -1 blocks/, (h) => (h.mem[h.state + S.blocks] = -1)],
    ["a free list that leads nowhere", /slot 99999, which there is not/, (h) => (h.mem[h.processorRoots + ProcessorRoots.offset.free] = 100_000)],
    ["a free list that does not end", /on free lists twice/, (h) => (h.mem[freeSlot(h) + LINK] = h.mem[h.processorRoots + ProcessorRoots.offset.free]!)],
    ["a slot on no list", /is free, but on no free list/, (h) => (h.mem[h.processorRoots + ProcessorRoots.offset.remoteFree] = 0)],
    ["a free slot on another P's list", /of P 0 is on a free list of P 2/, (h) => {
      h.mem[h.processorRoots + 2 * ProcessorRoots.words + ProcessorRoots.offset.free] = h.mem[h.processorRoots + ProcessorRoots.offset.remoteFree]!;
      h.mem[h.processorRoots + ProcessorRoots.offset.remoteFree] = 0;
    }],
    ["a free slot that keeps an object", /is free, but keeps 4096/, (h) => (h.mem[freeSlot(h)] = 4096)],
    ["a slot in use on a list", /is in use, and on a free list/, (h) => (h.mem[freeSlot(h) + BLOCK_SLOTS]! |= 1)],
    ["a slot in no state", /neither free nor live nor moved/, (h) => (h.mem[freeSlot(h) + BLOCK_SLOTS]! |= 2)],
    ["an entry's word", /is of word 5, not/, (h) => (h.mem[entry(h) + E.word] = 5)],
    ["a named entry's hash", /not in that of its hash/, (h) => (h.mem[entry(h) + E.hash]! ^= 1)],
    ["a name", /not under the hash of its name/, (h) => (h.mem[h.mem[entry(h) + E.name]! >>> 2]! ^= 1)],
    ["a chain that does not end", /leads astray/, (h) => (h.mem[entry(h)] = entry(h))],
    ["the count of names", /counted/, (h) => (h.mem[h.state + S.named + HashIndexRecord.offset.count]!++)],
    ["a free entry that keeps an object", /has no name, but keeps 64/, (h) => (h.mem[h.mem[h.mem[h.state + S.freeEntries]! + E.word]!] = 64)],
    ["the list of free entries", /has one, is of no chunk, or comes twice/, (h) => (h.mem[h.state + S.freeEntries] = entry(h))],
    ["free entries that are lost", /neither named nor free/, (h) => (h.mem[h.state + S.freeEntries] = 0)],
    ["a unique value's handle", /which nobody refers to/, (h) => (h.mem[uniqueEntry(h) + UniqueEntry.offset.handle] = 0)],
    ["a unique value's refs", /which nobody refers to/, (h) => (h.mem[h.mem[uniqueEntry(h) + UniqueEntry.offset.handle]! + WeakHandle.offset.refs] = 0)],
  ];
  for (const [what, message, corrupt] of breaks) {
    test(`reports when this is broken: ${what}`, () => {
      const heap = filled();
      corrupt(heap);
      expect(heap.roots.verify(THREADS).join("\n")).toMatch(message);
    });
  }
});
