/**
 * What was recorded, with types. Every figure is a difference between before and after, taken where all spans in use were
 * full, so it is what an empty heap would show. `main.go` and its neighbours say how; the README says what was left out.
 */
import { readFileSync } from "node:fs";

/** Which Go made a recording. */
export interface GoVersion {
  readonly go: string;
  readonly goarch: string;
  readonly goos: string;
  readonly gogc: string;
  readonly goexperiment: string;
}

/** The generator's first values, to prove that it is replayed rightly. */
export interface PrngRecording extends GoVersion {
  readonly text: string;
  readonly seed: number;
  readonly values: readonly number[];
}

/** A size class, as seen from outside. `nelems...` is 0 where Go never uses the span class. */
export interface ClassRow {
  readonly size: number;
  readonly npages: number;
  readonly nelemsNoscan: number;
  readonly nelemsScan: number;
  /** The largest power of two, at most a page, that divides every address of a slot. */
  readonly align: number;
}

/** The size classes; index 0 of `classes` is class 1. */
export interface SizeClassRecording extends GoVersion {
  /** `MemStats.BySize[i].Size`. */
  readonly bySize: readonly number[];
  /** Where the usable size changes: [smallest request, usable size], requests of 1 to 40960 bytes without pointers. */
  readonly roundupNoscan: readonly (readonly [number, number])[];
  /** The same for objects of pointers only, requests in steps of 4 bytes. */
  readonly roundupScan: readonly (readonly [number, number])[];
  readonly classes: readonly ClassRow[];
}

/** The name of a rule that draws sizes; `shapes.go` and `sizes.ts` hold the rules. */
export type ShapeName = "uniform" | "small" | "tiny" | "pow2" | "large" | "edges" | "log" | "scan-log";

/** A sequence of allocations and what it did to the heap. Lists per class begin with class 1. */
export interface SequenceRecording {
  readonly shape: ShapeName;
  readonly rule: string;
  /** Whether the objects hold pointers (and nothing else). */
  readonly scan: boolean;
  readonly seed: number;
  readonly count: number;
  readonly firstSizes: readonly number[];
  readonly sizesHash: number;
  readonly mallocs: number;
  readonly frees: number;
  readonly tinyAllocs: number;
  readonly largeAllocs: number;
  readonly heapObjects: number;
  readonly totalAlloc: number;
  readonly heapAlloc: number;
  readonly heapInuse: number;
  /** `MemStats.BySize[i].Mallocs`, all 61. */
  readonly bySize: readonly number[];
  /** Objects per size class, all 67. */
  readonly byClass: readonly number[];
  /** Spans opened per size class, seen in the addresses. */
  readonly spans: readonly number[];
  /** Per class, {@link hashInto} over each address modulo the page size, in order: which slots the objects got. */
  readonly slotHashes: readonly number[];
  /** Low four bits of the first 512 addresses, a hexadecimal digit each; `-` for a zero-size request. */
  readonly firstOffsets: string;
}

/** All sequences, with the sizes that the shape `edges` chooses from. */
export interface SequencesRecording extends GoVersion {
  readonly edges: readonly number[];
  readonly sequences: readonly SequenceRecording[];
}

/** A scenario of Go's TestGcPacer: per cycle live bytes when it began, trigger, peak, goal, and utilization in tenths of a percent. */
export interface PacerScenarioRecording {
  readonly name: string;
  readonly cycles: readonly (readonly [live: number, trigger: number, peak: number, goal: number, utilization: number])[];
}

/** What Go's pacer did in Go's own test of it, and the numbers that the test drew. */
export interface PacerRecording extends GoVersion {
  /** Values of Go's `math/rand` from 0 to 1, by seed. */
  readonly noise: readonly { readonly seed: number; readonly values: readonly number[] }[];
  /** One period of a sine, in eight steps. */
  readonly sine: readonly number[];
  readonly scenarios: readonly PacerScenarioRecording[];
}

/** The goal that a real heap had after a collection, and what it follows from. Bytes. */
export interface HeapGoalRecording {
  readonly liveMiB: number;
  readonly gcPercent: number;
  /** 0: none. */
  readonly memoryLimit: number;
  /** Whether the goal was computed when nothing was left to sweep; else at the collection's end. */
  readonly sweepDone: boolean;
  readonly heapMarked: number;
  readonly stackScan: number;
  readonly globalsScan: number;
  readonly mappedReady: number;
  readonly heapFree: number;
  readonly heapAlloc: number;
  readonly goal: number;
}

/** Goals of real heaps, and the trace lines of the collections that they came from. These differ from run to run. */
export interface HeapGoalsRecording extends GoVersion {
  readonly goals: readonly HeapGoalRecording[];
  readonly gctrace: readonly string[];
}

/** What Go says of its figures: not what they measure. */
export interface MetricsRecording extends GoVersion {
  /** Those of memory and its collection, in order of their names. */
  readonly metrics: readonly { readonly name: string; readonly kind: "uint64" | "float64" | "float64-histogram"; readonly cumulative: boolean }[];
  /** Bounds of the buckets of histograms, by unit. */
  readonly bounds: Readonly<Record<string, readonly number[]>>;
  /** The fields of MemStats, in order. */
  readonly memStats: readonly string[];
}

/** What Go's scavenger did, part by part, when it was driven alone. Bytes and ns. */
export interface ScavengerParts {
  readonly physPageSize: number;
  /** PI controllers: kp, ti, tt, min, max; and per step what was given and what came out, with 1 when it did not fail. */
  readonly controllers: readonly {
    readonly name: string;
    readonly tune: readonly [kp: number, ti: number, tt: number, min: number, max: number];
    readonly steps: readonly (readonly [input: number, setpoint: number, period: number, output: number, ok: number])[];
  }[];
  /** What quanta released and how long they took; after how many the scavenger slept, for how long it wanted to, and did. */
  readonly pacing: readonly {
    readonly name: string;
    readonly procs: number;
    readonly quanta: readonly (readonly [released: number, ns: number])[];
    readonly sleeps: readonly (readonly [quanta: number, wanted: number, slept: number])[];
  }[];
  /** Goals of -1: there is none, or it is not exceeded. */
  readonly goals: readonly {
    readonly memoryLimit: number;
    readonly heapGoal: number;
    readonly lastHeapGoal: number;
    readonly lastHeapInUse: number;
    readonly heapRetained: number;
    readonly mappedReady: number;
    readonly percentGoal: number;
    readonly limitGoal: number;
  }[];
  /**
   * Operations on an index of 12 chunks of 512 pages: [0 alloc, page, pages], [1 free, page, pages], [2 next generation], [3 set empty, chunk],
   * [4 find, forced, chunk or -1, page of it].
   */
  readonly index: readonly { readonly seed: number; readonly ops: readonly (readonly number[])[] }[];
}

/** Go's scavenger, and lines of scavtrace, whose figures differ from run to run. */
export interface ScavengerRecording extends GoVersion {
  readonly parts: ScavengerParts;
  readonly scavtrace: readonly string[];
}

/** What a server with Go's net/http/pprof answered. Empty strings for headers that are not there. */
export interface PprofAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  readonly contentDisposition: string;
  /** X-Content-Type-Options. */
  readonly noSniff: string;
  /** X-Go-Pprof. */
  readonly goPprof: string;
  readonly allow: string;
  readonly location: string;
  /** Only where the status is not 200: else it is a profile. */
  readonly body: string;
}

/** Go's profile handler: the requests of its own TestHandlers come first. */
export interface PprofRecording extends GoVersion {
  readonly answers: readonly PprofAnswer[];
}

/** Go's approximation of log2 for integers: [x, log2 x]. */
export interface SamplingRecording extends GoVersion {
  readonly log2: readonly (readonly [x: number, log2: number])[];
}

/** The folder that holds the recordings of this project. */
export const DATA: URL = new URL("../data/", import.meta.url);

function read(folder: URL, name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8"));
}

export function loadPrng(folder: URL = DATA): PrngRecording {
  return read(folder, "prng.json") as PrngRecording;
}

export function loadSizeClasses(folder: URL = DATA): SizeClassRecording {
  return read(folder, "size-classes.json") as SizeClassRecording;
}

export function loadSequences(folder: URL = DATA): SequencesRecording {
  return read(folder, "sequences.json") as SequencesRecording;
}

export function loadPacer(folder: URL = DATA): PacerRecording {
  return read(folder, "pacer.json") as PacerRecording;
}

export function loadHeapGoals(folder: URL = DATA): HeapGoalsRecording {
  return read(folder, "goals.json") as HeapGoalsRecording;
}

export function loadMetrics(folder: URL = DATA): MetricsRecording {
  const { bounds, ...recording } = read(folder, "metrics.json") as Omit<MetricsRecording, "bounds"> & { readonly bounds: Readonly<Record<string, readonly string[]>> };
  // JSON has no infinity: the bounds are text.
  const numbers = (texts: readonly string[]): number[] => texts.map((text) => (text.endsWith("Inf") ? (text.startsWith("-") ? -Infinity : Infinity) : Number(text)));
  return { ...recording, bounds: Object.fromEntries(Object.entries(bounds).map(([unit, texts]) => [unit, numbers(texts)])) };
}

export function loadScavenger(folder: URL = DATA): ScavengerRecording {
  return read(folder, "scavenger.json") as ScavengerRecording;
}

export function loadPprof(folder: URL = DATA): PprofRecording {
  return read(folder, "pprof.json") as PprofRecording;
}

export function loadSampling(folder: URL = DATA): SamplingRecording {
  return read(folder, "sampling.json") as SamplingRecording;
}

/** Start value of {@link hashInto}. */
export const HASH_START = 2166136261;

/** FNV-1a over the three low bytes of `value`, lowest first; the recordings' hashes are made with it. */
export function hashInto(hash: number, value: number): number {
  let h = Math.imul(hash ^ (value & 0xff), 16777619);
  h = Math.imul(h ^ ((value >>> 8) & 0xff), 16777619);
  return Math.imul(h ^ ((value >>> 16) & 0xff), 16777619) >>> 0;
}
