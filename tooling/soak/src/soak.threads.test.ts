import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { runSoak } from "./soak.ts";

test("four threads at random work for ten seconds break nothing", async () => {
  const seed = randomInt(2 ** 31);
  console.log(`soak: --threads 4 --seed ${seed}`);
  const report = await runSoak({ threads: 4, seed, steps: Infinity, seconds: 8 });
  expect(report.failures, `seed ${seed}`).toEqual([]);
  // It did what it is for: every kind of step, many times, also on a slow machine.
  expect(report.rounds).toBeGreaterThan(0);
  for (const n of [report.allocations, report.frees, report.handedOver, report.exhausted, report.refused]) expect(n).toBeGreaterThan(20);
}, 60_000);

test("a soak ends when its steps are done", async () => {
  const report = await runSoak({ threads: 2, seed: 1, steps: 70_000, seconds: 60 });
  expect(report.failures).toEqual([]);
  expect(report.steps).toBeGreaterThanOrEqual(70_000);
  expect(report.steps).toBeLessThan(130_000);
}, 60_000);
