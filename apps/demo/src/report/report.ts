/**
 * The report: what `--json` writes, and what the text report is made from. Each name with its unit.
 *
 * Go's words: a heap is *in use* where a span covers it, *allocated* where a live object does. What the index asked for is
 * less again, since each request is rounded up to a size class.
 */
import type { NamedCount } from "../index/inverted-index.ts";

/** One size class with live spans; class 0 is large objects, which have whole spans to themselves. */
export interface SizeClassLine {
  readonly sizeClass: number;
  /** Bytes of a slot; 0 for class 0. */
  readonly size: number;
  /** Live objects. */
  readonly objects: number;
  readonly spans: number;
  /** Bytes of the spans. */
  readonly bytes: number;
  /** The part of `bytes` that no live object covers, in per cent. */
  readonly wastePercent: number;
}

/** Where the bytes of the heap in use go. */
export interface Fragmentation {
  /** Bytes that the index asked for and has not freed. */
  readonly askedBytes: number;
  /** Bytes of the slots that these live in (`HeapAlloc`). */
  readonly slotBytes: number;
  /** Bytes of the spans that these slots lie in (`HeapInuse`). */
  readonly spanBytes: number;
  /** Lost inside slots: 100 * (1 - asked / slots). */
  readonly internalPercent: number;
  /** Lost between slots: 100 * (1 - slots / spans). */
  readonly externalPercent: number;
}

/** What one worker did. */
export interface WorkerLine {
  /** From 1. */
  readonly worker: number;
  readonly files: number;
  readonly bytesRead: number;
  /** Wall time between its first and its last file. */
  readonly seconds: number;
  /** Millions of bytes per second. */
  readonly mbPerSec: number;
  readonly mallocs: number;
  readonly frees: number;
}

/** A query and its answer. */
export interface QueryLine {
  readonly term: string;
  /** Document frequency. */
  readonly files: number;
  readonly occurrences: number;
  readonly top: readonly NamedCount[];
  /** Microseconds inside the worker, names of the top files included. */
  readonly micros: number;
  /** The worker that answered, from 1. */
  readonly worker: number;
  /** Whether counting in one thread gave the same; null when it was not checked (only `--once` does). */
  readonly correct: boolean | null;
}

/** The finished index and the heap that holds it. */
export interface IndexReport {
  /** Files in the index. */
  readonly files: number;
  /** Files listed, but not text, too large, or unreadable. */
  readonly skippedFiles: number;
  /** Distinct terms. */
  readonly terms: number;
  /** Pairs of a term and a file that holds it. */
  readonly postings: number;
  /** All occurrences of all terms. */
  readonly occurrences: number;
  readonly workers: number;
  /** Size of the shared heap's region. */
  readonly maxBytes: number;
  /** Bytes of text. */
  readonly bytesRead: number;
  /** Bytes of spans in use (`HeapInuse`). */
  readonly bytesInUse: number;
  /** Bytes of live objects (`HeapAlloc`). */
  readonly bytesAllocated: number;
  /** Live objects (`HeapObjects`; blocks below 16 bytes share one). */
  readonly objects: number;
  /** Blocks that the index asked for, and those it outgrew and freed on the way. */
  readonly mallocs: number;
  readonly frees: number;
  /** Wall time of indexing, all workers. */
  readonly seconds: number;
  /** Millions of bytes of text per second and worker: bytesRead / seconds / workers. */
  readonly mbPerSecPerWorker: number;
  readonly perWorker: readonly WorkerLine[];
  readonly sizeClasses: readonly SizeClassLine[];
  readonly fragmentation: Fragmentation;
  /** Resident bytes of the process with heap and workers there, nothing indexed. */
  readonly rssBefore: number;
  /** Resident bytes with the index finished. */
  readonly rssIndexed: number;
  /** What the heap said when it was too small for all files; null when it was not. */
  readonly exhausted: string | null;
}

/** The heap once everything is freed. */
export interface FreeReport {
  /** Blocks that were freed, the index's root and file names included. */
  readonly blocksFreed: number;
  /** Wall time of freeing, all workers at once. */
  readonly freeSeconds: number;
  /** Bytes that the index asked for and never freed: 0 unless something is wrong. */
  readonly leakedBytes: number;
  /** `HeapObjects`, `HeapInuse` and `HeapReleased` after `freeOSMemory`. */
  readonly objectsAfter: number;
  readonly bytesInUseAfter: number;
  readonly bytesReleasedAfter: number;
  /** How pages go back to the operating system here: `node:ffi`, `koffi` or `none`. */
  readonly osBackend: string;
  /** Bytes that `freeOSMemory` gave back to the operating system. */
  readonly bytesReturned: number;
  /** The most resident bytes seen from then until the index began to be freed. */
  readonly rssPeak: number;
  /** Resident bytes with the index freed and pages given back, workers still there. */
  readonly rssAfter: number;
  /** Number of broken invariants found by the verifier, with the index whole and again with it freed. */
  readonly verifyErrors: number;
  readonly verifyFindings: readonly string[];
}

/** The whole run. Bytes are bytes, times are seconds unless the name says otherwise. */
export interface RunReport extends IndexReport, FreeReport {
  readonly queries: readonly QueryLine[];
}

/** Per cent of `whole` that `part` leaves, to two decimals; 0 of nothing. */
export function percentLost(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round(10_000 * (1 - part / whole)) / 100;
}
