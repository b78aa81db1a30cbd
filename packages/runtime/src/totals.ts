/** The counters of all Ps, added up; those of Ps that have left included. */
import { CLASS_TO_SIZE, NUM_SIZE_CLASSES } from "@mallocgc/sizeclass";
import { MCache } from "@mallocgc/mcache";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import type { Layers } from "./layers.ts";

/** Objects and bytes allocated and freed since the heap was made. */
export interface Totals {
  readonly smallAllocs: Float64Array;
  readonly smallFrees: Float64Array;
  tinyAllocs: number;
  largeAllocs: number;
  largeAllocBytes: number;
  largeFrees: number;
  largeFreeBytes: number;
}

const CACHE = MCache.offset;
const SPAN = MSpan.offset;
/** A P that works at full speed counts once in some microseconds, so a second look nearly always suffices. */
const MAX_LOOKS = 100;

/** Adds up the counters, and what cached spans have handed out since they were last counted. */
export function totals(layers: Layers): Totals {
  const { processors, region } = layers;
  const { f64 } = region;
  const t: Totals = {
    smallAllocs: new Float64Array(NUM_SIZE_CLASSES), smallFrees: new Float64Array(NUM_SIZE_CLASSES),
    tinyAllocs: 0, largeAllocs: 0, largeAllocBytes: 0, largeFrees: 0, largeFreeBytes: 0,
  };
  for (let id = 0; id < processors.length; id++) {
    if (!processors.wasUsed(id)) continue;
    const c = processors.mcacheOf(id);
    const at = c >>> 1;
    // Frees before allocations: seen from a third thread, no object is counted as freed and not as allocated.
    for (let i = 0; i < NUM_SIZE_CLASSES; i++) t.smallFrees[i]! += f64[at + (CACHE.smallFrees >>> 1) + i]!;
    t.largeFrees += f64[at + (CACHE.largeFrees >>> 1)]!;
    t.largeFreeBytes += f64[at + (CACHE.largeFreeBytes >>> 1)]!;
  }
  for (let id = 0; id < processors.length; id++) {
    if (!processors.wasUsed(id)) continue;
    const c = processors.mcacheOf(id);
    const at = c >>> 1;
    for (let i = 0; i < NUM_SIZE_CLASSES; i++) t.smallAllocs[i]! += smallAllocs(layers, c, i);
    t.tinyAllocs += f64[at + (CACHE.tinyAllocs >>> 1)]!;
    t.largeAllocs += f64[at + (CACHE.largeAllocs >>> 1)]!;
    t.largeAllocBytes += f64[at + (CACHE.largeAllocBytes >>> 1)]!;
  }
  return t;
}

/**
 * Objects of a size class that the P with cache `c` has allocated: those it has counted, and what its two cached spans of the class have handed
 * out since. The P may be at work and count just now; then the count or a `heldSince` differs when read again, and all is read anew.
 */
function smallAllocs(layers: Layers, c: number, sizeClass: number): number {
  const mem = layers.region.i32;
  const { f64 } = layers.region;
  const counter = ((c + CACHE.smallAllocs) >>> 1) + sizeClass;
  const cached = c + CACHE.alloc + 2 * sizeClass;
  for (let looks = 1; ; looks++) {
    const counted = f64[counter]!;
    const a = Atomics.load(mem, cached) as SpanPtr;
    const b = Atomics.load(mem, cached + 1) as SpanPtr;
    const sinceA = Atomics.load(mem, a + SPAN.heldSince);
    const sinceB = Atomics.load(mem, b + SPAN.heldSince);
    const n = counted + handedOutSince(layers, a, sinceA) + handedOutSince(layers, b, sinceB);
    const same =
      Atomics.load(mem, cached) === a && Atomics.load(mem, cached + 1) === b &&
      Atomics.load(mem, a + SPAN.heldSince) === sinceA && Atomics.load(mem, b + SPAN.heldSince) === sinceB && f64[counter] === counted;
    if (same || looks === MAX_LOOKS) return n;
  }
}

/** Never below 0: between a merge and its new `heldSince` a span has handed out less than before, and nothing since. */
function handedOutSince(layers: Layers, s: SpanPtr, heldSince: number): number {
  return s === layers.cache.emptySpan ? 0 : Math.max(0, layers.spans.countHandedOut(s) - heldSince);
}

/** Bytes of small objects, from a count per size class. */
export function smallBytes(counts: Float64Array): number {
  let n = 0;
  for (let i = 0; i < NUM_SIZE_CLASSES; i++) n += counts[i]! * CLASS_TO_SIZE[i]!;
  return n;
}
