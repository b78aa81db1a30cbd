/**
 * The verifier finds what it is there to find: one word of each kind is overwritten, and the invariant that it breaks is reported by name; the
 * word is put back, and all is well again. And it finds nothing where nothing is wrong.
 */
import { MCache } from "@mallocgc/mcache";
import { MCentral } from "@mallocgc/mcentral";
import { MHeap, PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import { FREED_LISTED, MSpan, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { HEADER_PTR, HeapHeader } from "./header.ts";
import { attachHeap, createHeap, type Heap } from "./index.ts";
import type { Layers } from "./layers.ts";

const SPAN = MSpan.offset;
const CACHE = MCache.offset;
const CENTRAL = MCentral.offset;
const HEAP = MHeap.offset;
const MIB = 1 << 20;

/** A heap with something of everything in it. */
class Scene {
  readonly heap: Heap = createHeap({ gc: false, memProfileRate: 0, maxBytes: 16 * MIB, maxThreads: 4 });
  readonly layers: Layers = (this.heap as unknown as { layers: Layers }).layers;
  readonly mem: Int32Array = this.heap.i32;
  /** Held by this thread; of its slots some are freed, some merged, some never handed out. */
  readonly held: SpanPtr;
  /** On a full set: the first of three. */
  readonly full: SpanPtr;
  /** On a partial set. */
  readonly listed: SpanPtr;
  readonly large: SpanPtr;
  /** Holds tiny blocks, closed ones and the open one. */
  readonly tiny: SpanPtr;
  readonly tinyAddr: number;
  /** The P of a thread that has left, and one that never came. */
  readonly left = 1;

  constructor() {
    const { heap } = this;
    const small = Array.from({ length: 120 }, () => heap.mallocgc(64));
    for (const addr of small.slice(0, 40)) heap.free(addr);
    heap.flush(); // Merges.
    this.held = this.spanOf(heap.mallocgc(64));
    heap.free(small[100]!);
    heap.free(small[101]!);
    const kib = Array.from({ length: 4 * 8 }, () => heap.mallocgc(1024));
    heap.mallocgc(1024); // Puts the last of the four back too.
    this.full = this.spanOf(kib[0]!);
    heap.free(kib[25]!);
    this.listed = this.spanOf(kib[25]!);
    heap.free(heap.mallocgc(100_000));
    this.large = this.spanOf(heap.mallocgc(100_000));
    for (let i = 0; i < 8; i++) heap.mallocgc(5);
    this.tinyAddr = heap.mallocgc(5);
    this.tiny = this.spanOf(this.tinyAddr);
    heap.mallocgc(200, { noscan: false });
    const other = attachHeap(heap.handle);
    heap.free(other.mallocgc(300));
    other.detach();
  }

  get cache(): number {
    return this.layers.cache.base;
  }
  get mheap(): number {
    return this.layers.pages.at;
  }
  spanOf(addr: number): SpanPtr {
    return this.layers.pages.spanOf(addr);
  }
  pageOf(s: SpanPtr): number {
    return this.layers.spans.base(s) / PAGE_SIZE;
  }
  /** The central of blocks of 1024 bytes. */
  get central(): number {
    return this.layers.central.recordOf(this.mem[this.full + SPAN.spanClass]!);
  }
  freedBits(s: SpanPtr): number {
    return this.mem[s + SPAN.freedBits]!;
  }
  allocBits(s: SpanPtr): number {
    return this.mem[s + SPAN.allocBits]!;
  }
  masks(slot: number): number {
    return this.mem[this.tiny + SPAN.tinyBits]! + slot;
  }
}

/** What is overwritten: a word, with a value made from the old one. */
type Damage = [what: string, word: (s: Scene) => number, value: (old: number, s: Scene) => number, invariant: string];

const plus = (n: number) => (old: number): number => old + n;
const xor = (bits: number) => (old: number): number => old ^ bits;
const is = (n: number) => (): number => n;

const DAMAGES: Damage[] = [
  ...(["magic", "version", "fingerprint", "wasmPages", "maxThreads", "chunkPages"] as const).map(
    (field): Damage => [`header ${field}`, () => HEADER_PTR + HeapHeader.offset[field], plus(1), "the header says what the heap was made with"],
  ),
  ["header state", () => HEADER_PTR + HeapHeader.offset.state, is(7), "a heap is open or closed"],
  ["the zero address", () => HEADER_PTR + HeapHeader.offset.zero + 1, is(7), "nothing is written to the zero address"],

  ["span startAddr", (s) => s.held + SPAN.startAddr, plus(PAGE_SIZE), "pageMap"],
  ["span elemSize", (s) => s.held + SPAN.elemSize, plus(16), "slot size follows from the span class"],
  ["span nelems", (s) => s.held + SPAN.nelems, plus(1), "slots follow from the span class"],
  ["span nelems, wildly", (s) => s.held + SPAN.nelems, is(0x7fffffff), "slots follow from the span class"],
  ["span freeIndex", (s) => s.held + SPAN.freeIndex, plus(1), "allocCache has the first slots that are free from freeIndex on"],
  ["span freeIndex, wildly", (s) => s.held + SPAN.freeIndex, is(-1), "freeIndex is within the span"],
  ["span allocCache", (s) => s.held + SPAN.allocCache, xor(2), "allocCache has the first slots that are free from freeIndex on"],
  ["span allocCache of a spent span", (s) => s.full + SPAN.allocCache, is(1), "allocCache has the first slots that are free from freeIndex on"],
  ["span allocBits", (s) => s.held + SPAN.allocBits, plus(1), "allocBits are the span's own, or those that all fresh spans share"],
  ["span allocBits, wildly", (s) => s.held + SPAN.allocBits, is(-5), "allocBits are the span's own, or those that all fresh spans share"],
  ["span freedBits", (s) => s.held + SPAN.freedBits, plus(1), "freed bits are where the span class says"],
  ["span freedBits, wildly", (s) => s.large + SPAN.freedBits, is(0x7fffffff), "freed bits are where the span class says"],
  ["span needzero", (s) => s.held + SPAN.needzero, is(2), "needzero is 0 or 1"],
  ["span spanClass", (s) => s.held + SPAN.spanClass, plus(2), "slot size follows from the span class"],
  ["span spanClass, wildly", (s) => s.held + SPAN.spanClass, is(136), "a span class is one of 136"],
  ["span npages", (s) => s.held + SPAN.npages, plus(1), "pages follow from the span class"],
  ["span npages of a large object", (s) => s.large + SPAN.npages, plus(-1), "slot size follows from the span class"],
  ["span limit", (s) => s.held + SPAN.limit, plus(-8), "the limit is where the last slot ends"],
  ["span heldSince", (s) => s.held + SPAN.heldSince, plus(-1), "objects allocated less those freed are those that live"],
  ["span state", (s) => s.held + SPAN.state, is(0), "pageMap"],
  ["span sweepgen of a held span", (s) => s.held + SPAN.sweepgen, plus(-3), "sweepgen says whether a span is cached"],
  ["span sweepgen of a span on a set", (s) => s.full + SPAN.sweepgen, plus(2), "sweepgen says whether a span is cached"],
  ["span freed, its count", (s) => s.held + SPAN.freed, plus(1), "freed counts the freed bits"],
  ["span freed, its state", (s) => s.held + SPAN.freed, plus(1 << 16), "a span is on the set its state says"],
  ["span freed, its state, to none", (s) => s.full + SPAN.freed, plus(-2 << 16), "a span is held, full or listed"],
  ["span freed, its merges", (s) => s.held + SPAN.freed, plus(1 << 18), "no merge is at work"],
  ["span freed of a span on a set", (s) => s.full + SPAN.freed, (_, s) => s.mem[s.listed + SPAN.freed]!, "freed counts the freed bits"],
  ["span freed: full instead of listed", (s) => s.listed + SPAN.freed, plus(-1 << 16), "a span is on the set its state says"],
  ["span freed: all its blocks", (s) => s.listed + SPAN.freed, is(FREED_LISTED + 8), "an empty span goes back to the heap"],
  ["span allocCount of a span on a set", (s) => s.full + SPAN.allocCount, plus(-1), "allocCount of a span on a set is what the bits say"],
  ["span holder of a held span", (s) => s.held + SPAN.holder, is(9), "a held span is in its holder's cache"],
  ["span holder of a span on a set", (s) => s.full + SPAN.holder, is(1), "a span on a set is held by nobody"],
  ["span holder of a large object", (s) => s.large + SPAN.holder, is(1), "a large object is held by nobody"],
  ["span onSet of a held span", (s) => s.held + SPAN.onSet, is(1), "a held span is on no set"],
  ["span onSet of a large object", (s) => s.large + SPAN.onSet, is(1), "a large object is on no set"],
  ["span onSet, the other kind of set", (s) => s.full + SPAN.onSet, plus(-2), "a span is on the set its state says"],
  ["span onSet, another class", (s) => s.full + SPAN.onSet, plus(4), "a span's set is one of its class"],
  ["span onSet, none", (s) => s.full + SPAN.onSet, is(0), "a span knows the set it is on"],
  ["span next of a held span", (s) => s.held + SPAN.next, (_, s) => s.full, "a span on no set has no links"],
  ["span next: ends the list", (s) => s.full + SPAN.next, is(0), "a set is as long as it says"],
  ["span next: a circle", (s) => s.full + SPAN.next, (_, s) => s.full, "links of a set point both ways"],
  ["span next, wildly", (s) => s.full + SPAN.next, is(12345), "a set consists of span records"],
  ["span prev", (s) => s.mem[s.full + SPAN.next]! + SPAN.prev, is(0), "links of a set point both ways"],
  ["span tinyBits of another class", (s) => s.held + SPAN.tinyBits, (_, s) => s.mem[s.tiny + SPAN.tinyBits]!, "only a span of tiny blocks has their masks"],
  ["span tinyBits, wildly", (s) => s.tiny + SPAN.tinyBits, is(0x7fffffff), "masks of tiny blocks are a record"],

  ["a freed bit of a live block", (s) => s.freedBits(s.full), xor(1), "freed counts the freed bits"],
  ["a freed bit of a freed block", (s) => s.freedBits(s.listed), is(0), "freed counts the freed bits"],
  ["a freed bit of a slot never handed out", (s) => s.freedBits(s.held) + 3, xor(1 << 29), "a freed slot was handed out before"],
  ["a freed bit beyond the last slot", (s) => s.freedBits(s.held) + 3, xor(1 << 31), "freed bits beyond the last slot are clear"],
  ["a freed bit of a large object", (s) => s.freedBits(s.large), xor(1), "large objects allocated less those freed are those that live"],
  ["span freeIndex of a large object", (s) => s.large + SPAN.freeIndex, is(0), "a large object lives"],
  ["a word of allocation bits", (s) => s.allocBits(s.held) + 2, is(0), "a held span has handed out no less than when it was taken"],
  ["an allocation bit beyond the last slot", (s) => s.allocBits(s.held) + 3, xor(1 << 31), "allocBits beyond the last slot are clear"],
  ["the bits that fresh spans share", (s) => s.layers.spans.noBits, is(1), "the bits of fresh spans are never written"],

  ["tiny masks: a start", (s) => s.masks(0), xor(1), "a tiny block's first object starts at 0"],
  ["tiny masks: nothing starts", (s) => s.masks(0), is(0xffff << 16), "a slot that is no tiny block has empty masks"],
  ["tiny masks: all freed", (s) => s.masks(0), (old) => old | (0xffff << 16), "a dead tiny block is freed"],
  ["tiny masks: the closed bits", (s) => s.masks(0), (old) => old & 0xffff, "where no tiny object starts counts as freed, once nobody fills the block"],
  ["tiny masks: the closed bits of the open block", (s) => s.masks((s.tinyAddr - s.layers.spans.base(s.tiny)) >>> 4), xor(1 << 31), "where no tiny object starts counts as freed, once nobody fills the block"],
  ["tiny masks of a free slot", (s) => s.masks(500), is(1), "a slot that is no tiny block has empty masks"],

  ["central lock", (s) => s.central + CENTRAL.lock, is(3), "a lock is free"],
  ["central head", (s) => s.central + CENTRAL.heads + 2, (_, s) => s.mem[s.full + SPAN.next]!, "links of a set point both ways"],
  ["central head, none", (s) => s.central + CENTRAL.heads + 2, is(0), "a set is as long as it says"],
  ["central head, wildly", (s) => s.central + CENTRAL.heads + 2, is(-1), "a set consists of span records"],
  ["central tail", (s) => s.central + CENTRAL.tails + 2, is(0), "a set's tail is its last span"],
  ["central length", (s) => s.central + CENTRAL.lengths + 2, plus(1), "a set is as long as it says"],
  ["central length, wildly", (s) => s.central + CENTRAL.lengths + 3, is(0x7fffffff), "a set is as long as it says"],
  ["central threshold", (s) => s.central + CENTRAL.threshold, is(0), "a central's threshold is an eighth of the slots, or 1"],

  ["P state", (s) => s.layers.processors.recordOf(2), is(5), "a P is free, attaching or running"],
  ["P alloc[]: wild", (s) => s.cache + CACHE.alloc + 7, is(99), "a cached span is a span record"],
  ["P alloc[]: of another class", (s) => s.cache + CACHE.alloc + 7, (_, s) => s.held, "a cached span is of the class it is cached for"],
  ["P alloc[]: a span on a set", (s) => s.cache + s.mem[s.full + SPAN.spanClass]!, (_, s) => s.full, "a cached span is its holder's"],
  ["P alloc[]: forgotten", (s) => s.cache + s.mem[s.held + SPAN.spanClass]!, (_, s) => s.layers.cache.emptySpan, "a held span is in its holder's cache"],
  ["P alloc[] of a thread that has left", (s) => s.layers.processors.mcacheOf(s.left) + 7, (_, s) => s.held, "a P that no thread is holds nothing"],
  ["P page cache of a thread that has left", (s) => s.layers.processors.pageCacheOf(s.left) + PageCacheRec.offset.free, is(1), "a P that no thread is holds nothing"],
  ["P freed spans of a thread that has left", (s) => s.layers.processors.spanCacheOf(s.left) + SpanCacheRec.offset.freedLen, is(1), "a P that no thread is holds nothing"],
  ["P freed spans", (s) => s.layers.processors.spanCacheOf(0) + SpanCacheRec.offset.freedPages, plus(1), "spanCache"],
  ["P owner", (s) => s.cache + CACHE.owner, is(2), "a cache knows whose it is"],
  ["P tiny: another span's", (s) => s.cache + CACHE.tiny, (_, s) => s.layers.spans.base(s.held), "a tiny block is in a span of its class"],
  ["P tiny: no slot", (s) => s.cache + CACHE.tiny, plus(2), "a tiny block is a slot"],
  ["P tiny: forgotten", (s) => s.cache + CACHE.tiny, is(0), "without a tiny block nothing of it is used"],
  ["P tinyOffset", (s) => s.cache + CACHE.tinyOffset, is(0), "a tiny block is used up to behind its last object"],
  ["P tinyMasks", (s) => s.cache + CACHE.tinyMasks, plus(2), "the masks of a tiny block are those of its slot"],
  ["P smallAllocs", (s) => s.cache + CACHE.smallAllocs + 2 * (s.mem[s.held + SPAN.spanClass]! >> 1) + 1, plus(1 << 20), "objects allocated less those freed are those that live"],
  ["P smallFrees", (s) => s.cache + CACHE.smallFrees + 2 * (s.mem[s.held + SPAN.spanClass]! >> 1) + 1, plus(1 << 20), "objects allocated less those freed are those that live"],
  ["P largeAllocs", (s) => s.cache + CACHE.largeAllocs + 1, plus(1 << 20), "large objects allocated less those freed are those that live"],
  ["P largeFrees", (s) => s.cache + CACHE.largeFrees + 1, plus(1 << 20), "large objects allocated less those freed are those that live"],
  ["P largeAllocBytes", (s) => s.cache + CACHE.largeAllocBytes + 1, plus(1 << 20), "and so are their bytes"],
  ["P largeFreeBytes", (s) => s.cache + CACHE.largeFreeBytes + 1, plus(1 << 20), "and so are their bytes"],
  ["P page cache", (s) => s.layers.processors.pageCacheOf(0) + PageCacheRec.offset.free, is(-1), "onePlace"],
  ["P span-record cache", (s) => s.layers.processors.spanCacheOf(0), is(129), "spanCache"],
  ["the empty span", (s) => s.layers.cache.emptySpan + SPAN.allocCache, is(1), "the empty span is never written"],

  ["heap lock", (s) => s.mheap + HEAP.lock, is(3), "a lock is free"],
  ["heap searchAddr", (s) => s.mheap + HEAP.searchAddr, plus(1000), "searchAddr"],
  ["heap pagesMapped", (s) => s.mheap + HEAP.pagesMapped, plus(1), "pagesMapped"],
  ["heap pagesFree", (s) => s.mheap + HEAP.pagesFree, plus(1), "pagesFree"],
  ["heap pagesReleased", (s) => s.mheap + HEAP.pagesReleased, plus(1), "pagesReleased"],
  ["heap scavenging", (s) => s.mheap + HEAP.scavenging, plus(1), "scavenging"],
  ["heap frontier", (s) => s.mheap + HEAP.frontier + 1, plus(1), "sysmem"],
  ["page map: an entry lost", (s) => s.layers.plan.at("mheap.pageMap") + s.pageOf(s.large) + 3, is(0), "pageMap"],
  ["page map: another span's", (s) => s.layers.plan.at("mheap.pageMap") + s.pageOf(s.large) + 3, (_, s) => s.held, "pageMap"],
  ["page map: wild", (s) => s.layers.plan.at("mheap.pageMap") + s.pageOf(s.large) + 3, is(-7), "pageMap"],
  ["page bits", (s) => s.layers.plan.at("mheap.pageBits"), xor(1), "outside"],
  ["grown chunks", (s) => s.layers.plan.at("mheap.grown"), xor(1), "grown"],
  ["a summary", (s) => s.layers.plan.at("mheap.summaries"), plus(1), "summary"],
];

describe("a word that is overwritten is found", () => {
  const scene = new Scene();

  test("(the scene is what it is meant to be, and whole)", () => {
    const { heap, layers } = scene;
    expect(heap.verify().broken).toEqual([]);
    const state = (s: SpanPtr): unknown => [layers.spans.spanClass(s) >> 1, scene.mem[s + SPAN.holder], scene.mem[s + SPAN.onSet]! === 0];
    expect([scene.held, scene.full, scene.listed, scene.large].map(state)).toEqual([
      [6, 1, true], [expect.any(Number), 0, false], [expect.any(Number), 0, false], [0, 0, true],
    ]);
    expect(layers.freed.pending(scene.held)).toBeGreaterThan(0);
    expect(scene.allocBits(scene.held)).not.toBe(layers.spans.noBits);
    expect(scene.mem[scene.full + SPAN.next]).not.toBe(0);
  });

  test.each(DAMAGES)("%s", (_what, word, value, invariant) => {
    const { heap, mem } = scene;
    const at = word(scene);
    const old = mem[at]!;
    mem[at] = value(old, scene);
    expect(mem[at]).not.toBe(old);
    const report = heap.verify();
    mem[at] = old;
    expect(report.ok).toBe(false);
    expect(report.broken.map((b) => b.invariant)).toContain(invariant);
    expect(report.broken.length).toBeLessThanOrEqual(500);
    expect(heap.verify().broken).toEqual([]);
  });

  test("whatever a word of the tables or records is overwritten with, the verifier ends, changes nothing and throws nothing", () => {
    const { heap, mem } = scene;
    const records = scene.layers.pages.frontier.persistentStart * (PAGE_SIZE / 4);
    const spansEnd = records + 4 * 4096;
    let x = 20091110;
    const random = (n: number): number => ((x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 4) % n;
    let found = 0;
    for (let i = 0; i < 250; i++) {
      const at = i % 2 === 0 ? HEADER_PTR + random(scene.layers.plan.end / 4 - HEADER_PTR) : records + random(spansEnd - records);
      const old = mem[at]!;
      mem[at] = [-1, 0, 1, 0x7fffffff, -0x80000000, random(mem.length), random(2 ** 28) * 16][random(7)]!;
      const damaged = mem[at];
      const report = heap.verify();
      if (!report.ok) found++;
      expect(mem[at], `word ${at}`).toBe(damaged);
      mem[at] = old;
    }
    expect(found).toBeGreaterThan(40);
    expect(heap.verify().broken).toEqual([]);
  });
});

describe("a whole heap verifies", () => {
  test.each([
    { maxBytes: 2 * MIB }, { maxBytes: 3 * MIB, shared: false }, { maxBytes: 16 * MIB, chunkPages: 512 as const }, { maxBytes: 64 * MIB, maxThreads: 1024 }, { maxBytes: 4096 * MIB },
  ])("fresh, used, flushed, dirty, given back to the system, emptied: %o", (options) => {
    const heap = createHeap({ gc: false, ...options });
    const expectWhole = (objects: number): void => expect(heap.verify()).toMatchObject({ ok: true, broken: [], objects });
    expectWhole(0);
    const blocks = Array.from({ length: 200 }, (_, i) => heap.mallocgc([30, 800, 129, 2000, 40_000, 16][i % 6]! >>> (i % 3), { noscan: i % 2 === 0 }));
    const live = heap.verify().objects;
    expectWhole(live);
    heap.flush();
    expectWhole(live);
    for (const addr of blocks.splice(0, 100)) heap.free(addr);
    expectWhole(heap.verify().objects);
    heap.freeOSMemory();
    expectWhole(heap.verify().objects);
    while (blocks.length < 250) blocks.push(heap.mallocgc(blocks.length * 3, { noscan: false }));
    expectWhole(heap.verify().objects);
    for (const addr of blocks) heap.free(addr);
    expectWhole(0);
    heap.flush();
    expectWhole(0);
    expect(heap.verify().spans).toBe(0);
  });
});
