/** Spans over a region of their own, with no page heap: a test says where a span lies. */
import { CLASS_TO_PAGES } from "@mallocgc/sizeclass";
import { PAGE_SIZE, createRegion, planRegion, type Addr, type Region } from "@mallocgc/sysmem";
import { FreedBits, MSpan, Spans, TinyBits, type SpanPtr } from "../index.ts";

const RECORDS = 64;

/** Bytes at the start of the region that hold records; spans come after. */
export const FIRST_SPAN_ADDR: number = 2 * PAGE_SIZE;

/** A region and everything of this package that works on it. */
export interface TestSpans {
  readonly region: Region;
  readonly spans: Spans;
  readonly freed: FreedBits;
  readonly tiny: TinyBits;
  /** A new span of that class whose pages start at `base`. Records are never reused. */
  make(spanClass: number, base?: number, needzero?: number, npages?: number): SpanPtr;
}

/** `spansOf` lets a test put its own Spans in the place of the real ones. */
export function testSpans(bytes = 1 << 20, spansOf: (region: Region, state: number) => Spans = (region, state) => new Spans(region, state as never)): TestSpans {
  const region = createRegion(bytes, true);
  const plan = planRegion([...Spans.tables(), { name: "records", bytes: RECORDS * MSpan.words * 4, align: 128, doc: "span records" }], 64);
  const spans = spansOf(region, plan.at("mspan"));
  let records = 0;
  return {
    region,
    spans,
    freed: new FreedBits(region, spans),
    tiny: new TinyBits(region),
    make(spanClass, base = FIRST_SPAN_ADDR, needzero = 0, npages = CLASS_TO_PAGES[spanClass >> 1]!) {
      if (records === RECORDS) throw new Error("this test makes more spans than there are records");
      const s = (plan.at("records") + MSpan.words * records++) as SpanPtr;
      spans.init(s, base as Addr, npages, spanClass, needzero);
      return s;
    },
  };
}

/** Hands out slots until the span is spent, or `n` of them. */
export function takeSlots(t: TestSpans, s: SpanPtr, n: number = Infinity): number[] {
  const slots: number[] = [];
  while (slots.length < n) {
    const addr = t.spans.nextFree(s);
    if (addr === 0) break;
    slots.push(t.spans.slotOf(s, addr));
  }
  return slots;
}
