/**
 * The page heap's own record in the region.
 *
 *      mheap   line 0      the lock, alone: waiting threads disturb nobody
 *              line 1, 2   what the lock guards
 */
import { FixAllocRecord, FrontierRecord, PersistentAllocRecord, record, type RecordLayout } from "@mallocgc/sysmem";

/** Layout of the page heap's own record. */
export const MHeap: RecordLayout<
  | "lock" | "lockLine"
  | "searchAddr" | "pagesMapped" | "pagesFree" | "pagesReleased" | "scavenging" | "frontier" | "persistent" | "spanRecords" | "tinyBlocks" | "guardedLine"
> = record("mheap", 48, {
  lock: { access: "atomic", doc: "the heap lock" },
  lockLine: { access: "const", words: 15, doc: "padding: waiting threads disturb nobody" },

  searchAddr: { access: "lock:heap", doc: "no page below this one is free" },
  pagesMapped: { access: "lock:heap", doc: "pages that the heap has grown by: HeapSys" },
  pagesFree: { access: "lock:heap", doc: "free pages in the bitmaps" },
  pagesReleased: { access: "lock:heap", doc: "scavenged pages in the bitmaps; with those in page caches: HeapReleased" },
  scavenging: { access: "lock:heap", doc: "idle pages that the operating system is taking back at this moment" },
  frontier: { access: "lock:heap", words: FrontierRecord.words, doc: "the heap's end and persistentalloc's" },
  persistent: { access: "lock:heap", words: PersistentAllocRecord.words, doc: "persistentalloc" },
  spanRecords: { access: "lock:heap", words: FixAllocRecord.words, doc: "the fixalloc of span records" },
  tinyBlocks: { access: "lock:heap", words: FixAllocRecord.words, doc: "the fixalloc of the side blocks of spans that hold tiny objects" },
  guardedLine: { access: "const", words: 27 - FrontierRecord.words - PersistentAllocRecord.words - 2 * FixAllocRecord.words, doc: "padding" },
});
