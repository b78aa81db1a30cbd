/**
 * P: a thread that uses the heap, as a record in the region.
 *
 * A record is free or running. Attaching turns the first free one into a running one with a compare-and-swap, so no lock is needed; from
 * then on only that thread writes it. Detaching gives back all that the record holds (cached spans, pages, span records) and frees it. Its
 * counters stay: they are part of the heap's history, and whoever attaches next goes on counting.
 *
 *     state: free -> attaching -> running (attach) -> free (detach)          generation: +1 at each attach
 *
 * While it is attaching the thread fills in what others may read of a running P.
 */
import { GcProcessor } from "@mallocgc/gc";
import { MCache } from "@mallocgc/mcache";
import { PageCacheRec, SpanCacheRec, type ProcessorCaches } from "@mallocgc/mheap";
import { record, type Ptr, type RecordLayout, type TableSpec } from "@mallocgc/sysmem";

/** Nobody is this P. */
export const P_FREE = 0;
/** A thread is this P. */
export const P_RUNNING = 1;
/** A thread is about to be this P, and fills in the record. */
export const P_ATTACHING = 2;

const WORDS = Math.ceil((16 + GcProcessor.words + MCache.words + PageCacheRec.words + SpanCacheRec.words) / 16) * 16;

/** The layout of a P's record: whole cache lines, so that two Ps never share one. */
export const Processor: RecordLayout<"state" | "generation" | "spare" | "gc" | "mcache" | "pageCache" | "spanCache"> = record("p", WORDS, {
  state: { access: "atomic", doc: "0 free, 1 running, 2 attaching" },
  generation: { access: "atomic", doc: "times this record was attached" },
  spare: { access: "owner", words: 14, doc: "padding" },
  gc: { access: "owner", words: GcProcessor.words, doc: "turn, acks, and what the collector knows of this P; a cache line of its own" },
  mcache: { access: "owner", words: MCache.words, doc: "cached spans, tiny block and counters" },
  pageCache: { access: "owner", words: PageCacheRec.words, doc: "a block of pages to allocate spans from without a lock" },
  spanCache: { access: "owner", words: SpanCacheRec.words, doc: "free span records" },
});

const { state: STATE, generation: GENERATION, gc: GC, mcache: MCACHE, pageCache: PAGE_CACHE, spanCache: SPAN_CACHE } = Processor.offset;

/** The P table of a region. */
export class ProcessorTable {
  readonly mem: Int32Array;
  readonly base: Ptr;
  readonly length: number;

  constructor(mem: Int32Array, base: Ptr, length: number) {
    this.mem = mem;
    this.base = base;
    this.length = length;
  }

  /** The table's place in the region plan. */
  static tables(maxThreads: number): TableSpec[] {
    return [{ name: "processors", bytes: maxThreads * Processor.words * 4, align: 64, doc: "the P table" }];
  }

  /** Claims a free record; returns its id, or -1 when every one is taken. The caller fills it in, then calls `run`. */
  claim(): number {
    for (let id = 0; id < this.length; id++) {
      const p = this.recordOf(id);
      // Pairs with the store in release: who claims the record sees all that its last owner wrote.
      if (this.mem[p + STATE] === P_FREE && Atomics.compareExchange(this.mem, p + STATE, P_FREE, P_ATTACHING) === P_FREE) {
        Atomics.add(this.mem, p + GENERATION, 1);
        return id;
      }
    }
    return -1;
  }

  /** The record is filled in: others may see it. */
  run(id: number): void {
    Atomics.store(this.mem, this.recordOf(id) + STATE, P_RUNNING);
  }

  /** How often this record was attached: tells a thread from the one that was this P before. */
  generationOf(id: number): number {
    return Atomics.load(this.mem, this.recordOf(id) + GENERATION);
  }

  /** Frees the record. Its owner has given back all it held. */
  release(id: number): void {
    Atomics.store(this.mem, this.recordOf(id) + STATE, P_FREE);
  }

  /** Whether a thread is that P. */
  isRunning(id: number): boolean {
    return Atomics.load(this.mem, this.recordOf(id) + STATE) === P_RUNNING;
  }

  /** How many Ps a thread is. */
  get running(): number {
    let n = 0;
    for (let id = 0; id < this.length; id++) if (this.isRunning(id)) n++;
    return n;
  }

  /** Whether that record was ever used: its counters may be other than zero. */
  wasUsed(id: number): boolean {
    return Atomics.load(this.mem, this.recordOf(id) + GENERATION) !== 0;
  }

  /** What each P holds of pages and span records. */
  caches(): ProcessorCaches[] {
    return Array.from({ length: this.length }, (_, id) => ({ pageCache: this.pageCacheOf(id), spanCache: this.spanCacheOf(id) }));
  }

  recordOf(id: number): Ptr {
    return (this.base + id * Processor.words) as Ptr;
  }
  gcOf(id: number): Ptr {
    return (this.recordOf(id) + GC) as Ptr;
  }
  mcacheOf(id: number): Ptr {
    return (this.recordOf(id) + MCACHE) as Ptr;
  }
  pageCacheOf(id: number): Ptr {
    return (this.recordOf(id) + PAGE_CACHE) as Ptr;
  }
  spanCacheOf(id: number): Ptr {
    return (this.recordOf(id) + SPAN_CACHE) as Ptr;
  }
}
