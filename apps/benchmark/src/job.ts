/** What the parent asks of a child process, and what the child answers: both travel as JSON. */
import type { BenchCase, ImplementationId } from "./cases.ts";
import type { MetadataParts } from "./impl/implementation.ts";

export interface Job extends BenchCase {
  readonly impl: ImplementationId;
  /** What the heap must be able to hold, in bytes, for all threads together. */
  readonly heapBytes: number;
  /** Operations per thread to time; absent: as many as take about `targetMs`. */
  readonly ops?: number;
  readonly targetMs: number;
  readonly seed: number;
}

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
}
