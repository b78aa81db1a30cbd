/**
 * From sampled objects to an estimate of all objects, as Go's `scaleHeapSample` makes it.
 *
 * Sampling is a Poisson process over the bytes allocated: an object of S bytes is sampled with probability `1 - exp(-S/rate)`. Dividing by it
 * gives an unbiased estimate. What was allocated and what is in use are scaled apart, each by its own mean size, and both the count and the
 * bytes are cut to whole numbers, as Go does. So the profile, `debug=1` read by `go tool pprof`, and Go itself agree on every figure.
 */
import { checkProfile, type Frame, type HeapProfile } from "./records.ts";

export type SampleType = "alloc_objects" | "alloc_space" | "inuse_objects" | "inuse_space";

/** The four figures of a sample, in Go's order, with Go's units. The last is what viewers show first. */
export const SAMPLE_TYPES: readonly { readonly type: SampleType; readonly unit: "count" | "bytes" }[] = [
  { type: "alloc_objects", unit: "count" },
  { type: "alloc_space", unit: "bytes" },
  { type: "inuse_objects", unit: "count" },
  { type: "inuse_space", unit: "bytes" },
];

/** One stack and size, estimated. */
export interface HeapSample {
  /** Innermost first. */
  readonly stack: readonly Frame[];
  /** In the order of {@link SAMPLE_TYPES}. Negative only in a difference. */
  readonly values: readonly [allocObjects: number, allocSpace: number, inuseObjects: number, inuseSpace: number];
  /** Bytes of one object: Go's label `bytes`. 0 when nothing was allocated. */
  readonly blockSize: number;
  readonly thread?: string;
}

/** A profile, estimated: what all writers but the legacy text take. */
export interface HeapSamples {
  readonly samples: readonly HeapSample[];
  readonly rate: number;
  readonly timeMs: number;
  readonly durationMs?: number;
}

/**
 * Estimates all objects from the sampled ones.
 *
 * @throws PprofExportError `ERR_PPROF_RECORD` for records that cannot be.
 */
export function unsampleProfile(profile: HeapProfile): HeapSamples {
  checkProfile(profile);
  const { rate, timeMs, durationMs } = profile;
  const samples = profile.records.map((record): HeapSample => {
    const { stack, allocObjects, allocBytes, freeObjects, freeBytes, thread } = record;
    const alloc = unsample(allocObjects, allocBytes, rate);
    const inuse = unsample(allocObjects - freeObjects, allocBytes - freeBytes, rate);
    return {
      stack,
      values: [alloc[0], alloc[1], inuse[0], inuse[1]],
      blockSize: allocObjects > 0 ? Math.floor(allocBytes / allocObjects) : 0,
      ...(thread === undefined ? {} : { thread }),
    };
  });
  return { samples, rate, timeMs, ...(durationMs === undefined ? {} : { durationMs }) };
}

/** Estimated [objects, bytes] for sampled ones, at a mean of `rate` bytes between samples. */
export function unsample(count: number, size: number, rate: number): readonly [objects: number, bytes: number] {
  if (count === 0 || size === 0) return [0, 0];
  if (rate <= 1) return [count, size];
  const scale = 1 / (1 - Math.exp(-(size / count) / rate));
  return [Math.trunc(count * scale), Math.trunc(size * scale)];
}
