import fc from "fast-check";
import type { Ptr } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { CAPACITY_PER_PROC, CpuLimiter, GC_CPU_LIMITER_UPDATE_PERIOD } from "./cpu-limiter.ts";
import { CpuLimiterRecord } from "./cpu-limiter-record.ts";

const MS = 1e6;
const SECOND = 1e9;
const HOUR = 3600 * SECOND;

/** A limiter with a clock that a test moves on, and with the sums that Ps would count. */
class Clocked {
  readonly limiter: CpuLimiter;
  now = 0;
  assistTime = 0;
  idleTime = 0;
  cycle = 1;

  constructor(procs: number) {
    this.limiter = new CpuLimiter(new Float64Array(CpuLimiterRecord.words / 2), 0 as Ptr);
    this.limiter.init(0, procs);
  }

  /** Lets time pass, in which assists took `assist` and Ps were idle for `idle` ns of CPU time. */
  pass(ns: number, assist = 0, idle = 0): void {
    this.now += ns;
    this.assistTime += assist;
    this.idleTime += idle;
    this.limiter.update(this.now, this, this.cycle);
  }
  start(enableGC: boolean, ns: number, assist = 0): void {
    this.now += ns;
    this.assistTime += assist;
    this.limiter.startGCTransition(enableGC, this.now, this, this.cycle);
  }
  finish(ns: number): void {
    this.now += ns;
    this.limiter.finishGCTransition(this.now, this.cycle);
  }
  resize(procs: number, ns = 0): void {
    this.now += ns;
    this.limiter.resetCapacity(this.now, procs, this, this.cycle);
  }
}

describe("the limiter does in a life of two rounds what Go's does", () => {
  const procs = 14;
  const half = (ns: number): number => 0.25 * ns * procs;
  const all = (ns: number): number => 0.75 * ns * procs;
  const c = new Clocked(procs);
  const { limiter } = c;

  test.each([1, 2])("round %i", (round) => {
    const overflowed = (round - 1) * (CAPACITY_PER_PROC / 2 + 6 * MS) * procs;
    const state = (): [number, boolean, number] => [limiter.fill, limiter.limiting, limiter.overflow - overflowed];
    expect(limiter.capacity).toBe(procs * SECOND);
    expect(state()).toEqual([0, false, 0]);

    for (const ns of [10 * MS, SECOND, HOUR]) c.pass(ns);
    expect(limiter.fill, "the program's time does not fill").toBe(0);

    expect(limiter.needUpdate((c.now += GC_CPU_LIMITER_UPDATE_PERIOD / 2))).toBe(false);
    expect(limiter.needUpdate((c.now += GC_CPU_LIMITER_UPDATE_PERIOD))).toBe(true);
    c.pass(0);
    expect(limiter.needUpdate(c.now)).toBe(false);

    c.start(true, 109 * MS);
    c.finish(2 * MS + 1000);
    expect(limiter.fill, "a stop counts for all Ps").toBe((2 * MS + 1000) * procs);
    // With a quarter in the background, half of the time flows out: twice as long as it took to fill.
    c.pass(2 * (2 * MS + 1000 - 1));
    expect(limiter.fill).toBe(procs);
    c.pass(2 * procs * CAPACITY_PER_PROC);
    expect(limiter.fill).toBe(0);

    c.pass(10 * MS, half(10 * MS));
    expect(limiter.fill, "half and half does not move it").toBe(0);
    c.pass(MS, all(MS));
    expect(state()).toEqual([procs * MS, false, 0]);
    c.pass(SECOND - MS, all(SECOND - MS));
    expect(state(), "full to the brim").toEqual([limiter.capacity, true, 0]);
    c.pass(SECOND, half(SECOND));
    expect(state(), "half and half does not switch it off").toEqual([limiter.capacity, true, 0]);
    c.pass(SECOND);
    expect(state()).toEqual([limiter.capacity / 2, false, 0]);
    c.pass(SECOND, all(SECOND));
    expect(state()).toEqual([limiter.capacity, true, (SECOND / 2) * procs]);

    c.start(false, MS, all(MS));
    expect(state(), "assists that were left over count").toEqual([limiter.capacity, true, (SECOND / 2 + MS) * procs]);
    c.finish(5 * MS);
    expect(state()).toEqual([limiter.capacity, true, (SECOND / 2 + 6 * MS) * procs]);

    c.resize(procs + 10);
    expect(state(), "more Ps, the same time").toEqual([procs * SECOND, false, (SECOND / 2 + 6 * MS) * procs]);
    c.resize(procs - 10);
    expect(state(), "what does not fit into fewer is no overflow").toEqual([(procs - 10) * SECOND, true, (SECOND / 2 + 6 * MS) * procs]);
    c.resize(procs, CAPACITY_PER_PROC * procs);
  });
});

describe("the limiter", () => {
  test("does not count idle time as the program's, and takes the background's quarter of all time, idle or not", () => {
    const c = new Clocked(4);
    c.start(true, 0);
    c.finish(0);
    // 400 ms of CPU time: 100 in the background, 240 idle, 60 the program's.
    c.pass(100 * MS, 0, 240 * MS);
    expect(c.limiter.fill).toBe(40 * MS);
    c.pass(100 * MS, 10 * MS, 240 * MS);
    expect(c.limiter.fill, "110 against 50").toBe(100 * MS);
  });

  test("counts background time as it was measured, where it is, and not the quarter", () => {
    const f64 = new Float64Array(CpuLimiterRecord.words / 2);
    const limiter = new CpuLimiter(f64, 0 as Ptr);
    limiter.init(0, 2);
    let backgroundTime = 0;
    const pass = (at: number, background: number): void => {
      backgroundTime += background;
      limiter.update(at, { assistTime: 0, idleTime: 0, backgroundTime }, 1);
    };
    limiter.startGCTransition(true, 0, { assistTime: 0, idleTime: 0, backgroundTime }, 1);
    limiter.finishGCTransition(0, 1);
    pass(1000 * MS, 1500 * MS);
    expect([limiter.fill, limiter.limiting]).toEqual([1000 * MS, false]);
    pass(2000 * MS, 2000 * MS);
    expect([limiter.fill, limiter.limiting]).toEqual([2000 * MS, true]);
    pass(2010 * MS, 0);
    expect([limiter.fill, limiter.limiting]).toEqual([1980 * MS, false]);
  });

  test("counts each sum once, and leaves a clock that went back to the next update", () => {
    const c = new Clocked(1);
    c.pass(10 * MS, 10 * MS);
    expect(c.limiter.fill).toBe(10 * MS);
    c.assistTime += 5 * MS;
    c.limiter.update(c.now - 1, c, 1);
    expect(c.limiter.fill).toBe(10 * MS);
    c.pass(5 * MS);
    expect(c.limiter.fill).toBe(15 * MS);
    c.pass(4 * MS);
    expect(c.limiter.fill).toBe(11 * MS);
  });

  test("is due for an update when the last one is more than 10 ms old", () => {
    const { limiter } = new Clocked(1);
    expect([10 * MS, 10 * MS + 1].map((now) => limiter.needUpdate(now))).toEqual([false, true]);
  });

  test("takes a sum that fell for one that began anew", () => {
    const c = new Clocked(1);
    c.pass(10 * MS, 10 * MS);
    c.assistTime = 0;
    c.pass(0);
    expect(c.limiter.fill).toBe(10 * MS);
    c.pass(3 * MS, 3 * MS);
    expect(c.limiter.fill).toBe(13 * MS);
    c.idleTime = 50 * MS;
    c.pass(50 * MS);
    expect(c.limiter.fill).toBe(13 * MS);
    c.idleTime = 0;
    c.pass(4 * MS, 0, 4 * MS);
    expect(c.limiter.fill, "all of the 4 ms were idle").toBe(13 * MS);
  });

  test("notes the cycle in which it began to limit", () => {
    const c = new Clocked(1);
    expect(c.limiter.lastEnabledCycle).toBe(0);
    c.cycle = 7;
    c.pass(SECOND, SECOND);
    c.cycle = 8;
    c.pass(SECOND, SECOND);
    expect(c.limiter.lastEnabledCycle).toBe(7);
    c.pass(1);
    c.pass(1, 1);
    expect([c.limiter.limiting, c.limiter.lastEnabledCycle]).toEqual([true, 8]);
    c.resize(2);
    c.cycle = 9;
    c.pass(SECOND, 2 * SECOND);
    c.cycle = 10;
    c.resize(1);
    expect([c.limiter.limiting, c.limiter.lastEnabledCycle], "fewer Ps").toEqual([true, 10]);
  });

  test("takes a transition without a stop at no cost", () => {
    const c = new Clocked(4);
    c.start(true, 10 * MS);
    c.finish(0);
    expect(c.limiter.fill).toBe(0);
    c.pass(10 * MS);
    expect(c.limiter.fill).toBe(0);
    expect(() => c.start(true, 0)).toThrow(expect.objectContaining({ code: "ERR_LIMITER_TRANSITION" }) as Error);
  });

  test("keeps the bucket between empty and full, and limits exactly while it is full", () => {
    const window = fc.tuple(fc.nat(2000), fc.nat(100), fc.nat(100));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(window, { maxLength: 40 }), (procs, windows) => {
        const c = new Clocked(procs);
        let fill = 0;
        for (const [ms, assistPercent, idlePercent] of windows) {
          const total = ms * MS * procs;
          const assist = (total * assistPercent) / 100;
          const idle = (Math.max(total - assist, 0) * idlePercent) / 100;
          c.pass(ms * MS, assist, idle);
          fill = Math.min(Math.max(fill + assist - (total - idle - assist), 0), procs * SECOND);
          expect(Math.abs(c.limiter.fill - fill)).toBeLessThan(1);
          expect(c.limiter.limiting).toBe(c.limiter.fill === c.limiter.capacity);
        }
      }),
    );
  });

  test("refuses calls in an order that cannot be", () => {
    const c = new Clocked(4);
    const refused = expect.objectContaining({ name: "PacerError", code: "ERR_LIMITER_TRANSITION" }) as Error;
    expect(() => c.finish(0)).toThrow(refused);
    expect(() => c.start(false, 0)).toThrow(refused);
    c.start(true, 0);
    expect(() => c.start(false, 0)).toThrow(refused);
    expect(() => c.pass(1)).toThrow(refused);
    c.finish(0);
    c.pass(1);
    expect(() => new CpuLimiter(new Float64Array(4), 0 as Ptr)).toThrow(expect.objectContaining({ code: "ERR_PACER_RECORD" }) as Error);
  });
});
