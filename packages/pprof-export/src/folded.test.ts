import { expect, test } from "vitest";
import { foldedStacks } from "./folded.ts";
import { BUILD, MAIN, frame, goldenProfile, record } from "./testing/profiles.ts";
import { unsampleProfile } from "./unsample.ts";

test("each stack is a line, outermost call first, with the figure asked for", () => {
  const samples = unsampleProfile(goldenProfile());
  const main = "main (/app/src/main.ts:3)";
  expect(foldedStacks(samples)).toBe(`${main};buildIndex (/app/src/index.ts:12);addPosting (/app/src/index.ts:40) 1574400\n${main} 829411\n`);
  expect(foldedStacks(samples, "alloc_objects")).toMatch(/2050\n.*buildIndex \(\/app\/src\/index\.ts:12\) 1\n.* 1\n$/);
});

test("equal stacks are added up, whatever their sizes", () => {
  const samples = unsampleProfile({ records: [record([BUILD, MAIN], 1, 8), record([BUILD, MAIN], 1, 16)], rate: 1, timeMs: 1 });
  expect(foldedStacks(samples)).toMatch(/^main [^\n]* 24\n$/);
});

test("a name cannot break a frame or a line, and what is not above 0 has no line", () => {
  const samples = unsampleProfile({ records: [record([frame("a;b\nc", 1, 1, "x;y")], 1, 8), record([MAIN], 1, 8, 1, 8)], rate: 1, timeMs: 1 });
  expect(foldedStacks(samples)).toBe("a b c (x y:1) 8\n");
});
