import { loadScavenger } from "@mallocgc/go-oracle";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  NO_GOAL, exceedsGcPercentGoal, exceedsMemoryLimitGoal, gcPercentGoal, growthOverage, limitOverage, memoryLimitGoal, paceGcPercent, paceMemoryLimit, type AssistFigures,
} from "./goals.ts";

const MIB = 1 << 20;
const { goals, physPageSize } = loadScavenger().parts;

describe("the goals", () => {
  test("are Go's to the byte, for every set of figures that Go was given, and none when Go has none", () => {
    expect(goals.length).toBeGreaterThan(80);
    for (const g of goals) {
      const figures = { ...g, pageSize: physPageSize };
      expect([paceGcPercent(figures), paceMemoryLimit(figures)].map((goal) => (goal === NO_GOAL ? -1 : goal)), JSON.stringify(g)).toEqual([g.percentGoal, g.limitGoal]);
    }
    expect(goals.filter((g) => g.percentGoal >= 0).length).toBeGreaterThan(20);
    expect(goals.filter((g) => g.limitGoal >= 0).length).toBeGreaterThan(20);
  });

  test("by growth scales what was in use by how the goal grows, adds a tenth, and rounds up to a page of the OS", () => {
    expect(gcPercentGoal(10 * MIB, 30 * MIB, 20 * MIB, 4096)).toBe(16.5 * MIB);
    expect(gcPercentGoal(10 * MIB + 1, 8, 8, 4096)).toBe(11 * MIB + 4096);
    expect(gcPercentGoal(10 * MIB, 8, 8, 65536)).toBe(11 * MIB);
    expect(gcPercentGoal(10 * MIB + 1, 8, 8, 65536)).toBe(11 * MIB + 65536);
  });

  test("by growth: none before the first cycle", () => {
    expect(gcPercentGoal(10 * MIB, 4 * MIB, 0, 4096)).toBe(NO_GOAL);
  });

  test("by growth is exceeded by a page of the OS, by limit by a byte", () => {
    expect([0, 1, 4095, 4096].map((more) => exceedsGcPercentGoal(MIB + more, MIB, 4096))).toEqual([false, false, false, true]);
    expect([-1, 0, 1].map((more) => exceedsMemoryLimitGoal(MIB + more, MIB))).toEqual([false, false, true]);
    expect(exceedsGcPercentGoal(2 ** 50, NO_GOAL, 4096)).toBe(false);
  });

  test("by limit lies a twentieth below the limit: not at 95 times the limit", () => {
    expect(memoryLimitGoal(100 * MIB)).toBe(95 * MIB);
  });
});

describe("what a request makes necessary", () => {
  const none: AssistFigures = { scavenged: 0, growth: 0, memoryLimit: Number.MAX_SAFE_INTEGER, mappedReady: 0, heapRetained: 0, gcPercentGoal: NO_GOAL, limiting: false };

  test("for the memory limit: what would be ready above it", () => {
    const at = { ...none, memoryLimit: 100, mappedReady: 90 };
    expect([0, 10, 11, 30].map((scavenged) => limitOverage({ ...at, scavenged }))).toEqual([0, 0, 1, 20]);
    expect(limitOverage({ ...at, scavenged: 30, limiting: true }), "nothing while the CPU limiter limits").toBe(0);
  });

  test("for growth: as much as it grew by, but no further than down to the goal", () => {
    const at = { ...none, growth: 50, gcPercentGoal: 1000 };
    expect([900, 950, 951, 1000, 5000].map((heapRetained) => growthOverage({ ...at, heapRetained }))).toEqual([0, 0, 1, 50, 50]);
    expect(growthOverage({ ...at, heapRetained: 5000, growth: 0 })).toBe(0);
    expect(growthOverage({ ...at, heapRetained: 5000, gcPercentGoal: NO_GOAL }), "nothing without a goal").toBe(0);
  });

  test("is never less than nothing and never more than what is too much", () => {
    const bytes = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, bytes, (scavenged, growth, memoryLimit, ready, goal) => {
        const f = { scavenged, growth, memoryLimit, mappedReady: ready, heapRetained: ready, gcPercentGoal: goal, limiting: false };
        const [byLimit, byGrowth] = [limitOverage(f), growthOverage(f)];
        expect(byLimit).toBeGreaterThanOrEqual(0);
        expect(Math.max(0, scavenged + ready - memoryLimit - byLimit)).toBe(0);
        expect(byGrowth).toBeGreaterThanOrEqual(0);
        expect(byGrowth).toBeLessThanOrEqual(growth);
        expect(ready + growth - byGrowth >= Math.min(goal, ready + growth)).toBe(true);
      }),
    );
  });
});
