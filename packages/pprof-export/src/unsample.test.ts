import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PprofExportError } from "./errors.ts";
import type { MemProfileRecord } from "./records.ts";
import { MAIN, RATE, goldenProfile, record } from "./testing/profiles.ts";
import { unsample, unsampleProfile } from "./unsample.ts";

test.each([
  [4, 4096, 2050, 2099200],
  [3, 3072, 1537, 1574400],
  [1, 524288, 1, 829411],
])("%i objects of %i bytes in all are estimated as Go estimates them", (count, size, objects, bytes) => {
  expect(unsample(count, size, RATE)).toEqual([objects, bytes]);
});

test("nothing stays nothing, and with a rate of 1 or less every object was sampled", () => {
  expect(unsample(0, 0, RATE)).toEqual([0, 0]);
  expect(unsample(3, 0, RATE)).toEqual([0, 0]);
  expect(unsample(3, 48, 1)).toEqual([3, 48]);
  expect(unsample(3, 48, 0)).toEqual([3, 48]);
});

test("an object far above the rate stands for itself, and a small one for rate / size", () => {
  expect(unsample(7, 7 * 64 * RATE, RATE)).toEqual([7, 7 * 64 * RATE]);
  const [objects, bytes] = unsample(1, 8, RATE);
  expect(objects).toBe(RATE / 8);
  expect(bytes).toBeGreaterThanOrEqual(RATE);
});

test("a Poisson sample is estimated without bias", () => {
  // Objects of these sizes, each sampled with Go's probability; a fixed generator, so the result is one number.
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  for (const size of [64, 4096, 100_000, 2_000_000]) {
    const objects = 400_000;
    const p = 1 - Math.exp(-size / RATE);
    let sampled = 0;
    for (let i = 0; i < objects; i++) if (random() < p) sampled++;
    const [estimate] = unsample(sampled, sampled * size, RATE);
    const sigma = Math.sqrt((objects * (1 - p)) / p);
    expect(Math.abs(estimate - objects)).toBeLessThan(3 * sigma + 1);
  }
});

test("what was allocated and what is in use are estimated apart", () => {
  expect(unsampleProfile(goldenProfile()).samples).toMatchObject([
    { values: [2050, 2099200, 1537, 1574400], blockSize: 1024, thread: "worker 1" },
    { values: [1, 829411, 0, 0], blockSize: 524288 },
    { values: [1, 829411, 1, 829411], blockSize: 524288 },
  ]);
});

test("an estimate is never below what was sampled", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 2, max: 1 << 24 }), (count, size, rate) => {
    const [objects, bytes] = unsample(count, count * size, rate);
    expect(objects).toBeGreaterThanOrEqual(count);
    expect(bytes).toBeGreaterThanOrEqual(count * size);
  }));
});

describe("records that cannot be are refused, with what is wrong", () => {
  const good = record([MAIN], 2, 32, 1, 16);
  const refusal = (records: readonly MemProfileRecord[], rate = RATE, timeMs = 1): PprofExportError => {
    try {
      unsampleProfile({ records, rate, timeMs });
    } catch (error) {
      return error as PprofExportError;
    }
    throw new Error("was not refused");
  };

  test.each<[string, Partial<MemProfileRecord>, RegExp]>([
    ["a fraction", { allocBytes: 1.5 }, /records\[1\]\.allocBytes is 1\.5/],
    ["a negative count", { freeObjects: -1 }, /records\[1\]\.freeObjects is -1/],
    ["no number", { allocObjects: NaN }, /records\[1\]\.allocObjects is NaN/],
    ["more frees than allocations", { freeObjects: 3 }, /frees 3 objects/],
    ["more bytes freed than allocated", { freeBytes: 33 }, /frees 1 objects \(33 bytes\)/],
    ["bytes of no object", { freeObjects: 2 }, /bytes of no object/],
  ])("%s", (_, change, message) => {
    const error = refusal([good, { ...good, ...change }]);
    expect(error).toMatchObject({ name: "PprofExportError", code: "ERR_PPROF_RECORD" });
    expect(error.message).toMatch(message);
  });

  test.each([[-1, 1], [NaN, 1], [Infinity, 1], [1, -1], [1, NaN], [1, Infinity]])("a rate of %d at the time %d", (rate, timeMs) => {
    expect(refusal([good], rate, timeMs).code).toBe("ERR_PPROF_RECORD");
  });
});
