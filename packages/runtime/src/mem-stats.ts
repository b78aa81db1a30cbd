/**
 * MemStats: Go's figures under Go's names, consistent in each answer and without stopping anybody (figures.ts says how).
 *
 *     Sys         = HeapSys + StackSys + MSpanSys + MCacheSys + BuckHashSys + GCSys + OtherSys
 *     HeapSys     = HeapIdle + HeapInuse          HeapIdle = free + HeapReleased
 *     Alloc       = HeapAlloc = TotalAlloc - what was freed <= HeapInuse
 *     HeapObjects = Mallocs - Frees               both count tiny objects that shared a block; BySize counts blocks
 *     LastGC      = PauseEnd[(NumGC + 255) % 256]  PauseTotalNs = all of PauseNs while NumGC <= 256, not less after that
 *     NumForcedGC <= NumGC
 *
 * TotalAlloc, Mallocs, Frees, PauseTotalNs, NumGC never fall from one answer to the next. All figures of cycles are those of one moment, the end of the last cycle's
 * marking. In a by-hand heap there are no cycles: they are 0.
 */
import { NO_LIMIT, type CycleTotals, type MemoryFigures } from "@mallocgc/gc";
import { CLASS_TO_SIZE } from "@mallocgc/sizeclass";
import type { Collector } from "./collector.ts";
import { readFigures, sysOf } from "./figures.ts";
import type { Layers } from "./layers.ts";
import { smallObjects } from "./totals.ts";

/** Go's MemStats; bytes and counts since the heap was made, unless said otherwise. */
export interface MemStats {
  /** Bytes of live objects, by slot size; the same as HeapAlloc. */
  readonly Alloc: number;
  /** Bytes of all objects ever allocated. */
  readonly TotalAlloc: number;
  /** Bytes of the region taken into use, for whatever purpose. */
  readonly Sys: number;
  /** Always 0, as in Go: nothing is looked up in a way that would count. */
  readonly Lookups: 0;
  /** Objects ever allocated, tiny ones included. */
  readonly Mallocs: number;
  /** Objects ever freed, tiny ones that shared a block included. */
  readonly Frees: number;
  /** Bytes of live objects, and of dead ones that are not swept yet. */
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
  /** Always 0: threads that run JavaScript have their stacks elsewhere. */
  readonly StackInuse: 0;
  /** Always 0, likewise. */
  readonly StackSys: 0;
  /** Bytes of span records handed out. */
  readonly MSpanInuse: number;
  /** Bytes taken for span records. */
  readonly MSpanSys: number;
  /** Bytes of the records of attached threads. */
  readonly MCacheInuse: number;
  /** Bytes of the P table. */
  readonly MCacheSys: number;
  /** Bytes of the tables of profile buckets. */
  readonly BuckHashSys: number;
  /** Bytes of page tables, of the collector's records, and of the masks of tiny blocks. */
  readonly GCSys: number;
  /** Bytes of all other records. */
  readonly OtherSys: number;
  /** Live bytes at which the next cycle should be over. Infinity when neither growth nor a limit begins one, and in a by-hand heap. */
  readonly NextGC: number;
  /** When the last cycle's marking was over, in ns since 1970 (a number holds that to 256 ns); 0 when there was none. */
  readonly LastGC: number;
  /** The longest pause of each cycle, added up; in ns. */
  readonly PauseTotalNs: number;
  /** The longest that a thread was held up by a handshake in each of the last 256 cycles, in ns; the last at (NumGC + 255) % 256. */
  readonly PauseNs: readonly number[];
  /** When these cycles' marking was over, in ns since 1970; in the same order. */
  readonly PauseEnd: readonly number[];
  /** Cycles whose marking is over. */
  readonly NumGC: number;
  /** Of these, how many were asked for (`heap.gc`). */
  readonly NumForcedGC: number;
  /** Share of all CPU time of the attached threads that went into collecting, 0 to 1; up to the end of the last cycle. */
  readonly GCCPUFraction: number;
  /** Whether this is a collected heap. */
  readonly EnableGC: boolean;
  /** Always false, as in Go. */
  readonly DebugGC: false;
  /** Per size class 0 to 60, as in Go: slot size, blocks allocated, blocks freed. */
  readonly BySize: readonly BySize[];
}

/** Allocations of one size class. */
export interface BySize {
  readonly Size: number;
  readonly Mallocs: number;
  readonly Frees: number;
}

/** Go's BySize ends at class 60. */
const BY_SIZE = 61;
const NO_PAUSES: readonly number[] = Object.freeze(new Array<number>(256).fill(0));
const NO_CYCLES: CycleTotals = { cycles: 0, forced: 0, lastEnd: 0, pauseNs: 0, assistNs: 0, backgroundNs: 0, cpuFraction: 0, pauses: { ns: NO_PAUSES, end: NO_PAUSES } };

/** Reads the figures; those of cycles if the heap has a collector. */
export function readMemStats(layers: Layers, collector?: Collector): MemStats {
  const f = readFigures(layers);
  const { allocs, frees } = f;
  const live = f.totalAlloc - f.totalFree;
  const mallocs = smallObjects(allocs.small) + allocs.large;
  const freed = smallObjects(frees.small) + frees.large;
  const cycles = collector?.log.totals() ?? NO_CYCLES;
  return {
    Alloc: live,
    TotalAlloc: f.totalAlloc,
    Sys: sysOf(f),
    Lookups: 0,
    Mallocs: mallocs + allocs.tiny,
    Frees: freed + allocs.tiny,
    HeapAlloc: live,
    HeapSys: f.heapSys,
    HeapIdle: f.heapSys - f.heapInuse,
    HeapInuse: f.heapInuse,
    HeapReleased: f.heapReleased,
    HeapObjects: mallocs - freed,
    StackInuse: 0,
    StackSys: 0,
    MSpanInuse: f.mspanInuse,
    MSpanSys: f.mspanSys,
    MCacheInuse: f.mcacheInuse,
    MCacheSys: f.mcacheSys,
    BuckHashSys: f.buckHashSys,
    GCSys: f.gcSys,
    OtherSys: f.otherSys,
    NextGC: nextGoal(collector),
    LastGC: cycles.lastEnd,
    PauseTotalNs: cycles.pauseNs,
    PauseNs: cycles.pauses.ns,
    PauseEnd: cycles.pauses.end,
    NumGC: cycles.cycles,
    NumForcedGC: cycles.forced,
    GCCPUFraction: cycles.cpuFraction,
    EnableGC: collector !== undefined,
    DebugGC: false,
    BySize: Array.from({ length: BY_SIZE }, (_, i) => ({ Size: CLASS_TO_SIZE[i]!, Mallocs: allocs.small[i]!, Frees: frees.small[i]! })),
  };
}

/** Live bytes at which the next cycle should be over; Infinity when neither growth nor a limit begins one. */
export function nextGoal(collector: Collector | undefined): number {
  const pacer = collector?.pacer;
  return pacer === undefined || (pacer.gcPercent < 0 && pacer.memoryLimit >= NO_LIMIT) ? Infinity : pacer.nextGoal;
}

/** What a memory limit is measured against: Go's mappedReady, and the two parts of it that the heap can give. */
export function readMemory(layers: Layers): MemoryFigures {
  const f = readFigures(layers);
  return { mappedReady: sysOf(f) - f.heapReleased, heapFree: f.heapSys - f.heapInuse - f.heapReleased, heapAlloc: f.totalAlloc - f.totalFree };
}
