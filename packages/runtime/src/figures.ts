/**
 * One look at a heap: the figures that MemStats and metrics are both made of, consistent with each other whoever is at work.
 *
 * Nobody is stopped, so figures are read one after another. The order makes the identities hold:
 *
 *     1  allocations     (totals.ts)
 *     2  pages, records  under the heap lock, each set as of one moment
 *     3  frees           of which those count that are frees of 1: per class min(frees, allocations)
 *
 * What was allocated by 1 and not freed by 3 was live at 2. So for every class 0 <= live, and all of it lay in spans that were in use at 2:
 * bytes of live objects <= HeapInuse. And neither allocations nor frees run backwards from one look to the next. (An object counts as freed some instructions
 * after it is; if its thread is stopped just there and its span goes back meanwhile, HeapInuse is raised to what is counted as live.)
 */
import { GcProcessor, MARKER_BYTES } from "@mallocgc/gc";
import { PAGE_SIZE, RANK_HEAP } from "@mallocgc/sysmem";
import { isCollected, type Layers } from "./layers.ts";
import { Processor } from "./processor.ts";
import { freesOf, readAllocs, readFrees, smallBytes, type Allocs, type Frees } from "./totals.ts";

/** Bytes, but for the counts in `allocs` and `frees`. */
export interface Figures {
  readonly allocs: Allocs;
  readonly frees: Frees;
  readonly totalAlloc: number;
  readonly totalFree: number;
  readonly heapSys: number;
  readonly heapInuse: number;
  readonly heapReleased: number;
  readonly mspanInuse: number;
  readonly mspanSys: number;
  readonly mcacheInuse: number;
  readonly mcacheSys: number;
  /** The heap profile: its tables, and what its stacks take. */
  readonly buckHashSys: number;
  readonly gcSys: number;
  readonly otherSys: number;
}

/** Looks at the heap. */
export function readFigures(layers: Layers): Figures {
  const { pages, plan, processors } = layers;
  const allocs = readAllocs(layers);
  // Before the bytes that their records are part of.
  const markerBytes = markers(layers) * MARKER_BYTES;
  const bucketBytes = layers.profiler.memory.taken;
  const figures = pages.figures(processors.caches());
  const { mspanInuse, mspanSys, tinyBytes, persistentBytes } = recordBytes(layers);
  const frees = freesOf(allocs, readFrees(layers));
  const totalAlloc = smallBytes(allocs.small) + allocs.largeBytes;
  const totalFree = smallBytes(frees.small) + frees.largeBytes;
  const heapSys = figures.mapped * PAGE_SIZE;
  const heapInuse = Math.min(Math.max(figures.inUse, Math.ceil((totalAlloc - totalFree) / PAGE_SIZE)), figures.mapped) * PAGE_SIZE;
  const tableBytes = (...prefixes: string[]): number =>
    plan.tables.reduce((n, table) => n + (prefixes.some((prefix) => table.name.startsWith(prefix)) ? table.bytes : 0), 0);
  const mcacheSys = tableBytes("processors");
  const profileTables = tableBytes("profile");
  const gcTables = tableBytes("mheap", "scavenger", "gc", "specials");
  return {
    allocs,
    frees,
    totalAlloc,
    totalFree,
    heapSys,
    heapInuse,
    heapReleased: Math.min(figures.released * PAGE_SIZE, heapSys - heapInuse),
    mspanInuse,
    mspanSys,
    mcacheInuse: processors.running * Processor.words * 4,
    mcacheSys,
    buckHashSys: profileTables + bucketBytes,
    gcSys: gcTables + tinyBytes + markerBytes,
    otherSys: plan.end - mcacheSys - profileTables - gcTables + persistentBytes - mspanSys - tinyBytes - markerBytes - bucketBytes,
  };
}

/** Bytes of the region taken into use, for whatever purpose. */
export function sysOf(f: Figures): number {
  return f.heapSys + f.mspanSys + f.mcacheSys + f.buckHashSys + f.gcSys + f.otherSys;
}

/** Ps that have a record as a marker. */
function markers({ processors, region, config }: Layers): number {
  if (!isCollected(config)) return 0;
  let n = 0;
  for (let id = 0; id < processors.length; id++) if (Atomics.load(region.i32, processors.gcOf(id) + GcProcessor.offset.work) !== 0) n++;
  return n;
}

/** What persistentalloc has taken, and parts of it, at one moment. */
function recordBytes({ pages, mutexes }: Layers): { mspanInuse: number; mspanSys: number; tinyBytes: number; persistentBytes: number } {
  mutexes.lock(pages.lockWord, RANK_HEAP);
  const { spanRecords, tinyBlocks, persistent } = pages;
  const bytes = { mspanInuse: spanRecords.inUse, mspanSys: spanRecords.sys, tinyBytes: tinyBlocks.sys, persistentBytes: persistent.sys };
  mutexes.unlock(pages.lockWord, RANK_HEAP);
  return bytes;
}
