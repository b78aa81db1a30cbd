/**
 * The work of marking, as records in the region: what a marker has in hand, and the lists through which markers share.
 *
 *      WorkRecord            one for each P: where the page map and the lists are, counters, and areas that the kernel works in
 *      WorkLists             one for each heap: full and empty work buffers, and whether work was lost for want of a buffer
 *      work buffer           2048 bytes: next, n, then 510 entries
 *      DeferredPointers      one for a background thread of a large heap: what it has found and marks later, in the order of addresses
 *
 *      | header, counters | compress | batch | others | resolved | queue | found | stack | lanes, hits, white |        a WorkRecord: 40 KiB
 *
 * An entry is the address of a grey object (marked, and not scanned yet); or, with bit 0 set, an address inside a large one, from which to go on.
 * `stack` holds up to 4096 entries; a step of the kernel begins with room for 2560, and makes it by handing the oldest to the full list. So the stack
 * of a marker is in its record between two calls, and another thread can take it over; `busy` says that a call was under way, in which case what the kernel
 * held in its hands is lost, and all marked objects have to be scanned again.
 *
 * The kernels know these offsets as constants (kernel/layout.ts).
 */
import { record, type RecordLayout } from "@mallocgc/sysmem";

/** Bytes of a work buffer, as in Go. */
export const WORK_BUF_BYTES = 2048;
/** Bytes asked for at once to be made into work buffers, as in Go. */
export const WORK_BUF_ALLOC: number = 32 << 10;

const listFields = {
  full: { access: "atomic", words: 2, doc: "first buffer with entries, as a word index, and a tag that each change adds 1 to" },
  overflow: { access: "atomic", doc: "1 when entries were dropped because there was no buffer for them" },
  line0: { access: "const", words: 13, doc: "padding" },
  empty: { access: "atomic", words: 2, doc: "first buffer without entries, and a tag" },
  line1: { access: "const", words: 14, doc: "padding" },
} as const;

/** The lists that all markers of a heap share; each on a cache line of its own. */
export const WorkLists: RecordLayout<keyof typeof listFields> = record("gcWorkLists", 32, listFields);

const workFields = {
  lists: { access: "const", doc: "word index of the heap's lists" },
  pageMap: { access: "const", doc: "word index of the page map" },
  mapPages: { access: "const", doc: "pages in the page map: addresses beyond lead nowhere" },
  exclusive: { access: "owner", doc: "1 when no other marker can be at work: marks are set by plain stores" },
  mayDrop: { access: "owner", doc: "1 when there is no memory for more buffers: entries without a buffer are dropped" },
  n: { access: "owner", doc: "entries on the stack" },
  busy: { access: "owner", doc: "1 while the kernel drains" },
  touched: { access: "owner", doc: "what was read only to be in the cache; of no meaning" },
  scanWork: { access: "owner", words: 2, doc: "bytes scanned so far, up to the last pointer of each object, as a float64" },
  markedBytes: { access: "owner", words: 2, doc: "bytes of slots marked so far, as a float64" },
  markedObjects: { access: "owner", words: 2, doc: "objects marked so far, as a float64" },
  badPointers: { access: "owner", doc: "pointers met that lead to no span in use, or to no slot of it" },
  lastBad: { access: "owner", doc: "the last of them" },
  compress: { access: "const", words: 64, doc: "for each set of four words, the shuffle that moves them to the front" },
  batch: { access: "owner", words: 192, doc: "the batch: object, span, heap bits" },
  others: { access: "owner", words: 64, doc: "entries of the batch whose map is a type" },
  resolved: { access: "owner", words: 512, doc: "pointers that are resolved: object, mark word, bit, size" },
  queue: { access: "owner", words: 2224, doc: "addresses in the span that is visited, found but not looked at" },
  found: { access: "owner", words: 2576, doc: "pointers found but not resolved" },
  stack: { access: "owner", words: 4112, doc: "entries, and room for one store beyond" },
  lanes: { access: "const", words: 4, doc: "1, 2, 4, 8: the heap bit of each of four words" },
  deferred: { access: "owner", doc: "byte address of its DeferredPointers; 0 when it has none" },
  trash: { access: "owner", words: 11, doc: "padding; its last byte is the hit of what points out of the span" },
  hits: { access: "owner", words: 256, doc: "a byte for each slot of the span that is passed over: 0xff when something points at it. Zero between two calls" },
  white: { access: "owner", words: 256, doc: "a byte for each slot: 0xff when it is neither marked nor scanned" },
} as const;

const deferredFields = {
  n: { access: "owner", doc: "pointers that wait to be sorted" },
  at: { access: "owner", doc: "byte address of the next sorted one to be marked" },
  end: { access: "owner", doc: "where the sorted ones end" },
  line0: { access: "const", words: 13, doc: "padding" },
  counts: { access: "owner", words: 1024, doc: "of each bucket while it sorts" },
  off: { access: "owner", words: 131_088, doc: "pointers that wait, in the order found: 128 Ki, and room for one store beyond" },
  sorted: { access: "owner", words: 131_088, doc: "pointers in the order of addresses: as many" },
} as const;

/** A marker's area for pointers that are put off (kernel/deferred.ts): 1 MiB, which only background threads of large heaps have. */
export const DeferredPointers: RecordLayout<keyof typeof deferredFields> = record("gcDeferred", 263_216, deferredFields);

/** The layout of what a marker has: whole cache lines. */
export const WorkRecord: RecordLayout<keyof typeof workFields> = record("gcWork", 10288, workFields);
