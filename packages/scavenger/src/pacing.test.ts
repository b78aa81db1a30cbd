import { loadScavenger } from "@mallocgc/go-oracle";
import { describe, expect, test } from "vitest";
import { CONTROLLER_COOLDOWN, Pacing, SCAVENGE_QUANTUM, STARTING_SCAV_SLEEP_RATIO, type Quanta } from "./pacing.ts";
import { ScavengerRecord } from "./scavenger-record.ts";

const OS_PAGE = 4096;
const { pacing, physPageSize } = loadScavenger().parts;

function newPacing(): { pacing: Pacing; f64: Float64Array } {
  const f64 = new Float64Array(ScavengerRecord.words / 2);
  const fresh = new Pacing(f64, 0);
  fresh.init();
  return { pacing: fresh, f64 };
}

/** A supply of work that costs 10 us per page of the OS, as in Go's test. */
class Work implements Quanta {
  available: number;
  stopAt = 0;
  clock = 0;
  worked = 0;
  constructor(available: number) {
    this.available = available;
  }
  now(): number {
    return this.clock;
  }
  shouldStop(): boolean {
    return this.available <= this.stopAt;
  }
  scavenge(nbytes: number): number {
    const n = Math.min(nbytes, this.available);
    this.available -= n;
    const ns = Math.ceil(n / OS_PAGE) * 10_000;
    this.clock += ns;
    this.worked += ns;
    return n;
  }
}

describe("the pace", () => {
  for (const { name, procs, quanta, sleeps } of pacing) {
    test(`is Go's, batch by batch and ns by ns: ${name}`, () => {
      const { pacing: pace } = newPacing();
      let done = 0;
      let clock = 5e12;
      const program: Quanta = {
        now: () => clock,
        shouldStop: () => false,
        scavenge: (nbytes) => {
          expect(nbytes).toBe(SCAVENGE_QUANTUM);
          const [released, ns] = quanta[done] ?? [0, 0];
          if (done < quanta.length) done++;
          clock += ns;
          return released;
        },
      };
      const seen: number[][] = [];
      while (pace.run(program, physPageSize) > 0) {
        const wanted = pace.sleepTime(pace.worked);
        const slept = sleeps[seen.length]?.[2] ?? 0;
        seen.push([done, wanted, slept]);
        pace.slept(slept, procs);
      }
      expect(seen).toEqual(sleeps);
    });
  }

  test("takes a hundredth of a CPU, gives back all there is, and stops where it should (Go's TestScavenger)", () => {
    const { pacing: pace } = newPacing();
    const total = 64 * (1 << 20) - 3 * OS_PAGE;
    const work = new Work(total);
    let slept = 0;
    const run = (): number => {
      let released = 0;
      for (;;) {
        const n = pace.run(work, OS_PAGE);
        if (n === 0) return released;
        released += n;
        const ns = pace.sleepTime(pace.worked);
        slept += ns;
        pace.slept(ns, 1);
      }
    };
    const expectOnePercent = (): void => {
      expect(Math.abs(work.worked / (work.worked + slept) - 0.01)).toBeLessThan(0.005);
    };
    expect(run()).toBe(total);
    expectOnePercent();
    expect(run(), "nothing to do").toBe(0);
    work.available = total;
    expect(run()).toBe(total);
    expectOnePercent();
    work.available = total;
    work.stopAt = (1 << 20) - 3 * OS_PAGE;
    expect(run(), "stops above what it should leave").toBe(total - work.stopAt);
    expectOnePercent();
  });

  test("counts 10 us per page of the OS when the clock shows nothing, so a batch has an end", () => {
    const { pacing: pace } = newPacing();
    const still: Quanta = { now: () => 7, shouldStop: () => false, scavenge: (n) => n };
    expect(pace.run(still, OS_PAGE)).toBe(7 * SCAVENGE_QUANTUM);
    expect(pace.worked).toBe(7 * 16 * 10_000);
  });

  test("a failed controller is left alone for five seconds, at 1:1000", () => {
    const { pacing: pace, f64 } = newPacing();
    const reset = ScavengerRecord.offset.controllerReset / 2;
    pace.sleepTime(1e6);
    pace.slept(2e8, 1);
    expect(pace.sleepRatio).not.toBe(STARTING_SCAV_SLEEP_RATIO);
    expect(f64[reset]).toBe(0);
    pace.sleepTime(1e6);
    pace.slept(-1e6, 1);
    expect([pace.sleepRatio, pace.cooldown, f64[reset]]).toEqual([STARTING_SCAV_SLEEP_RATIO, CONTROLLER_COOLDOWN, 1]);
    pace.sleepTime(1e6);
    pace.slept(3e9, 1);
    expect([pace.sleepRatio, pace.cooldown]).toEqual([STARTING_SCAV_SLEEP_RATIO, 2e9 - 1e6]);
    pace.sleepTime(1e6);
    pace.slept(3e9, 1);
    expect([pace.sleepRatio, pace.cooldown]).toEqual([STARTING_SCAV_SLEEP_RATIO, 0]);
    pace.sleepTime(1e6);
    pace.slept(2e8, 1);
    expect(pace.sleepRatio).not.toBe(STARTING_SCAV_SLEEP_RATIO);
  });
});
