import fc from "fast-check";
import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import type { PacerOptions } from "./pacer-figures.ts";
import { NO_LIMIT, Pacer, SWEEP_MIN_HEAP_DISTANCE } from "./pacer.ts";
import { PacerRecord } from "./pacer-record.ts";
import { newPacer, noFigures } from "./testing/pacer-simulator.ts";

const KIB = 1 << 10;
const MIB = 1 << 20;

type Figures = ReturnType<typeof noFigures>;

/** A pacer after a first cycle that marked `marked` bytes, scanned `scanned` of them and found nothing else to say. */
function afterCycle(marked: number, options: PacerOptions & { scanned?: number; sweepDone?: boolean; stacks?: number; globals?: number } = {}): { pacer: Pacer; f: Figures } {
  const pacer = newPacer();
  const f = noFigures();
  pacer.init(f, options);
  f.heapScanWork = f.heapScan = options.scanned ?? 0;
  f.stackScanWork = f.maxStackScan = options.stacks ?? 0;
  f.globalsScan = options.globals ?? 0;
  pacer.resetLive(marked, f);
  f.heapLive = marked;
  f.heapScanWork = f.stackScanWork = 0;
  pacer.commit(f, options.sweepDone ?? true);
  return { pacer, f };
}

/** A whole cycle from the trigger on: `allocated` bytes while `scanned` are scanned, `marked` stay. One ms on four CPUs. */
function cycle(pacer: Pacer, f: Figures, of: { allocated: number; scanned: number; marked: number; assistTime?: number; idleMarkTime?: number }): void {
  f.heapLive = pacer.trigger(f);
  f.heapScanWork = 0;
  pacer.startCycle(f, 0, 4);
  f.heapLive += of.allocated;
  f.heapScanWork = of.scanned;
  pacer.endCycle(f, { now: 1e6, procs: 4, assistTime: of.assistTime ?? 0, idleMarkTime: of.idleMarkTime ?? 0 });
  pacer.resetLive(of.marked, f);
  f.heapLive = of.marked;
  f.heapScan = of.scanned;
  pacer.commit(f, true);
}

describe("the goal", () => {
  test("an empty heap's is the minimum, which follows gcPercent and its base", () => {
    for (const [gcPercent, base, goal] of [[100, 4 * MIB, 4194304], [50, 4 * MIB, 2097152], [800, 4 * MIB, 33554432], [100, 512 * KIB, 524288], [33, 1000, 330], [0, 4 * MIB, 0]] as const) {
      expect(afterCycle(0, { gcPercent, heapMinimumBytes: base }).pacer.nextGoal, `${gcPercent} % of ${base}`).toBe(goal);
    }
    expect(afterCycle(0).pacer.nextGoal, "unless said, as Go's").toBe(4194304);
  });

  test("grows by gcPercent of what was marked and of the roots", () => {
    const { pacer } = afterCycle(10_000_001, { gcPercent: 50, stacks: 300_000, globals: 20_000 });
    expect(pacer.nextGoal).toBe(10_000_001 + 5_160_000);
  });

  test("leaves room to sweep: 1 MiB of growth, until sweeping is done", () => {
    const { pacer, f } = afterCycle(10 * MIB, { gcPercent: 1, sweepDone: false });
    expect(pacer.nextGoal).toBe(11 * MIB);
    expect(pacer.nextTrigger, "and the cycle does not begin before").toBe(11 * MIB);
    pacer.commit(f, true);
    expect(pacer.nextGoal).toBe(10590617);
  });

  test("leaves 64 KiB to a cycle that began beyond it", () => {
    const { pacer, f } = afterCycle(10 * MIB);
    f.heapLive = 21 * MIB;
    pacer.startCycle(f, 0, 4);
    expect(pacer.heapGoal(f)).toBe(21 * MIB + 65536);
    f.heapScanWork = 1;
    pacer.resetLive(10 * MIB, f);
    expect(pacer.heapGoal(f), "only while it runs").toBe(20 * MIB);
  });

  test("is not pushed up under a memory limit", () => {
    const { pacer, f } = afterCycle(10 * MIB, { memoryLimit: 11.5 * MIB, sweepDone: false });
    const limited = 10.5 * MIB;
    expect(pacer.nextGoal).toBe(limited);
    expect(pacer.nextTrigger, "nor is the trigger, to the distance that sweeping would want").toBe(10 * MIB + 61 * 8192);
    f.heapLive = limited + MIB;
    pacer.startCycle(f, 0, 4);
    expect(pacer.heapGoal(f)).toBe(limited);
  });

  test("by memory limit is what the rest leaves, less 3 % and at least 1 MiB", () => {
    const limit = 1000 * MIB;
    const goal = (mappedReady: number, heapFree: number, heapAlloc: number, marked = 0): number => {
      const { pacer, f } = afterCycle(marked, { gcPercent: -1, memoryLimit: limit });
      return pacer.heapGoal({ ...f, mappedReady, heapFree, heapAlloc });
    };
    expect(goal(0, 0, 0)).toBe(limit - Math.floor(limit / 100) * 3);
    expect(goal(500 * MIB, 100 * MIB, 370 * MIB), "30 MiB are no heap").toBe(970 * MIB - Math.floor((970 * MIB) / 100) * 3);
    expect(goal(1010 * MIB, 100 * MIB, 880 * MIB), "30 MiB are no heap, and 10 MiB are over").toBe(960 * MIB - Math.floor((960 * MIB) / 100) * 3);
    expect(goal(990 * MIB, 0, 0), "10 MiB are left: the least headroom").toBe(9 * MIB);
    expect(goal(998 * MIB + 1, 0, 0), "less than twice the headroom is left: the headroom is the goal").toBe(MIB);
    expect(goal(1000 * MIB, 0, 0, 7 * MIB), "nothing is left: what was marked").toBe(7 * MIB);
    expect(goal(990 * MIB, 0, 0, 50 * MIB), "never below what was marked").toBe(50 * MIB);
    expect(goal(10 * MIB, 8 * MIB, 4 * MIB), "figures that cannot be together count as no rest").toBe(goal(0, 0, 0));
  });

  test("without growth and without a limit is out of reach", () => {
    const { pacer } = afterCycle(10 * MIB, { gcPercent: -1 });
    expect(pacer.nextGoal).toBeGreaterThan(2 ** 52);
    expect(pacer.nextTrigger).toBeGreaterThan(2 ** 52);
  });
});

describe("the trigger", () => {
  test("is the goal less the runway, which is three times consMark of what there is to scan", () => {
    const { pacer, f } = afterCycle(40 * MIB);
    cycle(pacer, f, { allocated: MIB, scanned: 8 * MIB, marked: 40 * MIB });
    // consMark = (1 MiB * 0.25) / (8 MiB * 0.75)
    expect(pacer.consMark).toBeCloseTo(1 / 24, 12);
    expect(pacer.runway).toBe(Math.floor((3 / 24) * 8 * MIB));
    f.globalsScan = 8 * MIB;
    pacer.commit(f, true);
    expect(pacer.runway, "roots are scanned too").toBe(2 * MIB);
    cycle(pacer, f, { allocated: 6 * MIB, scanned: 8 * MIB, marked: 40 * MIB });
    expect(pacer.runway).toBe(12 * MIB);
    expect(pacer.nextTrigger).toBe(pacer.nextGoal - 12 * MIB);
  });

  test("is at least 45/64 of the way from marked to goal, however much runway is wanted", () => {
    const marked = 3_000_000;
    const { pacer, f } = afterCycle(marked, { gcPercent: 300, heapMinimumBytes: MIB });
    cycle(pacer, f, { allocated: 100 * MIB, scanned: MIB, marked });
    expect(pacer.runway).toBeGreaterThan(pacer.nextGoal);
    expect(pacer.nextGoal).toBe(12_000_000);
    // The division is a whole one and comes first: 9 000 000 / 64 is 140625.
    expect(pacer.nextTrigger).toBe(marked + 140_625 * 45);
    cycle(pacer, f, { allocated: 0, scanned: MIB, marked: 3_000_021 });
    expect(pacer.nextTrigger).toBe(3_000_021 + 140_625 * 45);
  });

  test("is at most 61/64 of the way, or the heap minimum before the goal where that is later", () => {
    expect(afterCycle(10 * MIB).pacer.nextTrigger, "no runway is wanted: 61/64").toBe(10 * MIB + 163_840 * 61);
    expect(afterCycle(200 * MIB).pacer.nextTrigger, "4 MiB before").toBe(396 * MIB);
    expect(afterCycle(10 * MIB, { heapMinimumBytes: 256 * KIB }).pacer.nextTrigger, "the minimum's base, not the minimum").toBe(20 * MIB - 256 * KIB);
    expect(afterCycle(0, { heapMinimumBytes: 1000, gcPercent: 0 }).pacer.nextTrigger, "no goal above what was marked").toBe(0);
  });

  test("is the goal itself while that is below what was marked, until commit makes a new one", () => {
    const { pacer, f } = afterCycle(10 * MIB);
    pacer.resetLive(50 * MIB, f);
    expect(pacer.trigger(f)).toBe(20 * MIB);
    pacer.commit(f, true);
    expect(pacer.trigger(f)).toBe(50 * MIB + 61 * 819_200);
  });

  test("never passes the goal, nor falls below what was marked, whatever the figures are", () => {
    const bytes = fc.nat(2 ** 31 - 1);
    const percent = fc.oneof(fc.constant(-1), fc.nat(1000));
    const limit = fc.oneof(fc.constant(Infinity), bytes);
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes, bytes, bytes, fc.nat(4e6), bytes), { minLength: 1, maxLength: 6 }), percent, limit, fc.boolean(), bytes, (cycles, gcPercent, memoryLimit, done, mappedReady) => {
        const pacer = newPacer();
        const f = noFigures();
        pacer.init(f, { gcPercent, memoryLimit });
        for (const [allocated, scanned, marked, assistTime, globals] of cycles) {
          f.mappedReady = mappedReady;
          f.globalsScan = globals;
          cycle(pacer, f, { allocated, scanned, marked, assistTime });
          pacer.commit(f, done);
          expect(pacer.nextTrigger).toBeLessThanOrEqual(pacer.nextGoal);
          expect(pacer.nextTrigger).toBeGreaterThanOrEqual(marked);
          expect(Number.isInteger(pacer.nextTrigger) && Number.isInteger(pacer.nextGoal)).toBe(true);
        }
      }),
    );
  });
});

describe("the assist ratio", () => {
  /** A heap of 10 MiB, all of it expected to be scanned, whose cycle began at 18 MiB; the goal is 20 MiB. */
  function running(): { pacer: Pacer; f: Figures } {
    const made = afterCycle(10 * MIB, { scanned: 10 * MIB });
    made.f.heapLive = 18 * MIB;
    made.f.heapScan = 18 * MIB;
    made.pacer.startCycle(made.f, 5, 4);
    return made;
  }

  test("is the work still expected over the bytes to the goal, and its reciprocal", () => {
    const { pacer, f } = running();
    expect([pacer.triggered, pacer.markStartTime, pacer.dedicatedMarkWorkers, pacer.fractionalUtilizationGoal]).toEqual([18 * MIB, 5, 1, 0]);
    expect(pacer.assistWorkPerByte).toBe(5);
    expect(pacer.assistBytesPerWork).toBe(1 / 5);
    f.heapScanWork = 4 * MIB;
    f.heapLive = 19 * MIB;
    f.globalsScan = 3 * MIB;
    f.globalsScanWork = MIB;
    f.stackScanWork = MIB;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte, "roots are work, and are expected").toBe((13 - 6) / 1);
  });

  test("expects at least 1000 bytes of work", () => {
    const { pacer, f } = running();
    for (const left of [1001, 1000, 999, 0]) {
      f.heapScanWork = 10 * MIB - left;
      pacer.revise(f);
      expect(pacer.assistWorkPerByte).toBe(Math.max(left, 1000) / (2 * MIB));
    }
  });

  test("stays flat when the heap turns out to have grown: the goal moves with the work", () => {
    const { pacer, f } = running();
    f.heapScanWork = 10 * MIB + 1;
    pacer.revise(f);
    // 2 MiB were meant for 10 MiB of work, so 18 MiB of work get 3.6 MiB.
    const goal = 18 * MIB + Math.trunc(3.6 * MIB);
    expect(pacer.assistWorkPerByte).toBe((18 * MIB - f.heapScanWork) / (goal - f.heapLive));
  });

  test("moves the goal no further than the next cycle's could be", () => {
    const { pacer, f } = running();
    f.heapScanWork = 10 * MIB + 1;
    f.heapScan = 1000 * MIB;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte, "20 MiB * (1 + 100 %)").toBe((1000 * MIB - f.heapScanWork) / (40 * MIB - f.heapLive));
    pacer.setGCPercent(-1);
    pacer.setMemoryLimit(30 * MIB);
    pacer.commit(f, true);
    pacer.revise(f);
    const goal = pacer.heapGoal(f);
    expect(goal).toBe(29 * MIB);
    const moved = 18 * MIB + Math.trunc((11 / 10) * 1000 * MIB);
    expect(pacer.assistWorkPerByte, "without gcPercent in a forced cycle, up to 1001 times").toBe((1000 * MIB - f.heapScanWork) / (moved - f.heapLive));
    f.heapScan = 2 ** 40;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte).toBe((2 ** 40 - f.heapScanWork) / (goal * 1001 - f.heapLive));
  });

  test("beyond the goal aims at a tenth more, and at the worst case", () => {
    const { pacer, f } = running();
    f.heapLive = 20 * MIB;
    pacer.revise(f);
    expect(pacer.assistBytesPerWork, "at the goal there is a byte left").toBe(1 / (10 * MIB));
    f.heapLive = 20 * MIB + 1;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte).toBe((18 * MIB) / (Math.trunc(20 * MIB * 1.1) - f.heapLive));
    f.heapLive = 50 * MIB;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte, "and beyond that all of it for the next byte").toBe(18 * MIB);
  });

  test("counts all stacks there are in the worst case, and those scanned last time in what is expected", () => {
    const { pacer, f } = afterCycle(10 * MIB, { stacks: 2 * MIB });
    f.maxStackScan = 7 * MIB;
    f.heapLive = 18 * MIB;
    pacer.startCycle(f, 0, 4);
    expect(pacer.assistWorkPerByte * (pacer.heapGoal(f) - 18 * MIB)).toBeCloseTo(2 * MIB, 3);
    f.heapLive = pacer.heapGoal(f) + 1;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte).toBe((7 * MIB) / (Math.trunc(pacer.heapGoal(f) * 1.1) - f.heapLive));
  });

  test("goes as far as is allowed when nothing was expected", () => {
    const pacer = newPacer();
    const f = noFigures();
    pacer.init(f);
    f.heapLive = f.heapScan = 3 * MIB;
    pacer.startCycle(f, 0, 1);
    f.heapScanWork = 5000;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte).toBe((3 * MIB - 5000) / (8 * MIB - 3 * MIB));
    f.heapScan = 0;
    pacer.revise(f);
    expect(pacer.assistWorkPerByte, "nor can there be more").toBe(1000 / (8 * MIB - 3 * MIB));
  });

  test("rests while no cycle runs", () => {
    const { pacer, f } = afterCycle(10 * MIB, { scanned: 10 * MIB });
    pacer.revise(f);
    expect(pacer.assistWorkPerByte).toBe(0);
  });
});

describe("a cycle's end", () => {
  test("keeps the largest consMark of five cycles", () => {
    const { pacer, f } = afterCycle(100 * MIB);
    const seen: number[] = [];
    for (const allocated of [3, 6, 2, 1, 1, 1, 1]) {
      cycle(pacer, f, { allocated: allocated * MIB, scanned: 10 * MIB, marked: 100 * MIB });
      seen.push(Math.round(pacer.consMark * 30));
    }
    expect(seen).toEqual([3, 6, 6, 6, 6, 6, 2]);
  });

  test("weighs what was allocated and scanned by the CPU time of each, assists and idle markers counted as marking", () => {
    const { pacer, f } = afterCycle(100 * MIB);
    // 4 ms of CPU time: background 25 %, assists 15 %, idle 10 %.
    cycle(pacer, f, { allocated: 6 * MIB, scanned: 10 * MIB, marked: 100 * MIB, assistTime: 600_000, idleMarkTime: 400_000 });
    expect(pacer.lastUtilization).toBeCloseTo(0.4, 12);
    expect(pacer.consMark).toBeCloseTo((6 * 0.5) / (10 * 0.6), 12);
  });

  test("measures nothing when nothing was allocated or no time passed, and notes the goal all the same", () => {
    const { pacer, f } = afterCycle(100 * MIB);
    cycle(pacer, f, { allocated: 6 * MIB, scanned: 10 * MIB, marked: 50 * MIB });
    const { consMark } = pacer;
    expect(pacer.lastHeapGoal).toBe(200 * MIB);
    cycle(pacer, f, { allocated: 0, scanned: 10 * MIB, marked: 50 * MIB, assistTime: 3_000_000 });
    expect(pacer.consMark).toBe(consMark);
    expect(pacer.lastHeapGoal).toBe(100 * MIB);
    pacer.startCycle(f, 7, 4);
    f.heapLive += 6 * MIB;
    f.heapScanWork = 10 * MIB;
    pacer.endCycle(f, { now: 7, procs: 4, assistTime: 5, idleMarkTime: 5 });
    expect(pacer.lastUtilization, "without time only the background counts").toBe(0.25);
    expect(pacer.consMark).toBe(consMark);
  });

  test("that left the program no time makes the next cycle begin as early as is allowed", () => {
    for (const assistTime of [3_000_000, 5_000_000]) {
      const { pacer, f } = afterCycle(64 * MIB);
      for (let i = 0; i < 5; i++) cycle(pacer, f, { allocated: MIB, scanned: 10 * MIB, marked: 64 * MIB, assistTime });
      expect(pacer.runway, "with a share of 1 divided by nothing, with more a number below 0").toBe(Infinity);
      expect(pacer.nextTrigger).toBe(64 * MIB + 45 * MIB);
    }
    const { pacer, f } = afterCycle(64 * MIB);
    cycle(pacer, f, { allocated: MIB, scanned: 0, marked: 64 * MIB });
    expect(pacer.runway, "nothing was scanned for what was allocated, and nothing is to be: Infinity times 0").toBe(Infinity);
  });

  test("takes the shares it was told, where markers are threads of their own", () => {
    const { pacer, f } = afterCycle(100 * MIB);
    pacer.setUtilization(0.5, 0.5);
    cycle(pacer, f, { allocated: MIB, scanned: 10 * MIB, marked: 100 * MIB });
    expect(pacer.consMark).toBeCloseTo(0.1, 12);
    expect(pacer.runway).toBe(Math.floor(0.1 * 10 * MIB));
    pacer.setUtilization(0.25, 0);
    cycle(pacer, f, { allocated: MIB, scanned: 10 * MIB, marked: 100 * MIB, assistTime: 2_000_000 });
    expect(pacer.lastUtilization).toBe(0.5);
  });
});

describe("settings", () => {
  test("are given back when they are changed", () => {
    const { pacer, f } = afterCycle(0);
    expect(pacer.setGCPercent(-7)).toBe(100);
    expect(pacer.setGCPercent(50)).toBe(-1);
    expect(pacer.setMemoryLimit(1000)).toBe(NO_LIMIT);
    expect(pacer.setMemoryLimit(-1), "below 0 only asks").toBe(1000);
    expect(pacer.setMemoryLimit(Infinity)).toBe(1000);
    pacer.commit(f, true);
    expect([pacer.gcPercent, pacer.memoryLimit, pacer.nextGoal]).toEqual([50, NO_LIMIT, 2 * MIB]);
  });

  test("that make no sense are errors, and change nothing", () => {
    const { pacer, f } = afterCycle(0);
    const refused = expect.objectContaining({ name: "PacerError", code: "ERR_PACER_OPTION" }) as Error;
    for (const bad of [NaN, 1.5, Infinity]) expect(() => pacer.setGCPercent(bad)).toThrow(refused);
    expect(() => pacer.setMemoryLimit(NaN)).toThrow(refused);
    for (const [goal, background] of [[0, 0], [1, 0.5], [0.2, 0.3], [0.5, -0.1], [NaN, 0]] as const) expect(() => pacer.setUtilization(goal, background)).toThrow(refused);
    for (const heapMinimumBytes of [-1, 0.5, NaN, Infinity]) expect(() => pacer.init(f, { heapMinimumBytes })).toThrow(refused);
    expect([pacer.gcPercent, pacer.memoryLimit, pacer.nextGoal]).toEqual([100, NO_LIMIT, 4 * MIB]);
  });
});

describe("the record", () => {
  test("is all there is: another Pacer for it, as of another thread, sees and continues the same", () => {
    const f64 = new Float64Array(200);
    f64.fill(-1);
    const at = 62 as Ptr;
    const one = new Pacer(f64, at);
    const two = new Pacer(f64, at);
    const f = noFigures();
    one.init(f);
    cycle(one, f, { allocated: MIB, scanned: 3 * MIB, marked: 5 * MIB });
    expect([two.heapMarked, two.lastHeapScan, two.lastStackScan, two.consMark, two.nextTrigger]).toEqual([5 * MIB, 3 * MIB, 0, one.consMark, one.nextTrigger]);
    cycle(two, f, { allocated: MIB, scanned: 3 * MIB, marked: 6 * MIB });
    expect(one.heapMarked).toBe(6 * MIB);
    expect(one.triggered).toBe(Infinity);
    const outside = [...f64.subarray(0, 31), ...f64.subarray(31 + PacerRecord.words / 2)];
    expect(outside.every((x) => x === -1), "nothing beside it is touched").toBe(true);
  });

  test("is on an even word of the region, with room behind it", () => {
    const f64 = new Float64Array(PacerRecord.words / 2 + 1);
    expect(() => new Pacer(f64, 2 as Ptr)).not.toThrow();
    const refused = expect.objectContaining({ code: "ERR_PACER_RECORD" }) as Error;
    for (const at of [1, 4, -2, NaN]) expect(() => new Pacer(f64, at as Ptr)).toThrow(refused);
  });

  test("has every float64 on an even word", () => {
    for (const [name, offset] of Object.entries(PacerRecord.offset)) expect(offset % 2, name).toBe(0);
    expect(SWEEP_MIN_HEAP_DISTANCE).toBe(1048576);
  });
});
