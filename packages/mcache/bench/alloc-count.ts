/**
 * The allocation fast path as it is, and with Go's count of what was allocated in the span (docs/decisions/0004-alloc-count.md):
 *
 *     node --conditions=dev packages/mcache/bench/alloc-count.ts
 *
 * One operation allocates a block of 64 bytes from a cached span; every 126 of them the same span is made fresh again.
 */
import { MSpan, Spans, type SpanPtr } from "@mallocgc/mspan";
import { createRegion, planRegion, type Addr, type Ptr, type Region } from "@mallocgc/sysmem";
import { run, time, type Figures } from "@mallocgc/testing";

const { startAddr: START_ADDR, elemSize: ELEM_SIZE, freeIndex: FREE_INDEX, allocCache: ALLOC_CACHE, needzero: NEEDZERO, allocCount: ALLOC_COUNT } = MSpan.offset;
const B64 = 13;
const NELEMS = 126;
const BATCH = NELEMS * 10;

/** `Cache.alloc`, its slow path replaced by the span's next window. */
class Plain {
  readonly mem: Int32Array;
  readonly base: Ptr;
  readonly spans: Spans;
  constructor(region: Region, base: Ptr, spans: Spans) {
    this.mem = region.i32;
    this.base = base;
    this.spans = spans;
  }
  alloc(spanClass: number, zero: number): Addr {
    const mem = this.mem;
    const s = mem[this.base + spanClass]!;
    const cache = mem[s + ALLOC_CACHE]!;
    if (cache === 0) return this.spans.nextFree(s as SpanPtr);
    const bit = 31 - Math.clz32(cache & -cache);
    const slot = mem[s + FREE_INDEX]! + bit;
    mem[s + ALLOC_CACHE] = (cache >>> bit) >>> 1;
    mem[s + FREE_INDEX] = slot + 1;
    const size = mem[s + ELEM_SIZE]!;
    const addr = ((mem[s + START_ADDR]! + Math.imul(slot, size)) >>> 0) as Addr;
    if ((mem[s + NEEDZERO]! & zero) !== 0) throw new Error("a fresh span needs no zeroing");
    return addr;
  }
}

/** The same, counting as Go does. */
class Counting {
  readonly mem: Int32Array;
  readonly base: Ptr;
  readonly spans: Spans;
  constructor(region: Region, base: Ptr, spans: Spans) {
    this.mem = region.i32;
    this.base = base;
    this.spans = spans;
  }
  alloc(spanClass: number, zero: number): Addr {
    const mem = this.mem;
    const s = mem[this.base + spanClass]!;
    const cache = mem[s + ALLOC_CACHE]!;
    if (cache === 0) return this.spans.nextFree(s as SpanPtr);
    const bit = 31 - Math.clz32(cache & -cache);
    const slot = mem[s + FREE_INDEX]! + bit;
    mem[s + ALLOC_CACHE] = (cache >>> bit) >>> 1;
    mem[s + FREE_INDEX] = slot + 1;
    mem[s + ALLOC_COUNT] = mem[s + ALLOC_COUNT]! + 1;
    const size = mem[s + ELEM_SIZE]!;
    const addr = ((mem[s + START_ADDR]! + Math.imul(slot, size)) >>> 0) as Addr;
    if ((mem[s + NEEDZERO]! & zero) !== 0) throw new Error("a fresh span needs no zeroing");
    return addr;
  }
}

function measure(Way: typeof Plain | typeof Counting): Figures {
  const region = createRegion(1 << 20, true);
  const plan = planRegion([...Spans.tables(), { name: "alloc", bytes: 136 * 4, align: 64, doc: "alloc" }, { name: "span", bytes: MSpan.words * 4, align: 128, doc: "span" }], 64);
  const spans = new Spans(region, plan.at("mspan"));
  const s = plan.at("span") as SpanPtr;
  spans.init(s, 65536 as Addr, 1, B64, 0);
  region.i32[plan.at("alloc") + B64] = s;
  const way = new Way(region, plan.at("alloc"), spans);
  let sum = 0;
  const figures = time(() => {
    for (let r = 0; r < BATCH / NELEMS; r++) {
      region.i32[s + FREE_INDEX] = 0;
      region.i32[s + ALLOC_CACHE] = -1;
      for (let i = 0; i < NELEMS; i++) sum = (sum + way.alloc(B64, 1)) | 0;
    }
  }, BATCH);
  if (sum === 0.5) throw new Error("cannot be");
  return figures;
}

await run(import.meta.url, {
  "Alloc/size=64/way=plain": () => measure(Plain),
  "Alloc/size=64/way=counting": () => measure(Counting),
}, 9);
