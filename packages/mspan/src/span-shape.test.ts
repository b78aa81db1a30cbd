import { CLASS_TO_PAGES, CLASS_TO_SIZE, NUM_SPAN_CLASSES, isNoscan, nelemsOf, sizeClassOf, type SpanClass } from "@mallocgc/sizeclass";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import { describe, expect, test } from "vitest";
import { MSpan, SPAN_CLASS_TO_NELEMS, heapBitsBytes, inlineBitsBytes } from "./index.ts";

const SMALL = Array.from({ length: NUM_SPAN_CLASSES - 2 }, (_, i) => (i + 2) as SpanClass);
describe("the shape of a span", () => {
  test("a record is two cache lines, and what other threads write begins the second", () => {
    expect(MSpan.words * 4).toBe(128);
    expect(MSpan.offset.state).toBe(16);
  });

  test("has as many slots as Go's, for every span class but the two of 8-byte objects", () => {
    for (const spc of SMALL.filter((c) => sizeClassOf(c) > 1)) {
      expect(SPAN_CLASS_TO_NELEMS[spc], `span class ${spc}`).toBe(nelemsOf(sizeClassOf(spc), isNoscan(spc)));
    }
  });

  test("8-byte objects have 32 slots less than Go's: their 256 bytes of bits are in the span, Go keeps them outside", () => {
    for (const spc of [2, 3] as SpanClass[]) {
      expect(SPAN_CLASS_TO_NELEMS[spc], `span class ${spc}`).toBe(nelemsOf(sizeClassOf(spc), isNoscan(spc)) - 256 / 8);
    }
    expect([SPAN_CLASS_TO_NELEMS[2], SPAN_CLASS_TO_NELEMS[3]]).toEqual([960, 992]);
  });

  test("slots end before the heap bits, and those before the inline bits", () => {
    for (const spc of SMALL) {
      const size = CLASS_TO_SIZE[sizeClassOf(spc)]!;
      const npages = CLASS_TO_PAGES[sizeClassOf(spc)]!;
      const used = SPAN_CLASS_TO_NELEMS[spc]! * size + heapBitsBytes(size, npages, isNoscan(spc)) + inlineBitsBytes(size);
      expect(used, `span class ${spc}`).toBeLessThanOrEqual(npages * PAGE_SIZE);
      expect(npages * PAGE_SIZE - used, `span class ${spc}: no slot is wasted`).toBeLessThan(size);
    }
  });

  test("inline bits have room for two bits per slot, and the record for the rest", () => {
    for (const spc of SMALL) {
      const inline = inlineBitsBytes(CLASS_TO_SIZE[sizeClassOf(spc)]!);
      expect(SPAN_CLASS_TO_NELEMS[spc], `span class ${spc}`).toBeLessThanOrEqual(inline === 0 ? 64 : (inline / 2) * 8);
    }
  });

  test("heap bits have one bit per 4-byte word of the slots", () => {
    for (const spc of SMALL.filter((c) => !isNoscan(c))) {
      const size = CLASS_TO_SIZE[sizeClassOf(spc)]!;
      const bytes = heapBitsBytes(size, CLASS_TO_PAGES[sizeClassOf(spc)]!, false);
      if (size <= 128) expect(bytes * 8, `span class ${spc}`).toBeGreaterThanOrEqual((SPAN_CLASS_TO_NELEMS[spc]! * size) / 4);
      else expect(bytes, "larger objects carry a header").toBe(0);
    }
  });

  test("a large object is the one slot of its span", () => {
    expect([SPAN_CLASS_TO_NELEMS[0], SPAN_CLASS_TO_NELEMS[1]]).toEqual([1, 1]);
  });
});
