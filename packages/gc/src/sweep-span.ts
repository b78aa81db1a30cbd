/**
 * The sweep of one span, as a kernel: kernel/sweep.ts says what it does. The caller holds the span, has taken it for sweeping (sweepgen), and
 * has seen to the specials of its dead objects.
 */
import type { SpanPtr } from "@mallocgc/mspan";
import { loadKernel, type Region } from "@mallocgc/sysmem";
import { SWEEP_KERNEL } from "./sweep-kernel.ts";
import type { SweepKernel } from "./sweeper.ts";

/** The kernel's exports. Both take a span record's word index and return how many slots died. */
interface SweepExports {
  readonly sweep: (s: SpanPtr) => number;
  readonly sweepClobbering: (s: SpanPtr) => number;
}

/** The sweep kernel over a region. With `clobber`, dead slots are filled with 0xdeadbeef (Go's clobberfree). */
export function sweepKernel(region: Region, clobber: boolean): SweepKernel {
  const kernel = loadKernel(SWEEP_KERNEL, region) as SweepExports;
  return { sweep: clobber ? kernel.sweepClobbering : kernel.sweep };
}
