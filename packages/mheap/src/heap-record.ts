/**
 * The words of the page heap in the region: its own record, and the part of a P's record that holds span records and freed spans.
 *
 *      mheap   line 0      the lock, alone: waiting threads disturb nobody
 *              line 1, 2   what the lock guards
 *              line 3      figures that every P writes without the lock
 */
import { FixAllocRecord, FrontierRecord, PersistentAllocRecord, record, type RecordLayout } from "@mallocgc/sysmem";

/** Span records that a P keeps at hand, at most. */
export const SPAN_CACHE_SIZE = 128;
/** Freed spans that a P keeps before it gives their pages back, at most; it gives them back earlier if they have 64 pages in all. */
export const FREED_SPANS_SIZE = 16;

/** Layout of what a P holds of spans; it is part of the P's record. All zero is nothing. */
export const SpanCacheRec: RecordLayout<"len" | "spans" | "freedLen" | "freedPages" | "freed"> = record("spanCache", 3 + SPAN_CACHE_SIZE + FREED_SPANS_SIZE, {
  len: { access: "owner", doc: "free span records in `spans`" },
  spans: { access: "owner", words: SPAN_CACHE_SIZE, doc: "free span records, the last one is handed out first" },
  freedLen: { access: "owner", doc: "spans in `freed`" },
  freedPages: { access: "owner", doc: "pages of all of them" },
  freed: { access: "owner", words: FREED_SPANS_SIZE, doc: "dead spans whose pages are still allocated in the bitmaps" },
});

/** Layout of the page heap's own record. */
export const MHeap: RecordLayout<
  | "lock" | "lockLine"
  | "searchAddr" | "pagesMapped" | "scavenging" | "frontier" | "persistent" | "spanRecords" | "tinyBlocks" | "guardedLine"
  | "pagesInUse" | "pagesReleased" | "figuresLine"
> = record("mheap", 64, {
  lock: { access: "atomic", doc: "the heap lock" },
  lockLine: { access: "const", words: 15, doc: "padding: waiting threads disturb nobody" },

  searchAddr: { access: "lock:heap", doc: "no page below this one is free" },
  pagesMapped: { access: "lock:heap", doc: "pages that the heap has grown by: HeapSys" },
  scavenging: { access: "lock:heap", doc: "idle pages that the operating system is taking back at this moment" },
  frontier: { access: "lock:heap", words: FrontierRecord.words, doc: "the heap's end and persistentalloc's" },
  persistent: { access: "lock:heap", words: PersistentAllocRecord.words, doc: "persistentalloc" },
  spanRecords: { access: "lock:heap", words: FixAllocRecord.words, doc: "the fixalloc of span records" },
  tinyBlocks: { access: "lock:heap", words: FixAllocRecord.words, doc: "the fixalloc of the side blocks of spans that hold tiny objects" },
  guardedLine: { access: "const", words: 29 - FrontierRecord.words - PersistentAllocRecord.words - 2 * FixAllocRecord.words, doc: "padding" },

  pagesInUse: { access: "atomic", doc: "pages in spans: HeapInuse" },
  pagesReleased: { access: "atomic", doc: "idle pages that are with the operating system: HeapReleased" },
  figuresLine: { access: "const", words: 14, doc: "padding" },
});
