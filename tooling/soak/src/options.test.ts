import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";

const parse = (...argv: string[]): ReturnType<typeof parseOptions> => parseOptions(argv, () => 77);

test("without arguments: four threads, one minute, a seed drawn", () => {
  expect(parse()).toEqual({ threads: 4, seed: 77, steps: Infinity, seconds: 60 });
});

test("steps alone set no time limit; both set both", () => {
  expect(parse("--steps", "1e7")).toEqual({ threads: 4, seed: 77, steps: 1e7, seconds: Infinity });
  expect(parse("--steps=5", "--minutes=0.5")).toMatchObject({ steps: 5, seconds: 30 });
});

test("the two dashes that pnpm hands on are skipped", () => {
  expect(parse("--", "--threads", "2", "--seed", "9")).toMatchObject({ threads: 2, seed: 9 });
});

test.each([
  ["--minutes", "0"],
  ["--minutes", "x"],
  ["--steps", "-1"],
  ["--threads", "0"],
  ["--threads", "1.5"],
  ["--threads", "64"],
  ["--seed", "-1"],
  ["--seed", "4294967296"],
  ["--speed", "1"],
])("%s %s is refused with the usage", (name, value) => {
  expect(parse(`${name}=${value}`)).toMatch(new RegExp(`${name}.*\\nusage: `, "s"));
});
