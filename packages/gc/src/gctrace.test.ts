import { loadHeapGoals } from "@mallocgc/go-oracle";
import { describe, expect, test } from "vitest";
import { formatGcTrace, formatGoFloat, formatMs, formatPacerEnd, formatPacerStart, type GcTraceFigures } from "./gctrace.ts";

const LINE =
  /^gc (\d+) @([\d.]+)s (\d+)%: ([\d.]+)\+([\d.]+)\+([\d.]+) ms clock, ([\d.]+)\+([\d.]+)\/([\d.]+)\/([\d.]+)\+([\d.]+) ms cpu, (\d+)->(\d+)->(\d+) MB, (\d+) MB goal, (\d+) MB stacks, (\d+) MB globals, (\d+) P( \(forced\))?$/;

/** The figures of a line, so far as it tells them. */
function figuresOf(line: string): GcTraceFigures {
  const m = LINE.exec(line);
  if (m === null) throw new Error(`not a line of gctrace: ${line}`);
  const ns = (i: number): number => Math.round(Number(m[i]) * 1e6);
  const bytes = (i: number): number => Number(m[i]) * 1048576 + 1048575;
  return {
    cycle: Number(m[1]),
    start: Math.round(Number(m[2]) * 1e9) + 999_999,
    cpuFraction: (Number(m[3]) + 0.5) / 100,
    clock: [ns(4), ns(5), ns(6)],
    cpu: [ns(7), ns(8), ns(9), ns(10), ns(11)],
    heap: [bytes(12), bytes(13), bytes(14)],
    goal: bytes(15),
    stacks: bytes(16),
    globals: bytes(17),
    procs: Number(m[18]),
    forced: m[19] !== undefined,
  };
}

describe("the line of a cycle", () => {
  test("is Go's: each line that Go printed comes out of its figures again, character by character", () => {
    const { gctrace } = loadHeapGoals();
    expect(gctrace.length).toBeGreaterThan(100);
    for (const line of gctrace) expect(formatGcTrace(figuresOf(line))).toBe(line);
  });

  test("of a cycle that nobody forced ends with the Ps", () => {
    const line = "gc 12 @1.234s 0%: 0.015+12+0.012 ms clock, 0.12+1.5/0.99/345+0.098 ms cpu, 4->5->1 MB, 4 MB goal, 0 MB stacks, 1 MB globals, 8 P";
    expect(formatGcTrace(figuresOf(line))).toBe(line);
  });

  test("cuts times off to two digits, at most three decimals, and to whole ms from 10 on", () => {
    const ms = [0, 999, 1_000, 9_999, 10_000, 99_999, 100_000, 129_999, 999_999, 1_000_000, 1_290_000, 9_999_999, 10_000_000, 123_999_999].map(formatMs);
    expect(ms).toEqual(["0", "0", "0.001", "0.009", "0.010", "0.099", "0.10", "0.12", "0.99", "1.0", "1.2", "9.9", "10", "123"]);
  });

  test("tells when the cycle began in seconds to the ms", () => {
    const at = (start: number): string => formatGcTrace({ ...figuresOf(loadHeapGoals().gctrace[0]!), start }).split(" ")[2]!;
    expect([0, 7_999_999, 12_345_678_901].map(at)).toEqual(["@0.000s", "@0.007s", "@12.345s"]);
  });
});

describe("the pacer's lines", () => {
  test("tell what a cycle begins with", () => {
    const line = formatPacerStart({ assistWorkPerByte: 1.5, heapScan: 3 << 20, heapLive: 4 << 20, goal: (8 << 20) - 1, dedicatedMarkWorkers: 0, fractionalUtilizationGoal: 0.25 });
    expect(line).toBe("pacer: assist ratio=1.5 (scan 3 MB in 4->7 MB) workers=0+0.25");
  });

  test("tell how a cycle went", () => {
    const line = formatPacerEnd({
      utilization: 0.319, goalUtilization: 0.25, heapScanWork: 1000, stackScanWork: 20, globalsScanWork: 3, expectedWork: 900,
      triggered: 5000, heapLive: 5500, goal: 6000, consMark: 0.0000125,
    });
    expect(line).toBe("pacer: 31% CPU (25 exp.) for 1000+20+3 B work (900 B exp.) in 5000 B -> 5500 B (∆goal -500, cons/mark 1.25e-05)");
  });

  test("show numbers as Go's print does", () => {
    // What strconv.FormatFloat(x, 'g', -1, 64) gives.
    const shown = [0, -0, 1, -1.5, 0.1, 1e-4, 9.9e-5, 123456, 999999.5, 1e6, 1234567.5, 1e21, 1e100, -2e-7, 1 / 3, Infinity, -Infinity, NaN].map(formatGoFloat);
    expect(shown).toEqual([
      "0", "-0", "1", "-1.5", "0.1", "0.0001", "9.9e-05", "123456", "999999.5", "1e+06", "1.2345675e+06", "1e+21", "1e+100", "-2e-07", "0.3333333333333333", "+Inf", "-Inf", "NaN",
    ]);
  });
});
