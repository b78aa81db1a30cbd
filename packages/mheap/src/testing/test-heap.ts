/** A page heap over a region of its own, for tests and benchmarks: one P per thread, caches in a table as the runtime would place them. */
import { Spans } from "@mallocgc/mspan";
import { Mutexes, createRegion, planRegion, type Ptr, type Region, type RegionPlan } from "@mallocgc/sysmem";
import { Heap, PageCacheRec, SpanCacheRec, type HeapConfig, type ProcessorCaches } from "../index.ts";

/** Words of a test P: its page cache and its span cache, on cache lines of their own. */
const P_WORDS = Math.ceil((PageCacheRec.words + SpanCacheRec.words) / 16) * 16;

const TEST_PROCESSORS = 8;

function plan(config: HeapConfig): RegionPlan {
  return planRegion(
    [
      ...Spans.tables(),
      { name: "processors", bytes: TEST_PROCESSORS * P_WORDS * 4, align: 64, doc: "caches of the test's Ps" },
      ...Heap.tables(config),
    ],
    64,
  );
}

/** The caches of P `id`. */
export function cachesOf(config: HeapConfig, id: number): ProcessorCaches {
  const pageCache = (plan(config).at("processors") + id * P_WORDS) as Ptr;
  return { pageCache, spanCache: (pageCache + PageCacheRec.words) as Ptr };
}

/** The caches of all Ps. */
export function allCaches(config: HeapConfig): ProcessorCaches[] {
  return Array.from({ length: TEST_PROCESSORS }, (_, id) => cachesOf(config, id));
}

/** P `id`'s way into the heap in `region`. */
export function openTestHeap(region: Region, config: HeapConfig, id: number, timeoutMs = 30_000): Heap {
  const layout = plan(config);
  const { pageCache, spanCache } = cachesOf(config, id);
  return new Heap(region, layout, new Mutexes(region, id + 1, { timeoutMs }), new Spans(region, layout.at("mspan")), pageCache, spanCache, config);
}

/** A fresh heap, and P 0's way into it. */
export function newTestHeap(config: HeapConfig, shared = true): Heap {
  const heap = openTestHeap(createRegion(config.maxBytes, shared), config, 0);
  heap.init();
  return heap;
}
