export { HeapError, HeapExhaustedError, type HeapErrorCode } from "./errors.ts";
export { attachHeap, createHeap, type AllocOptions, type Heap, type HeapHandle } from "./heap.ts";
export { heapLayout, type HeapLayout } from "./layout.ts";
export type { BySize, MemStats, SizeClassStats } from "./mem-stats.ts";
export type { HeapOptions } from "./options.ts";
export type { SpanInfo } from "./span-info.ts";
export type { BrokenInvariant, VerifyReport } from "./verify.ts";
export type { ViewConstructor } from "./views.ts";
export type { Addr } from "@mallocgc/sysmem";
