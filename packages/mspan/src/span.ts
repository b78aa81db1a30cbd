/**
 * mspan: a run of pages cut into equal slots, and the record that tells all about it.
 *
 * A span has one *holder* at a time: the mcache of a P, a set of an mcentral, or the page heap. The holder alone hands out
 * slots and touches `freeIndex`, `allocCache` and `allocBits`; any thread may read them, and any thread may free.
 *
 *     slot i was handed out  <=>  i < freeIndex  or  bit i of allocBits is set
 *     slot i is live         <=>  it was handed out and bit i of the freed bits is clear
 *
 * A fresh span borrows bits that are zero for ever; its own come into use at the first merge. Bits beyond `nelems` are never set, and never in
 * `allocCache` either, so the fast path needs no bound. A record is 128 bytes, two cache lines: what the holder writes at each allocation, and all that a marker reads, stands
 * in the first, what other threads write (freeing, listing, sweeping) in the second.
 *
 * In a collected heap nothing is freed by hand: the words behind `freedBits` are the mark bits, and the sweep writes `allocBits`.
 *
 * States: dead -> in use (published last, with `Atomics.store`, once everything else is filled in) -> dead. A reader that
 * is given an address from outside loads the state first.
 */
import { record, type Ptr, type RecordLayout } from "@mallocgc/sysmem";

/** A span record: the index of its first word. */
export type SpanPtr = Ptr & { readonly __span: never };

/** The record is free, or being filled in. */
export const SPAN_DEAD = 0;
/** The span holds objects of the collected or hand-managed heap. */
export const SPAN_IN_USE = 1;
/** The pages belong to someone who manages them by hand (Go's mSpanManual). */
export const SPAN_MANUAL = 2;

/** `freeIndexForScan` of a span in which no slot counts as marked for being new. */
export const SCAN_NEVER = 0x7fffffff;

/** Names of the states, by number. */
export const SPAN_STATE_NAMES: readonly string[] = ["dead", "in use", "manual"];

const fields = {
  startAddr: { access: "const", doc: "address of the first byte of the run" },
  elemSize: { access: "const", doc: "bytes of a slot; of the whole run for a large object" },
  nelems: { access: "const", doc: "slots in the run" },
  freeIndex: { access: "owner", doc: "slot to scan from; all slots below were handed out; equal to nelems when spent" },
  allocCache: { access: "owner", doc: "complement of 32 allocBits, shifted so that bit 0 is slot freeIndex; of its ones perhaps only the first (spans.ts)" },
  allocBits: { access: "atomic", doc: "word index of the allocation bits: set = handed out when the span was last merged; all-zero words shared by all until then" },
  needzero: { access: "owner", doc: "1 when free slots may hold old bytes" },
  spanClass: { access: "const", doc: "size class * 2 + noscan" },
  npages: { access: "const", doc: "length of the run, in pages" },
  freedBits: { access: "const", doc: "word index of the freed bits, set = dead; in a collected heap of the mark bits, set = marked" },
  ownAllocBits: { access: "owner", words: 2, doc: "the allocation bits themselves, for spans of at most 64 slots" },
  heldSince: { access: "owner", doc: "slots already handed out when the holder took the span: what it allocated is the rest" },
  divMagic: { access: "const", doc: "offset * divMagic >>> 32 is the slot (Go's division magic); 0 for a large object" },
  freeIndexForScan: { access: "owner", doc: "slots handed out at or above it count as marked in this cycle; 0x7fffffff when none do" },
  heapBits: { access: "const", doc: "word index of the heap bits, one per word of the span: it holds a pointer; 0 when there are none" },

  state: { access: "atomic", doc: "0 dead, 1 in use, 2 manual" },
  sweepgen: { access: "atomic", doc: "h-2 unswept, h-1 being swept, h swept, h+1 cached and stale, h+3 cached and swept" },
  freed: { access: "atomic", doc: "who holds the span, and how many freed slots are not yet merged (freed-bits.ts)" },
  limit: { access: "const", doc: "address after the last slot" },
  ownFreedBits: { access: "atomic", words: 2, doc: "the freed bits themselves, for spans of at most 64 slots" },
  allocCount: { access: "owner", doc: "slots handed out and not merged back, as of the last time the span was taken, merged or put back" },
  holder: { access: "owner", doc: "P id + 1 that holds the span, in its mcache or on the way there or back; 0 on a set, and for a large block in use by hand" },
  onSet: { access: "lock:central", doc: "which set of which central the span is on (span class * 4 + set + 1); 0 when on none" },
  next: { access: "lock:central", doc: "next span of the set" },
  prev: { access: "lock:central", doc: "previous span of the set" },
  tinyBits: { access: "atomic", doc: "word index of the masks of tiny blocks (tiny-bits.ts); 0 when the span has held none" },
  specials: { access: "atomic", doc: "head of the list of specials (profile samples, finalizers, cleanups, weak handles)" },
  largeType: { access: "owner", doc: "type of a large object with pointers" },
  sampled: { access: "lock:specials", doc: "by hand: bit slot % 32 is set when a slot with that remainder has a sample of the heap profile" },
  spare1: { access: "atomic", doc: "room for what the collector will need of other threads" },
} as const;

/** The layout of a span record: 32 words, aligned to a cache line. */
export const MSpan: RecordLayout<keyof typeof fields> = record("mspan", 32, fields);
