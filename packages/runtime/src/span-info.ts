/** A span as a plain object, for people and tools. */
import { MSpan, SPAN_STATE_NAMES, type SpanPtr } from "@mallocgc/mspan";
import type { Layers } from "./layers.ts";

/** What a span record says, read at one moment. */
export interface SpanInfo {
  /** Address of its first byte. */
  readonly base: number;
  /** Address after its last slot. */
  readonly limit: number;
  /** Pages of 8 KiB. */
  readonly npages: number;
  /** Bytes of a slot. */
  readonly elemSize: number;
  /** Number of slots. */
  readonly nelems: number;
  /** Slots with a live object. */
  readonly liveCount: number;
  readonly spanClass: number;
  /** 0 for a large object. */
  readonly sizeClass: number;
  readonly noscan: boolean;
  readonly state: string;
  /** The thread whose cache holds it, or -1. */
  readonly heldBy: number;
}

/** Reads the record of a span. */
export function describeSpan(layers: Layers, s: SpanPtr): SpanInfo {
  const { spans, freed } = layers;
  const spanClass = spans.spanClass(s);
  return {
    base: spans.base(s),
    limit: spans.limit(s),
    npages: spans.npages(s),
    elemSize: spans.elemSize(s),
    nelems: spans.nelems(s),
    liveCount: spans.countHandedOut(s) - freed.pending(s),
    spanClass,
    sizeClass: spanClass >> 1,
    noscan: (spanClass & 1) === 1,
    state: SPAN_STATE_NAMES[spans.state(s)] ?? "unknown",
    heldBy: Atomics.load(layers.region.i32, s + MSpan.offset.holder) - 1,
  };
}
