import fc from "fast-check";
import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { SweepPacing, SweepPacingRecord, type SweepFigures } from "./sweep-pacing.ts";

const MIB = 1 << 20;

function paced(figures: SweepFigures): SweepPacing {
  const pacing = new SweepPacing(new Float64Array(SweepPacingRecord.words), 2 as Ptr);
  pacing.pace(figures);
  return pacing;
}

describe("the pace of sweeping", () => {
  test("is the pages left over the bytes to the trigger, less 1 MiB", () => {
    const pacing = paced({ trigger: 21 * MIB, heapLive: 10 * MIB, pagesInUse: 1500, pagesSwept: 220 });
    expect(pacing.pagesPerByte).toBe(1280 / (10 * MIB));
    expect(pacing.pagesSweptBasis).toBe(220);
  });

  test("is at most as if a page's bytes were left, also when the trigger is near or passed", () => {
    const ratio = (trigger: number): number => paced({ trigger, heapLive: 10 * MIB, pagesInUse: 100, pagesSwept: 0 }).pagesPerByte;
    expect(ratio(11 * MIB + 8193)).toBe(100 / 8193);
    for (const trigger of [11 * MIB + 8192, 11 * MIB, 10 * MIB, 0]) expect(ratio(trigger)).toBe(100 / 8192);
  });

  test("is none when all is swept", () => {
    for (const pagesSwept of [100, 101]) {
      const pacing = paced({ trigger: 21 * MIB, heapLive: 10 * MIB, pagesInUse: 100, pagesSwept });
      expect([pacing.pagesPerByte, pacing.pagesTarget(8 * MIB, 0, 20 * MIB)]).toEqual([0, 0]);
    }
  });

  test("asks for pages by what was allocated since the basis and the span itself, less what the caller swept", () => {
    const pacing = paced({ trigger: 21 * MIB, heapLive: 10 * MIB, pagesInUse: 1280, pagesSwept: 0 });
    expect(pacing.pagesTarget(8192, 0, 10 * MIB), "a page is a page here").toBe(1);
    expect(pacing.pagesTarget(8191, 0, 10 * MIB), "whole pages").toBe(0);
    expect(pacing.pagesTarget(8192, 0, 12 * MIB)).toBe(257);
    expect(pacing.pagesTarget(8192, 7, 12 * MIB)).toBe(250);
    expect(pacing.pagesTarget(8192, 4, 10 * MIB)).toBe(-3);
    expect(pacing.pagesTarget(8192, 0, 5 * MIB), "live bytes from before the basis").toBe(1);
  });

  test("ends with stop, and begins again with a new basis", () => {
    const pacing = paced({ trigger: 21 * MIB, heapLive: 10 * MIB, pagesInUse: 1280, pagesSwept: 0 });
    pacing.stop();
    expect(pacing.pagesTarget(MIB, 0, 12 * MIB)).toBe(0);
    pacing.pace({ trigger: 41 * MIB, heapLive: 20 * MIB, pagesInUse: 1280, pagesSwept: 640 });
    expect(pacing.pagesSweptBasis).toBe(640);
    expect(pacing.pagesTarget(0, 0, 21 * MIB)).toBe(32);
  });

  test("sweeps everything before the trigger is reached, however the bytes come", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 100 }), fc.nat(20000), fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 30 }), (mib, pagesInUse, spans) => {
        const trigger = (100 + mib) * MIB;
        let heapLive = 100 * MIB;
        let swept = 0;
        const pacing = paced({ trigger, heapLive, pagesInUse, pagesSwept: 0 });
        for (let i = 0; heapLive < trigger; i++) {
          const bytes = spans[i % spans.length]! * 8192;
          swept = Math.max(swept, Math.min(pacing.pagesTarget(bytes, 0, heapLive), pagesInUse));
          heapLive += bytes;
        }
        expect(swept).toBe(pagesInUse);
      }),
    );
  });
});
