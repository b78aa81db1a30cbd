/** What the parent asks of a child process, and what the child answers: both travel as JSON. */
import type { BenchCase, BlockCase, ImplementationId } from "./cases.ts";
import type { MetadataParts } from "./impl/implementation.ts";
import type { ObjectCase } from "./object-cases.ts";

interface Terms {
  readonly impl: ImplementationId;
  /** What the heap must be able to hold, in bytes, for all threads together. */
  readonly heapBytes: number;
  /** Operations per thread to time; absent: as many as take about `targetMs`. */
  readonly ops?: number;
  readonly targetMs: number;
  readonly seed: number;
}

export type BlockJob = BlockCase & Terms;
export type ObjectJob<C extends ObjectCase = ObjectCase> = C & Terms;
export type Job = BenchCase & Terms;

export interface Measurement {
  /** Wall time of the slowest thread over the operations of all threads, as Go's `RunParallel` counts. */
  readonly nsPerOp: number;
  /** Operations timed, of all threads. */
  readonly ops: number;
  /** Bytes that one operation takes from the allocator, where it counts them; else what was asked for. */
  readonly bytesPerOp: number;
  /** The part of the time in which the thread (the least favoured of several) had a processor; absent where nobody looked. */
  readonly onProcessor?: number;
  /** The most memory that the process had resident at any time. */
  readonly maxRssBytes?: number;
  readonly metadata?: MetadataParts;
  /** Processor time of the collector, all threads, per operation; where it says so. */
  readonly cpuNsPerOp?: number;
  /** Collections while the clock ran, where they are counted. */
  readonly cycles?: number;
  readonly latency?: Latency;
}

/** In ns. `stall`: the longest time that the collector itself says it kept a thread from its work. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p9999: number;
  readonly max: number;
  readonly stall?: number;
}
