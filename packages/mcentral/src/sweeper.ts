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
  /** Sweeps a span taken with `tryAcquire` and keeps it with the caller, however many of its slots are free. */
  sweep(s: SpanPtr): void;
}
