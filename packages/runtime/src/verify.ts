/**
 * The verifier: walks everything and reports each broken invariant by name.
 *
 *     header        what the heap was made with; nothing was written to the zero address
 *     page heap     bitmaps against summaries, page map and figures (mheap's own verifier)
 *     scavenger     its index against the bitmaps (its own verifier)
 *     every span    record against shape, bits against counts, state against holder and set
 *     every central its lists against lengths, links and what the spans say of themselves
 *     every P       cached spans are its own, of the right class, in state held; one that no thread is holds nothing
 *     tiny blocks   masks against slots, and against the block that a P still fills
 *     specials      lists against their spans; and the heap profile against its samples
 *     counters      what was allocated less what was freed is what lives, per size class
 *
 * It is exact only while no other thread is at work: of the locks it takes only the heap's. It changes nothing. Whatever words it finds, it
 * ends: the bits of a record are read only if its shape is right, a list is followed no further than its records are span records, and after some
 * hundred reports it says no more.
 */
import { verifySpecials, type Cycle, type Specials } from "@mallocgc/gc";
import { CLASS_TO_PAGES, CLASS_TO_SIZE, NUM_SIZE_CLASSES, NUM_SPAN_CLASSES, TINY_SPAN_CLASS } from "@mallocgc/sizeclass";
import { MCache } from "@mallocgc/mcache";
import { MCentral, NUM_SETS, reuseThreshold } from "@mallocgc/mcentral";
import { PageCacheRec, SpanCacheRec } from "@mallocgc/mheap";
import {
  FREED_FULL, FREED_HELD, FREED_LISTED, MSpan, SPAN_CLASS_TO_NELEMS, SPAN_IN_USE, freedCount, freedMerges, freedState, inlineBitsBytes, type SpanPtr,
} from "@mallocgc/mspan";
import { PAGE_SIZE, WASM_PAGE_SIZE } from "@mallocgc/sysmem";
import { allSpans } from "./all-spans.ts";
import type { Collector } from "./collector.ts";
import { HEADER_PTR, HEAP_CLOSED, HEAP_OPEN, HeapHeader, LAYOUT_VERSION, MAGIC } from "./header.ts";
import { heapFingerprint, isCollected, type Layers } from "./layers.ts";
import { P_ATTACHING, P_FREE, P_RUNNING } from "./processor.ts";
import { readAllocs, readFrees } from "./totals.ts";
import { verifyCollected } from "./verify-collected.ts";
import { ProfileState } from "./profile/profile-record.ts";
import { verifyProfile } from "./profile/verify-profile.ts";

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
const CACHE = MCache.offset;
const HEADER = HeapHeader.offset;
const SETS = NUM_SETS;
/** More reports than this would only repeat what the first ones say. */
const MAX_REPORTS = 500;
/** A lock that has one and the same holder for so long is not just being used. */
const LOCK_PATIENCE_MS = 100;
/** The driver's seat is left within milliseconds of processor time, of which a busy machine may give a thread few. */
const SEAT_PATIENCE_MS = 2000;

/** Walks the heap that `layers` belong to. */
export function verifyHeap(layers: Layers, collector?: Collector): VerifyReport {
  const start = performance.now();
  const walk = new Walk(layers);
  // Whoever gives pages back in the background sits there: not while they are counted.
  const seated = collector !== undefined && takeSeat(collector.cycle);
  try {
    walk.header();
    walk.pages();
    walk.spans();
    walk.centrals();
    walk.processors();
    walk.counters();
    walk.profile(collector?.specials ?? layers.samples!);
    if (collector !== undefined) verifyCollected(layers, collector, (...report) => { walk.expect(...report); });
  } finally {
    if (seated) collector.cycle.stopDriving();
  }
  return { ok: walk.broken.length === 0, broken: walk.broken, spans: walk.spanCount, objects: walk.objects, ms: performance.now() - start };
}

/** Takes the driver's seat if it is to be had soon; a thread that has died in it must not keep the rest from being looked at. */
function takeSeat(cycle: Cycle): boolean {
  const end = performance.now() + SEAT_PATIENCE_MS;
  while (!cycle.tryDrive()) if (performance.now() >= end) return false;
  return true;
}

class Walk {
  readonly broken: BrokenInvariant[] = [];
  spanCount = 0;
  objects = 0;
  private largeBytes = 0;
  /** Whether what the Ps have cached can be counted: every span of it is a record. */
  private countable = true;
  private readonly live: number[] = new Array<number>(NUM_SIZE_CLASSES).fill(0);
  private readonly layers: Layers;
  private readonly mem: Int32Array;
  private readonly collected: boolean;
  /** The tiny blocks that Ps still fill. */
  private readonly currentTiny: ReadonlySet<number>;

  constructor(layers: Layers) {
    const { processors } = layers;
    this.layers = layers;
    this.mem = layers.region.i32;
    this.collected = isCollected(layers.config);
    this.currentTiny = new Set(Array.from({ length: processors.length }, (_, id) => this.mem[processors.mcacheOf(id) + CACHE.tiny]! >>> 0));
  }

  expect(invariant: string, where: string, expected: number | string, got: number | string): void {
    if (expected !== got && this.broken.length < MAX_REPORTS) this.broken.push({ invariant, where, expected, got });
  }

  header(): void {
    const { mem } = this;
    const { config, plan } = this.layers;
    const word = (field: keyof typeof HEADER, value: number): void =>
      this.expect("the header says what the heap was made with", field, value, mem[HEADER_PTR + HEADER[field]]!);
    word("magic", MAGIC);
    word("version", LAYOUT_VERSION);
    word("fingerprint", heapFingerprint(plan));
    word("wasmPages", config.maxBytes / WASM_PAGE_SIZE);
    word("maxThreads", config.maxThreads);
    word("chunkPages", config.chunkPages);
    const state = mem[HEADER_PTR + HEADER.state]!;
    if (state !== HEAP_OPEN && state !== HEAP_CLOSED) this.expect("a heap is open or closed", "header", "1 or 2", state);
    for (let i = 0; i < 2; i++) this.expect("nothing is written to the zero address", `word ${i}`, 0, mem[HEADER_PTR + HEADER.zero + i]!);
  }

  /** Whether the lock is free or changes hands: another thread may just be using it. If not, its holder has died, and to take it would be to wait in vain. */
  private lockIsFree(where: string, word: number): boolean {
    const holder = Atomics.load(this.mem, word);
    const end = performance.now() + LOCK_PATIENCE_MS;
    let now = holder;
    while (now !== 0 && now === holder && performance.now() < end) now = Atomics.load(this.mem, word);
    if (now === 0 || now !== holder) return true;
    this.expect("a lock is free", where, 0, holder);
    return false;
  }

  pages(): void {
    const { pages, processors, scavenging } = this.layers;
    if (!this.lockIsFree("heap lock", pages.lockWord)) return;
    for (const { invariant, where, expected, got } of pages.verifyPages(processors.caches())) this.expect(invariant, where, expected, got);
    for (const wrong of scavenging.scavenger.verify()) this.expect("the scavenge index says what the bitmaps say", "scavenger", "nothing wrong", wrong);
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
    const reports = this.broken.length;
    this.expect("slot size follows from the span class", where, sizeClass === 0 ? nbytes : CLASS_TO_SIZE[sizeClass]!, spans.elemSize(s));
    this.expect("pages follow from the span class", where, sizeClass === 0 ? spans.npages(s) : CLASS_TO_PAGES[sizeClass]!, spans.npages(s));
    this.expect("slots follow from the span class", where, SPAN_CLASS_TO_NELEMS[spanClass]!, spans.nelems(s));
    this.expect("the limit is where the last slot ends", where, spans.base(s) + spans.elemSize(s) * spans.nelems(s), spans.limit(s));
    const freeIndex = mem[s + SPAN.freeIndex]!;
    if (freeIndex < 0 || freeIndex > spans.nelems(s)) this.expect("freeIndex is within the span", where, `0..${spans.nelems(s)}`, freeIndex);
    const inline = sizeClass === 0 ? 0 : inlineBitsBytes(CLASS_TO_SIZE[sizeClass]!);
    this.expect("freed bits are where the span class says", where, inline === 0 ? s + SPAN.ownFreedBits : (spans.base(s) + nbytes - inline / 2) / 4, mem[s + SPAN.freedBits]!);
    const allocBits = mem[s + SPAN.allocBits]!;
    if (allocBits !== spans.noBits) this.expect("allocBits are the span's own, or those that all fresh spans share", where, spans.ownAllocBits(s), allocBits);
    // The bits cannot be read by a record of the wrong shape.
    if (this.broken.length > reports) return;
    this.bits(s, where);
    this.place(s, where, sizeClass);
    this.tiny(s, where, spanClass);
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
    // In a collected heap these bits are marks, and verify-collected.ts looks at them.
    for (let slot = 0; slot < nelems && !this.collected; slot++) {
      if (!freed.isFreed(s, slot)) continue;
      dead++;
      if (!spans.wasHandedOut(s, slot)) this.expect("a freed slot was handed out before", `${where}, slot ${slot}`, "handed out", "free");
    }
    if (tail > 0) this.expect("freed bits beyond the last slot are clear", where, 0, mem[freedBits + nwords - 1]! & (-1 << (32 - tail)));
    this.expect("freed counts the freed bits", where, dead, freedCount(mem[s + SPAN.freed]!));
    const freeIndex = mem[s + SPAN.freeIndex]!;
    const left = nelems - (freeIndex & ~31);
    // At the end of a window the cache is spent, until the next one is looked for.
    const spent = left === 0 || (freeIndex > 0 && (freeIndex & 31) === 0);
    const window = spent ? 0 : (~mem[allocBits + (freeIndex >>> 5)]! & (left >= 32 ? -1 : (1 << left) - 1)) >>> (freeIndex & 31);
    // Of these it may have only the first: the window was cut where the heap profile takes a sample.
    const cache = mem[s + SPAN.allocCache]!;
    this.expect("allocCache has the first slots that are free from freeIndex on", where, (cache === 0 ? 0 : window & (-1 >>> Math.clz32(cache))) >>> 0, cache >>> 0);
    const needzero = mem[s + SPAN.needzero]!;
    if (needzero !== 0) this.expect("needzero is 0 or 1", where, 1, needzero);
    const live = spans.countHandedOut(s) - dead;
    this.live[spans.spanClass(s) >> 1]! += live;
    this.objects += live;
    if (spans.spanClass(s) < 2) this.largeBytes += live * spans.elemSize(s);
  }

  /** A span is held by one P, on one set, or a large object on its own. */
  private place(s: SpanPtr, where: string, sizeClass: number): void {
    const { mem } = this;
    const word = mem[s + SPAN.freed]!;
    const state = freedState(word);
    const holder = mem[s + SPAN.holder]!;
    const onSet = mem[s + SPAN.onSet]!;
    this.expect("no merge is at work", where, 0, freedMerges(word) & 1);
    const large = sizeClass === 0 && !this.collected;
    const sweepgen = mem[this.layers.spans.heapSweepgen]! + (state === FREED_HELD && !large ? 3 : 0);
    // Of a span that is not swept in this cycle yet, it is 2 less.
    const unswept = this.collected && mem[s + SPAN.sweepgen] === sweepgen - 2;
    this.expect("sweepgen says whether a span is cached", where, unswept ? sweepgen - 2 : sweepgen, mem[s + SPAN.sweepgen]!);
    if (onSet === 0) this.expect("a span on no set has no links", where, "0, 0", `${mem[s + SPAN.next]!}, ${mem[s + SPAN.prev]!}`);
    if (large) {
      this.expect("a large object is held by nobody", where, 0, holder);
      this.expect("a large object is on no set", where, 0, onSet);
      this.expect("a large object lives", where, "1 handed out, 0 freed", `${this.layers.spans.countHandedOut(s)} handed out, ${freedCount(word)} freed`);
      return;
    }
    if (state === FREED_HELD) {
      this.expect("a held span is on no set", where, 0, onSet);
      const handedOut = this.layers.spans.countHandedOut(s);
      if (handedOut < mem[s + SPAN.heldSince]!) this.expect("a held span has handed out no less than when it was taken", where, mem[s + SPAN.heldSince]!, handedOut);
      const cached = holder > 0 && holder <= this.layers.processors.length && mem[this.layers.processors.mcacheOf(holder - 1) + mem[s + SPAN.spanClass]!] === s;
      this.expect("a held span is in its holder's cache", where, "cached", cached ? "cached" : `holder ${holder}`);
      return;
    }
    if (state !== FREED_FULL && state !== FREED_LISTED) this.expect("a span is held, full or listed", where, "1..3", word);
    this.expect("a span on a set is held by nobody", where, 0, holder);
    const set = (onSet - 1) % SETS;
    this.expect("a span is on the set its state says", where, state === FREED_FULL ? "full" : "partial", onSet === 0 ? "none" : set >= 2 ? "full" : "partial");
    this.expect("a span's set is one of its class", where, mem[s + SPAN.spanClass]!, Math.floor((onSet - 1) / SETS));
    const handedOut = this.layers.spans.countHandedOut(s);
    this.expect("allocCount of a span on a set is what the bits say", where, handedOut, mem[s + SPAN.allocCount]!);
    if (state === FREED_LISTED && freedCount(word) === handedOut) this.expect("an empty span goes back to the heap", where, "freed", "on a set");
  }

  private tiny(s: SpanPtr, where: string, spanClass: number): void {
    const block = this.mem[s + SPAN.tinyBits]!;
    if (block === 0) return;
    this.expect("only a span of tiny blocks has their masks", where, TINY_SPAN_CLASS, spanClass);
    if (!this.isRecord(block)) {
      this.expect("masks of tiny blocks are a record", where, "a word of the persistent end", block);
      return;
    }
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
        const open = this.currentTiny.has(spans.slotAddr(s, slot));
        this.expect("where no tiny object starts counts as freed, once nobody fills the block", `${where}, slot ${slot}`, open ? 0 : 0xffff & ~starts, dead & ~starts);
      }
    }
  }

  /** Whether a word can be a record of the persistent end: only there are span records, and masks of tiny blocks. */
  private isRecord(ptr: number): boolean {
    return ptr >= this.layers.pages.frontier.persistentStart * (PAGE_SIZE / 4) && ptr + MSpan.words <= this.mem.length;
  }

  centrals(): void {
    const { mem } = this;
    const { central } = this.layers;
    for (let spc = 0; spc < NUM_SPAN_CLASSES; spc++) {
      const c = central.recordOf(spc);
      const where = `central ${spc}`;
      this.lockIsFree(`${where}, lock`, c + MCentral.offset.lock);
      const threshold = mem[c + MCentral.offset.threshold]!;
      if (threshold !== 1) this.expect("a central's threshold is an eighth of the slots, or 1", where, reuseThreshold(SPAN_CLASS_TO_NELEMS[spc]!), threshold);
      for (let set = 0; set < SETS; set++) {
        const length = mem[c + MCentral.offset.lengths + set]!;
        let prev = 0;
        let n = 0;
        let s = mem[c + MCentral.offset.heads + set]!;
        // One more step than the length shows a list that is too long, or runs in a circle.
        for (; s !== 0 && n <= length; n++) {
          if (!this.isRecord(s)) {
            this.expect("a set consists of span records", `${where}, set ${set}`, "a span record", s);
            break;
          }
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
      const c = processors.mcacheOf(id);
      const state = mem[processors.recordOf(id)]!;
      if (state !== P_FREE && state !== P_RUNNING && state !== P_ATTACHING) this.expect("a P is free, attaching or running", `P ${id}`, "0..2", state);
      if (state !== P_RUNNING) {
        const held = this.heldBy(id);
        this.expect("a P that no thread is holds nothing", `P ${id}`, 0, held);
        if (held > 0) this.countable = false;
        continue;
      }
      this.expect("a cache knows whose it is", `P ${id}`, id + 1, mem[c + CACHE.owner]!);
      for (let spc = 0; spc < NUM_SPAN_CLASSES; spc++) {
        const s = mem[c + CACHE.alloc + spc]!;
        if (s === cache.emptySpan) continue;
        const where = `P ${id}, span class ${spc}`;
        if (!this.isRecord(s)) {
          this.expect("a cached span is a span record", where, "a span record", s);
          this.countable = false;
          continue;
        }
        this.expect("a cached span is of the class it is cached for", where, spc, mem[s + SPAN.spanClass]!);
        this.expect("a cached span is its holder's", where, id + 1, mem[s + SPAN.holder]!);
        this.expect("a cached span is in state held", where, FREED_HELD, freedState(mem[s + SPAN.freed]!));
      }
      this.tinyOf(id, c);
    }
    const { noBits } = this.layers.spans;
    for (let i = 0; i < 32; i++) this.expect("the bits of fresh spans are never written", `word ${i}`, 0, mem[noBits + i]!);
    for (let i = 0; i < MSpan.words; i++) this.expect("the empty span is never written", `word ${i}`, 0, mem[cache.emptySpan + i]!);
  }

  /** Words of a P's record that refer to something: spans, the tiny block, pages, span records. */
  private heldBy(id: number): number {
    const { mem } = this;
    const { processors, cache } = this.layers;
    const c = processors.mcacheOf(id);
    let n = 0;
    for (let spc = 0; spc < NUM_SPAN_CLASSES; spc++) {
      const s = mem[c + CACHE.alloc + spc]!;
      if (s !== 0 && s !== cache.emptySpan) n++;
    }
    const pageCache = processors.pageCacheOf(id) + PageCacheRec.offset.free;
    const spanCache = processors.spanCacheOf(id);
    const words = [c + CACHE.tiny, pageCache, pageCache + 1, spanCache + SpanCacheRec.offset.len, spanCache + SpanCacheRec.offset.freedLen];
    for (const word of words) if (mem[word] !== 0) n++;
    return n;
  }

  /** The tiny block that a P fills. */
  private tinyOf(id: number, c: number): void {
    const { mem } = this;
    const { pages, spans, tinyBits, region } = this.layers;
    const tiny = mem[c + CACHE.tiny]! >>> 0;
    const where = `P ${id}`;
    const used = mem[c + CACHE.tinyOffset]!;
    if (tiny === 0) {
      this.expect("without a tiny block nothing of it is used", where, 0, used);
      return;
    }
    const s = pages.spanOf(tiny);
    this.expect("a tiny block is in a span of its class", where, TINY_SPAN_CLASS, mem[s + SPAN.spanClass]!);
    if (s === 0 || mem[s + SPAN.spanClass] !== TINY_SPAN_CLASS) return;
    const slot = spans.slotOf(s, tiny);
    this.expect("a tiny block is a slot", where, spans.slotAddr(s, slot), tiny);
    if (this.collected) {
      if (used < 1 || used > 16) this.expect("a tiny block is used in part", where, "1..16", used);
      return;
    }
    this.expect("the masks of a tiny block are those of its slot", where, tinyBits.masksOf(s, slot), mem[c + CACHE.tinyMasks]!);
    const last = 31 - Math.clz32(region.u16[tinyBits.masksOf(s, slot)]!);
    if (used <= last || used > 15) this.expect("a tiny block is used up to behind its last object", where, `${last + 1}..15`, used);
  }

  /** Specials, and what the heap profile has counted of them. */
  profile(specials: Specials): void {
    const { region, plan, profiler } = this.layers;
    const broken = verifySpecials(region.i32, specials, allSpans(this.layers));
    for (const what of broken) this.expect("specials", what, "whole", "broken");
    if (broken.length > 0 || !this.lockIsFree("profile lock", plan.at("profile") + ProfileState.offset.lock)) return;
    for (const what of verifyProfile(region.i32, profiler, allSpans(this.layers))) this.expect("heap profile", what, "whole", "broken");
  }

  counters(): void {
    if (!this.countable) return;
    const allocs = readAllocs(this.layers);
    const frees = readFrees(this.layers);
    for (let sizeClass = 1; sizeClass < NUM_SIZE_CLASSES; sizeClass++) {
      this.expect("objects allocated less those freed are those that live", `size class ${sizeClass}`, this.live[sizeClass]!, allocs.small[sizeClass]! - frees.small[sizeClass]!);
    }
    this.expect("large objects allocated less those freed are those that live", "large", this.live[0]!, allocs.large - frees.large);
    this.expect("and so are their bytes", "large", this.largeBytes, allocs.largeBytes - frees.largeBytes);
  }
}
