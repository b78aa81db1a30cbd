import { readFile } from "node:fs/promises";
import { HEAP_BITS_PER_PAGE, MSpan, SPAN_CLASS_TO_NELEMS, heapBitsBytes } from "@mallocgc/mspan";
import { CLASS_TO_PAGES, CLASS_TO_SIZE } from "@mallocgc/sizeclass";
import { PAGE_SIZE, type RecordLayout } from "@mallocgc/sysmem";
import { expect, test } from "vitest";
import { DeferredPointers, WorkLists, WorkRecord } from "./work-record.ts";

const SOURCE = await readFile(new URL("../kernel/layout.ts", import.meta.url), "utf8");
const CONSTANTS = [...SOURCE.matchAll(/^export const (SPAN|LISTS|WORK|AREA)_([A-Z0-9_]+): usize = (\d+);$/gm)];

const LAYOUTS: Readonly<Record<string, RecordLayout>> = { SPAN: MSpan, LISTS: WorkLists, WORK: WorkRecord, AREA: DeferredPointers };

test.each(CONSTANTS.map(([, record, name, value]) => ({ record: record!, name: name!, value: Number(value) })))(
  "the kernels' $record $name is where the record has it",
  ({ record, name, value }) => {
    const field = name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    expect(LAYOUTS[record]!.offset[field]).toBe(value / 4);
  },
);

test("the kernels know no offset that is not compared here", () => {
  const others = SOURCE.split("\n").filter((line) => line.startsWith("export const") && !/ (?:BUF|TYPE)_/.test(line));
  expect(CONSTANTS).toHaveLength(others.length);
});

test("the areas of a marker's record hold what a step of the kernel can put there", () => {
  const { fields } = WorkRecord;
  const span = PAGE_SIZE / 4;
  // A store of four words may go beyond the last entry; a visit that begins with several entries puts 128 and an object's words in the queue before it goes on.
  expect(fields.queue.words).toBeGreaterThanOrEqual(128 + 32 + span + 4);
  expect(fields.found.words).toBeGreaterThanOrEqual(512 + span + 4);
  expect(fields.stack.words).toBeGreaterThanOrEqual(4096 + 1);
  // A byte for each slot, in groups of 32.
  const slots = Math.max(...[...SPAN_CLASS_TO_NELEMS.keys()].filter((spc) => (spc & 1) === 0).map((spc) => SPAN_CLASS_TO_NELEMS[spc]!));
  expect((fields.hits.words ?? 0) * 4).toBeGreaterThanOrEqual(Math.ceil(slots / 32) * 32);
  expect(fields.white.words).toBe(fields.hits.words);
});

test("a span with heap bits has one page, so that a visit finds at most so many pointers as a page has words", () => {
  const withHeapBits = [...SPAN_CLASS_TO_NELEMS.keys()].filter((spc) => spc > 1 && heapBitsBytes(CLASS_TO_SIZE[spc >> 1]!, 1, (spc & 1) === 1) === HEAP_BITS_PER_PAGE);
  expect(withHeapBits.length).toBeGreaterThan(5);
  expect(withHeapBits.map((spc) => CLASS_TO_PAGES[spc >> 1])).toEqual(withHeapBits.map(() => 1));
});
