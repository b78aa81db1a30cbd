import { createRegion, type Ptr } from "@mallocgc/sysmem";
import { expect, test } from "vitest";
import { CycleLog, pacerLines, traceLine, type CycleEnd } from "./cycle-log.ts";
import { CYCLES_KEPT, CycleFigures, GcRecord } from "./gc-record.ts";
import { WANTED_BY_GROWTH, WANTED_BY_REQUEST } from "./refill.ts";

const G = GcRecord.offset;
const GC = 64 as Ptr;
const RING = 1024 as Ptr;
const PAUSES = 8192 as Ptr;
const MIB = 1 << 20;
const START = 1_700_000_000_000;

/** A log, and the words that a driver writes before it tells of a cycle's end. */
function scene() {
  const region = createRegion(1 << 20, true);
  const { i32, f64 } = region;
  const log = new CycleLog(region, GC, RING, PAUSES);
  const note = (field: number, ms: number): void => { f64[(GC + field) >>> 1] = ms; };
  note(G.heapStart, START);
  const begin = (cycle: number, at: number): void => {
    i32[GC + G.cyclesBegun] = cycle;
    note(G.beginAt, START + at);
    note(G.rootsAt, START + at + 1);
    note(G.roundAt, START + at + 5);
    i32[GC + G.liveAtBegin] = (4 * MIB) / 8;
    log.begin(cycle, { assistWorkPerByte: 2.5, heapScan: 3 * MIB, heapLive: 4 * MIB, goal: 7 * MIB, dedicatedMarkWorkers: 1, fractionalUtilizationGoal: 0 });
  };
  const end = (at: number, more: Partial<CycleEnd> = {}): void => {
    const before = { heapLive: 5 * MIB, heapScan: 0, maxStackScan: 0, globalsScan: 0, heapScanWork: 900, stackScanWork: 0, globalsScanWork: 0, mappedReady: 0, heapFree: 0, heapAlloc: 0 };
    log.end({ at: START + at, reason: WANTED_BY_GROWTH, before, marked: 3 * MIB, goal: 8 * MIB, procs: 2, assistNs: 500_000, utilization: 0.5, goalUtilization: 0.25, expectedWork: 1000, triggered: 4 * MIB, consMark: 1.5, ...more });
  };
  return { i32, f64, log, begin, end };
}

test("a cycle's row says what it did: times from the marks that the driver left, bytes as told", () => {
  const { i32, log, begin, end } = scene();
  begin(1, 100);
  i32[GC + G.markUs] = 3000;
  i32[GC + G.idleUs] = 2000;
  i32[GC + G.maxStallUs] = 70;
  end(107);
  expect(log.read(1)).toEqual({
    cycle: 1, start: 100e6, cpuFraction: 3.5 / (107 * 2), beginNs: 1e6, markNs: 4e6, endNs: 2e6, assistNs: 500_000, backgroundNs: 3e6, idleNs: 2e6,
    heapBegin: 4 * MIB, heapEnd: 5 * MIB, heapMarked: 3 * MIB, goal: 8 * MIB, globals: 0, procs: 2, forced: false, maxStallNs: 70_000, pauseNs: 0,
    pacing: {
      assistWorkPerByte: 2.5, heapScan: 3 * MIB, heapLive: 4 * MIB, goal: 7 * MIB, dedicatedMarkWorkers: 1, fractionalUtilizationGoal: 0,
      utilization: 0.5, goalUtilization: 0.25, heapScanWork: 900, expectedWork: 1000, triggered: 4 * MIB, consMark: 1.5,
    },
    pages: undefined,
  });
});

test("how the pages stand is told once the cycle is swept, and of no other cycle", () => {
  const { log, begin, end } = scene();
  const pages = { releasedBg: 8192, releasedEager: 16384, heapReleased: MIB, heapInUse: 2 * MIB, heapRetained: 3 * MIB, controllerReset: true };
  begin(1, 0);
  end(9);
  log.swept(1, pages);
  expect(log.read(1)?.pages).toEqual(pages);
  begin(1 + CYCLES_KEPT, 20);
  end(29);
  expect([log.read(1), log.read(1 + CYCLES_KEPT)?.pages]).toEqual([undefined, undefined]);
});

test("the longest stall is that since the cycle before: it begins at 0 again", () => {
  const { i32, log, begin, end } = scene();
  i32[GC + G.maxStallUs] = 70;
  begin(1, 0);
  end(9);
  begin(2, 20);
  end(29);
  expect([log.read(1)?.maxStallNs, log.read(2)?.maxStallNs]).toEqual([70_000, 0]);
});

test("the share of CPU time counts all cycles since the heap was made, and is never above 1", () => {
  const { i32, log, begin, end } = scene();
  begin(1, 0);
  i32[GC + G.markUs] = 4000;
  end(10, { assistNs: 0, procs: 1 });
  expect(log.read(1)?.cpuFraction).toBeCloseTo(0.4);
  begin(2, 20);
  i32[GC + G.markUs] = 1_000_000;
  end(40, { assistNs: 0, procs: 1 });
  expect(log.read(2)?.cpuFraction).toBe(1);
});

test("a cycle that is not over has no report, nor one whose row is another's by now", () => {
  const { log, begin, end } = scene();
  expect(log.read(1)).toBeUndefined();
  for (let cycle = 1; cycle <= CYCLES_KEPT; cycle++) {
    begin(cycle, cycle * 10);
    end(cycle * 10 + 8);
  }
  expect(log.read(1)?.cycle).toBe(1);
  begin(CYCLES_KEPT + 1, 9000);
  expect([log.read(1), log.read(CYCLES_KEPT + 1)]).toEqual([undefined, undefined]);
  end(9008);
  expect([log.read(1), log.read(CYCLES_KEPT + 1)?.cycle, log.read(2)?.cycle]).toEqual([undefined, CYCLES_KEPT + 1, 2]);
});

test("a row that changes while it is read is not taken for the cycle's", () => {
  const { f64, log, begin, end } = scene();
  begin(1, 0);
  end(9);
  const number = (RING + (1 % CYCLES_KEPT) * CycleFigures.words + CycleFigures.offset.cycle) >>> 1;
  f64[number] = CYCLES_KEPT + 1;
  expect(log.read(1)).toBeUndefined();
});

test("the trace line is Go's, and says that a cycle was asked for", () => {
  const { i32, log, begin, end } = scene();
  begin(3, 1000);
  i32[GC + G.markUs] = 3000;
  end(1007, { reason: WANTED_BY_REQUEST | WANTED_BY_GROWTH });
  expect(traceLine(log.read(3)!)).toBe("gc 3 @1.000s 0%: 1.0+4.0+2.0 ms clock, 0+0.50/3.0/0+0 ms cpu, 4->5->3 MB, 8 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)");
});

test("the pacer's lines are Go's", () => {
  const { log, begin, end } = scene();
  begin(3, 1000);
  end(1007);
  expect(pacerLines(log.read(3)!)).toEqual([
    "pacer: assist ratio=2.5 (scan 3 MB in 4->7 MB) workers=1+0",
    `pacer: 50% CPU (25 exp.) for 900+0+0 B work (1000 B exp.) in ${4 * MIB} B -> ${5 * MIB} B (∆goal ${-3 * MIB}, cons/mark 1.5)`,
  ]);
});

/** A cycle from beginning to the moment at which all threads see that it is done. */
function run({ i32, begin, end }: ReturnType<typeof scene>, cycle: number, pauseNs: number): void {
  begin(cycle, cycle * 10);
  i32[GC + G.maxPauseNs] = pauseNs | 0;
  end(cycle * 10 + 8, { assistNs: 100, reason: cycle % 3 === 0 ? WANTED_BY_REQUEST : WANTED_BY_GROWTH });
  i32[GC + G.cyclesDone] = cycle;
}

test("before the first cycle all totals are 0", () => {
  const { cycles, forced, lastEnd, pauseNs, pauses } = scene().log.totals();
  expect([cycles, forced, lastEnd, pauseNs, pauses.ns.length, pauses.end.some((end) => end !== 0)]).toEqual([0, 0, 0, 0, 256, false]);
});

test("totals are those of all cycles, pauses those of the last 256, at the index that Go has them at", () => {
  const s = scene();
  for (let cycle = 1; cycle <= 300; cycle++) {
    run(s, cycle, cycle);
    const { pauses, ...totals } = s.log.totals();
    expect([totals.cycles, totals.forced, totals.assistNs, totals.pauseNs]).toEqual([cycle, Math.floor(cycle / 3), cycle * 100, (cycle * (cycle + 1)) / 2]);
    expect(totals.lastEnd).toBe((START + cycle * 10 + 8) * 1e6);
    expect([pauses.ns[(cycle + 255) % 256], pauses.end[(cycle + 255) % 256]]).toEqual([cycle, totals.lastEnd]);
    const told = Array.from({ length: Math.min(cycle, 256) }, (_, i) => cycle - i);
    expect(pauses.ns.reduce((n, ns) => n + ns, 0)).toBe(told.reduce((n, ns) => n + ns, 0));
  }
});

test("a pause above 2^31 ns is not taken for one below 0", () => {
  const s = scene();
  run(s, 1, 3e9);
  expect([s.log.read(1)?.pauseNs, s.log.totals().pauseNs]).toEqual([3e9, 3e9]);
});

test("totals that were written over while they were read are read again", () => {
  const s = scene();
  for (let cycle = 1; cycle <= 10; cycle++) run(s, cycle, cycle);
  // Eight more cycles end between the first word and the last.
  const { load } = Atomics;
  let looks = 0;
  Atomics.load = ((mem: Int32Array, at: number) => {
    if (at === GC + G.cyclesDone && ++looks === 2) for (let cycle = 11; cycle <= 18; cycle++) run(s, cycle, cycle);
    return load(mem, at);
  }) as typeof Atomics.load;
  try {
    expect([s.log.totals().cycles, looks]).toEqual([18, 4]);
  } finally {
    Atomics.load = load;
  }
});
