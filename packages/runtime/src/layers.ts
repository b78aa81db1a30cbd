/**
 * The layers put together over one region, as one thread sees them: the only place that knows them all.
 *
 * The plan of the region follows from its header alone (size, threads, chunk size), so an attaching thread computes the same places as
 * the thread that made the heap, and the fingerprint in the header proves it.
 */
import {
  CpuLimiterRecord, CycleFigures, GcProcessor, GcRecord, PacerRecord, PauseRow, SpanSweeper, Special, SpecialQueue, Specials, SweepPacingRecord, TimeHistogramRecord, WeakHandle, WorkLists,
  DeferredPointers, WorkRecord, gcTables, sweepKernel, type Barrier, type SpecialOwners,
} from "@mallocgc/gc";
import { Cache, MCache, Tiny } from "@mallocgc/mcache";
import { Central, MCentral } from "@mallocgc/mcentral";
import { Heap as PageHeap, MHeap, PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import { FreedBits, MSpan, Marks, Spans, TinyBits } from "@mallocgc/mspan";
import { Scavenger, ScavengerRecord } from "@mallocgc/scavenger";
import { Mutexes, planFingerprint, planRegion, type RecordLayout, type Region, type RegionPlan, type TableSpec } from "@mallocgc/sysmem";
import { Scavenging } from "./scavenging.ts";
import { SlotFreer } from "./slot-freer.ts";
import { FLAG_CLOBBER_FREE, FLAG_COLLECTED, HEADER_PTR, HeapHeader, headerTables } from "./header.ts";
import type { HeapConfig } from "./options.ts";
import { Processor, ProcessorTable } from "./processor.ts";
import { HeapProfiler } from "./profile/heap-profiler.ts";
import { PROFILE_RECORDS, profileTables } from "./profile/profile-record.ts";
import { Sampler } from "./profile/sampler.ts";
import { ROOT_RECORDS, Roots } from "./roots/roots.ts";
import { TypeRecord } from "./types/type-record.ts";

/** Every table of the region, in address order. */
export function planHeap(config: HeapConfig): RegionPlan {
  const pages = { maxBytes: config.maxBytes, chunkPages: config.chunkPages };
  const tables: TableSpec[] = [
    ...headerTables(),
    ...Spans.tables(),
    ...Cache.tables(),
    ...Central.tables(),
    ...ProcessorTable.tables(config.maxThreads),
    ...PageHeap.tables(pages),
    ...Scavenger.tables(pages),
    ...Specials.tables(config.maxThreads),
    ...profileTables(config.maxBytes),
    ...(isCollected(config) ? [...gcTables(), ...Roots.tables(config.maxThreads)] : []),
  ];
  return planRegion(tables, HEADER_PTR * 4);
}

/** Whether the heap is a collected one. */
export function isCollected(config: HeapConfig): boolean {
  return (config.flags & FLAG_COLLECTED) !== 0;
}

/** Every record that lies in the region. */
export const HEAP_RECORDS: readonly RecordLayout[] = Object.freeze([
  HeapHeader, MSpan, MCache, MCentral, MHeap, PageCacheRec, SpanCacheRec, ScavengerRecord, Processor,
  GcRecord, GcProcessor, CycleFigures, WorkLists, WorkRecord, DeferredPointers, PacerRecord, CpuLimiterRecord, SweepPacingRecord, PauseRow, TimeHistogramRecord, Special, SpecialQueue, WeakHandle, ...PROFILE_RECORDS, ...ROOT_RECORDS, TypeRecord,
]);

/** A hash of all places and record layouts: equal in two threads exactly when they mean the same by every word of the region. */
export function heapFingerprint(plan: RegionPlan): number {
  return planFingerprint(plan, HEAP_RECORDS);
}

const NO_OWNERS: SpecialOwners = { isOwner: () => false };
const NO_BARRIER: Barrier = { storeRef: () => undefined, shade: () => undefined, phase: () => 0 };

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
  readonly scavenging: Scavenging;
  readonly central: Central;
  readonly cache: Cache;
  readonly freer: SlotFreer;
  readonly tiny: Tiny;
  /** Mark bits, of a collected heap. */
  readonly marks: Marks;
  /** Who sweeps spans for this P; only in a collected heap. */
  readonly sweeper: SpanSweeper | undefined;
  readonly profiler: HeapProfiler;
  /** The samples of a by-hand heap's profile; those of a collected one are among its collector's specials. */
  readonly samples: Specials | undefined;

  constructor(region: Region, config: HeapConfig, plan: RegionPlan, processors: ProcessorTable, id: number) {
    this.region = region;
    this.config = config;
    this.plan = plan;
    this.processors = processors;
    this.mutexes = new Mutexes(region, id + 1);
    this.spans = new Spans(region, plan.at("mspan"));
    const collected = isCollected(config);
    this.freed = new FreedBits(region, this.spans, collected);
    this.marks = new Marks(region, this.spans);
    this.tinyBits = new TinyBits(region);
    this.pages = new PageHeap(region, plan, this.mutexes, this.spans, processors.pageCacheOf(id), processors.spanCacheOf(id), {
      maxBytes: config.maxBytes,
      chunkPages: config.chunkPages,
    });
    this.scavenging = new Scavenging(region, plan, this.mutexes, this.pages, processors, collected);
    this.sweeper = collected
      ? new SpanSweeper(region, plan.at("gc"), processors.mcacheOf(id), this.spans, this.marks, this.pages, sweepKernel(region, (config.flags & FLAG_CLOBBER_FREE) !== 0))
      : undefined;
    this.central = new Central(region, plan.at("mcentral"), this.spans, this.freed, this.mutexes, this.pages, this.sweeper);
    this.cache = this.cacheOf(id);
    this.profiler = new HeapProfiler(region, plan, this.mutexes, this.pages, collected);
    this.samples = collected ? undefined : this.sampleByHand();
    this.freer = new SlotFreer(region, this.freed, this.central, this.pages, this.cache, this.samples, id + 1);
    this.tiny = new Tiny(region, processors.mcacheOf(id), this.cache, this.spans, this.tinyBits, this.pages, this.freer, collected);
  }

  /** Specials of a heap that nobody collects: nothing is due to anybody, and nothing is shaded. */
  private sampleByHand(): Specials {
    const { region, plan, processors, mutexes, spans, pages, profiler } = this;
    const samples = new Specials(region, plan.at("specials"), plan.at("specials.queues"), processors.length, mutexes, spans, pages, NO_OWNERS, NO_BARRIER, profiler.counts);
    this.cache.connectProfile(new Sampler(profiler, samples));
    return samples;
  }

  /** The mcache of any P, for its own thread, or for one that has claimed that P. */
  cacheOf(id: number): Cache {
    return new Cache(this.region, this.processors.mcacheOf(id), this.plan.at("mcache"), this.spans, this.freed, this.central);
  }

  /** Gives back everything this P holds beyond its counters: tiny block, cached spans, pages, span records. */
  releaseAll(): void {
    this.tiny.closeCurrent();
    this.cache.releaseAll();
    this.pages.flush();
  }
}
