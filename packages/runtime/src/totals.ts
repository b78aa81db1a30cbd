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
    for (let i = 0; i < NUM_SIZE_CLASSES; i++) t.smallAllocs[i]! += f64[at + (CACHE.smallAllocs >>> 1) + i]!;
    t.tinyAllocs += f64[at + (CACHE.tinyAllocs >>> 1)]!;
    t.largeAllocs += f64[at + (CACHE.largeAllocs >>> 1)]!;
    t.largeAllocBytes += f64[at + (CACHE.largeAllocBytes >>> 1)]!;
    if (processors.isRunning(id)) addCached(layers, c, t);
  }
  return t;
}

function addCached(layers: Layers, c: number, t: Totals): void {
  const mem = layers.region.i32;
  for (let spc = 2; spc < 2 * NUM_SIZE_CLASSES; spc++) {
    const s = mem[c + spc]! as SpanPtr;
    if (s !== layers.cache.emptySpan) t.smallAllocs[spc >>> 1]! += layers.spans.countHandedOut(s) - mem[s + SPAN.heldSince]!;
  }
}

/** Bytes of small objects, from a count per size class. */
export function smallBytes(counts: Float64Array): number {
  let n = 0;
  for (let i = 0; i < NUM_SIZE_CLASSES; i++) n += counts[i]! * CLASS_TO_SIZE[i]!;
  return n;
}
