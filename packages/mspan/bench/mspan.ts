/**
 * What the operations on a span cost:
 *
 *     node --conditions=dev packages/mspan/bench/mspan.ts [NAME ...]
 */
import { FREED_HELD, FreedBits, MSpan, Spans, type SpanPtr } from "@mallocgc/mspan";
import { createRegion, planRegion, type Addr } from "@mallocgc/sysmem";
import { run, time, type Figures } from "@mallocgc/testing";

const B64 = 13;
const NELEMS = 126;
const { freeIndex: FREE_INDEX, allocCache: ALLOC_CACHE, freed: FREED, freedBits: FREED_BITS } = MSpan.offset;

interface Held {
  readonly mem: Int32Array;
  readonly spans: Spans;
  readonly freed: FreedBits;
  readonly s: SpanPtr;
}

function held(): Held {
  const region = createRegion(1 << 20, true);
  const plan = planRegion([...Spans.tables(), { name: "span", bytes: MSpan.words * 4, align: 128, doc: "a span" }], 64);
  const spans = new Spans(region, plan.at("mspan"));
  const s = plan.at("span") as number as SpanPtr;
  spans.init(s, 65536 as Addr, 1, B64, 0);
  return { mem: region.i32, spans, freed: new FreedBits(region, spans), s };
}

function nextFree(): Figures {
  const { mem, spans, s } = held();
  return time(() => {
    for (let r = 0; r < 10; r++) {
      mem[s + FREE_INDEX] = 0;
      mem[s + ALLOC_CACHE] = -1;
      while (spans.nextFree(s) !== 0);
    }
  }, 10 * NELEMS);
}

function free(): Figures {
  const { mem, spans, freed, s } = held();
  while (spans.nextFree(s) !== 0);
  return time(() => {
    for (let r = 0; r < 10; r++) {
      mem.fill(0, mem[s + FREED_BITS], mem[s + FREED_BITS]! + 4);
      mem[s + FREED] = FREED_HELD;
      for (let slot = 0; slot < NELEMS; slot++) freed.free(s, slot, 1);
    }
  }, 10 * NELEMS);
}

/** Frees every eighth slot and merges: the cost of the merge is this less 16 frees and 16 allocations. */
function freeMergeAlloc(): Figures {
  const { spans, freed, s } = held();
  while (spans.nextFree(s) !== 0);
  return time(() => {
    for (let r = 0; r < 10; r++) {
      for (let slot = 0; slot < NELEMS; slot += 8) freed.free(s, slot, 1);
      freed.merge(s);
      while (spans.nextFree(s) !== 0);
    }
  }, 10);
}

await run(import.meta.url, {
  "NextFree/size=64": nextFree,
  "Free/size=64": free,
  "Free16Merge1Alloc16/size=64": freeMergeAlloc,
});
