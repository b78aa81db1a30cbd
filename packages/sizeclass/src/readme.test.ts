import { readFileSync } from "node:fs";
import { runReadmeExample } from "@mallocgc/testing";
import { expect, test } from "vitest";
import { generateSizeClasses } from "./generate.ts";

const README = new URL("../README.md", import.meta.url);

test("the README's example runs", async () => {
  await runReadmeExample(README);
});

/** A line of the README's table, computed. The average goes through every size, to stay independent of `maxWaste`. */
function wasteLine(pageSize: number): string {
  const table = generateSizeClasses({ pageSize });
  const { rows } = table;
  const worst = (from: number, to: number): string =>
    (100 * Math.max(...rows.filter((row) => row.size > from && row.size <= to).map((row) => row.maxWaste))).toFixed(1);
  let waste = 0;
  for (let size = 1; size <= 32768; size++) {
    const row = rows[table.sizeToClass(size) - 1]!;
    waste += 1 - (row.objects * size) / (row.pages * pageSize);
  }
  const longest = Math.max(...rows.map((row) => row.pages)) * (pageSize / 1024);
  return `${rows.length} | ${longest} KiB | ${worst(8, 128)} % | ${worst(128, 1024)} % | ${worst(1024, 32768)} % | ${((100 * waste) / 32768).toFixed(1)} % |`;
}

test.each([4, 8, 16, 64])("the README's waste figures for pages of %d KiB are what the generator gives", (kib) => {
  const line = readFileSync(README, "utf8")
    .split("\n")
    .find((candidate) => /^\| \**(\d+) KiB/.exec(candidate)?.[1] === String(kib));
  expect(line?.split(" | ").slice(1).join(" | ")).toBe(wasteLine(kib * 1024));
});
