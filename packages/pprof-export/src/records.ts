/**
 * What goes in: Go's memory profile records, and where they come from.
 *
 * A profile is a list of buckets, one for each stack and size that was ever sampled. A bucket says how many sampled objects were allocated
 * there, how many of those were freed, and their bytes. What is in use is the difference. Counts are raw: at a mean of `rate` bytes between
 * samples an object of `size` bytes is sampled with probability `1 - exp(-size/rate)`, and `unsample.ts` makes the estimate.
 */
import { PprofExportError } from "./errors.ts";

/** One call. Source maps are applied already. */
export interface Frame {
  /** Empty for a function without a name. */
  readonly functionName: string;
  /** Path or URL; a `file:` URL is written as its path. */
  readonly fileName: string;
  /** 1-based; 0 when it is not known. */
  readonly line: number;
  /** 1-based; 0 when it is not known. */
  readonly column: number;
}

/** Go's runtime.MemProfileRecord, of one bucket: stack + size. Counts are of sampled objects, raw (not unsampled). */
export interface MemProfileRecord {
  /** Innermost first. */
  readonly stack: readonly Frame[];
  readonly allocObjects: number;
  readonly allocBytes: number;
  readonly freeObjects: number;
  readonly freeBytes: number;
  /** Name of the thread that allocated. */
  readonly thread?: string;
}

export interface HeapProfile {
  readonly records: readonly MemProfileRecord[];
  /** Mean bytes between samples. 1 or less: every object was sampled. */
  readonly rate: number;
  /** When it was taken: Unix time. */
  readonly timeMs: number;
  /** The time that the profile covers, where it is not all since the start. */
  readonly durationMs?: number;
}

/** Where profiles come from: what the handler and the pusher take. */
export interface ProfileSource {
  heapProfile(): HeapProfile | Promise<HeapProfile>;
  /** A whole collection, for `gc=1`. Without it the parameter changes nothing. */
  gc?(): Promise<void>;
}

/**
 * @throws PprofExportError `ERR_PPROF_RECORD` when a figure is no whole number, is negative, or more was freed than allocated, or bytes belong to no object.
 */
export function checkProfile(profile: HeapProfile): void {
  if (!(profile.rate >= 0 && profile.rate < Infinity)) throw wrong(`rate is ${profile.rate}: bytes between samples, 0 or more`);
  if (!(profile.timeMs >= 0 && profile.timeMs < 8.64e15)) throw wrong(`timeMs is ${profile.timeMs}: milliseconds since 1970`);
  profile.records.forEach((record, i) => {
    for (const field of COUNTS) {
      if (!Number.isSafeInteger(record[field]) || record[field] < 0) throw wrong(`records[${i}].${field} is ${record[field]}: whole numbers from 0 to 2^53 - 1`);
    }
    const { allocObjects, allocBytes, freeObjects, freeBytes } = record;
    if (freeObjects > allocObjects || freeBytes > allocBytes) {
      throw wrong(`records[${i}] frees ${freeObjects} objects (${freeBytes} bytes) of ${allocObjects} (${allocBytes}): count what is freed where it was allocated`);
    }
    if ((allocObjects === 0 && allocBytes > 0) || (allocObjects === freeObjects && allocBytes > freeBytes)) {
      throw wrong(`records[${i}] has bytes of no object: count both of each`);
    }
  });
}

const COUNTS = ["allocObjects", "allocBytes", "freeObjects", "freeBytes"] as const;

function wrong(message: string): PprofExportError {
  return new PprofExportError("ERR_PPROF_RECORD", message);
}
