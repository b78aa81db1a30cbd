/**
 * The region's header: what a thread must know to attach, written before any other thread can see the region.
 *
 * It stands at word 16, so that address 0 stays nil. The words of `zero` are the shared zero address: what an allocation of no bytes gets.
 */
import { record, type Ptr, type RecordLayout, type TableSpec } from "@mallocgc/sysmem";

/** "mgc1", the first word of every heap. */
export const MAGIC = 0x3163676d;
/** Raised whenever a record or table of the region changes its meaning. */
export const LAYOUT_VERSION = 3;

/** The heap takes threads. */
export const HEAP_OPEN = 1;
/** The heap takes no more threads. */
export const HEAP_CLOSED = 2;

/** In `flags`: objects are collected, not freed by hand. */
export const FLAG_COLLECTED = 1;
/** In `flags`: accessors and views check their refs, values and turns. */
export const FLAG_CHECKS = 2;
/** In `flags`: after each cycle's marking a second, plain mark looks for what it missed. */
export const FLAG_CHECK_MARK = 4;
/** In `flags`: the sweep fills dead objects with 0xdeadbeef. */
export const FLAG_CLOBBER_FREE = 8;

const fields = {
  magic: { access: "const", doc: "0x3163676d" },
  version: { access: "const", doc: "layout version" },
  fingerprint: { access: "const", doc: "hash of the places and sizes of all tables" },
  wasmPages: { access: "const", doc: "size of the region, in 64 KiB pages" },
  maxThreads: { access: "const", doc: "records in the P table" },
  chunkPages: { access: "const", doc: "pages in a palloc chunk" },
  state: { access: "atomic", doc: "1 open, 2 closed" },
  flags: { access: "const", doc: "1 collected, 2 checks, 4 gccheckmark, 8 clobberfree" },
  typeLock: { access: "atomic", doc: "the types lock" },
  typeList: { access: "atomic", doc: "the newest type record; each leads to the one before" },
  memoryLimit: { access: "owner", words: 2, doc: "soft limit in bytes, as float64, Infinity: none; by whoever sets it, one store" },
  spare: { access: "const", words: 2, doc: "room for what comes" },
  zero: { access: "const", words: 2, doc: "where allocations of no bytes point" },
} as const;

/** The layout of the header. */
export const HeapHeader: RecordLayout<keyof typeof fields> = record("header", 16, fields);

/** Where the header stands: byte 64. */
export const HEADER_PTR: Ptr = 16 as Ptr;

/** The header's table. The region plan starts at byte 64, so it comes first and lands there. */
export function headerTables(): TableSpec[] {
  return [{ name: "header", bytes: HeapHeader.words * 4, align: 64, doc: "what a thread must know to attach" }];
}
