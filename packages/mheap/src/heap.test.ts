import { MSpan, SPAN_DEAD, SPAN_IN_USE, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE, SysmemError, createRegion } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { Heap, MheapError, SpanCacheRec, type HeapConfig, type PageReleaser } from "./index.ts";
import { Random } from "./testing/page-layout.ts";
import { allCaches, cachesOf, newTestHeap, openTestHeap } from "./testing/test-heap.ts";

const MIB = 1 << 20;
const CONFIGS: HeapConfig[] = [
  { maxBytes: 64 * MIB, chunkPages: 512 },
  { maxBytes: 16 * MIB, chunkPages: 64 },
];
const NOSCAN_LARGE = 1;

const pageOf = (heap: Heap, s: SpanPtr): number => heap.spans.base(s) / PAGE_SIZE;
const broken = (heap: Heap): unknown[] => heap.verifyPages(allCaches(heap.config));

/** An operating system that really zeroes what it takes, and can be told to take nothing. */
class FakeOs implements PageReleaser {
  pageSize = 4096;
  takes = true;
  readonly released: { offset: number; length: number }[] = [];
  private readonly heap: Heap;
  onRelease: () => void = () => undefined;

  constructor(heap: Heap) {
    this.heap = heap;
  }

  release(offset: number, length: number): number {
    this.onRelease();
    if (!this.takes) return 0;
    this.released.push({ offset, length });
    this.heap.mem.fill(0, offset / 4, (offset + length) / 4);
    return length;
  }
}

for (const config of CONFIGS) {
  describe(`the page heap, chunks of ${config.chunkPages} pages`, () => {
    test("a fresh heap has no pages, and the first allocation makes it reach to the end of a chunk", () => {
      const heap = newTestHeap(config);
      expect(heap.figures()).toEqual({ mapped: 0, inUse: 0, released: 0, free: 0 });
      expect(broken(heap)).toEqual([]);
      const s = heap.alloc(1, NOSCAN_LARGE);
      const mapped = config.chunkPages - (heap.firstPage % config.chunkPages);
      expect(pageOf(heap, s)).toBe(heap.firstPage);
      expect(heap.figures()).toEqual({ mapped, inUse: 1, released: mapped - 1, free: 0 });
      expect(heap.frontier.heapEnd % config.chunkPages).toBe(0);
      expect(broken(heap)).toEqual([]);
    });

    test("a span is filled in, in use, and what every address in it resolves to", () => {
      const heap = newTestHeap(config);
      for (const [npages, spanClass] of [[1, 5], [1, 20], [9, 120], [15, 1], [16, 0], [config.chunkPages + 3, 1]] as const) {
        const s = heap.alloc(npages, spanClass);
        const { spans } = heap;
        expect(spans.state(s)).toBe(SPAN_IN_USE);
        expect([spans.npages(s), spans.spanClass(s)]).toEqual([npages, spanClass]);
        const base = spans.base(s);
        for (const addr of [base, base + 1, base + npages * PAGE_SIZE - 1, base + ((npages - 1) >> 1) * PAGE_SIZE + 77]) expect(heap.spanOf(addr)).toBe(s);
        expect(heap.spanOf(base - 1)).not.toBe(s);
        expect(heap.spanOf(base + npages * PAGE_SIZE)).not.toBe(s);
      }
      expect(broken(heap)).toEqual([]);
    });

    test("a freed span is dead, resolves to nothing, and its pages and record are used again", () => {
      const heap = newTestHeap(config);
      const s = heap.alloc(3, NOSCAN_LARGE);
      const base = heap.spans.base(s);
      heap.free(s);
      expect(heap.mem[s + MSpan.offset.state]).toBe(SPAN_DEAD);
      expect([heap.spanOf(base), heap.spanOf(base + 2 * PAGE_SIZE)]).toEqual([0, 0]);
      expect(heap.figures().inUse).toBe(0);
      const again = heap.alloc(3, NOSCAN_LARGE);
      expect([again, heap.spans.base(again)]).toEqual([s, base]);
      expect(broken(heap)).toEqual([]);
    });

    test("freed spans wait until there are 16 of them or 64 pages, and meanwhile count as idle", () => {
      const heap = newTestHeap(config);
      const freeLines = (): number => heap.mem[cachesOf(config, 0).spanCache + SpanCacheRec.offset.freedLen]!;
      const small = Array.from({ length: 16 }, () => heap.alloc(1, NOSCAN_LARGE));
      const large = [60, 3, 1].map((npages) => heap.alloc(npages, NOSCAN_LARGE));
      for (const [i, s] of small.entries()) {
        heap.free(s);
        expect(freeLines()).toBe(i === 15 ? 0 : i + 1);
        expect(heap.figures()).toMatchObject({ inUse: 79 - i, free: i + 1 });
        expect(broken(heap)).toEqual([]);
      }
      for (const [i, s] of large.entries()) {
        heap.free(s);
        expect(freeLines()).toBe([1, 2, 0][i]);
        expect(broken(heap)).toEqual([]);
      }
      heap.free(heap.alloc(64, NOSCAN_LARGE));
      expect(freeLines()).toBe(0);
    });

    test("when the heap lock is not to be had, a free either happened or did not, and nothing is lost", () => {
      const region = createRegion(config.maxBytes, true);
      const heap = openTestHeap(region, config, 0, 20);
      heap.init();
      const spans = Array.from({ length: 20 }, () => heap.alloc(1, NOSCAN_LARGE));
      Atomics.store(heap.mem, heap.lockWord, 99);
      const answers = spans.map((s) => {
        try {
          heap.free(s);
          return "freed";
        } catch (error) {
          return `${(error as SysmemError).code}, ${heap.spans.state(s) === SPAN_IN_USE ? "in use" : "freed"}`;
        }
      });
      expect(answers).toEqual([...Array<string>(15).fill("freed"), "ERR_LOCK_TIMEOUT, freed", ...Array<string>(4).fill("ERR_LOCK_TIMEOUT, in use")]);
      Atomics.store(heap.mem, heap.lockWord, 0);
      expect(broken(heap)).toEqual([]);
      for (const s of spans.slice(16)) heap.free(s);
      heap.flush();
      expect(heap.figures().inUse).toBe(0);
      expect(broken(heap)).toEqual([]);
    });

    test("freeing a span twice, or a word that is no span in use, is an error that changes nothing", () => {
      const heap = newTestHeap(config);
      const s = heap.alloc(3, NOSCAN_LARGE);
      heap.free(s);
      const before = heap.figures();
      for (const bad of [s, 0, heap.mem.length, -1, NaN]) {
        expect(() => {
          heap.free(bad as SpanPtr);
        }).toThrow(expect.objectContaining({ code: "ERR_SPAN_NOT_IN_USE" }));
      }
      expect(heap.figures()).toEqual(before);
      expect(broken(heap)).toEqual([]);
    });

    test("a span has a positive whole number of pages", () => {
      const heap = newTestHeap(config);
      for (const bad of [0, -1, 1.5, 20.5, NaN, Infinity, "3" as unknown as number, undefined as unknown as number]) {
        expect(() => heap.alloc(bad, 1), String(bad)).toThrow(expect.objectContaining({ code: "ERR_HEAP_NPAGES" }));
      }
      expect(heap.alloc(2 ** 40, 1)).toBe(0);
      expect(broken(heap)).toEqual([]);
    });

    test("small spans come from the lowest block of 64 pages that has a free one, without the heap lock", () => {
      const heap = newTestHeap(config);
      const first = heap.alloc(1, NOSCAN_LARGE); // Grows the heap; the cache is still empty.
      const second = heap.alloc(1, NOSCAN_LARGE);
      expect(pageOf(heap, second)).toBe(pageOf(heap, first) + 1);
      // Taken by a thread that will not give it back: whoever needs it now would fail.
      Atomics.store(heap.mem, heap.lockWord, 99);
      const cachedTo = (Math.floor(pageOf(heap, second) / 64) + 1) * 64;
      for (let page = pageOf(heap, second) + 1; page < cachedTo; page++) expect(pageOf(heap, heap.alloc(1, NOSCAN_LARGE))).toBe(page);
      Atomics.store(heap.mem, heap.lockWord, 0);
      expect(broken(heap)).toEqual([]);
    });

    test("pages in page caches count as idle, the scavenged ones as released; a flush changes no figure", () => {
      const heap = newTestHeap(config);
      for (let i = 0; i < 5; i++) heap.alloc(1, NOSCAN_LARGE);
      const dirty = heap.alloc(2, NOSCAN_LARGE);
      heap.free(dirty);
      const before = heap.figures();
      expect(before).toMatchObject({ inUse: 5, free: 2 });
      expect(before.mapped).toBe(before.inUse + before.free + before.released);
      heap.flush();
      expect(heap.figures()).toEqual(before);
      expect(broken(heap)).toEqual([]);
      expect(heap.mem[cachesOf(config, 0).spanCache]).toBe(0);
      expect(heap.spanRecords.inUse).toBe(5 * MSpan.words * 4);
    });

    test("needzero is 0 for pages never handed out and 1 for pages that were", () => {
      const heap = newTestHeap(config);
      const needzero = (s: SpanPtr): number => heap.mem[s + MSpan.offset.needzero]!;
      const a = heap.alloc(4, NOSCAN_LARGE);
      const b = heap.alloc(20, NOSCAN_LARGE);
      expect([needzero(a), needzero(b)]).toEqual([0, 0]);
      const base = pageOf(heap, a);
      heap.free(a);
      heap.free(b);
      const c = heap.alloc(4, NOSCAN_LARGE);
      expect([pageOf(heap, c), needzero(c)]).toEqual([base, 1]);
      heap.free(c);
      heap.flush();
      const partlyUsed = heap.alloc(config.chunkPages * 2, NOSCAN_LARGE);
      expect([pageOf(heap, partlyUsed), needzero(partlyUsed)]).toEqual([base, 1]);
      const beyond = heap.alloc(config.chunkPages, NOSCAN_LARGE);
      expect(needzero(beyond)).toBe(0);
      expect(broken(heap)).toEqual([]);
    });

    test("whatever is handed out with needzero 0 reads as zero, in a random run with scavenging", () => {
      const heap = newTestHeap(config);
      const os = new FakeOs(heap);
      const random = new Random(config.chunkPages);
      const live: SpanPtr[] = [];
      let zeroSpans = 0;
      for (let step = 0; step < 600; step++) {
        if (random.next(100) < 55 || live.length === 0) {
          const s = heap.alloc([1, 1, 2, 3, 15, 16, 40, 100][random.next(8)]!, NOSCAN_LARGE);
          if (s === 0) continue;
          live.push(s);
          const words = heap.mem.subarray(heap.spans.base(s) / 4, heap.spans.base(s) / 4 + (heap.spans.npages(s) * PAGE_SIZE) / 4);
          if (heap.mem[s + MSpan.offset.needzero] === 0) {
            zeroSpans++;
            expect(words.every((w) => w === 0), `step ${step}`).toBe(true);
          }
          words.fill(-1);
        } else {
          const i = random.next(live.length);
          heap.free(live[i]!);
          live.splice(i, 1);
        }
        if (random.next(50) === 0) heap.scavengeAll(os);
      }
      expect(zeroSpans).toBeGreaterThan(10);
      expect(broken(heap)).toEqual([]);
    });

    test("scavenging gives every free page back, highest first, and the figures say so", () => {
      const heap = newTestHeap(config);
      const os = new FakeOs(heap);
      const spans = Array.from({ length: 40 }, () => heap.alloc(20, NOSCAN_LARGE));
      for (const [i, s] of spans.entries()) if (i % 2 === 0) heap.free(s);
      const before = heap.figures();
      expect(before.free).toBe(20 * 20);
      // Half way the pages are nobody's: not to be allocated, but counted as idle.
      os.onRelease = () => {
        expect(heap.mem[heap.lockWord]).toBe(0);
        expect(heap.figures().inUse).toBe(before.inUse);
      };
      expect(heap.scavengeAll(os)).toBe(before.free * PAGE_SIZE);
      expect(heap.figures()).toEqual({ ...before, free: 0, released: before.released + before.free });
      expect(os.released.map((r) => r.offset)).toEqual(os.released.map((r) => r.offset).sort((a, b) => b - a));
      expect(heap.scavengeAll(os)).toBe(0);
      expect(broken(heap)).toEqual([]);
      const s = heap.alloc(20, NOSCAN_LARGE);
      expect(heap.mem[s + MSpan.offset.needzero], "what the operating system had is zero").toBe(0);
      expect(heap.figures()).toMatchObject({ free: 0, inUse: before.inUse + 20 });
    });

    test("an operating system that takes nothing leaves every figure as it was", () => {
      const heap = newTestHeap(config);
      const os = new FakeOs(heap);
      heap.free(heap.alloc(20, NOSCAN_LARGE));
      const before = heap.figures();
      os.takes = false;
      expect(heap.scavengeAll(os)).toBe(0);
      os.pageSize = 0;
      expect(heap.scavengeAll(os)).toBe(0);
      os.pageSize = 4096;
      os.onRelease = () => {
        throw new Error("no");
      };
      expect(() => heap.scavengeAll(os)).toThrow("no");
      expect(heap.figures()).toEqual(before);
      expect(os.released).toEqual([]);
      expect(broken(heap)).toEqual([]);
    });

    test("larger pages of the operating system are given back whole or not at all", () => {
      const heap = newTestHeap(config);
      const os = new FakeOs(heap);
      os.pageSize = 65536;
      const spans = Array.from({ length: 30 }, () => heap.alloc(20, NOSCAN_LARGE));
      for (const [i, s] of spans.entries()) if (i % 3 !== 0) heap.free(s);
      expect(heap.scavengeAll(os)).toBeGreaterThan(0);
      for (const { offset, length } of os.released) expect([offset % 65536, length % 65536]).toEqual([0, 0]);
      expect(heap.figures().free).toBeGreaterThan(0);
      expect(broken(heap)).toEqual([]);
    });

    test("a full region answers 0, keeps all that lives, and serves again what is freed", () => {
      const heap = newTestHeap(config);
      const live: SpanPtr[] = [];
      for (let n = 64; n > 0; n = n >> 1) {
        for (;;) {
          const s = heap.alloc(n, NOSCAN_LARGE);
          if (s === 0) break;
          live.push(s);
        }
      }
      expect(broken(heap)).toEqual([]);
      const { mapped, inUse } = heap.figures();
      expect(inUse).toBe(mapped);
      // All but what holds the tables and the span records is in spans.
      expect(mapped).toBeGreaterThan((config.maxBytes / PAGE_SIZE) * 0.9);
      expect(heap.alloc(1, NOSCAN_LARGE)).toBe(0);
      const last = live.pop()!;
      const npages = heap.spans.npages(last);
      heap.free(last);
      for (let i = 0; i < npages; i++) expect(heap.alloc(1, NOSCAN_LARGE)).not.toBe(0);
      expect(heap.alloc(1, NOSCAN_LARGE)).toBe(0);
      for (const s of live) heap.free(s);
      expect(broken(heap)).toEqual([]);
      expect(heap.figures().inUse).toBe(npages);
      expect(heap.alloc(mapped >> 1, NOSCAN_LARGE)).not.toBe(0);
    });

    test("a request that the region cannot meet takes nothing from the frontier", () => {
      const heap = newTestHeap(config);
      heap.alloc(1, NOSCAN_LARGE);
      const { heapEnd } = heap.frontier;
      expect(heap.alloc(config.maxBytes / PAGE_SIZE, NOSCAN_LARGE)).toBe(0);
      expect(heap.frontier.heapEnd).toBe(heapEnd);
      expect(broken(heap)).toEqual([]);
    });

    test("free pages at the heap's end count when only the rest of the region is left to grow by", () => {
      const heap = newTestHeap(config);
      const first = heap.alloc(1, NOSCAN_LARGE);
      const rest = heap.frontier.freePages + heap.figures().released;
      const s = heap.alloc(rest, NOSCAN_LARGE);
      expect(heap.spans.npages(s)).toBe(rest);
      expect(pageOf(heap, s)).toBe(pageOf(heap, first) + 1);
      expect(heap.frontier.freePages).toBe(0);
      expect(broken(heap)).toEqual([]);
    });

    test("a P's cached pages are given back before a request is refused", () => {
      const heap = newTestHeap(config);
      heap.alloc(1, NOSCAN_LARGE);
      while (heap.alloc(16, NOSCAN_LARGE) !== 0);
      while (heap.alloc(2, NOSCAN_LARGE) !== 0);
      const spans: SpanPtr[] = [];
      for (let s = heap.alloc(1, NOSCAN_LARGE); s !== 0; s = heap.alloc(1, NOSCAN_LARGE)) spans.push(s);
      expect(heap.figures().free + heap.figures().released).toBe(0);
      const run = heap.spanOf((heap.firstPage + 5) * PAGE_SIZE);
      heap.free(run);
      const npages = heap.spans.npages(run);
      expect(npages).toBe(16);
      // All 16 go to the page cache but one; then the other 15 are wanted at once, which page caches do not serve.
      const one = heap.alloc(1, NOSCAN_LARGE);
      heap.free(one);
      expect(heap.alloc(16, NOSCAN_LARGE)).not.toBe(0);
      expect(broken(heap)).toEqual([]);
    });

    test("persistent memory and the heap share the region's middle, and both can fill it", () => {
      const heap = newTestHeap(config);
      let persistent = 0;
      while (heap.persistentAlloc(100_000, 64) !== 0) persistent++;
      expect(persistent * 100_000).toBeGreaterThan(config.maxBytes * 0.7);
      expect(broken(heap)).toEqual([]);
      expect(heap.alloc(64, NOSCAN_LARGE)).toBe(0);
      expect(() => heap.persistentAlloc(0, 64)).toThrow(SysmemError);
      expect(heap.mem[heap.lockWord], "an error leaves the lock free").toBe(0);
    });

    test("the side block of a span with tiny objects is zeroed, and goes back with the span", () => {
      const heap = newTestHeap(config);
      const s = heap.alloc(1, 5);
      expect(heap.attachTinyBits(s)).toBe(true);
      const block = heap.mem[s + MSpan.offset.tinyBits]!;
      heap.mem.fill(-1, block, block + heap.tinyBlocks.words);
      expect(broken(heap)).toEqual([]);
      heap.free(s);
      expect(broken(heap)).toEqual([]);
      heap.flush();
      expect(heap.tinyBlocks.inUse).toBe(0);
      const again = heap.alloc(1, 5);
      heap.attachTinyBits(again);
      expect(heap.mem[again + MSpan.offset.tinyBits]).toBe(block);
      expect(heap.mem.subarray(block, block + heap.tinyBlocks.words).every((w) => w === 0)).toBe(true);
    });

    test("two Ps have different pages, and either may free what the other allocated", () => {
      const region = createRegion(config.maxBytes, true);
      const [a, b] = [openTestHeap(region, config, 0), openTestHeap(region, config, 1)];
      a.init();
      const spans = Array.from({ length: 300 }, (_, i) => (i % 2 === 0 ? a : b).alloc(1 + (i % 3), NOSCAN_LARGE));
      expect(broken(a)).toEqual([]);
      expect(new Set(spans.map((s) => pageOf(a, s))).size).toBe(300);
      for (const [i, s] of spans.entries()) (i % 3 === 0 ? a : b).free(s);
      expect(broken(b)).toEqual([]);
      expect(b.figures(allCaches(config)).inUse).toBe(0);
    });

    test("an unshared region serves one thread", () => {
      const heap = newTestHeap(config, false);
      const s = heap.alloc(1, NOSCAN_LARGE);
      heap.free(s);
      while (heap.alloc(100, NOSCAN_LARGE) !== 0);
      expect(broken(heap)).toEqual([]);
    });

    test("addresses below the heap and above its end are not the heap's", () => {
      const heap = newTestHeap(config);
      heap.alloc(1, NOSCAN_LARGE);
      const low = heap.firstPage * PAGE_SIZE;
      const high = heap.frontier.heapEnd * PAGE_SIZE;
      expect([low, high - 1].map((addr) => heap.isHeapAddress(addr))).toEqual([true, true]);
      expect([0, low - 1, high, -1, NaN, Infinity].map((addr) => heap.isHeapAddress(addr))).toEqual(Array(6).fill(false));
    });
  });
}

describe("the page heap's configuration", () => {
  test("a size that is not whole pages, or a chunk of another length, is refused", () => {
    for (const maxBytes of [0, -8192, 8191, 1.5, NaN, 2 ** 32 + 8192, "8192" as unknown as number]) {
      expect(() => Heap.tables({ maxBytes, chunkPages: 64 }), String(maxBytes)).toThrow(expect.objectContaining({ code: "ERR_HEAP_CONFIG" }));
    }
    for (const chunkPages of [0, 63, 128, NaN]) expect(() => Heap.tables({ maxBytes: MIB, chunkPages: chunkPages as 64 })).toThrow(MheapError);
  });

  test("a size that is not the region's is refused", () => {
    expect(() => openTestHeap(createRegion(2 * MIB, true), { maxBytes: MIB, chunkPages: 64 }, 0)).toThrow(/maxBytes 1048576 is not the region's size, 2097152/);
  });

  test("all tables of the page heap take less than 0.1 % of a region of 1 GiB", () => {
    for (const chunkPages of [512, 64] as const) {
      const bytes = Heap.tables({ maxBytes: 1 << 30, chunkPages }).reduce((sum, t) => sum + t.bytes, 0);
      expect(bytes / (1 << 30)).toBeLessThan(0.001);
    }
  });

  test("the whole of a region of 4 GiB can be allocated, its last page included", () => {
    const config: HeapConfig = { maxBytes: 4294967296, chunkPages: 512 };
    const heap = newTestHeap(config);
    heap.alloc(1, NOSCAN_LARGE);
    const npages = heap.frontier.freePages + heap.figures().released;
    const s = heap.alloc(npages, NOSCAN_LARGE);
    const end = heap.spans.base(s) + npages * PAGE_SIZE;
    expect(end).toBeGreaterThan(4294967296 - 2 * MIB);
    expect([heap.spanOf(end - 1), heap.spanOf(2 ** 31), heap.spanOf(end)]).toEqual([s, s, 0]);
    heap.free(s);
    const small: SpanPtr[] = [];
    for (let i = 0; i < 3; i++) small.push(heap.alloc(100_000, NOSCAN_LARGE));
    expect(heap.spans.base(small[2]!)).toBeGreaterThan(2 ** 30);
    expect(heap.spanOf(heap.spans.base(small[2]!) + 99_999 * PAGE_SIZE + 8191)).toBe(small[2]);
    expect(heap.mem[heap.lockWord]).toBe(0);
  });
});
