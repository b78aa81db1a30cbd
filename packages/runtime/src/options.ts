/** Options of a heap: one table of names, defaults and limits, checked once at creation. */
import { DEFAULT_MEM_PROFILE_RATE } from "@mallocgc/mcache";
import { DEFAULT_HEAP_MINIMUM } from "@mallocgc/gc";
import { MAX_REGION_BYTES } from "@mallocgc/sysmem";
import { HeapError, describeValue } from "./errors.ts";
import { FLAG_CHECKS, FLAG_CHECK_MARK, FLAG_CLOBBER_FREE, FLAG_COLLECTED } from "./header.ts";

/** What `createHeap` takes. */
export interface HeapOptions {
  /** The most the heap will ever take, in bytes, all of its own records included. Reserved, not resident. Default 1 GiB; 1 MiB to 4 GiB. */
  readonly maxBytes?: number;
  /** Whether other threads can attach. Default true. Without cross-origin isolation a browser page needs `false`. */
  readonly shared?: boolean;
  /** The most threads attached at one time. Default 64, in a heap below 16 MiB 16; 1 to 1024. Each costs about 3 KiB while it is attached. */
  readonly maxThreads?: number;
  /** Pages of 8 KiB in a chunk, the unit in which the heap grows: 512 (4 MiB, as Go on 32 bits; default) or 64 (512 KiB, as Go on Wasm; default below 64 MiB). */
  readonly chunkPages?: 512 | 64;
  /**
   * Whether the heap is collected: objects live as long as something leads to them. Default true. `false` makes a heap that is managed by hand: `free` is
   * there, and types, roots and cycles are not.
   */
  readonly gc?: boolean;
  /** Growth that begins a cycle, in per cent of what the last one found alive, as Go's GOGC. Default 100; -1: no cycle by growth. */
  readonly gcPercent?: number;
  /** Soft limit in bytes of all memory the heap has from the system, as Go's GOMEMLIMIT: cycles come more often as it comes near. Default none. */
  readonly memoryLimit?: number;
  /** The smallest heap for which growth begins a cycle, in bytes at gcPercent 100. Default 4 MiB, as in Go. */
  readonly heapMinimum?: number;
  /** Background threads that mark and sweep, 0 to 8. Default 1; 0, and where there are no threads: cycles advance at the ends of turns and by assists. */
  readonly gcWorkers?: number;
  /** Development mode: refs, field values and turns are checked, and leaks are reported with the place they come from. Default false. */
  readonly checks?: boolean;
  /** After each cycle's marking, mark once more in plain steps and report what was missed (Go's gccheckmark). Default false. */
  readonly gcCheckMark?: boolean;
  /** Bytes allocated per sample of the heap profile, on average, as Go's MemProfileRate. Default 512 KiB; 1: every object is sampled; 0: none is. */
  readonly memProfileRate?: number;
  /** The most bytes that the heap profile's stacks may take, 0 to 1 GiB. Default 4 MiB, and at most a 64th of maxBytes. */
  readonly memProfileBytes?: number;
  /** Fill dead objects with 0xdeadbeef (Go's clobberfree). Default false. */
  readonly clobberFree?: boolean;
  /** Trace lines in Go's formats, of this heap, in the thread that makes it. Default none. */
  readonly debug?: TraceOptions;
}

/** What is traced, and where the lines go. */
export interface TraceOptions {
  /** A line for each cycle: Go's GODEBUG=gctrace=1. */
  readonly gctrace?: boolean;
  /** A line for each cycle that is swept, and each freeOSMemory, about memory given back: GODEBUG=scavtrace=1. */
  readonly scavtrace?: boolean;
  /** Two lines for each cycle, about its pace: GODEBUG=gcpacertrace=1. */
  readonly gcpacertrace?: boolean;
  /** Takes a line, without newline. Default: standard error, where there is one; else the console. */
  readonly write?: (line: string) => void;
}

/** Options with every default filled in. */
export interface HeapConfig {
  readonly maxBytes: number;
  readonly shared: boolean;
  readonly maxThreads: number;
  readonly chunkPages: 512 | 64;
  /** The header's flags (header.ts). */
  readonly flags: number;
  readonly gc: GcConfig;
  readonly profile: ProfileConfig;
}

/** The heap profile's options with every default filled in. Only the thread that makes the heap uses them. */
export interface ProfileConfig {
  readonly rate: number;
  readonly tableBytes: number;
}

/** The collector's options with every default filled in. Only the thread that makes the heap uses them. */
export interface GcConfig {
  readonly percent: number;
  readonly memoryLimit: number;
  readonly heapMinimum: number;
  readonly workers: number;
  readonly trace: TraceOptions;
}

/** The collector's defaults. */
export const GC_DEFAULTS: GcConfig = Object.freeze({ percent: 100, memoryLimit: Infinity, heapMinimum: DEFAULT_HEAP_MINIMUM, workers: 1, trace: Object.freeze({}) });

/** The heap profile's defaults, in a heap that is large enough for them. */
export const PROFILE_DEFAULTS: ProfileConfig = Object.freeze({ rate: DEFAULT_MEM_PROFILE_RATE, tableBytes: 4 << 20 });

/** The smallest heap. */
export const MIN_BYTES: number = 1 << 20;
/** The largest P table. */
export const MAX_THREADS = 1024;
/** The most background threads. */
export const MAX_WORKERS = 8;
const OPTION_NAMES = "maxBytes, shared, maxThreads, chunkPages, gc, gcPercent, memoryLimit, heapMinimum, gcWorkers, checks, gcCheckMark, clobberFree, debug, memProfileRate, memProfileBytes";
const TRACE_NAMES = "gctrace, scavtrace, gcpacertrace, write";
/** The part of a small heap that the profile's stacks may take. */
const PROFILE_SHARE = 64;
const MAX_SIGNED = 0x7fffffff;
const SMALL_HEAP_BYTES = 64 << 20;
const FEW_THREADS_BYTES = 16 << 20;

function integer(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
    throw new HeapError("ERR_OPTION", `option ${name} takes an integer from ${low} to ${high}, not ${describeValue(value)}`);
  }
  return value;
}

function boolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") throw new HeapError("ERR_OPTION", `option ${name} takes true or false, not ${describeValue(value)}`);
}

function checkTrace(debug: unknown): void {
  if (typeof debug !== "object" || debug === null) throw new HeapError("ERR_OPTION", `option debug takes an object, { ${TRACE_NAMES} }, not ${describeValue(debug)}`);
  const { gctrace = false, scavtrace = false, gcpacertrace = false, write, ...unknown } = debug as Record<string, unknown>;
  for (const name of Object.keys(unknown)) throw new HeapError("ERR_OPTION", `unknown option debug.${name}; it has ${TRACE_NAMES}`);
  for (const [name, value] of Object.entries({ gctrace, scavtrace, gcpacertrace })) boolean(`debug.${name}`, value);
  if (write !== undefined && typeof write !== "function") throw new HeapError("ERR_OPTION", `option debug.write takes a function of a line, not ${describeValue(write)}`);
}

/**
 * Checks options and fills in defaults.
 *
 * @throws HeapError `ERR_OPTION` naming the option, the value and what is allowed; also for an unknown option.
 */
export function resolveOptions(options: HeapOptions): HeapConfig {
  if (typeof options !== "object" || (options as unknown) === null || Array.isArray(options)) {
    throw new HeapError("ERR_OPTION", `createHeap takes an object of options, not ${describeValue(options)}`);
  }
  const {
    maxBytes = 1 << 30, shared = true, maxThreads, chunkPages, gc = true, gcPercent = GC_DEFAULTS.percent, memoryLimit = GC_DEFAULTS.memoryLimit,
    heapMinimum = GC_DEFAULTS.heapMinimum, gcWorkers = GC_DEFAULTS.workers, checks = false, gcCheckMark = false, clobberFree = false, debug = GC_DEFAULTS.trace,
    memProfileRate = PROFILE_DEFAULTS.rate, memProfileBytes, ...unknown
  } = options;
  for (const name of Object.keys(unknown)) {
    throw new HeapError("ERR_OPTION", `unknown option ${name}; the options are ${OPTION_NAMES}`);
  }
  for (const [name, value] of Object.entries({ shared, gc, checks, gcCheckMark, clobberFree })) boolean(name, value);
  checkTrace(debug);
  integer("gcPercent", gcPercent, -1, 1_000_000);
  integer("heapMinimum", heapMinimum, 0, MAX_REGION_BYTES);
  integer("gcWorkers", gcWorkers, 0, MAX_WORKERS);
  if (memoryLimit !== Infinity) integer("memoryLimit", memoryLimit, 0, Number.MAX_SAFE_INTEGER);
  integer("maxBytes", maxBytes, MIN_BYTES, MAX_REGION_BYTES);
  const threads = integer("maxThreads", maxThreads === undefined ? (maxBytes < FEW_THREADS_BYTES ? 16 : 64) : maxThreads, 1, MAX_THREADS);
  const chunk = chunkPages ?? (maxBytes < SMALL_HEAP_BYTES ? 64 : 512);
  if ((chunk as number) !== 64 && (chunk as number) !== 512) {
    throw new HeapError("ERR_OPTION", `option chunkPages takes 64 or 512, not ${describeValue(chunkPages)}`);
  }
  integer("memProfileRate", memProfileRate, 0, MAX_SIGNED);
  const tableBytes = memProfileBytes === undefined ? Math.min(PROFILE_DEFAULTS.tableBytes, Math.floor(maxBytes / PROFILE_SHARE)) : integer("memProfileBytes", memProfileBytes, 0, 1 << 30);
  const workers = gc && shared ? gcWorkers : 0;
  return {
    maxBytes: Math.ceil(maxBytes / 65536) * 65536,
    shared,
    maxThreads: threads + workers,
    chunkPages: chunk,
    flags: (gc ? FLAG_COLLECTED : 0) | (checks ? FLAG_CHECKS : 0) | (gcCheckMark ? FLAG_CHECK_MARK : 0) | (clobberFree ? FLAG_CLOBBER_FREE : 0),
    gc: { percent: gcPercent, memoryLimit, heapMinimum, workers, trace: debug },
    profile: { rate: memProfileRate, tableBytes },
  };
}
