import { expect, test } from "vitest";
import { Mulberry32 } from "./prng.ts";
import { loadPrng } from "./recording.ts";

test("the generator gives the 1000 values that Go's gave", () => {
  const recorded = loadPrng();
  const r = new Mulberry32(recorded.seed);
  expect(recorded.values.length).toBe(1000);
  expect(Array.from(recorded.values, () => r.next())).toEqual(recorded.values);
});
