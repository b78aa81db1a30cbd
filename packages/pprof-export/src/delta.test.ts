import fc from "fast-check";
import { expect, test } from "vitest";
import { allocDelta, deltaProfile } from "./delta.ts";
import type { HeapProfile, MemProfileRecord } from "./records.ts";
import { BUILD, MAIN, POSTING, RATE, record } from "./testing/profiles.ts";
import { unsampleProfile, type HeapSamples } from "./unsample.ts";

function samples(records: readonly MemProfileRecord[], timeMs = 1000, rate = 1): HeapSamples {
  const profile: HeapProfile = { records, rate, timeMs };
  return unsampleProfile(profile);
}

const before = [record([POSTING, MAIN], 10, 160, 2, 32), record([BUILD, MAIN], 5, 80), record([MAIN], 1, 8)];
const after = [record([POSTING, MAIN], 14, 224, 10, 160), record([BUILD, MAIN], 5, 80), record([MAIN], 1, 8), record([BUILD], 1, 48)];

test("a difference has what changed, negative where more was freed than allocated, and the time between", () => {
  const delta = deltaProfile(samples(before, 1000), samples(after, 3500));
  expect(delta).toMatchObject({ rate: 1, timeMs: 3500, durationMs: 2500 });
  expect(delta.samples).toEqual([
    { stack: [POSTING, MAIN], values: [4, 64, -4, -64], blockSize: 16 },
    { stack: [BUILD], values: [1, 48, 1, 48], blockSize: 48 },
  ]);
});

test("sizes and threads of one stack are told apart", () => {
  const worker = { ...record([MAIN], 2, 16), thread: "worker" };
  const delta = deltaProfile(samples([record([MAIN], 1, 8)]), samples([record([MAIN], 1, 8), record([MAIN], 1, 16), worker]));
  expect(delta.samples).toMatchObject([{ blockSize: 16, values: [1, 16, 1, 16] }, { thread: "worker", values: [2, 16, 2, 16] }]);
});

test("what is pushed to a server that adds up: the interval's allocations, and all that is in use", () => {
  const delta = allocDelta(samples(before), samples(after, 2000));
  expect(delta.samples).toEqual([
    { stack: [POSTING, MAIN], values: [4, 64, 4, 64], blockSize: 16 },
    { stack: [BUILD, MAIN], values: [0, 0, 5, 80], blockSize: 16 },
    { stack: [MAIN], values: [0, 0, 1, 8], blockSize: 8 },
    { stack: [BUILD], values: [1, 48, 1, 48], blockSize: 48 },
  ]);
});

test("profiles of two rates are not compared", () => {
  expect(() => deltaProfile(samples(before), samples(after, 2000, RATE))).toThrow(expect.objectContaining({ code: "ERR_PPROF_DELTA" }));
});

test("a profile minus itself is empty; minus nothing it is itself, equal stacks added up", () => {
  const bucket = fc.record({ at: fc.constantFrom([MAIN], [BUILD, MAIN], []), size: fc.constantFrom(8, 16), count: fc.integer({ min: 1, max: 50 }) });
  fc.assert(fc.property(fc.array(bucket), (buckets) => {
    const profile = samples(buckets.map(({ at, size, count }) => record(at, count, count * size)));
    expect(deltaProfile(profile, profile).samples).toEqual([]);
    const sum = (p: HeapSamples): number => p.samples.reduce((total, { values }) => total + values[3], 0);
    expect(sum(deltaProfile(samples([]), profile))).toBe(sum(profile));
  }));
});
