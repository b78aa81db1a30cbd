import { expect, test } from "vitest";
import {
  CLASS_TO_DIV_MAGIC,
  SIZE_TO_CLASS128,
  SIZE_TO_CLASS8,
  objectIndex,
  roundupsize,
  sizeToClass,
} from "./lookup.ts";
import { CLASS_TO_PAGES, CLASS_TO_SIZE } from "./table.ts";
import { GO_ROUNDUP_NOSCAN, GO_ROUNDUP_SCAN, GO_ROWS } from "./testing/go-size-classes.ts";

test("the tables are Go's", () => {
  expect([...CLASS_TO_SIZE]).toEqual([0, ...GO_ROWS.map((row) => row.size)]);
  expect([...CLASS_TO_PAGES]).toEqual([0, ...GO_ROWS.map((row) => row.pages)]);
  expect(CLASS_TO_DIV_MAGIC[0]).toBe(0);
  for (const row of GO_ROWS) expect(CLASS_TO_DIV_MAGIC[row.class]).toBe(Math.floor(0xffffffff / row.size) + 1);
});

test("every size from 1 to 32768 gets the smallest class that holds it", () => {
  const naive = (size: number): number => GO_ROWS.find((row) => row.size >= size)!.class;
  const wrong: number[] = [];
  for (let size = 1; size <= 32768; size++) if (sizeToClass(size) !== naive(size)) wrong.push(size);
  expect(wrong).toEqual([]);
});

test("the lookup tables have 129 and 249 entries, each the smallest class for the largest size that asks it", () => {
  const naive = (size: number): number => (size === 0 ? 0 : GO_ROWS.find((row) => row.size >= size)!.class);
  expect([...SIZE_TO_CLASS8]).toEqual(Array.from({ length: 129 }, (_, i) => naive(i * 8)));
  expect([...SIZE_TO_CLASS128]).toEqual(Array.from({ length: 249 }, (_, i) => naive(1024 + i * 128)));
});

test("objectIndex is the exact quotient at every offset of every class's span", () => {
  let wrong = 0;
  let checked = 0;
  for (const row of GO_ROWS) {
    const magic = CLASS_TO_DIV_MAGIC[row.class]!;
    for (let offset = 0; offset <= row.span; offset++) {
      if (objectIndex(offset, magic) !== Math.floor(offset / row.size)) wrong++;
      checked++;
    }
  }
  expect(wrong).toBe(0);
  expect(checked).toBe(GO_ROWS.reduce((sum, row) => sum + row.span + 1, 0));
});

test.each([
  ["without", true, 1, GO_ROUNDUP_NOSCAN],
  ["with", false, 4, GO_ROUNDUP_SCAN],
] as const)("roundupsize %s pointers is what Go on GOARCH=386 was seen to do, up to 40000 bytes", (_, noscan, step, recorded) => {
  let i = 0;
  for (let size = step; size <= 40000; size += step) {
    while (i + 1 < recorded.length && recorded[i + 1]![0] <= size) i++;
    if (roundupsize(size, noscan) !== recorded[i]![1]) expect([size, roundupsize(size, noscan)]).toEqual([size, recorded[i]![1]]);
  }
  expect(i).toBe(recorded.length - 1);
});

test("roundupsize leaves room for the size, and rounding again changes nothing", () => {
  for (let size = 0; size <= 70000; size++) {
    for (const noscan of [true, false]) {
      const usable = roundupsize(size, noscan);
      if (usable < size || roundupsize(usable, noscan) !== usable) expect({ size, noscan, usable }).toBe("stable and sufficient");
    }
  }
});

test("roundupsize of zero is zero, and of large sizes whole pages", () => {
  expect(roundupsize(0, true)).toBe(0);
  expect(roundupsize(32760, true)).toBe(32768);
  expect(roundupsize(32761, false)).toBe(32768);
  expect(roundupsize(32769, true)).toBe(40960);
  expect(roundupsize(2 ** 32 - 1, true)).toBe(2 ** 32);
});

const NO_SIZE = [-1, -9, -(2 ** 32), NaN, Infinity, -Infinity];

test.each([...NO_SIZE, 0, 0.5, 8.5, 1024.5, 32769, 2 ** 31, 2 ** 32 + 8, 2 ** 32 + 1000, "8" as unknown as number])("sizeToClass refuses %s", (size) => {
  expect(() => sizeToClass(size)).toThrow(
    expect.objectContaining({ name: "SizeClassError", code: "ERR_SIZE", message: expect.stringContaining(String(size)) }),
  );
});

test.each([...NO_SIZE, 1.5, 2 ** 53, "8" as unknown as number, undefined as unknown as number])("roundupsize refuses %s", (size) => {
  expect(() => roundupsize(size, true)).toThrow(
    expect.objectContaining({ name: "SizeClassError", code: "ERR_SIZE", message: expect.stringContaining(String(size)) }),
  );
});
