/**
 * The layers put together over one region, as one thread sees them: the only place that knows them all.
 *
 * The plan of the region follows from its header alone (size, threads, chunk size), so an attaching thread computes the same places as
 * the thread that made the heap, and the fingerprint in the header proves it.
 */
import { Cache, MCache, Tiny } from "@mallocgc/mcache";
import { Central, MCentral } from "@mallocgc/mcentral";
import { Heap as PageHeap, MHeap, PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import { FreedBits, MSpan, Spans, TinyBits } from "@mallocgc/mspan";
import { Mutexes, planFingerprint, planRegion, type RecordLayout, type Region, type RegionPlan, type TableSpec } from "@mallocgc/sysmem";
import { SlotFreer } from "./slot-freer.ts";
import { HEADER_PTR, HeapHeader, headerTables } from "./header.ts";
import type { HeapConfig } from "./options.ts";
import { Processor, ProcessorTable } from "./processor.ts";

/** Every table of the region, in address order. */
export function planHeap(config: HeapConfig): RegionPlan {
  const tables: TableSpec[] = [
    ...headerTables(),
    ...Spans.tables(),
    ...Cache.tables(),
    ...Central.tables(),
    ...ProcessorTable.tables(config.maxThreads),
    ...PageHeap.tables({ maxBytes: config.maxBytes, chunkPages: config.chunkPages }),
  ];
  return planRegion(tables, HEADER_PTR * 4);
}

/** Every record that lies in the region. */
export const HEAP_RECORDS: readonly RecordLayout[] = Object.freeze([HeapHeader, MSpan, MCache, MCentral, MHeap, PageCacheRec, SpanCacheRec, Processor]);

/** A hash of all places and record layouts: equal in two threads exactly when they mean the same by every word of the region. */
export function heapFingerprint(plan: RegionPlan): number {
  return planFingerprint(plan, HEAP_RECORDS);
}

/** All layers of a heap for the thread that is P number `id`. */
export class Layers {
  readonly region: Region;
  readonly config: HeapConfig;
  readonly plan: RegionPlan;
  readonly processors: ProcessorTable;
  readonly mutexes: Mutexes;
  readonly spans: Spans;
  readonly freed: FreedBits;
  readonly tinyBits: TinyBits;
  readonly pages: PageHeap;
  readonly central: Central;
  readonly cache: Cache;
  readonly freer: SlotFreer;
  readonly tiny: Tiny;

  constructor(region: Region, config: HeapConfig, plan: RegionPlan, processors: ProcessorTable, id: number) {
    this.region = region;
    this.config = config;
    this.plan = plan;
    this.processors = processors;
    this.mutexes = new Mutexes(region, id + 1);
    this.spans = new Spans(region, plan.at("mspan"));
    this.freed = new FreedBits(region, this.spans);
    this.tinyBits = new TinyBits(region);
    this.pages = new PageHeap(region, plan, this.mutexes, this.spans, processors.pageCacheOf(id), processors.spanCacheOf(id), {
      maxBytes: config.maxBytes,
      chunkPages: config.chunkPages,
    });
    this.central = new Central(region, plan.at("mcentral"), this.spans, this.freed, this.mutexes, this.pages);
    this.cache = new Cache(region, processors.mcacheOf(id), plan.at("mcache.empty"), this.spans, this.freed, this.central);
    this.freer = new SlotFreer(region, this.freed, this.central, this.pages, this.cache);
    this.tiny = new Tiny(region, processors.mcacheOf(id), this.cache, this.spans, this.tinyBits, this.pages, this.freer);
  }

  /** Gives back everything this P holds beyond its counters: tiny block, cached spans, pages, span records. */
  releaseAll(): void {
    this.tiny.closeCurrent();
    this.cache.releaseAll();
    this.pages.flush();
  }
}
