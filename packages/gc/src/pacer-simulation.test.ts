import { loadPacer } from "@mallocgc/go-oracle";
import { describe, expect, test } from "vitest";
import { pacerScenarios } from "./testing/pacer-scenarios.ts";
import { simulate } from "./testing/pacer-simulator.ts";

const recorded = loadPacer();
const scenarios = pacerScenarios(recorded);

test("the scenarios are those of Go's TestGcPacer", () => {
  expect(scenarios.map(({ name }) => name).sort()).toEqual(recorded.scenarios.map(({ name }) => name).sort());
});

describe("each cycle begins, peaks and aims exactly where it did in Go", () => {
  test.each(scenarios)("$name", (scenario) => {
    const { cycles } = recorded.scenarios.find(({ name }) => name === scenario.name)!;
    expect(cycles.length).toBe(scenario.length);
    const ours = simulate(scenario);
    expect(ours.map(({ live, trigger, peak, goal }) => [live, trigger, peak, goal])).toEqual(cycles.map((c) => c.slice(0, 4)));
    // Go's log rounds to tenths of a percent.
    for (const [i, { utilization }] of ours.entries()) expect(Math.abs(utilization * 1000 - cycles[i]![4])).toBeLessThanOrEqual(0.5 + 1e-9);
  });
});
