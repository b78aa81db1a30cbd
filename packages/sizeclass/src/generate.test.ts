import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SizeClassError } from "./errors.ts";
import { generateSizeClasses, type GenerateOptions } from "./generate.ts";
import { GO_ALIGNMENTS, GO_ROWS, GO_SIZE_SUM } from "./testing/go-size-classes.ts";
import { tableSource } from "./testing/table-source.ts";

test("with Go's parameters the generator makes Go's 67 rows", () => {
  const { rows } = generateSizeClasses();
  const printed = rows.map((row) => ({
    class: row.class,
    size: row.size,
    span: row.pages * 8192,
    pages: row.pages,
    objects: row.objects,
    tailWaste: row.tailWaste,
    maxWaste: (100 * row.maxWaste).toFixed(2),
    minAlign: row.minAlign,
  }));
  expect(printed).toEqual(GO_ROWS);
  expect(GO_ROWS).toHaveLength(67);
  expect(rows.reduce((sum, row) => sum + row.size, 0)).toBe(GO_SIZE_SUM);
});

test("with Go's parameters objects are aligned as Go guarantees", () => {
  expect(generateSizeClasses().alignments.map(({ align, fromSize }) => [align, fromSize])).toEqual(GO_ALIGNMENTS);
});

test("generating the table again gives the committed file", () => {
  expect(readFileSync(new URL("./table.ts", import.meta.url), "utf8")).toBe(tableSource());
});

const PARAMETERS: GenerateOptions[] = [
  {},
  { pageSize: 1024 },
  { pageSize: 1024, maxSmallSize: 65536 },
  { pageSize: 2048, maxSmallSize: 2048 },
  { pageSize: 4096 },
  { pageSize: 4096, minAlign: 16 },
  { pageSize: 8192, minAlign: 128 },
  { pageSize: 8192, maxSmallSize: 65536 },
  { pageSize: 16384 },
  { pageSize: 32768, minAlign: 64 },
  { pageSize: 65536 },
  { pageSize: 65536, maxSmallSize: 2048 },
];

describe.each(PARAMETERS)("with $pageSize B pages, small up to $maxSmallSize, aligned to $minAlign", (parameters) => {
  const table = generateSizeClasses(parameters);
  const { pageSize, maxSmallSize, rows } = table;
  const minAlign = parameters.minAlign ?? 8;

  test("sizes ascend from the alignment to the largest size", () => {
    expect(rows[0]?.size).toBe(minAlign);
    expect(rows.at(-1)?.size).toBe(maxSmallSize);
    for (let i = 1; i < rows.length; i++) expect(rows[i]!.size).toBeGreaterThan(rows[i - 1]!.size);
    expect(rows.map((row) => row.class)).toEqual(rows.map((_, i) => i + 1));
  });

  test("a span holds its objects, and its tail is too short for another and at most an eighth", () => {
    for (const row of rows) {
      const spanBytes = row.pages * pageSize;
      expect(row.objects * row.size + row.tailWaste).toBe(spanBytes);
      expect(row.tailWaste).toBeLessThan(row.size);
      expect(row.tailWaste).toBeLessThanOrEqual(spanBytes / 8);
    }
  });

  test("maxWaste is what the worst size of the class wastes", () => {
    rows.forEach((row, i) => {
      const spanBytes = row.pages * pageSize;
      const worst = (rows[i - 1]?.size ?? 0) + 1;
      expect(row.maxWaste).toBeCloseTo(1 - (row.objects * worst) / spanBytes, 12);
    });
  });

  test("above 1024 bytes, rounding and tail together waste less than a quarter", () => {
    for (const row of rows) if (row.size > 1024) expect(row.maxWaste).toBeLessThan(0.25);
  });

  test("each object is aligned as its row says, and as its size has been guaranteed", () => {
    for (const row of rows) {
      expect(row.size % minAlign).toBe(0);
      for (let i = 0; i < Math.min(row.objects, 64); i++) expect((i * row.size) % row.minAlign).toBe(0);
      for (const { align, fromSize } of table.alignments) if (row.size >= fromSize) expect(row.size % align).toBe(0);
    }
    for (const { align, fromSize } of table.alignments) {
      const below = rows.filter((row) => row.size < fromSize);
      if (below.length > 0) expect(below.at(-1)!.minAlign).toBeLessThan(align);
    }
  });

  test("every size gets the smallest class that holds it", () => {
    let naive = 0;
    let wrong = 0;
    for (let size = 1; size <= maxSmallSize; size++) {
      while (rows[naive]!.size < size) naive++;
      if (table.sizeToClass(size) !== naive + 1) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test("the magic divides every offset of every span exactly", () => {
    let wrong = 0;
    for (const row of rows) {
      const spanBytes = row.pages * pageSize;
      for (let offset = 0; offset <= spanBytes; offset++) {
        if (Math.floor((offset * row.divMagic) / 2 ** 32) !== Math.floor(offset / row.size)) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });
});

test("parameters are refused when and only when 32 bits cannot divide the offsets of a span exactly", () => {
  // 131072-byte spans of 43648-byte objects: found by dividing, not by the formula that the generator uses.
  const magic = Math.floor(0xffffffff / 43648) + 1;
  const offset = 3 * 43648 - 1;
  expect(Math.floor((offset * magic) / 2 ** 32)).toBe(3);
  expect(() => generateSizeClasses({ pageSize: 16384, maxSmallSize: 65536 })).toThrow(
    expect.objectContaining({ code: "ERR_DIV_MAGIC", message: expect.stringContaining("43648") }),
  );
  expect(() => generateSizeClasses({ pageSize: 16384, maxSmallSize: 32768 })).not.toThrow();
});

const powerOfTwo = (from: number, to: number): fc.Arbitrary<number> => fc.integer({ min: Math.log2(from), max: Math.log2(to) }).map((log) => 2 ** log);

test("whatever the parameters, the table is exact in every size and offset, or refused for its divisions", () => {
  const parameters = fc.record({ pageSize: powerOfTwo(1024, 65536), maxSmallSize: powerOfTwo(2048, 65536), minAlign: powerOfTwo(8, 128) });
  fc.assert(
    fc.property(parameters, fc.nat(2 ** 30), fc.nat(2 ** 30), (options, anySize, anyOffset) => {
      let table;
      try {
        table = generateSizeClasses(options);
      } catch (error) {
        expect((error as SizeClassError).code).toBe("ERR_DIV_MAGIC");
        expect(options.maxSmallSize).toBe(65536);
        expect(options.pageSize).toBeGreaterThan(8192);
        return;
      }
      const size = 1 + (anySize % options.maxSmallSize);
      const row = table.rows[table.sizeToClass(size) - 1]!;
      expect(row.size).toBeGreaterThanOrEqual(size);
      if (row.class > 1) expect(table.rows[row.class - 2]!.size).toBeLessThan(size);
      const offset = anyOffset % (row.pages * options.pageSize);
      expect(Math.floor((offset * row.divMagic) / 2 ** 32)).toBe(Math.floor(offset / row.size));
    }),
  );
});

const NO_POWER_OF_TWO = [0, -8192, 3, 8193, 8192.5, NaN, Infinity, 2 ** 40, "8192" as unknown as number, null as unknown as number];

describe.each([
  ["pageSize", "ERR_PAGE_SIZE", [...NO_POWER_OF_TWO, 512, 131072]],
  ["maxSmallSize", "ERR_MAX_SMALL_SIZE", [...NO_POWER_OF_TWO, 1024, 131072]],
  ["minAlign", "ERR_MIN_ALIGN", [...NO_POWER_OF_TWO, 4, 256]],
] as const)("%s", (name, code, values) => {
  test.each(values)("%s is refused", (value) => {
    expect(() => generateSizeClasses({ [name]: value })).toThrow(
      expect.objectContaining({ name: "SizeClassError", code, message: expect.stringContaining(String(value)) }),
    );
  });
});

test.each([0, -1, 1.5, NaN, Infinity, 32769, 2 ** 32 + 8, "8" as unknown as number])("a generated table refuses the size %s", (size) => {
  expect(() => generateSizeClasses().sizeToClass(size)).toThrow(expect.objectContaining({ code: "ERR_SIZE" }));
});
