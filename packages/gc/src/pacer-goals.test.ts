import { loadHeapGoals } from "@mallocgc/go-oracle";
import { expect, test } from "vitest";
import { newPacer, noFigures } from "./testing/pacer-simulator.ts";

const { goals } = loadHeapGoals();

test("every goal that a real heap of Go's had follows from its figures, to the byte", () => {
  expect(goals.length).toBe(310);
  for (const g of goals) {
    const pacer = newPacer();
    const f = noFigures();
    pacer.init(f, { gcPercent: g.gcPercent, ...(g.memoryLimit === 0 ? {} : { memoryLimit: g.memoryLimit }) });
    f.stackScanWork = g.stackScan;
    f.globalsScan = g.globalsScan;
    f.mappedReady = g.mappedReady;
    f.heapFree = g.heapFree;
    f.heapAlloc = g.heapAlloc;
    f.heapLive = g.heapMarked;
    pacer.resetLive(g.heapMarked, f);
    pacer.commit(f, g.sweepDone);
    expect(pacer.nextGoal, JSON.stringify(g)).toBe(g.goal);
  }
});

test("the recorded goals were made by each rule: growth, minimum, sweep distance, limit, what was marked", () => {
  const made = (rule: (g: (typeof goals)[number]) => boolean): number => goals.filter(rule).length;
  const byGrowth = (g: (typeof goals)[number]): number => g.heapMarked + Math.floor(((g.heapMarked + g.stackScan + g.globalsScan) * g.gcPercent) / 100);
  expect(made((g) => g.memoryLimit === 0 && g.goal === byGrowth(g))).toBeGreaterThan(10);
  expect(made((g) => g.memoryLimit === 0 && g.goal === Math.floor(41943.04 * g.gcPercent))).toBeGreaterThan(5);
  expect(made((g) => g.memoryLimit === 0 && !g.sweepDone && g.goal === g.heapMarked + 1048576)).toBeGreaterThan(5);
  expect(made((g) => g.memoryLimit > 0 && g.goal < byGrowth(g) && g.goal > g.heapMarked)).toBeGreaterThan(10);
  expect(made((g) => g.memoryLimit > 0 && g.gcPercent > 0 && g.goal === g.heapMarked)).toBeGreaterThan(5);
});
