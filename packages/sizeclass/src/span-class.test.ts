import { expect, test } from "vitest";
import { sizeToClass, type SizeClass } from "./lookup.ts";
import {
  NUM_SPAN_CLASSES,
  TINY_SIZE,
  TINY_SIZE_CLASS,
  TINY_SPAN_CLASS,
  isNoscan,
  makeSpanClass,
  nelemsOf,
  sizeClassOf,
} from "./span-class.ts";
import { NUM_SIZE_CLASSES } from "./table.ts";
import { GO_NELEMS_NOSCAN, GO_NELEMS_SCAN, GO_ROWS } from "./testing/go-size-classes.ts";

test("a span class holds its size class and its noscan bit, and no two are the same", () => {
  const seen = new Set<number>();
  for (let sizeClass = 0 as SizeClass; sizeClass < NUM_SIZE_CLASSES; sizeClass = (sizeClass + 1) as SizeClass) {
    for (const noscan of [false, true]) {
      const spanClass = makeSpanClass(sizeClass, noscan);
      expect(sizeClassOf(spanClass)).toBe(sizeClass);
      expect(isNoscan(spanClass)).toBe(noscan);
      expect(spanClass).toBeLessThan(NUM_SPAN_CLASSES);
      seen.add(spanClass);
    }
  }
  expect(seen.size).toBe(NUM_SPAN_CLASSES);
});

test("tiny blocks are the 16-byte class without pointers", () => {
  expect(TINY_SIZE_CLASS).toBe(sizeToClass(TINY_SIZE));
  expect(TINY_SPAN_CLASS).toBe(makeSpanClass(TINY_SIZE_CLASS, true));
  expect(TINY_SPAN_CLASS).toBe(5);
});

test.each([
  ["without", true, GO_NELEMS_NOSCAN],
  ["with", false, GO_NELEMS_SCAN],
] as const)("a span %s pointers has as many objects as Go on GOARCH=386 was seen to put there", (_, noscan, recorded) => {
  expect(recorded.map(([size]) => [size, nelemsOf(sizeToClass(size), noscan)])).toEqual(recorded);
});

test("without metadata inside, a span has as many objects as fit; with it, no object reaches into the metadata", () => {
  for (const row of GO_ROWS) {
    for (const noscan of [false, true]) {
      const nelems = nelemsOf(row.class as SizeClass, noscan);
      const inline = row.size >= 16 && row.size <= 128 ? 128 : 0;
      const heapBits = !noscan && row.size <= 128 ? row.span / 32 : 0;
      const room = row.span - inline - heapBits;
      expect(nelems * row.size).toBeLessThanOrEqual(room);
      expect((nelems + 1) * row.size).toBeGreaterThan(room);
      if (row.size > 128) expect(nelems).toBe(row.objects);
    }
  }
});

test("the inline bits have a bit for every object of their span", () => {
  for (const row of GO_ROWS) if (row.size >= 16 && row.size <= 128) expect(nelemsOf(row.class as SizeClass, true)).toBeLessThanOrEqual(64 * 8);
});

test.each([0, -1, 68, 1.5, NaN, "3", undefined])("nelemsOf refuses %s", (sizeClass) => {
  expect(() => nelemsOf(sizeClass as SizeClass, true)).toThrow(
    expect.objectContaining({ name: "SizeClassError", code: "ERR_SIZE_CLASS", message: expect.stringContaining(String(sizeClass)) }),
  );
});
