/**
 * metrics: the figures of Go's package runtime/metrics that have a meaning here, under Go's names, with Go's kinds and units.
 *
 * All of one answer come from one look (figures.ts), the one that MemStats are made of too, so these hold in each:
 *
 *     /memory/classes/total                 = the sum of all other /memory/classes
 *     /memory/classes/heap/objects          = /gc/heap/allocs:bytes - /gc/heap/frees:bytes
 *     /gc/heap/objects                      = /gc/heap/allocs:objects - /gc/heap/frees:objects       tiny objects that share a block left out, unlike MemStats
 *     /gc/heap/allocs:objects               = the sum of /gc/heap/allocs-by-size; likewise frees
 *     /gc/cycles/total                      = automatic + forced
 *     /gc/scan/total                        = globals + heap
 *     /cpu/classes/gc/total                 = the sum of all other /cpu/classes/gc
 *
 * A by-hand heap has those of memory and of allocation. Go's names with no meaning here are in docs/fidelity.md, each with the reason.
 */
import { GcProcessor, GcRecord, NO_LIMIT, TIME_BUCKET_BOUNDS, UNIT, addTimes, type CycleTotals, type SpecialCounts, type TimeCounts } from "@mallocgc/gc";
import { CLASS_TO_SIZE } from "@mallocgc/sizeclass";
import type { Ptr } from "@mallocgc/sysmem";
import type { Collector } from "./collector.ts";
import { readFigures, sysOf, type Figures } from "./figures.ts";
import { METRIC_TEXTS, type MetricName } from "./metric-texts.ts";
import type { Layers } from "./layers.ts";
import { nextGoal } from "./mem-stats.ts";
import { smallObjects } from "./totals.ts";

/** One figure; Go's metrics.Sample and metrics.Description in one. */
export type Metric = ScalarMetric | HistogramMetric;

interface MetricBase {
  /** Path and unit, as "/gc/heap/allocs:bytes". */
  readonly name: string;
  /** What follows the colon of the name. */
  readonly unit: string;
  readonly description: string;
  /** Whether it only grows. */
  readonly cumulative: boolean;
}

/** A number: whole if the kind is "uint64". Infinity where a limit or goal is off. */
export interface ScalarMetric extends MetricBase {
  readonly kind: "uint64" | "float64";
  readonly value: number;
}

/** A distribution, of all values since the heap was made. */
export interface HistogramMetric extends MetricBase {
  readonly kind: "float64-histogram";
  /** Bounds of the buckets in the metric's unit: bucket i holds values from `buckets[i]` up to, not with, `buckets[i + 1]`. */
  readonly buckets: readonly number[];
  /** Values in each bucket; one fewer than there are bounds. */
  readonly counts: readonly number[];
}

/** Go's bounds of the two histograms by size: 1, each class's size + 1, and no end. */
const SIZE_BOUNDS: readonly number[] = Object.freeze([1, ...Array.from(CLASS_TO_SIZE).slice(1).map((size) => size + 1), Infinity]);
const NS = 1e9;

type Values = Partial<Record<MetricName, number | readonly number[]>>;

/** Reads the metrics, in the order of their names. */
export function readMetrics(layers: Layers, collector?: Collector): Metric[] {
  const figures = readFigures(layers);
  const values: Values = { ...heapValues(figures), ...(collector === undefined ? {} : collectorValues(collectorSample(layers, collector))) };
  return (Object.keys(values) as MetricName[]).sort().map((name) => metric(name, values[name]!));
}

function metric(name: MetricName, value: number | readonly number[]): Metric {
  const { kind, cumulative, description } = METRIC_TEXTS[name];
  const unit = name.slice(name.indexOf(":") + 1);
  if (typeof value === "number") return { name, unit, description, cumulative, kind: kind === "float64" ? "float64" : "uint64", value };
  return { name, unit, description, cumulative, kind: "float64-histogram", buckets: unit === "seconds" ? TIME_BUCKET_BOUNDS : SIZE_BOUNDS, counts: value };
}

function heapValues(f: Figures): Values {
  const { allocs, frees } = f;
  const allocObjects = smallObjects(allocs.small) + allocs.large;
  const freeObjects = smallObjects(frees.small) + frees.large;
  const live = f.totalAlloc - f.totalFree;
  return {
    "/gc/heap/allocs-by-size:bytes": [...allocs.small.subarray(1), allocs.large],
    "/gc/heap/allocs:bytes": f.totalAlloc,
    "/gc/heap/allocs:objects": allocObjects,
    "/gc/heap/frees-by-size:bytes": [...frees.small.subarray(1), frees.large],
    "/gc/heap/frees:bytes": f.totalFree,
    "/gc/heap/frees:objects": freeObjects,
    "/gc/heap/objects:objects": allocObjects - freeObjects,
    "/gc/heap/tiny/allocs:objects": allocs.tiny,
    "/memory/classes/heap/free:bytes": f.heapSys - f.heapInuse - f.heapReleased,
    "/memory/classes/heap/objects:bytes": live,
    "/memory/classes/heap/released:bytes": f.heapReleased,
    "/memory/classes/heap/unused:bytes": f.heapInuse - live,
    "/memory/classes/metadata/mcache/free:bytes": f.mcacheSys - f.mcacheInuse,
    "/memory/classes/metadata/mcache/inuse:bytes": f.mcacheInuse,
    "/memory/classes/metadata/mspan/free:bytes": f.mspanSys - f.mspanInuse,
    "/memory/classes/metadata/mspan/inuse:bytes": f.mspanInuse,
    "/memory/classes/metadata/other:bytes": f.gcSys,
    "/memory/classes/other:bytes": f.otherSys,
    "/memory/classes/profiling/buckets:bytes": f.buckHashSys,
    "/memory/classes/total:bytes": sysOf(f),
  };
}

/** The collector's figures at one look. */
interface CollectorSample {
  readonly cycles: CycleTotals;
  readonly pauses: TimeCounts;
  readonly specials: SpecialCounts;
  readonly gcPercent: number;
  readonly memoryLimit: number;
  readonly goal: number;
  readonly heapMarked: number;
  readonly lastLimited: number;
  readonly scanHeap: number;
  readonly scanGlobals: number;
}

function collectorSample(layers: Layers, collector: Collector): CollectorSample {
  const { processors, region, plan } = layers;
  const { pacer } = collector;
  const gc = plan.at("gc");
  const pauses = Array.from({ length: processors.length }, (_, id) => region.i32[processors.gcOf(id) + GcProcessor.offset.pauses]! as Ptr);
  return {
    cycles: collector.log.totals(),
    pauses: addTimes(region, pauses.filter((at) => at !== 0)),
    specials: collector.specials.counts(),
    gcPercent: pacer.gcPercent < 0 ? Infinity : pacer.gcPercent,
    memoryLimit: pacer.memoryLimit >= NO_LIMIT ? Infinity : pacer.memoryLimit,
    goal: nextGoal(collector),
    heapMarked: pacer.heapMarked,
    lastLimited: collector.limiter.lastEnabledCycle,
    scanHeap: Atomics.load(region.i32, gc + GcRecord.offset.heapScan) * UNIT,
    scanGlobals: region.f64[(gc + GcRecord.offset.rootBytes) >>> 1]!,
  };
}

function collectorValues({ cycles, pauses, specials, ...s }: CollectorSample): Values {
  const assist = cycles.assistNs / NS;
  const dedicated = cycles.backgroundNs / NS;
  const pause = pauses.sumNs / NS;
  return {
    "/cpu/classes/gc/mark/assist:cpu-seconds": assist,
    "/cpu/classes/gc/mark/dedicated:cpu-seconds": dedicated,
    "/cpu/classes/gc/pause:cpu-seconds": pause,
    "/cpu/classes/gc/total:cpu-seconds": assist + dedicated + pause,
    "/gc/cleanups/executed:cleanups": specials.cleanupsExecuted,
    "/gc/cleanups/queued:cleanups": specials.cleanupsQueued,
    "/gc/cycles/automatic:gc-cycles": cycles.cycles - cycles.forced,
    "/gc/cycles/forced:gc-cycles": cycles.forced,
    "/gc/cycles/total:gc-cycles": cycles.cycles,
    "/gc/finalizers/executed:finalizers": specials.finalizersExecuted,
    "/gc/finalizers/queued:finalizers": specials.finalizersQueued,
    "/gc/gogc:percent": s.gcPercent,
    "/gc/gomemlimit:bytes": s.memoryLimit,
    "/gc/heap/goal:bytes": s.goal,
    "/gc/heap/live:bytes": s.heapMarked,
    "/gc/limiter/last-enabled:gc-cycle": s.lastLimited,
    "/gc/pauses:seconds": [...pauses.counts],
    "/gc/scan/globals:bytes": s.scanGlobals,
    "/gc/scan/heap:bytes": s.scanHeap,
    "/gc/scan/total:bytes": s.scanGlobals + s.scanHeap,
    "/sched/pauses/total/gc:seconds": [...pauses.counts],
  };
}
