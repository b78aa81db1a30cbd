/**
 * Mark bits of a collected heap, and what else counts as marked.
 *
 *     slot is marked        its bit behind `freedBits` is set: a marker reached it in this cycle
 *     slot is new           freeIndexForScan <= slot < freeIndex, and its allocation bit is clear: handed out since its holder turned black
 *     slot is alive         handed out, and marked or new; only this survives the sweep
 *
 * Slots are handed out in ascending order and allocation bits change only in a sweep, so one index tells all new slots of a cycle, and the
 * allocation fast path writes no mark. Bits are set by markers (kernels) and, seldom, here; they are cleared by the sweep, which has the span
 * for itself. Between a sweep and the next cycle's first mark all bits of a span are clear.
 */
import type { Region } from "@mallocgc/sysmem";
import { MSpan, type SpanPtr } from "./span.ts";
import type { Spans } from "./spans.ts";

const { allocBits: ALLOC_BITS, freedBits: MARK_BITS, freeIndex: FREE_INDEX, freeIndexForScan: FREE_INDEX_FOR_SCAN, nelems: NELEMS } = MSpan.offset;

/** The mark bits of one region's spans, as one thread sees them. */
export class Marks {
  readonly mem: Int32Array;
  private readonly spans: Spans;

  constructor(region: Region, spans: Spans) {
    this.mem = region.i32;
    this.spans = spans;
  }

  /** Whether a marker has reached the slot. Any thread. */
  isMarked(s: SpanPtr, slot: number): boolean {
    const mem = this.mem;
    // Pairs with the markers' atomic or.
    return ((Atomics.load(mem, mem[s + MARK_BITS]! + (slot >>> 5)) >>> (slot & 31)) & 1) === 1;
  }

  /** Marks the slot; false when it was marked already. Any thread. */
  mark(s: SpanPtr, slot: number): boolean {
    const bit = 1 << (slot & 31);
    // Pairs with isMarked and the markers.
    return (Atomics.or(this.mem, this.mem[s + MARK_BITS]! + (slot >>> 5), bit) & bit) === 0;
  }

  /** Whether the slot was handed out since its holder turned black. Exact for the holder; for others it may be a moment old. */
  isNew(s: SpanPtr, slot: number): boolean {
    const mem = this.mem;
    if (slot < mem[s + FREE_INDEX_FOR_SCAN]! || slot >= Atomics.load(mem, s + FREE_INDEX)) return false;
    return ((mem[mem[s + ALLOC_BITS]! + (slot >>> 5)]! >>> (slot & 31)) & 1) === 0;
  }

  /** Whether the slot holds an object that will survive the coming sweep. Meant for an unswept span, or while marking. */
  isAlive(s: SpanPtr, slot: number): boolean {
    return slot < this.mem[s + NELEMS]! && (this.isNew(s, slot) || (this.isMarked(s, slot) && this.spans.wasHandedOutConfirmed(s, slot)));
  }
}
