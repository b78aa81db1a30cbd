/** The heap profile as a program reads it: Go's runtime.MemProfile, with source maps applied. */
import type { Frame } from "./frame.ts";
import type { HeapProfiler } from "./heap-profiler.ts";
import { sourceFrames, type SourceMapLookup } from "./source-frames.ts";

/**
 * What was sampled under one stack, of objects of one size, by one thread. Objects and bytes are those of the samples: at a rate of R bytes an object of n bytes is
 * sampled with probability 1 - exp(-n / R), and whoever shows the profile divides by that.
 */
export interface MemProfileRecord {
  /** Innermost first. */
  readonly stack: readonly Frame[];
  readonly allocObjects: number;
  readonly allocBytes: number;
  /** Of these, objects that have been freed; the others are in use. */
  readonly freeObjects: number;
  readonly freeBytes: number;
  /** Name of the thread that allocated. */
  readonly thread?: string;
}

/** A heap profile: all that was sampled since the heap was made, as of the end of a cycle's marking. */
export interface HeapProfile {
  readonly records: readonly MemProfileRecord[];
  /** Bytes allocated per sample, on average. 1: every object was sampled; 0: none is. */
  readonly rate: number;
  /** When it was read, in ms since 1970. */
  readonly timeMs: number;
  /** The time that the profile covers, where that is not all since the heap was made. */
  readonly durationMs?: number;
}

/** How a profile is to be read. */
export interface MemProfileOptions {
  /** Where source maps come from. Default: Node's own, which it has with `--enable-source-maps`. */
  readonly sourceMaps?: SourceMapLookup;
}

/** Reads the profile. */
export function readMemProfile({ counts, stacks, rate }: HeapProfiler, { sourceMaps }: MemProfileOptions): HeapProfile {
  const toSource = sourceFrames(sourceMaps);
  const records = counts.read().map(({ bucket, ...figures }) => {
    const thread = stacks.threadOf(bucket);
    return { stack: stacks.stackOf(bucket).map(toSource), ...figures, ...(thread === undefined ? {} : { thread }) };
  });
  return { records, rate, timeMs: Date.now() };
}
