import { MSpan, SPAN_DEAD, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { MHeap, PageCacheRec, SpanCacheRec, type Heap, type HeapConfig, type PageInvariant } from "./index.ts";
import { allCaches, cachesOf, newTestHeap } from "./testing/test-heap.ts";

/** A heap with something of everything: spans of several chunks, free and scavenged pages between them, a filled page cache. */
class Scene {
  readonly heap: Heap;
  readonly mem: Int32Array;
  readonly config: HeapConfig;
  readonly spans: SpanPtr[];
  /** A free page that is not scavenged, far from any page cache. */
  readonly freePage: number;

  constructor(chunkPages: 512 | 64) {
    this.config = { maxBytes: 32 << 20, chunkPages };
    this.heap = newTestHeap(this.config);
    this.mem = this.heap.mem;
    this.spans = Array.from({ length: 60 }, (_, i) => this.heap.alloc(1 + (i % 40), 1));
    const freed = this.spans.splice(38, 2);
    this.freePage = this.page(freed[0]!);
    for (const s of freed) this.heap.free(s);
    this.heap.alloc(1, 1);
    this.heap.attachTinyBits(this.spans[0]!);
    // Two spans of 12 and 13 pages that wait for their pages to be given back.
    for (const s of this.spans.splice(11, 2)) this.heap.free(s);
  }

  page(s: SpanPtr): number {
    return this.heap.spans.base(s) / PAGE_SIZE;
  }

  /** Word and bit of a page in one of the bitmaps. */
  bit(page: number, which: "allocBits" | "scavBits"): { word: number; mask: number } {
    const { pages } = this.heap;
    const pi = page % pages.chunkPages;
    return { word: pages[which](Math.floor(page / pages.chunkPages)) + (pi >>> 5), mask: 1 << (pi & 31) };
  }

  verify(): { invariant: PageInvariant; where: string }[] {
    return this.heap.verifyPages(allCaches(this.config));
  }
}

interface Corruption {
  readonly what: string;
  /** The invariants that must be among those reported. */
  readonly breaks: readonly PageInvariant[];
  readonly where?: RegExp;
  readonly corrupt: (scene: Scene) => void;
}

const flip = (scene: Scene, page: number, which: "allocBits" | "scavBits"): void => {
  const { word, mask } = scene.bit(page, which);
  scene.mem[word]! ^= mask;
};
const figure = (name: keyof typeof MHeap.offset, by: number) => (scene: Scene): void => {
  scene.mem[scene.heap.at + MHeap.offset[name]]! += by;
};
const P0 = (scene: Scene): { pageCache: number; spanCache: number } => cachesOf(scene.config, 0);
const { base: BASE, free: FREE, scav: SCAV } = PageCacheRec.offset;
const { len: LEN, spans: SPANS, freedLen: FREED_LEN, freedPages: FREED_PAGES, freed: FREED } = SpanCacheRec.offset;

const corruptions: Corruption[] = [
  { what: "a free page marked allocated", breaks: ["summary", "onePlace"], corrupt: (s) => { flip(s, s.freePage, "allocBits"); } },
  { what: "a span's page marked free", breaks: ["onePlace"], corrupt: (s) => { flip(s, s.page(s.spans[40]!), "allocBits"); } },
  { what: "a span's page marked scavenged", breaks: ["scavenged", "pagesReleased"], corrupt: (s) => { flip(s, s.page(s.spans[40]!), "scavBits"); } },
  { what: "a free page marked scavenged", breaks: ["pagesReleased"], corrupt: (s) => { flip(s, s.freePage, "scavBits"); } },
  { what: "a page of the fixed tables marked free", breaks: ["outside"], where: /^page \d+$/, corrupt: (s) => { flip(s, s.heap.firstPage - 1, "allocBits"); } },
  { what: "a page beyond the heap's end marked scavenged", breaks: ["outside"], corrupt: (s) => { flip(s, s.heap.frontier.heapEnd + 3, "scavBits"); } },
  ...[0, 1, 2, 3].flatMap((level) =>
    ["start", "max", "end"].map((field, word): Corruption => ({
      what: `the ${field} of a summary of level ${level}`,
      breaks: ["summary"],
      where: new RegExp(`^level ${level}, entry 0$`),
      corrupt: (s) => { s.mem[s.heap.pages.summaries.at(level, 0) + word]! += 1; },
    })),
  ),
  { what: "a summary where the heap has not grown", breaks: ["summary"], corrupt: (s) => { s.mem[s.heap.pages.summaries.leaf(s.heap.pages.nchunks - 1)] = 5; } },
  { what: "searchAddr above a free page", breaks: ["searchAddr"], corrupt: (s) => { s.mem[s.heap.at + MHeap.offset.searchAddr] = s.freePage + 1; } },
  { what: "a negative searchAddr", breaks: ["searchAddr"], corrupt: (s) => { s.mem[s.heap.at + MHeap.offset.searchAddr] = -1; } },
  { what: "a grown chunk forgotten", breaks: ["grown"], corrupt: forgetChunk },
  { what: "a span's entry cleared", breaks: ["pageMap", "onePlace"], corrupt: (s) => { s.mem[s.heap.pageMap.at + s.page(s.spans[40]!) + 1] = 0; } },
  { what: "a span's first entry cleared", breaks: ["spanRecords"], corrupt: (s) => { s.mem[s.heap.pageMap.at + s.page(s.spans[40]!)] = 0; } },
  { what: "an entry of another span", breaks: ["pageMap"], corrupt: (s) => { s.mem[s.heap.pageMap.at + s.page(s.spans[40]!)] = s.spans[41]!; } },
  { what: "an entry at a free page", breaks: ["pageMap"], corrupt: (s) => { s.mem[s.heap.pageMap.at + s.freePage] = s.spans[41]!; } },
  { what: "an entry that is no record", breaks: ["pageMap"], corrupt: (s) => { s.mem[s.heap.pageMap.at + s.freePage] = 12345; } },
  { what: "an entry beyond the heap's end", breaks: ["pageMap"], corrupt: (s) => { s.mem[s.heap.pageMap.at + s.heap.frontier.heapEnd] = s.spans[41]!; } },
  { what: "a dead span in the page map", breaks: ["pageMap"], corrupt: (s) => { s.mem[s.spans[40]! + MSpan.offset.state] = SPAN_DEAD; } },
  { what: "a span that claims a page more", breaks: ["pageMap"], corrupt: (s) => { s.mem[s.spans[40]! + MSpan.offset.npages]! += 1; } },
  { what: "a span that begins elsewhere", breaks: ["pageMap"], corrupt: (s) => { s.mem[s.spans[40]! + MSpan.offset.startAddr]! += 64 * PAGE_SIZE; } },
  { what: "a page in a cache that is in a span too", breaks: ["onePlace"], corrupt: (s) => { s.mem[P0(s).pageCache + BASE] = Math.floor(s.page(s.spans[5]!) / 64) * 64; s.mem.fill(-1, P0(s).pageCache + FREE, P0(s).pageCache + SCAV); } },
  { what: "two caches with the same pages", breaks: ["onePlace"], corrupt: (s) => { s.mem.copyWithin(cachesOf(s.config, 3).pageCache, P0(s).pageCache, P0(s).pageCache + PageCacheRec.words); } },
  { what: "a cache that forgets a page", breaks: ["onePlace"], where: /^page \d+$/, corrupt: (s) => { s.mem[P0(s).pageCache + FREE + 1]! &= s.mem[P0(s).pageCache + FREE + 1]! - 1; s.mem[P0(s).pageCache + SCAV + 1]! &= s.mem[P0(s).pageCache + FREE + 1]!; } },
  { what: "a cache at an odd base", breaks: ["pageCache"], corrupt: (s) => { s.mem[P0(s).pageCache + BASE]! += 1; } },
  { what: "a cache outside the heap", breaks: ["pageCache"], corrupt: (s) => { s.mem[P0(s).pageCache + BASE] = 64 * 64; } },
  { what: "a cache whose scavenged page is not free", breaks: ["pageCache"], corrupt: (s) => { s.mem[P0(s).pageCache + FREE] = 0; s.mem[P0(s).pageCache + SCAV] = 1; } },
  { what: "a span cache that is too full", breaks: ["spanCache"], corrupt: (s) => { s.mem[P0(s).spanCache + LEN] = 129; } },
  { what: "a span cache with a record twice", breaks: ["spanCache"], corrupt: (s) => { s.mem[P0(s).spanCache + SPANS] = s.mem[P0(s).spanCache + SPANS + 1]!; } },
  { what: "a span cache with a span in use", breaks: ["spanCache"], corrupt: (s) => { s.mem[P0(s).spanCache + SPANS] = s.spans[3]!; } },
  { what: "a span cache with what is no record", breaks: ["spanCache"], corrupt: (s) => { s.mem[P0(s).spanCache + SPANS] = 7; } },
  { what: "a span cache that lost a record", breaks: ["spanRecords"], corrupt: (s) => { s.mem[P0(s).spanCache + LEN]! -= 1; } },
  { what: "too many freed spans", breaks: ["spanCache"], corrupt: (s) => { s.mem[P0(s).spanCache + FREED_LEN] = 17; } },
  { what: "a freed span forgotten", breaks: ["onePlace", "spanCache", "spanRecords"], corrupt: (s) => { s.mem[P0(s).spanCache + FREED_LEN]! -= 1; } },
  { what: "a wrong count of freed pages", breaks: ["spanCache"], corrupt: (s) => { s.mem[P0(s).spanCache + FREED_PAGES]! += 1; } },
  { what: "a freed span that is in use", breaks: ["spanCache", "onePlace"], corrupt: (s) => { s.mem[P0(s).spanCache + FREED] = s.spans[3]!; } },
  { what: "a freed span twice", breaks: ["spanCache", "onePlace"], corrupt: (s) => { s.mem[P0(s).spanCache + FREED] = s.mem[P0(s).spanCache + FREED + 1]!; } },
  { what: "a freed span that claims pages beyond the heap", breaks: ["spanCache"], corrupt: (s) => { s.mem[s.mem[P0(s).spanCache + FREED]! + MSpan.offset.npages] = 100_000; } },
  { what: "pagesMapped", breaks: ["pagesMapped"], corrupt: figure("pagesMapped", 1) },
  { what: "pagesFree", breaks: ["pagesFree"], corrupt: figure("pagesFree", -1) },
  { what: "pagesReleased", breaks: ["pagesReleased"], corrupt: figure("pagesReleased", 1) },
  { what: "scavenging", breaks: ["scavenging"], corrupt: figure("scavenging", 2) },
  { what: "the heap's end", breaks: ["pagesMapped"], corrupt: figure("frontier", -8) },
  { what: "persistentalloc's end", breaks: ["sysmem"], corrupt: (s) => { s.mem[s.heap.at + MHeap.offset.persistent] = 1; } },
  { what: "the count of span records", breaks: ["sysmem", "spanRecords"], corrupt: (s) => { s.mem[s.heap.at + MHeap.offset.spanRecords + 4]! += 1; } },
  { what: "a side block forgotten", breaks: ["tinyBlocks"], corrupt: (s) => { s.mem[s.spans[0]! + MSpan.offset.tinyBits] = 0; } },
];

/** Clears the "grown" bit of the heap's first chunk. */
function forgetChunk(scene: Scene): void {
  const { pages } = scene.heap;
  const ci = Math.floor(scene.heap.firstPage / pages.chunkPages);
  // The bits stand right behind the bitmaps (Heap.tables).
  const grown = pages.allocBits(0) + (pages.nchunks * 2 * pages.chunkPages) / 32;
  scene.mem[grown + (ci >>> 5)]! &= ~(1 << (ci & 31));
}

for (const chunkPages of [512, 64] as const) {
  describe(`verifyPages, chunks of ${chunkPages} pages`, () => {
    test("finds nothing wrong with a heap in which nothing is", () => {
      expect(new Scene(chunkPages).verify()).toEqual([]);
    });

    for (const { what, breaks, where, corrupt } of corruptions) {
      test(`reports ${what}`, () => {
        const scene = new Scene(chunkPages);
        corrupt(scene);
        const before = scene.mem.slice();
        const reports = scene.verify();
        expect(reports.map((r) => r.invariant)).toEqual(expect.arrayContaining([...breaks]));
        if (where !== undefined) expect(reports.filter((r) => r.invariant === breaks[0]).map((r) => r.where)).toContainEqual(expect.stringMatching(where));
        expect(Buffer.compare(Buffer.from(before.buffer), Buffer.from(scene.mem.buffer)), "it looks and does not touch").toBe(0);
      });
    }

    test("reports no more than two hundred places, however much is wrong", () => {
      const scene = new Scene(chunkPages);
      scene.mem.fill(-1, scene.heap.pages.allocBits(0), scene.heap.pages.allocBits(scene.heap.pages.nchunks));
      expect(scene.verify()).toHaveLength(200);
    });
  });
}
