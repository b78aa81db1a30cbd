/**
 * A full heap: what is live stays intact, what is freed can be had again, and most of the region has become blocks by then.
 */
import { describe, expect, test } from "vitest";
import { HeapExhaustedError, createHeap, type Heap } from "./index.ts";

const KIB = 1024;
const MIB = 1 << 20;
/**
 * `spans` is the part of maxBytes that becomes spans, at least. The rest are the tables (in the smallest heap half of that is the P table) and the
 * 256 KiB that persistentalloc takes at a time: for span records, then for the heap profile.
 */
const HEAPS = [
  { maxBytes: MIB, chunkPages: 64, spans: 0.5 },
  { maxBytes: MIB, chunkPages: 512, spans: 0.5 },
  { maxBytes: 2 * MIB, chunkPages: 64, spans: 0.76 },
  { maxBytes: 2 * MIB, chunkPages: 512, spans: 0.76 },
  { maxBytes: 16 * MIB, chunkPages: 64, spans: 0.95 },
  { maxBytes: 16 * MIB, chunkPages: 512, spans: 0.95 },
] as const;
/** One size of each kind: shared slots, bits in the span, bits in the record, a header, several pages a span, whole pages. */
const KINDS = [
  { kind: "tiny, 5 bytes", size: 5, noscan: true },
  { kind: "tiny, 15 bytes", size: 15, noscan: true },
  { kind: "16 bytes", size: 16, noscan: true },
  { kind: "8 bytes with pointers", size: 8, noscan: false },
  { kind: "100 bytes with pointers", size: 100, noscan: false },
  { kind: "1000 bytes", size: 1000, noscan: true },
  { kind: "1000 bytes with pointers", size: 1000, noscan: false },
  { kind: "27264 bytes, 3 in 10 pages", size: 27264, noscan: true },
  { kind: "32760 bytes with pointers", size: 32760, noscan: false },
  { kind: "large, 5 pages", size: 40_000, noscan: true },
  { kind: "large, 13 pages with pointers", size: 100_000, noscan: false },
] as const;
/** Masks of tiny objects: 504 words for the 504 slots of a page. */
const TINY_MASKS = 0.78;
/** Pages are handed out in blocks of 64; at the edge of each a span of several pages may not find room that it found before. */
const PAGE_CACHE_BYTES = 64 * 8 * KIB;

/** Allocates until the heap is exhausted, and writes into each block which one it is. */
function fill(heap: Heap, sizeOf: (i: number) => number, noscan: boolean): number[] {
  const blocks: number[] = [];
  try {
    for (;;) {
      const addr = heap.mallocgc(sizeOf(blocks.length), { noscan });
      stamp(heap, addr, sizeOf(blocks.length), blocks.length);
      blocks.push(addr);
    }
  } catch (error) {
    expect(error).toBeInstanceOf(HeapExhaustedError);
    expect(error).toMatchObject({ requested: sizeOf(blocks.length), maxBytes: heap.maxBytes });
  }
  return blocks;
}

function stamp(heap: Heap, addr: number, size: number, i: number): void {
  heap.u8[addr] = i;
  heap.u8[addr + size - 1] = i;
}

function expectIntact(heap: Heap, blocks: readonly number[], sizeOf: (i: number) => number): void {
  const { u8 } = heap;
  expect(blocks.findIndex((addr, i) => u8[addr] !== (i & 0xff) || u8[addr + sizeOf(i) - 1] !== (i & 0xff))).toBe(-1);
}

describe.each(HEAPS)("a heap of $maxBytes bytes in chunks of $chunkPages pages", (options) => {
  test.each(KINDS)("filled with blocks of $kind: live blocks stay, freed ones come back, and as many as the first time", ({ size, noscan }) => {
    const heap = createHeap({ gc: false, maxBytes: options.maxBytes, chunkPages: options.chunkPages });
    const sizeOf = (): number => size;
    const blocks = fill(heap, sizeOf, noscan);
    expectIntact(heap, blocks, sizeOf);
    expect(heap.verify().broken).toEqual([]);
    const { npages, nelems } = heap.spanOf(blocks[0]!);
    const edges = npages > 1 ? Math.ceil(options.maxBytes / PAGE_CACHE_BYTES) : 0;
    expect(heap.readMemStats().HeapInuse).toBeGreaterThanOrEqual(
      options.maxBytes * options.spans * (noscan && size < 16 ? TINY_MASKS : 1) - (edges + 1) * npages * 8 * KIB,
    );

    // Any one of them freed makes room for one; of tiny blocks, all that share one.
    const perBlock = noscan && size < 16 ? Math.floor(16 / size) : 1;
    for (const at of [0, blocks.length >>> 1, blocks.length - 1]) {
      const from = at - (at % perBlock);
      for (let i = from; i < Math.min(blocks.length, from + perBlock); i++) {
        heap.free(blocks[i]!);
        blocks[i] = 0;
      }
      for (let i = from; i < Math.min(blocks.length, from + perBlock); i++) {
        blocks[i] = heap.mallocgc(size, { noscan });
        stamp(heap, blocks[i]!, size, i);
      }
      expect(() => heap.mallocgc(size, { noscan })).toThrow(HeapExhaustedError);
    }
    expectIntact(heap, blocks, sizeOf);
    expect(heap.verify().broken).toEqual([]);

    for (const addr of blocks) heap.free(addr);
    heap.flush();
    expect(heap.readMemStats()).toMatchObject({ HeapAlloc: 0, HeapInuse: 0, HeapObjects: 0 });
    expect(heap.verify().broken).toEqual([]);
    const again = fill(heap, sizeOf, noscan);
    // What an edge of a page cache cuts is a span.
    expect(again.length).toBeGreaterThanOrEqual(blocks.length - edges * nelems);
    expectIntact(heap, again, sizeOf);
    expect(heap.verify().broken).toEqual([]);
  });

  test("filled with blocks of all sizes: the same, and one size makes room for another", () => {
    const heap = createHeap({ gc: false, maxBytes: options.maxBytes, chunkPages: options.chunkPages });
    const sizeOf = (i: number): number => [24, 7, 300, 4096, 1, 64, 9000, 40_000][i % 8]!;
    const blocks = fill(heap, sizeOf, true);
    expectIntact(heap, blocks, sizeOf);
    expect(heap.verify().broken).toEqual([]);
    for (const addr of blocks) heap.free(addr);
    heap.flush();
    expect(heap.readMemStats().HeapInuse).toBe(0);
    const large = fill(heap, () => 64 * KIB, true);
    expect(large.length * 64 * KIB).toBeGreaterThan(options.maxBytes * 0.4);
    for (const addr of large) heap.free(addr);
    // What the page caches cut differs from time to time.
    expect(fill(heap, sizeOf, true).length).toBeGreaterThanOrEqual(blocks.length * 0.98);
    expect(heap.verify().broken).toEqual([]);
  });

  test("takes one large block of nearly its whole size, again and again", () => {
    const heap = createHeap({ gc: false, maxBytes: options.maxBytes, chunkPages: options.chunkPages });
    const largest = largestBlock(heap);
    expect(largest / options.maxBytes).toBeGreaterThan(options.spans);
    for (let i = 0; i < 3; i++) {
      const addr = heap.mallocgc(largest);
      heap.u8.fill(1, addr, addr + largest);
      expect(() => heap.mallocgc(40_000)).toThrow(HeapExhaustedError);
      heap.free(addr);
    }
    const addr = heap.mallocgc(largest);
    expect(firstOtherThanZero(heap.i32, addr >>> 2, (addr + largest) >>> 2)).toBe(-1);
    expect(heap.verify().broken).toEqual([]);
  });
});

function largestBlock(heap: Heap): number {
  for (let size = heap.maxBytes; ; size -= 8 * KIB) {
    try {
      heap.free(heap.mallocgc(size));
      return size;
    } catch (error) {
      expect(error).toBeInstanceOf(HeapExhaustedError);
    }
  }
}

function firstOtherThanZero(words: Int32Array, from: number, to: number): number {
  for (let i = from; i < to; i++) if (words[i] !== 0) return i;
  return -1;
}
