/**
 * MemStats: Go's figures under Go's names, added up from the counters of all Ps and the page heap's figures.
 *
 *     Sys         = HeapSys + MSpanSys + MCacheSys + GCSys + OtherSys
 *     HeapSys     = HeapIdle + HeapInuse          HeapIdle = free + HeapReleased
 *     HeapAlloc   = TotalAlloc - what was freed   HeapObjects = Mallocs - Frees
 *     Mallocs and Frees both count tiny objects that shared a block; BySize counts blocks
 *
 * Nobody is stopped. Figures of one layer are consistent with each other; between allocation counters and page figures lies the time of reading.
 */
import type { MemoryFigures } from "@mallocgc/gc";
import { CLASS_TO_SIZE, NUM_SIZE_CLASSES } from "@mallocgc/sizeclass";
import { PAGE_SIZE, RANK_HEAP } from "@mallocgc/sysmem";
import type { Layers } from "./layers.ts";
import { Processor } from "./processor.ts";
import { smallBytes, totals } from "./totals.ts";
import { allSpans } from "./all-spans.ts";

/** Go's MemStats, as far as this heap has them; bytes and counts since the heap was made. */
export interface MemStats {
  /** Bytes of live objects; the same as HeapAlloc. */
  readonly Alloc: number;
  /** Bytes of all objects ever allocated. */
  readonly TotalAlloc: number;
  /** Bytes of the region taken into use, for whatever purpose. */
  readonly Sys: number;
  /** Objects ever allocated, tiny ones included. */
  readonly Mallocs: number;
  /** Objects ever freed, tiny ones that shared a block included. */
  readonly Frees: number;
  /** Bytes of live objects, by slot size. */
  readonly HeapAlloc: number;
  /** Bytes that the page heap has grown by. */
  readonly HeapSys: number;
  /** Bytes of pages in no span. */
  readonly HeapIdle: number;
  /** Bytes of pages in spans. */
  readonly HeapInuse: number;
  /** Bytes of idle pages that hold no memory of the operating system: never touched, or given back. */
  readonly HeapReleased: number;
  /** Live objects; a block of tiny objects is one. */
  readonly HeapObjects: number;
  /** Bytes of span records handed out. */
  readonly MSpanInuse: number;
  /** Bytes taken for span records. */
  readonly MSpanSys: number;
  /** Bytes of the records of attached threads. */
  readonly MCacheInuse: number;
  /** Bytes of the P table. */
  readonly MCacheSys: number;
  /** Bytes of page tables, and of the masks of tiny blocks. */
  readonly GCSys: number;
  /** Bytes of all other records. */
  readonly OtherSys: number;
  /** Per size class 0 to 60, as in Go: slot size, blocks allocated, blocks freed. */
  readonly BySize: readonly BySize[];
}

/** Allocations of one size class. */
export interface BySize {
  readonly Size: number;
  readonly Mallocs: number;
  readonly Frees: number;
}

/** What one size class holds now. */
export interface SizeClassStats {
  /** 0 stands for large objects. */
  readonly sizeClass: number;
  /** Bytes of a slot; 0 for large objects. */
  readonly size: number;
  readonly spans: number;
  /** Bytes of its spans. */
  readonly spanBytes: number;
  readonly objects: number;
  /** Bytes of its live objects, by slot size. */
  readonly objectBytes: number;
}

/** Go's BySize ends at class 60. */
const BY_SIZE = 61;

/** Reads the figures. */
export function readMemStats(layers: Layers): MemStats {
  const t = totals(layers);
  const { pages, plan, processors } = layers;
  const figures = pages.figures(processors.caches());
  const { spanBytes, spanBytesInUse, tinyBytes, persistentBytes } = recordBytes(layers);
  const totalAlloc = smallBytes(t.smallAllocs) + t.largeAllocBytes;
  const totalFree = smallBytes(t.smallFrees) + t.largeFreeBytes;
  const mallocs = sum(t.smallAllocs) + t.largeAllocs + t.tinyAllocs;
  const frees = sum(t.smallFrees) + t.largeFrees + t.tinyAllocs;
  const tableBytes = (match: (name: string) => boolean): number => plan.tables.reduce((n, table) => n + (match(table.name) ? table.bytes : 0), 0);
  const HeapSys = figures.mapped * PAGE_SIZE;
  const HeapInuse = figures.inUse * PAGE_SIZE;
  const MSpanSys = spanBytes;
  const MCacheSys = tableBytes((name) => name === "processors");
  const gcTableBytes = tableBytes((name) => name.startsWith("mheap") || name.startsWith("scavenger") || name.startsWith("gc") || name.startsWith("specials"));
  const GCSys = gcTableBytes + tinyBytes;
  const OtherSys = plan.end - MCacheSys - gcTableBytes + persistentBytes - MSpanSys - tinyBytes;
  return {
    Alloc: totalAlloc - totalFree,
    TotalAlloc: totalAlloc,
    Sys: HeapSys + MSpanSys + MCacheSys + GCSys + OtherSys,
    Mallocs: mallocs,
    Frees: frees,
    HeapAlloc: totalAlloc - totalFree,
    HeapSys,
    HeapIdle: HeapSys - HeapInuse,
    HeapInuse,
    HeapReleased: figures.released * PAGE_SIZE,
    HeapObjects: mallocs - frees,
    MSpanInuse: spanBytesInUse,
    MSpanSys,
    MCacheInuse: processors.running * Processor.words * 4,
    MCacheSys,
    GCSys,
    OtherSys,
    BySize: Array.from({ length: BY_SIZE }, (_, i) => ({
      Size: CLASS_TO_SIZE[i]!,
      Mallocs: t.smallAllocs[i]!,
      Frees: t.smallFrees[i]!,
    })),
  };
}

/** What a memory limit is measured against: Go's mappedReady, and the two parts of it that the heap can give. */
export function readMemory(layers: Layers): MemoryFigures {
  const { Sys, HeapReleased, HeapIdle, HeapAlloc } = readMemStats(layers);
  return { mappedReady: Sys - HeapReleased, heapFree: HeapIdle - HeapReleased, heapAlloc: HeapAlloc };
}

/** Walks all spans and adds them up by size class, those with no span left out. */
export function sizeClassStats(layers: Layers): SizeClassStats[] {
  const { spans, freed } = layers;
  const rows = Array.from({ length: NUM_SIZE_CLASSES }, (_, i) => ({ sizeClass: i, size: CLASS_TO_SIZE[i]!, spans: 0, spanBytes: 0, objects: 0, objectBytes: 0 }));
  for (const s of allSpans(layers)) {
    const row = rows[spans.spanClass(s) >> 1]!;
    const live = spans.countHandedOut(s) - freed.pending(s);
    row.spans++;
    row.spanBytes += spans.npages(s) * PAGE_SIZE;
    row.objects += live;
    row.objectBytes += live * spans.elemSize(s);
  }
  return rows.filter((row) => row.spans > 0);
}

/** What persistentalloc has taken, and parts of it, at one moment. */
function recordBytes(layers: Layers): { spanBytes: number; spanBytesInUse: number; tinyBytes: number; persistentBytes: number } {
  const { pages, mutexes } = layers;
  mutexes.lock(pages.lockWord, RANK_HEAP);
  const { spanRecords, tinyBlocks, persistent } = pages;
  const bytes = { spanBytes: spanRecords.sys, spanBytesInUse: spanRecords.inUse, tinyBytes: tinyBlocks.sys, persistentBytes: persistent.sys };
  mutexes.unlock(pages.lockWord, RANK_HEAP);
  return bytes;
}

function sum(counts: Float64Array): number {
  let n = 0;
  for (const count of counts) n += count;
  return n;
}
