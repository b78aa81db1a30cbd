/**
 * The report: what `--json` writes, and what the text report is made from. Each name with its unit.
 *
 * Go's words: a heap is *in use* where a span covers it, *allocated* where a live object does. What the index asked for is
 * less again, since each request is rounded up to a size class.
 */
import type { NamedCount } from "../index/inverted-index.ts";
import type { MemorySample } from "./memory-series.ts";

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
  /** Bytes that were asked for, for all objects of the index. */
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
  /** Objects that it asked of the heap. */
  readonly mallocs: number;
  /** Questions that it answered between files. */
  readonly answers: number;
  /** The longest that one of its operations was held up by the collector, in all rounds, in microseconds. */
  readonly maxStallUs: number;
}

/** One round: everything indexed once. */
export interface RoundLine {
  /** From 1. */
  readonly round: number;
  /** Wall time, all workers. */
  readonly seconds: number;
  /** Millions of bytes of text per second, of all workers. */
  readonly mbPerSec: number;
  /** Collections that ended their marking in it, the forced one after it included. */
  readonly cycles: number;
  /** Questions that the workers answered meanwhile, and those whose answers were wrong. */
  readonly answers: number;
  readonly wrongAnswers: number;
  /** The live index: `HeapAlloc` after the forced collection at the round's end. */
  readonly liveBytes: number;
  /** The most of `HeapInuse`, and of memory: all that the heap has from the system and has not given back (`Sys - HeapReleased`). */
  readonly peakBytesInUse: number;
  readonly peakMemoryBytes: number;
  /** peakMemoryBytes / liveBytes. */
  readonly peakRatio: number;
}

/** One collection. */
export interface CycleLine {
  readonly round: number;
  /** From 1. */
  readonly cycle: number;
  /** In the form of Go's `gctrace=1`. */
  readonly trace: string;
  /** Bytes found alive, and the heap size that the cycle was to end at. */
  readonly liveBytes: number;
  readonly goalBytes: number;
  /** The longest that an operation of any thread was held up, since the last cycle's marking was over, in microseconds. */
  readonly maxStallUs: number;
}

/** The most memory, against the live index. */
export interface MemoryFigures {
  readonly liveBytes: number;
  readonly peakBytesInUse: number;
  readonly peakMemoryBytes: number;
  readonly peakRatio: number;
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
  /** Live objects (`HeapObjects`). */
  readonly objects: number;
  /** Objects that the index asked for in all rounds, and objects that were collected (`Frees`). */
  readonly mallocs: number;
  readonly frees: number;
  /** Wall time of the last round's indexing, all workers. */
  readonly seconds: number;
  /** Millions of bytes of text per second and worker: bytesRead / seconds / workers. */
  readonly mbPerSecPerWorker: number;
  /** The last round's. */
  readonly perWorker: readonly WorkerLine[];
  readonly sizeClasses: readonly SizeClassLine[];
  readonly fragmentation: Fragmentation;
  /** Rounds that were begun, each with its line. */
  readonly rounds: number;
  readonly perRound: readonly RoundLine[];
  /** Growth that begins a collection, in per cent. */
  readonly gcPercent: number;
  /** Whether each collection marked everything a second time, to be compared. */
  readonly gcCheckMark: boolean;
  /** Collections, each with its line. */
  readonly cycles: number;
  readonly perCycle: readonly CycleLine[];
  /** Questions answered while files were indexed, those answered wrongly, and the first of these as sentences. */
  readonly answers: number;
  readonly wrongAnswers: number;
  readonly wrongFindings: readonly string[];
  /** The longest that any operation of any thread was held up by the collector, in microseconds. */
  readonly maxStallUs: number;
  /** Of all rounds; the live index is the last. */
  readonly memory: MemoryFigures;
  /** Resident bytes of the process with heap and workers there, nothing indexed. */
  readonly rssBefore: number;
  /** Resident bytes with the index finished. */
  readonly rssIndexed: number;
  /** What the heap said when it was too small for all files; null when it was not. */
  readonly exhausted: string | null;
}

/** The heap once its roots have let everything go. */
export interface DropReport {
  /** Objects that died with the index. */
  readonly objectsCollected: number;
  /** `HeapObjects` after that. */
  readonly objectsAfter: number;
  /** Wall time from dropping the roots to the end of a collection. */
  readonly dropSeconds: number;
  /** The most resident bytes seen until the index was dropped. */
  readonly rssPeak: number;
}

/** What the heap's background thread gave back while nobody did anything. Resident bytes are the process's. */
export interface BackgroundLine {
  /** For how long it was watched. */
  readonly seconds: number;
  readonly bytesReturned: number;
  readonly rssBefore: number;
  readonly rssAfter: number;
}

/** Memory given back to the operating system, after the index was dropped. */
export interface GiveBackReport {
  /** How pages go back here: `node:ffi`, `koffi` or `none`. */
  readonly osBackend: string;
  readonly background: BackgroundLine;
  /** Bytes that `freeOSMemory` gave back after that. */
  readonly bytesReturned: number;
  /** `HeapInuse` and `HeapReleased` in the end. */
  readonly bytesInUseAfter: number;
  readonly heapReleased: number;
  /** Resident bytes in the end, workers still there. */
  readonly rssAfter: number;
  /** From start to end, ascending, 100 ms apart or, in a long run, more. */
  readonly memorySeries: readonly MemorySample[];
  /** Number of broken invariants found by the verifier, after each round and again with the index dropped and with its memory given back. */
  readonly verifyErrors: number;
  readonly verifyFindings: readonly string[];
}

/** A function of the heap profile: estimates from samples. */
export interface HeapTopLine {
  readonly function: string;
  /** The line in it that holds the most. */
  readonly file: string;
  readonly line: number;
  /** Of objects in use that it allocated itself. */
  readonly bytes: number;
  readonly objects: number;
  /** Of all bytes in use. */
  readonly percent: number;
}

/** The heap profile of the finished index. */
export interface ProfileReport {
  /** Bytes allocated per sample, on average. */
  readonly rate: number;
  /** The functions that hold the most, first the one that holds most of all. */
  readonly top: readonly HeapTopLine[];
}

/** The whole run. Bytes are bytes, times are seconds unless the name says otherwise. */
export interface RunReport extends IndexReport, DropReport, GiveBackReport {
  readonly queries: readonly QueryLine[];
  /** Null without `--profile`. */
  readonly profile: ProfileReport | null;
}

/** Per cent of `whole` that `part` leaves, to two decimals; 0 of nothing. */
export function percentLost(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round(10_000 * (1 - part / whole)) / 100;
}
