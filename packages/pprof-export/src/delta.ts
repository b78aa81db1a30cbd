/**
 * What changed between two profiles, sample by sample, as Go's `seconds=N` answers it.
 *
 * Samples are the same when stack, object size and thread are. Figures are subtracted after the estimate, as Go does it, and a sample in which
 * nothing changed is left out. Memory that was freed in between makes `inuse_*` negative.
 */
import { PprofExportError } from "./errors.ts";
import { LocationTable } from "./location-table.ts";
import type { HeapSample, HeapSamples } from "./unsample.ts";

type Values = [number, number, number, number];

/**
 * `after` minus `before`; its duration is the time between them.
 *
 * @throws PprofExportError `ERR_PPROF_DELTA` when the two were sampled at different rates.
 */
export function deltaProfile(before: HeapSamples, after: HeapSamples): HeapSamples {
  const samples = subtract(before, after, [true, true, true, true]);
  return { samples, rate: after.rate, timeMs: after.timeMs, durationMs: after.timeMs - before.timeMs };
}

/**
 * What was allocated between the two, and what is in use at the second: what a server that adds up `alloc_*` and averages `inuse_*` wants to be sent.
 *
 * @throws PprofExportError `ERR_PPROF_DELTA`, as {@link deltaProfile}.
 */
export function allocDelta(before: HeapSamples, after: HeapSamples): HeapSamples {
  const samples = subtract(before, after, [true, true, false, false]);
  return { samples, rate: after.rate, timeMs: after.timeMs, durationMs: after.timeMs - before.timeMs };
}

function subtract(before: HeapSamples, after: HeapSamples, which: readonly [boolean, boolean, boolean, boolean]): HeapSample[] {
  if (before.rate !== after.rate) {
    throw new PprofExportError("ERR_PPROF_DELTA", `the profiles were sampled every ${before.rate} and every ${after.rate} bytes: compare profiles of one rate`);
  }
  const table = new LocationTable();
  const merged = new Map<string, { readonly sample: HeapSample; readonly values: Values }>();
  const add = (profile: HeapSamples, signs: Values): void => {
    for (const sample of profile.samples) {
      const key = `${table.idsOf(sample.stack).join()}|${sample.blockSize}|${sample.thread ?? ""}`;
      let entry = merged.get(key);
      if (entry === undefined) merged.set(key, (entry = { sample, values: [0, 0, 0, 0] }));
      for (let i = 0; i < 4; i++) entry.values[i]! += signs[i]! * sample.values[i]!;
    }
  };
  add(before, which.map((subtracted) => (subtracted ? -1 : 0)) as Values);
  add(after, [1, 1, 1, 1]);

  const samples: HeapSample[] = [];
  for (const { sample, values } of merged.values()) {
    if (values.some((value) => value !== 0)) samples.push({ ...sample, values });
  }
  return samples;
}
