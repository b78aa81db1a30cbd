import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { meanSize, readDistribution, sizeTable, type Distribution } from "./distribution.ts";

const DISTRIBUTION: Distribution = [
  [16, 600],
  [100, 300],
  [4096, 100],
];

describe("the mixed sizes", () => {
  it("occur in the table as often as they were recorded, to within two per cent of all", () => {
    const table = sizeTable("mixed", DISTRIBUTION, 7);
    for (const [size, count] of DISTRIBUTION) {
      const seen = table.filter((s) => s === size).length / table.length;
      expect(Math.abs(seen - count / 1000)).toBeLessThan(0.02);
    }
  });

  it("are the same for the same seed, and others for another", () => {
    expect(sizeTable("mixed", DISTRIBUTION, 7)).toEqual(sizeTable("mixed", DISTRIBUTION, 7));
    expect(sizeTable("mixed", DISTRIBUTION, 7)).not.toEqual(sizeTable("mixed", DISTRIBUTION, 8));
  });

  it("make a table whose length is a power of two, as a fixed size does", () => {
    for (const table of [sizeTable("mixed", DISTRIBUTION, 1), sizeTable(64, undefined, 1)]) {
      expect(table.length & (table.length - 1)).toBe(0);
    }
    expect([...sizeTable(64, undefined, 1)]).toEqual([64]);
  });

  it("have the mean that their counts give", () => {
    expect(meanSize("mixed", DISTRIBUTION)).toBe((16 * 600 + 100 * 300 + 4096 * 100) / 1000);
    expect(meanSize(256, undefined)).toBe(256);
  });

  it("are refused when the file holds anything but pairs of positive integers", async () => {
    const folder = await mkdtemp(join(tmpdir(), "distribution-"));
    const url = pathToFileURL(join(folder, "sizes.json"));
    for (const [contents, complaint] of [
      ["[]", /expected a list/],
      ["{}", /expected a list/],
      ["[[16, 1], [0, 5]]", /entry 1 /],
      ["[[16, 1.5]]", /entry 0 /],
      ["[16]", /entry 0 /],
    ] as const) {
      await writeFile(url, contents);
      await expect(readDistribution(url)).rejects.toThrow(complaint);
    }
    await writeFile(url, "[[16, 3], [40, 2]]");
    expect(await readDistribution(url)).toEqual([
      [16, 3],
      [40, 2],
    ]);
  });
});
