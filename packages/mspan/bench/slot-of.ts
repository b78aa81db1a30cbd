/**
 * From an address to its slot: by division, and by the size class's magic multiplier (docs/decisions/0003-slot-of.md):
 *
 *     node --conditions=dev packages/mspan/bench/slot-of.ts
 *
 * One operation is a look at a random address in one of 64 spans of 16 size classes, as `free` does it.
 */
import { CLASS_TO_DIV_MAGIC, CLASS_TO_PAGES, NUM_SIZE_CLASSES, objectIndex } from "@mallocgc/sizeclass";
import { MSpan, Spans, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE, createRegion, planRegion, type Addr } from "@mallocgc/sysmem";
import { run, time, type Figures } from "@mallocgc/testing";

const SPANS = 64;
const BATCH = 4096;
const MAGIC_OF = CLASS_TO_DIV_MAGIC;
const TWO_TO_MINUS_32 = 2 ** -32;
const { startAddr: START_ADDR, spanClass: SPAN_CLASS } = MSpan.offset;

class ByMagic {
  readonly mem: Int32Array;
  constructor(mem: Int32Array) {
    this.mem = mem;
  }
  slotOf(s: SpanPtr, addr: number): number {
    return objectIndex((addr - this.mem[s + START_ADDR]!) >>> 0, MAGIC_OF[this.mem[s + SPAN_CLASS]! >> 1]!);
  }
}

/** As ByMagic, the multiplication written out. */
class ByMagicInline {
  readonly mem: Int32Array;
  constructor(mem: Int32Array) {
    this.mem = mem;
  }
  slotOf(s: SpanPtr, addr: number): number {
    return (((addr - this.mem[s + START_ADDR]!) >>> 0) * MAGIC_OF[this.mem[s + SPAN_CLASS]! >> 1]! * TWO_TO_MINUS_32) | 0;
  }
}

function measure(way: (spans: Spans) => { slotOf(s: SpanPtr, addr: number): number }): Figures {
  const region = createRegion(64 << 20, true);
  const plan = planRegion([...Spans.tables(), { name: "records", bytes: SPANS * MSpan.words * 4, align: 128, doc: "span records" }], 64);
  const spans = new Spans(region, plan.at("mspan"));
  const records = new Int32Array(BATCH);
  const addrs = new Float64Array(BATCH);
  let base = 16 * PAGE_SIZE;
  for (let i = 0; i < SPANS; i++) {
    const sizeClass = 1 + (((i % 16) * 4) % (NUM_SIZE_CLASSES - 1));
    spans.init((plan.at("records") + i * MSpan.words) as SpanPtr, base as Addr, CLASS_TO_PAGES[sizeClass]!, sizeClass * 2 + 1, 0);
    base += CLASS_TO_PAGES[sizeClass]! * PAGE_SIZE;
  }
  for (let i = 0; i < BATCH; i++) {
    const s = (plan.at("records") + Math.floor(Math.random() * SPANS) * MSpan.words) as SpanPtr;
    records[i] = s;
    addrs[i] = spans.base(s) + Math.floor(Math.random() * spans.npages(s) * PAGE_SIZE);
  }
  const it = way(spans);
  let sum = 0;
  const figures = time(() => {
    for (let i = 0; i < BATCH; i++) sum = (sum + it.slotOf(records[i]! as SpanPtr, addrs[i]!)) | 0;
  }, BATCH);
  if (sum === 0.5) throw new Error("cannot be");
  return figures;
}

await run(import.meta.url, {
  "SlotOf/way=division": () => measure((spans) => spans),
  "SlotOf/way=magic-inline": () => measure((spans) => new ByMagicInline(spans.mem)),
  "SlotOf/way=magic-objectIndex": () => measure((spans) => new ByMagic(spans.mem)),
});
