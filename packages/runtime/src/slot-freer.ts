/**
 * Freeing a slot, whole: the sample of the heap profile if there is one, the bit, the count, and what the freeing thread then owes the central or the page heap.
 *
 * Which slots may have a sample is a word of the line that the count is in, so it costs a free nearly nothing to look. (To look only whether the span has any sample would send
 * all frees of its other slots under the lock: some 70 for each sample of 64-byte blocks.)
 */
import type { Specials } from "@mallocgc/gc";
import { MCache, type Cache, type SlotSink } from "@mallocgc/mcache";
import type { Central } from "@mallocgc/mcentral";
import type { Heap as PageHeap } from "@mallocgc/mheap";
import { FREE_DONE, FREE_EMPTY, FREE_LIST, FREE_NOT_LIVE, MSpan, type FreedBits, type SpanPtr } from "@mallocgc/mspan";
import type { Region } from "@mallocgc/sysmem";

const { spanClass: SPAN_CLASS, elemSize: ELEM_SIZE, holder: HOLDER, sampled: SAMPLED } = MSpan.offset;
const { largeFrees: LARGE_FREES, largeFreeBytes: LARGE_FREE_BYTES } = MCache.offset;
const DONE = FREE_DONE;
const EMPTY = FREE_EMPTY;
const LIST = FREE_LIST;
const NOT_LIVE = FREE_NOT_LIVE;

/** Frees slots on behalf of one P. */
export class SlotFreer implements SlotSink {
  readonly mem: Int32Array;
  readonly f64: Float64Array;
  private readonly freed: FreedBits;
  private readonly central: Central;
  private readonly pages: PageHeap;
  private readonly cache: Cache;
  private readonly samples: Specials | undefined;
  private readonly owner: number;

  constructor(region: Region, freed: FreedBits, central: Central, pages: PageHeap, cache: Cache, samples: Specials | undefined, owner: number) {
    this.mem = region.i32;
    this.f64 = region.f64;
    this.freed = freed;
    this.central = central;
    this.pages = pages;
    this.cache = cache;
    this.samples = samples;
    this.owner = owner;
  }

  /** Frees a slot of any span. False, and nothing changed, when the slot is free already or was never handed out. */
  free(s: SpanPtr, slot: number): boolean {
    const spanClass = this.mem[s + SPAN_CLASS]!;
    if (((this.mem[s + SAMPLED]! >>> (slot & 31)) & 1) !== 0) this.samples!.takeProfile(s, slot);
    const owed = this.freed.free(s, slot, this.central.threshold(spanClass));
    if (owed === NOT_LIVE) return false;
    if (spanClass < 2) {
      this.freeLarge(s);
      return true;
    }
    this.cache.countFree(spanClass >>> 1);
    if (owed !== DONE) this.settle(s, owed);
    return true;
  }

  private settle(s: SpanPtr, owed: number): void {
    if (owed === LIST) this.central.list(s);
    else if (owed === EMPTY) this.central.release(s);
  }

  /** A large object is its span: once its one bit is won, nobody else knows the span, and this P holds it. */
  private freeLarge(s: SpanPtr): void {
    const base = this.cache.base;
    const f64 = this.f64;
    const count = (base + LARGE_FREES) >>> 1;
    const bytes = (base + LARGE_FREE_BYTES) >>> 1;
    this.mem[s + HOLDER] = this.owner;
    f64[count] = f64[count]! + 1;
    f64[bytes] = f64[bytes]! + (this.mem[s + ELEM_SIZE]! >>> 0);
    this.pages.free(s);
  }
}
