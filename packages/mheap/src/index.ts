export { MheapError, type MheapErrorCode } from "./errors.ts";
export { Heap, type HeapConfig, type GrowthObserver, type HeapPages, type PageReleaser } from "./heap.ts";
export { MHeap } from "./heap-record.ts";
export { NO_FREE_PAGE, PageAlloc, type ChunkIndex, type ChunkPages, type PageAllocPlaces, type PageRange } from "./page-alloc.ts";
export { PAGE_CACHE_PAGES, PageCache, PageCacheRec } from "./page-cache.ts";
export { PageMap } from "./page-map.ts";
export { PageSummaries, SUMMARY_LEVELS, SUMMARY_WORDS } from "./page-summary.ts";
export { FREED_PAGES_LIMIT, FREED_SPANS_SIZE, SPAN_CACHE_SIZE, SpanCache, SpanCacheRec } from "./span-cache.ts";
export { type BrokenPages, type PageInvariant, type ProcessorCaches } from "./verify-pages.ts";
