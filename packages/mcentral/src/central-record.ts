/** The record of one mcentral: a lock, four sets of spans, and the count at which a full span is offered again. */
import { record, type RecordLayout } from "@mallocgc/sysmem";

/** Sets of a central: partial and full, two of each; which of the two is the swept one follows from the heap's sweepgen. */
export const NUM_SETS = 4;
/** Index of the first of the two partial sets. */
export const PARTIAL = 0;
/** Index of the first of the two full sets. */
export const FULL = 2;

const fields = {
  lock: { access: "atomic", doc: "the central's lock" },
  heads: { access: "lock:central", words: 4, doc: "first span of each set: partial 0, partial 1, full 0, full 1" },
  tails: { access: "lock:central", words: 4, doc: "last span of each set" },
  lengths: { access: "lock:central", words: 4, doc: "number of spans in each set" },
  threshold: { access: "atomic", doc: "freed slots at which a full span moves to the partial set" },
} as const;

/** The layout of a central: one cache line, so that two span classes never share one. */
export const MCentral: RecordLayout<keyof typeof fields> = record("mcentral", 16, fields);
