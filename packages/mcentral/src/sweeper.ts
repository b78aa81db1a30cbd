/**
 * What a central asks of the collector: to sweep a span before its slots are handed out again.
 *
 * Without a collector no span is ever unswept, and neither method is called.
 */
import type { SpanPtr } from "@mallocgc/mspan";

/** Sweeps spans; given to the central by whoever knows the collector. */
export interface Sweeper {
  /** Takes an unswept span for sweeping. False when another thread sweeps it or has done so: then it is not to be touched. */
  tryAcquire(s: SpanPtr): boolean;
  /** Sweeps a span taken with `tryAcquire`, or a stale one by its holder, and keeps it with the caller, however many of its slots are free. Sets its sweepgen to the heap's. */
  sweep(s: SpanPtr): void;
  /** Called before the page heap is asked for `npages`: as long as spans are unswept, so many pages are to be swept free first, if there are. No lock is held. */
  reclaim(npages: number): void;
}
