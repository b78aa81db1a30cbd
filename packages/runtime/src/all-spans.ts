/** Every span of a heap, in address order: a walk of the page map. */
import { MSpan, type SpanPtr } from "@mallocgc/mspan";
import { PAGE_SIZE } from "@mallocgc/sysmem";
import type { Layers } from "./layers.ts";

/** The spans in the page map. While other threads allocate, one that comes or goes meanwhile may be missed. */
export function* allSpans(layers: Layers): Generator<SpanPtr> {
  const { pages } = layers;
  const mem = layers.region.i32;
  const end = pages.frontier.heapEnd;
  for (let page: number = pages.firstPage; page < end; ) {
    const s = pages.spanOf(page * PAGE_SIZE);
    // Before the yield: the caller may free the span.
    page += s === 0 ? 1 : Math.max(1, mem[s + MSpan.offset.npages]!);
    if (s !== 0) yield s;
  }
}
