import { describe, expect, test } from "vitest";
import { CpuLimiterRecord } from "./cpu-limiter-record.ts";
import { CycleFigures, GcProcessor, GcRecord } from "./gc-record.ts";
import { PacerRecord } from "./pacer-record.ts";
import { PauseRow } from "./pause-log.ts";
import { TimeHistogramRecord } from "./time-histogram.ts";

const LINE_WORDS = 16;

describe("the collector's record", () => {
  test("what different threads write stands on cache lines of its own", () => {
    const { phase, heapLive, driver, workSeq, assistUs } = GcRecord.offset;
    expect([phase, heapLive, driver, workSeq, assistUs].map((word) => word / LINE_WORDS)).toEqual([0, 1, 2, 3, 4]);
    expect(GcRecord.words % LINE_WORDS).toBe(0);
  });

  test("a float64 of each record is on an even word: on an odd one it would share a word with the field before", () => {
    const odd = [GcRecord, CycleFigures, PacerRecord, CpuLimiterRecord, PauseRow, TimeHistogramRecord].flatMap(({ name, fields, offset }) =>
      Object.entries(fields).filter(([key, { words, doc }]) => words === 2 && doc !== "padding" && (offset as Record<string, number>)[key]! % 2 !== 0).map(([key]) => `${name}.${key}`),
    );
    expect(odd).toEqual([]);
    expect(GcProcessor.words % LINE_WORDS).toBe(0);
  });
});
