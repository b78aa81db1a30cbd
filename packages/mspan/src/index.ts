export { FREED_FULL, FREED_HELD, FREED_LISTED, freedCount, freedMerges, freedState } from "./freed-word.ts";
export { FREE_DONE, FREE_EMPTY, FREE_LIST, FREE_NOT_LIVE, FreedBits } from "./freed-bits.ts";
export { HEAP_BITS_PER_PAGE, SPAN_CLASS_TO_NELEMS, heapBitsBytes, inlineBitsBytes } from "./span-shape.ts";
export { Marks } from "./marks.ts";
export { MSpan, SCAN_NEVER, SPAN_DEAD, SPAN_IN_USE, SPAN_MANUAL, SPAN_STATE_NAMES, type SpanPtr } from "./span.ts";
export { Spans, popcount32 } from "./spans.ts";
export { TINY_BLOCK_DEAD, TINY_FREED, TINY_NOT_LIVE, TinyBits } from "./tiny-bits.ts";
