/**
 * The verifier: walks everything and reports each broken invariant by name.
 *
 *     page heap     bitmaps against summaries, page map and figures (mheap's own verifier)
 *     every span    record against shape, bits against counts, state against holder and set
 *     every central its lists against lengths, links and what the spans say of themselves
 *     every P       cached spans are its own, of the right class, in state held
 *     tiny blocks   masks against slots
 *     counters      what was allocated less what was freed is what lives, per size class
 *
 * It reads without locks and is exact only while no other thread is at work. It changes nothing.
 */
import { CLASS_TO_PAGES, CLASS_TO_SIZE, NUM_SIZE_CLASSES, NUM_SPAN_CLASSES, TINY_SPAN_CLASS } from "@mallocgc/sizeclass";
import { MCache } from "@mallocgc/mcache";
import { MCentral, NUM_SETS } from "@mallocgc/mcentral";
import {
  FREED_FULL, FREED_HELD, FREED_LISTED, MSpan, SPAN_CLASS_TO_NELEMS, SPAN_IN_USE, freedCount, freedState, type SpanPtr,
} from "@mallocgc/mspan";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import type { Layers } from "./layers.ts";
import { allSpans } from "./all-spans.ts";
import { totals } from "./totals.ts";

/** An invariant that does not hold. */
export interface BrokenInvariant {
  /** Its name, stable from version to version. */
  readonly invariant: string;
  /** Which record, page or class it concerns. */
  readonly where: string;
  readonly expected: number | string;
  readonly got: number | string;
}

/** What `verify` found. */
export interface VerifyReport {
  /** Whether every invariant holds. */
  readonly ok: boolean;
  readonly broken: readonly BrokenInvariant[];
  /** Spans walked. */
  readonly spans: number;
  /** Live objects counted from the bits. */
  readonly objects: number;
  /** Time it took, in milliseconds. */
  readonly ms: number;
}

const SPAN = MSpan.offset;
const SETS = NUM_SETS;

/** Walks the heap that `layers` belong to. */
export function verifyHeap(layers: Layers): VerifyReport {
  const start = performance.now();
  const walk = new Walk(layers);
  walk.pages();
  walk.spans();
  walk.centrals();
  walk.processors();
  walk.counters();
  return { ok: walk.broken.length === 0, broken: walk.broken, spans: walk.spanCount, objects: walk.objects, ms: performance.now() - start };
}

class Walk {
  readonly broken: BrokenInvariant[] = [];
  spanCount = 0;
  objects = 0;
  private readonly live: number[] = new Array<number>(NUM_SIZE_CLASSES).fill(0);
  private readonly layers: Layers;
  private readonly mem: Int32Array;

  constructor(layers: Layers) {
    this.layers = layers;
    this.mem = layers.region.i32;
  }

  private expect(invariant: string, where: string, expected: number | string, got: number | string): void {
    if (expected !== got) this.broken.push({ invariant, where, expected, got });
  }

  pages(): void {
    const { pages, processors } = this.layers;
    const caches = Array.from({ length: processors.length }, (_, id) => ({ pageCache: processors.pageCacheOf(id), spanCache: processors.spanCacheOf(id) }));
    for (const b of pages.verifyPages(caches)) this.broken.push(b);
  }

  spans(): void {
    for (const s of allSpans(this.layers)) {
      this.spanCount++;
      this.span(s);
    }
  }

  private span(s: SpanPtr): void {
    const { mem } = this;
    const { spans } = this.layers;
    const where = `span ${s} at ${spans.base(s)}`;
    const spanClass = mem[s + SPAN.spanClass]!;
    const sizeClass = spanClass >> 1;
    this.expect("a span in the page map is in use", where, SPAN_IN_USE, spans.state(s));
    if (spanClass < 0 || spanClass >= NUM_SPAN_CLASSES) {
      this.expect("a span class is one of 136", where, "0..135", spanClass);
      return;
    }
    const nbytes = spans.npages(s) * PAGE_SIZE;
    this.expect("slot size follows from the span class", where, sizeClass === 0 ? nbytes : CLASS_TO_SIZE[sizeClass]!, spans.elemSize(s));
    this.expect("pages follow from the span class", where, sizeClass === 0 ? spans.npages(s) : CLASS_TO_PAGES[sizeClass]!, spans.npages(s));
    this.expect("slots follow from the span class", where, SPAN_CLASS_TO_NELEMS[spanClass]!, spans.nelems(s));
    this.expect("the limit is where the last slot ends", where, spans.base(s) + spans.elemSize(s) * spans.nelems(s), spans.limit(s));
    const freeIndex = mem[s + SPAN.freeIndex]!;
    if (freeIndex < 0 || freeIndex > spans.nelems(s)) this.expect("freeIndex is within the span", where, `0..${spans.nelems(s)}`, freeIndex);
    this.bits(s, where);
    this.place(s, where, sizeClass);
    if (spanClass === TINY_SPAN_CLASS && mem[s + SPAN.tinyBits] !== 0) this.tiny(s, where);
  }

  /** Bits against each other and against the counts; adds to the live objects. */
  private bits(s: SpanPtr, where: string): void {
    const { mem } = this;
    const { spans, freed } = this.layers;
    const nelems = spans.nelems(s);
    const nwords = (nelems + 31) >>> 5;
    const allocBits = mem[s + SPAN.allocBits]!;
    const freedBits = mem[s + SPAN.freedBits]!;
    const tail = (nwords << 5) - nelems;
    if (tail > 0) this.expect("allocBits beyond the last slot are clear", where, 0, mem[allocBits + nwords - 1]! & (-1 << (32 - tail)));
    let dead = 0;
    for (let slot = 0; slot < nelems; slot++) {
      if (!freed.isFreed(s, slot)) continue;
      dead++;
      if (!spans.wasHandedOut(s, slot)) this.expect("a freed slot was handed out before", `${where}, slot ${slot}`, "handed out", "free");
    }
    if (tail > 0) this.expect("freed bits beyond the last slot are clear", where, 0, mem[freedBits + nwords - 1]! & (-1 << (32 - tail)));
    this.expect("freed counts the freed bits", where, dead, freedCount(mem[s + SPAN.freed]!));
    const cache = mem[s + SPAN.allocCache]!;
    const freeIndex = mem[s + SPAN.freeIndex]!;
    if (freeIndex < nelems && (freeIndex & 31) !== 0) {
      const left = nelems - (freeIndex & ~31);
      const window = (~mem[allocBits + (freeIndex >>> 5)]! & (left >= 32 ? -1 : (1 << left) - 1)) >>> (freeIndex & 31);
      this.expect("allocCache is the complement of allocBits from freeIndex on", where, window >>> 0, cache >>> 0);
    }
    const live = spans.countHandedOut(s) - dead;
    this.live[spans.spanClass(s) >> 1]! += live;
    this.objects += live;
  }

  /** A span is held by one P, on one set, or a large object on its own. */
  private place(s: SpanPtr, where: string, sizeClass: number): void {
    const { mem } = this;
    const word = mem[s + SPAN.freed]!;
    const state = freedState(word);
    const holder = mem[s + SPAN.holder]!;
    const onSet = mem[s + SPAN.onSet]!;
    if (sizeClass === 0) {
      this.expect("a large object is held by nobody", where, 0, holder);
      this.expect("a large object is on no set", where, 0, onSet);
      this.expect("a large object lives", where, "1 handed out, 0 freed", `${this.layers.spans.countHandedOut(s)} handed out, ${freedCount(word)} freed`);
      return;
    }
    if (state === FREED_HELD) {
      this.expect("a held span is on no set", where, 0, onSet);
      const cached = holder > 0 && holder <= this.layers.processors.length && mem[this.layers.processors.mcacheOf(holder - 1) + mem[s + SPAN.spanClass]!] === s;
      this.expect("a held span is in its holder's cache", where, "cached", cached ? "cached" : `holder ${holder}`);
      return;
    }
    this.expect("a span on a set is held by nobody", where, 0, holder);
    const set = (onSet - 1) % SETS;
    this.expect("a span is on the set its state says", where, state === FREED_FULL ? "full" : "partial", onSet === 0 ? "none" : set >= 2 ? "full" : "partial");
    this.expect("a span's set is one of its class", where, mem[s + SPAN.spanClass]!, Math.floor((onSet - 1) / SETS));
    const handedOut = this.layers.spans.countHandedOut(s);
    this.expect("allocCount of a span on a set is what the bits say", where, handedOut, mem[s + SPAN.allocCount]!);
    if (state === FREED_LISTED && freedCount(word) === handedOut) this.expect("an empty span goes back to the heap", where, "freed", "on a set");
  }

  private tiny(s: SpanPtr, where: string): void {
    const { u16 } = this.layers.region;
    const { spans, freed, tinyBits } = this.layers;
    for (let slot = 0; slot < spans.nelems(s); slot++) {
      const masks = tinyBits.masksOf(s, slot);
      const starts = u16[masks]!;
      const dead = u16[masks + 1]!;
      const live = spans.wasHandedOut(s, slot) && !freed.isFreed(s, slot);
      if (!live || starts === 0) {
        this.expect("a slot that is no tiny block has empty masks", `${where}, slot ${slot}`, 0, starts | dead);
      } else {
        if (dead === 0xffff) this.expect("a dead tiny block is freed", `${where}, slot ${slot}`, "freed", "live");
        if ((starts & 1) === 0) this.expect("a tiny block's first object starts at 0", `${where}, slot ${slot}`, 1, starts & 1);
      }
    }
  }

  centrals(): void {
    const { mem } = this;
    const { central } = this.layers;
    for (let spc = 0; spc < NUM_SPAN_CLASSES; spc++) {
      const c = central.recordOf(spc);
      const where = `central ${spc}`;
      this.expect("a central's lock is free", where, 0, mem[c + MCentral.offset.lock]!);
      for (let set = 0; set < SETS; set++) {
        const length = mem[c + MCentral.offset.lengths + set]!;
        let prev = 0;
        let n = 0;
        let s = mem[c + MCentral.offset.heads + set]!;
        // One more step than the length shows a list that is too long, or runs in a circle.
        for (; s !== 0 && n <= length; n++) {
          this.expect("links of a set point both ways", `${where}, set ${set}, span ${s}`, prev, mem[s + SPAN.prev]!);
          this.expect("a span knows the set it is on", `${where}, set ${set}, span ${s}`, spc * SETS + set + 1, mem[s + SPAN.onSet]!);
          prev = s;
          s = mem[s + SPAN.next]!;
        }
        this.expect("a set is as long as it says", `${where}, set ${set}`, length, n);
        this.expect("a set's tail is its last span", `${where}, set ${set}`, prev, mem[c + MCentral.offset.tails + set]!);
      }
    }
  }

  processors(): void {
    const { mem } = this;
    const { processors, cache } = this.layers;
    for (let id = 0; id < processors.length; id++) {
      if (!processors.isRunning(id)) continue;
      const c = processors.mcacheOf(id);
      for (let spc = 0; spc < NUM_SPAN_CLASSES; spc++) {
        const s = mem[c + spc]!;
        if (s === cache.emptySpan) continue;
        const where = `P ${id}, span class ${spc}`;
        this.expect("a cached span is of the class it is cached for", where, spc, mem[s + SPAN.spanClass]!);
        this.expect("a cached span is its holder's", where, id + 1, mem[s + SPAN.holder]!);
        this.expect("a cached span is in state held", where, FREED_HELD, freedState(mem[s + SPAN.freed]!));
      }
      const tiny = mem[c + MCache.offset.tiny]! >>> 0;
      if (tiny !== 0) this.expect("a tiny block is in a span of its class", `P ${id}`, TINY_SPAN_CLASS, mem[this.layers.pages.spanOf(tiny) + SPAN.spanClass]!);
    }
    const { noBits } = this.layers.spans;
    for (let i = 0; i < 32; i++) this.expect("the bits of fresh spans are never written", `word ${i}`, 0, mem[noBits + i]!);
    for (let i = 0; i < MSpan.words; i++) this.expect("the empty span is never written", `word ${i}`, 0, mem[cache.emptySpan + i]!);
  }

  counters(): void {
    const t = totals(this.layers);
    for (let sizeClass = 1; sizeClass < NUM_SIZE_CLASSES; sizeClass++) {
      this.expect("objects allocated less those freed are those that live", `size class ${sizeClass}`, this.live[sizeClass]!, t.smallAllocs[sizeClass]! - t.smallFrees[sizeClass]!);
    }
    this.expect("large objects allocated less those freed are those that live", "large", this.live[0]!, t.largeAllocs - t.largeFrees);
  }
}
