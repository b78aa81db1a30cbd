import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeProfile } from "./profile-proto.ts";
import type { MemProfileRecord } from "./records.ts";
import { decodeProfile } from "./testing/decode.ts";
import { BUILD, MAIN, RATE, frame, goldenProfile, record } from "./testing/profiles.ts";
import { unsampleProfile, type HeapSamples } from "./unsample.ts";

test("a profile has Go's sample types, units, period, labels and figures", async () => {
  const decoded = await decodeProfile(await encodeProfile(unsampleProfile(goldenProfile())));
  expect(decoded.sampleTypes).toEqual(["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"]);
  expect(decoded.periodType).toBe("space/bytes");
  expect(decoded.proto.period).toBe(RATE);
  expect(decoded.proto.timeNanos).toBe(1_790_000_000_123_000_000n);
  expect(decoded.proto.durationNanos).toBe(0);
  expect(decoded.samples).toEqual([
    {
      stack: ["addPosting /app/src/index.ts:40:11", "buildIndex /app/src/index.ts:12:7", "main /app/src/main.ts:3:5"],
      values: [2050, 2099200, 1537, 1574400],
      labels: { bytes: 1024, thread: "worker 1" },
    },
    { stack: ["buildIndex /app/src/index.ts:12:7", "main /app/src/main.ts:3:5"], values: [1, 829411, 0, 0], labels: { bytes: 524288 } },
    { stack: ["main /app/src/main.ts:3:5"], values: [1, 829411, 1, 829411], labels: { bytes: 524288 } },
  ]);
});

test("allocs differs from heap in the default sample type alone, as in Go", async () => {
  const heap = await decodeProfile(await encodeProfile(unsampleProfile(goldenProfile()), "heap"));
  const allocs = await decodeProfile(await encodeProfile(unsampleProfile(goldenProfile()), "allocs"));
  expect(heap.defaultSampleType).toBe("");
  expect(allocs.defaultSampleType).toBe("alloc_space");
  expect(allocs.samples).toEqual(heap.samples);
});

test("functions, locations, strings and the mapping are written once each", async () => {
  const other = frame("buildIndex", 13, 7);
  const records = [record([BUILD, MAIN], 1, 8), record([other, MAIN], 1, 8), record([BUILD, MAIN], 1, 16), record([{ ...BUILD }, { ...MAIN }], 1, 8)];
  const { proto } = await decodeProfile(await encodeProfile(unsampleProfile({ records, rate: 1, timeMs: 1 })));
  expect(proto.function).toHaveLength(2);
  expect(proto.location).toHaveLength(3);
  expect(proto.mapping).toEqual([expect.objectContaining({ id: 1, hasFunctions: true, hasFilenames: true, hasLineNumbers: true })]);
  expect(proto.location.every((l) => l.mappingId === 1)).toBe(true);
  const { strings } = proto.stringTable;
  expect(strings[0]).toBe("");
  expect(new Set(strings).size).toBe(strings.length);
});

test("a function without a name is anonymous, and an empty profile is a profile", async () => {
  const { samples } = await decodeProfile(await encodeProfile(unsampleProfile({ records: [record([frame("", 1)], 1, 8), record([], 1, 8)], rate: 1, timeMs: 1 })));
  expect(samples.map(({ stack }) => stack)).toEqual([["(anonymous) /app/src/index.ts:1:1"], []]);
  const empty = await decodeProfile(await encodeProfile(unsampleProfile({ records: [], rate: RATE, timeMs: 0 })));
  expect(empty.samples).toEqual([]);
  expect(empty.sampleTypes).toHaveLength(4);
});

test("figures are exact from -2^53 to 2^53", async () => {
  const max = Number.MAX_SAFE_INTEGER;
  const profile: HeapSamples = { samples: [{ stack: [MAIN], values: [max, -max, 2 ** 32, -1], blockSize: 0 }], rate: 1, timeMs: 1 };
  const { samples } = await decodeProfile(await encodeProfile(profile));
  expect(samples[0]!.values).toEqual([max, -max, 2 ** 32, -1]);
});

const frames = fc.record({
  functionName: fc.constantFrom("a", "b", "", "Klass.method", "名前"),
  fileName: fc.constantFrom("x.ts", "y.ts"),
  line: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(262143, 262144, 1e6)),
  column: fc.oneof(fc.integer({ min: 0, max: 80 }), fc.constantFrom(4095, 4096, 5e6)),
});
const records: fc.Arbitrary<MemProfileRecord> = fc
  .record({ stack: fc.array(frames, { maxLength: 8 }), size: fc.integer({ min: 1, max: 1 << 20 }), allocated: fc.integer({ min: 0, max: 1000 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ stack, size, allocated, share }) => {
    const freed = Math.floor(allocated * share);
    return record(stack, allocated, allocated * size, freed, freed * size);
  });

test("what is read back has every stack, and the sums that went in", async () => {
  await fc.assert(fc.asyncProperty(fc.array(records, { maxLength: 30 }), async (list) => {
    const { samples } = await decodeProfile(await encodeProfile(unsampleProfile({ records: list, rate: 1, timeMs: 1 })));
    expect(samples.map(({ stack }) => stack)).toEqual(list.map(({ stack }) => stack.map((f) => `${f.functionName || "(anonymous)"} ${f.fileName}:${f.line}:${f.column}`)));
    const sum = (of: (r: MemProfileRecord) => number): number => list.reduce((total, r) => total + of(r), 0);
    const sums = [0, 1, 2, 3].map((i) => samples.reduce((total, { values }) => total + values[i]!, 0));
    expect(sums).toEqual([sum((r) => r.allocObjects), sum((r) => r.allocBytes), sum((r) => r.allocObjects - r.freeObjects), sum((r) => r.allocBytes - r.freeBytes)]);
  }));
});
