import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";

const parse = (...argv: string[]): ReturnType<typeof parseOptions> => parseOptions(argv, () => 77);
const DEFAULTS = { mode: "collected", threads: 4, seed: 77, round: 0, steps: Infinity, seconds: Infinity, cpuSeconds: 1800 };

test("without arguments: a collected heap, four threads, thirty minutes of processor time, a seed drawn", () => {
  expect(parse()).toEqual(DEFAULTS);
});

test("blocks managed by hand are soaked for two minutes of processor time", () => {
  expect(parse("--by-hand")).toEqual({ ...DEFAULTS, mode: "by-hand", cpuSeconds: 120 });
});

test("steps or minutes alone set no other limit; all set all", () => {
  expect(parse("--steps", "1e7")).toEqual({ ...DEFAULTS, steps: 1e7, cpuSeconds: Infinity });
  expect(parse("--minutes", "2")).toEqual({ ...DEFAULTS, seconds: 120, cpuSeconds: Infinity });
  expect(parse("--steps=5", "--minutes=0.5", "--cpu-minutes=3")).toMatchObject({ steps: 5, seconds: 30, cpuSeconds: 180 });
});

test("the two dashes that pnpm hands on are skipped", () => {
  expect(parse("--", "--threads", "2", "--seed", "9", "--round", "7")).toMatchObject({ threads: 2, seed: 9, round: 7 });
});

test.each([
  ["--minutes", "0"],
  ["--minutes", "x"],
  ["--cpu-minutes", "-2"],
  ["--steps", "-1"],
  ["--threads", "0"],
  ["--threads", "1.5"],
  ["--threads", "64"],
  ["--seed", "-1"],
  ["--seed", "4294967296"],
  ["--round", "0.5"],
  ["--speed", "1"],
])("%s %s is refused with the usage", (name, value) => {
  expect(parse(`${name}=${value}`)).toMatch(new RegExp(`${name}.*\\nusage: `, "s"));
});
