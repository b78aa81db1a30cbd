import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { runSoak, type SoakOptions } from "./soak.ts";

const OPTIONS: SoakOptions = { mode: "collected", threads: 4, seed: 1, round: 0, steps: Infinity, seconds: Infinity, cpuSeconds: Infinity };

test("four threads that change one graph and their own for fifteen seconds lose no object and keep no garbage", async () => {
  const seed = randomInt(2 ** 31);
  console.log(`soak: --threads 4 --seed ${seed}`);
  const report = await runSoak({ ...OPTIONS, seed, seconds: 15 });
  expect(report.failures, `seed ${seed}`).toEqual([]);
  // It did what it is for, many times, also on a slow machine.
  expect(report.rounds).toBeGreaterThan(0);
  for (const n of [report.allocations, report.checked, report.handedOver, report.forced, report.callbacks]) expect(n).toBeGreaterThan(5);
}, 120_000);

test("four threads at random malloc and free for ten seconds break nothing", async () => {
  const seed = randomInt(2 ** 31);
  console.log(`soak: --by-hand --threads 4 --seed ${seed}`);
  const report = await runSoak({ ...OPTIONS, mode: "by-hand", seed, seconds: 8 });
  expect(report.failures, `seed ${seed}`).toEqual([]);
  // It did what it is for: every kind of step, many times, also on a slow machine.
  expect(report.rounds).toBeGreaterThan(0);
  for (const n of [report.allocations, report.frees, report.handedOver, report.exhausted, report.refused]) expect(n).toBeGreaterThan(20);
}, 60_000);

test("a soak ends when its steps are done", async () => {
  const report = await runSoak({ ...OPTIONS, mode: "by-hand", threads: 2, steps: 70_000 });
  expect(report.failures).toEqual([]);
  expect(report.steps).toBeGreaterThanOrEqual(70_000);
  expect(report.steps).toBeLessThan(130_000);
}, 60_000);
