/** The record of an mcache: what a P allocates from, and what it has counted. Part of the P's record; only the P writes it. */
import { NUM_SIZE_CLASSES, NUM_SPAN_CLASSES } from "@mallocgc/sizeclass";
import { record, type RecordLayout } from "@mallocgc/sysmem";

/** The layout of an mcache: aligned to a cache line, float64 fields on even words. */
export const MCache: RecordLayout<
  | "alloc" | "tiny" | "tinyOffset" | "tinyMasks" | "owner" | "black" | "blackGen" | "memProfileRate" | "spare"
  | "smallAllocs" | "smallFrees" | "tinyAllocs" | "largeAllocs" | "largeAllocBytes" | "largeFrees" | "largeFreeBytes" | "countSeq" | "nextSample"
> = record("mcache", 576, {
  alloc: { access: "owner", words: NUM_SPAN_CLASSES, doc: "the span to allocate from, per span class; the empty span when there is none" },
  tiny: { access: "owner", doc: "address of the current tiny block; 0 when there is none" },
  tinyOffset: { access: "owner", doc: "bytes of it handed out" },
  tinyMasks: { access: "owner", doc: "its masks, as an index of 16-bit halves (tiny-bits.ts of mspan)" },
  owner: { access: "const", doc: "P id + 1, as written into the holder word of a span" },
  black: { access: "owner", doc: "1 while what this P allocates counts as marked: from its ack of ARM to its ack of SWEEP" },
  blackGen: { access: "owner", doc: "the heap's sweepgen when this P turned black: spans of this generation are concerned" },
  memProfileRate: { access: "owner", doc: "the rate that nextSample was drawn for; -1: none yet" },
  spare: { access: "owner", doc: "padding" },
  smallAllocs: { access: "owner", words: 2 * NUM_SIZE_CLASSES, doc: "objects allocated per size class, as float64; of spans given back or merged" },
  smallFrees: { access: "owner", words: 2 * NUM_SIZE_CLASSES, doc: "objects freed per size class, as float64" },
  tinyAllocs: { access: "owner", words: 2, doc: "tiny objects put into a block that was already there, as float64" },
  largeAllocs: { access: "owner", words: 2, doc: "large objects allocated, as float64" },
  largeAllocBytes: { access: "owner", words: 2, doc: "their bytes, in whole pages, as float64" },
  largeFrees: { access: "owner", words: 2, doc: "large objects freed, as float64" },
  largeFreeBytes: { access: "owner", words: 2, doc: "their bytes, as float64" },
  countSeq: { access: "atomic", doc: "odd while this P moves allocations from a cached span to `smallAllocs`: who reads both meanwhile reads again" },
  nextSample: { access: "owner", words: NUM_SPAN_CLASSES, doc: "bytes to the next sample of the heap profile, per span class (next-sample.ts)" },
});
