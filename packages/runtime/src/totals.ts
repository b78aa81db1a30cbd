/**
 * The counters of all Ps, added up, those of Ps that have left included; read while the Ps go on counting.
 *
 * Each counter has one writer and only grows, and each is read so that the value is one that it really had:
 *
 *     small allocations   `smallAllocs` and what the two cached spans of a class have handed out since: read between two looks at the P's `countSeq`,
 *                         which is odd while a number moves from a span to the counter; read again if it was odd or has changed. Between two moves
 *                         only `freeIndex` grows
 *     all others          one float64 each, which an engine for 64-bit machines reads and writes whole
 *
 * So two readings by one thread never run backwards. Counters are read at different moments, and what that means is settled by the order:
 * whoever reads allocations first and frees afterwards has, per class, min(frees, allocations) frees: a value that the frees had in between.
 */
import { CLASS_TO_SIZE, NUM_SIZE_CLASSES } from "@mallocgc/sizeclass";
import { MCache } from "@mallocgc/mcache";
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import type { Layers } from "./layers.ts";

/** Objects allocated since the heap was made. Lists are by size class; class 0 is large objects and stays 0 in them. */
export interface Allocs {
  readonly small: Float64Array;
  /** Tiny objects put into a block that was there already. */
  readonly tiny: number;
  readonly large: number;
  readonly largeBytes: number;
}

/** Objects freed since the heap was made. */
export interface Frees {
  readonly small: Float64Array;
  readonly large: number;
  readonly largeBytes: number;
}

const CACHE = MCache.offset;
const SPAN = MSpan.offset;
/** Looks before the reader lets other threads run: a P counts within a microsecond, unless its thread was stopped in between. */
const LOOKS = 100;
const REST_MS = 0.5;
/** How long a reading waits for a P in all. One that died while it counted never ends, until it is buried: then what is there is taken. */
const PATIENCE_MS = 50;

/** Adds up what was allocated. */
export function readAllocs(layers: Layers): Allocs {
  const { processors, region } = layers;
  const small = new Float64Array(NUM_SIZE_CLASSES);
  let tiny = 0;
  let large = 0;
  let largeBytes = 0;
  const patience = new Patience(layers.mutexes.mayBlock);
  for (let id = 0; id < processors.length; id++) {
    if (!processors.wasUsed(id)) continue;
    const c = processors.mcacheOf(id);
    for (let i = 1; i < NUM_SIZE_CLASSES; i++) small[i]! += smallAllocs(layers, c, i, patience);
    tiny += region.f64[(c + CACHE.tinyAllocs) >>> 1]!;
    large += region.f64[(c + CACHE.largeAllocs) >>> 1]!;
    largeBytes += region.f64[(c + CACHE.largeAllocBytes) >>> 1]!;
  }
  return { small, tiny, large, largeBytes };
}

/** Adds up what was freed. */
export function readFrees(layers: Layers): Frees {
  const { processors, region } = layers;
  const small = new Float64Array(NUM_SIZE_CLASSES);
  let large = 0;
  let largeBytes = 0;
  for (let id = 0; id < processors.length; id++) {
    if (!processors.wasUsed(id)) continue;
    const c = processors.mcacheOf(id);
    for (let i = 1; i < NUM_SIZE_CLASSES; i++) small[i]! += region.f64[((c + CACHE.smallFrees) >>> 1) + i]!;
    large += region.f64[(c + CACHE.largeFrees) >>> 1]!;
    largeBytes += region.f64[(c + CACHE.largeFreeBytes) >>> 1]!;
  }
  return { small, large, largeBytes };
}

/** Of frees that were read after `allocs`, those that are frees of `allocs`. */
export function freesOf(allocs: Allocs, later: Frees): Frees {
  return {
    small: later.small.map((frees, i) => Math.min(frees, allocs.small[i]!)),
    large: Math.min(later.large, allocs.large),
    largeBytes: Math.min(later.largeBytes, allocs.largeBytes),
  };
}

/** Objects of a size class that the P with cache `c` has allocated. */
function smallAllocs(layers: Layers, c: number, sizeClass: number, patience: Patience): number {
  const { i32: mem, f64 } = layers.region;
  const seqAt = c + CACHE.countSeq;
  const cached = c + CACHE.alloc + 2 * sizeClass;
  for (let looks = 1; ; looks++) {
    const seq = Atomics.load(mem, seqAt);
    const n = f64[((c + CACHE.smallAllocs) >>> 1) + sizeClass]! + handedOutSince(layers, cached) + handedOutSince(layers, cached + 1);
    // An exchange and no load: what was read stays before it. Pairs with the P's two changes of the word.
    if ((seq & 1) === 0 && Atomics.compareExchange(mem, seqAt, seq, seq) === seq) return n;
    if (looks % LOOKS === 0 && !patience.rest(mem, seqAt, seq)) return n;
  }
}

/** How long one reading has waited. */
class Patience {
  private readonly mayBlock: boolean;
  private end = 0;

  constructor(mayBlock: boolean) {
    this.mayBlock = mayBlock;
  }

  /** Lets other threads run, for as long as the word stays what it was, and not long. False when there is no patience left. */
  rest(mem: Int32Array, at: number, seen: number): boolean {
    const now = performance.now();
    if (this.end === 0) this.end = now + PATIENCE_MS;
    if (now > this.end) return false;
    if (this.mayBlock) Atomics.wait(mem, at, seen, REST_MS);
    return true;
  }
}

/** What the span cached at word `cached` has handed out since it was taken or last counted. */
function handedOutSince(layers: Layers, cached: number): number {
  const mem = layers.region.i32;
  // Pairs with the store that caches a span: its heldSince is there.
  const s = Atomics.load(mem, cached) as SpanPtr;
  return s === layers.cache.emptySpan ? 0 : layers.spans.countHandedOut(s) - mem[s + SPAN.heldSince]!;
}

/** Bytes of small objects, from a count per size class. */
export function smallBytes(counts: Float64Array): number {
  return counts.reduce((n, count, i) => n + count * CLASS_TO_SIZE[i]!, 0);
}

/** Small objects, from a count per size class. */
export function smallObjects(counts: Float64Array): number {
  return counts.reduce((n, count) => n + count, 0);
}
