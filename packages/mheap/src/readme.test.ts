import { readFileSync } from "node:fs";
import { runReadmeExample } from "@mallocgc/testing";
import { expect, test } from "vitest";
import { Heap, MHeap } from "./index.ts";

const README = new URL("../README.md", import.meta.url);

test("the README's example runs", async () => {
  await runReadmeExample(README);
});

test("the README's table of the record says what the declaration says", () => {
  const rows = Object.entries(MHeap.fields)
    .filter(([name]) => !name.endsWith("Line"))
    .map(([name, field]) => `| \`${name}\` | ${MHeap.offset[name as keyof typeof MHeap.offset]} | ${field.access} | ${field.doc} |`);
  expect(readFileSync(README, "utf8").split("\n").filter((line) => /^\| `\w+` \| \d+ \|/.test(line))).toEqual(rows);
});

test("the tables take the part of the region that the README says", () => {
  for (const chunkPages of [512, 64] as const) {
    const bytes = Heap.tables({ maxBytes: 1 << 30, chunkPages }).reduce((sum, t) => sum + t.bytes, 0);
    expect(((100 * bytes) / (1 << 30)).toFixed(2)).toBe("0.05");
  }
});
