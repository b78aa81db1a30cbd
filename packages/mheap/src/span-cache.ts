/**
 * What a P holds of spans: free records, so that making a span needs no lock, and freed spans, whose pages wait to be given back.
 *
 *      spans    | record | record | ...        |   up to 128; the last in is the first out; refilled 64 at a time
 *      freed    | dead span | dead span | ...  |   up to 16; their pages are still allocated in the bitmaps
 *
 * Go has the first list (mspancache) and takes the heap lock for each span that is freed. Here a freed span waits until 16 of them,
 * or 64 pages, go back under one lock. Meanwhile its record is dead and no page leads to it; its pages count as idle, as those of a
 * page cache do.
 *
 * Owner only, except that whoever has stopped the owner, or takes over from a dead one, may empty it. Methods that end in `Locked`
 * want the heap lock, for the fixalloc's sake.
 */
import type { SpanPtr } from "@mallocgc/mspan";
import { record, type FixAlloc, type Ptr, type RecordLayout } from "@mallocgc/sysmem";
import { PAGE_CACHE_PAGES } from "./page-cache.ts";

/** Span records that a P keeps at hand, at most. */
export const SPAN_CACHE_SIZE = 128;
/** Freed spans that a P keeps before it gives their pages back, at most. */
export const FREED_SPANS_SIZE = 16;
/** Pages of freed spans that a P keeps, at most: as many as in its page cache. A larger span is given back at once. */
export const FREED_PAGES_LIMIT: number = PAGE_CACHE_PAGES;

/** Layout of what a P holds of spans; it is part of the P's record. All zero is nothing. */
export const SpanCacheRec: RecordLayout<"len" | "spans" | "freedLen" | "freedPages" | "freed"> = record("spanCache", 3 + SPAN_CACHE_SIZE + FREED_SPANS_SIZE, {
  len: { access: "owner", doc: "free span records in `spans`" },
  spans: { access: "owner", words: SPAN_CACHE_SIZE, doc: "free span records, the last one is handed out first" },
  freedLen: { access: "owner", doc: "spans in `freed`" },
  freedPages: { access: "owner", doc: "pages of all of them" },
  freed: { access: "owner", words: FREED_SPANS_SIZE, doc: "dead spans whose pages are still allocated in the bitmaps" },
});

const { len: LEN, spans: SPANS, freedLen: FREED_LEN, freedPages: FREED_PAGES, freed: FREED } = SpanCacheRec.offset;
const SIZE = SPAN_CACHE_SIZE;
const REFILL: number = SPAN_CACHE_SIZE / 2;
const FREED_SIZE = FREED_SPANS_SIZE;
const PAGES_LIMIT = FREED_PAGES_LIMIT;
const NIL = 0;

/** One P's spans, as it sees them. */
export class SpanCache {
  readonly mem: Int32Array;
  /** Word index of the record. */
  readonly at: Ptr;

  constructor(mem: Int32Array, at: Ptr) {
    this.mem = mem;
    this.at = at;
  }

  /** Whether there is no free record at hand. */
  get empty(): boolean {
    return this.mem[this.at + LEN] === 0;
  }

  /** The free record that is handed out next, or 0 when none is at hand. It stays here until `drop`. */
  get top(): SpanPtr {
    const len = this.mem[this.at + LEN]!;
    return len === 0 ? (NIL as SpanPtr) : (this.mem[this.at + SPANS + len - 1] as SpanPtr);
  }

  /** The record `top` has become a span. */
  drop(): void {
    this.mem[this.at + LEN] = this.mem[this.at + LEN]! - 1;
  }

  /** A free record, or 0 when none is at hand. */
  private take(): SpanPtr {
    const s = this.top;
    if (s !== NIL) this.drop();
    return s;
  }

  /** A free record, or 0 when the region is full. Refills an empty cache. */
  takeLocked(records: FixAlloc): SpanPtr {
    const mem = this.mem;
    const at = this.at;
    if (mem[at + LEN] === 0) {
      let len = 0;
      while (len < REFILL) {
        const s = records.alloc();
        if (s === 0) break;
        // A new record is zero and a used one was retired: either way its state is "dead".
        mem[at + SPANS + len] = s;
        len++;
      }
      mem[at + LEN] = len;
    }
    return this.take();
  }

  /** Puts a free record into the cache, or back where it came from when the cache is full. */
  giveLocked(s: SpanPtr, records: FixAlloc): void {
    const mem = this.mem;
    const at = this.at;
    const len = mem[at + LEN]!;
    if (len === SIZE) {
      records.free(s);
      return;
    }
    mem[at + SPANS + len] = s;
    mem[at + LEN] = len + 1;
  }

  /** Gives all free records back. */
  flushLocked(records: FixAlloc): void {
    for (let s = this.take(); s !== 0; s = this.take()) records.free(s);
  }

  /** Pages of the freed spans that wait. */
  get freedPages(): number {
    return Atomics.load(this.mem, this.at + FREED_PAGES);
  }

  /** Whether no more freed spans can be kept: those that wait have to be given back first. */
  get freedFull(): boolean {
    return this.mem[this.at + FREED_LEN] === FREED_SIZE;
  }

  /** Keeps a span, which is about to die, until its pages are given back. True when it is time for that. Not when `freedFull`. */
  keepFreed(s: SpanPtr, npages: number): boolean {
    const mem = this.mem;
    const at = this.at;
    const len = mem[at + FREED_LEN]!;
    const pages = mem[at + FREED_PAGES]! + npages;
    mem[at + FREED + len] = s;
    mem[at + FREED_LEN] = len + 1;
    mem[at + FREED_PAGES] = pages;
    return len + 1 === FREED_SIZE || pages >= PAGES_LIMIT;
  }

  /** The freed spans that wait, with their pages counted again, after the owner has died. */
  recountFreed(npagesOf: (s: SpanPtr) => number): SpanPtr[] {
    const { mem, at } = this;
    const spans = Array.from(mem.subarray(at + FREED, at + FREED + mem[at + FREED_LEN]!)) as SpanPtr[];
    mem[at + FREED_PAGES] = spans.reduce((sum, s) => sum + npagesOf(s), 0);
    return spans;
  }

  /** A span whose pages are to be given back now; 0 when none waits. */
  takeFreed(): SpanPtr {
    const mem = this.mem;
    const at = this.at;
    const len = mem[at + FREED_LEN]!;
    if (len === 0) return NIL as SpanPtr;
    mem[at + FREED_LEN] = len - 1;
    if (len === 1) mem[at + FREED_PAGES] = 0;
    return mem[at + FREED + len - 1] as SpanPtr;
  }
}
