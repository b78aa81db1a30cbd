/**
 * The sweep of one span, and which slots are new, as a kernel: kernel/sweep.ts says what it does. The caller holds the span, has taken it for sweeping (sweepgen), and
 * has seen to the specials of its dead objects.
 */
import type { PageMap } from "@mallocgc/mheap";
import type { SpanPtr } from "@mallocgc/mspan";
import { loadKernel, type Ptr, type Region } from "@mallocgc/sysmem";
import { SWEEP_KERNEL } from "./sweep-kernel.ts";
import type { SweepKernel } from "./sweeper.ts";

/** The kernel's exports. Both take a span record's word index and return how many slots died. */
interface SweepExports {
  readonly sweep: (s: SpanPtr) => number;
  readonly sweepClobbering: (s: SpanPtr) => number;
  /** Addresses in bytes; returns how many are left. */
  readonly leaveOutNew: (pageMap: number, mapPages: number, at: number, n: number) => number;
}

/** The sweep kernel over a region. With `clobber`, dead slots are filled with 0xdeadbeef (Go's clobberfree). */
export function sweepKernel(region: Region, clobber: boolean): SweepKernel {
  const kernel = loadKernel(SWEEP_KERNEL, region) as SweepExports;
  return { sweep: clobber ? kernel.sweepClobbering : kernel.sweep };
}

/** Of the `n` addresses from word `at` on, moves those that are not of new slots to the front; returns how many. */
export type LeaveOutNew = (at: Ptr, n: number) => number;

/** The kernel that tells new slots, over a region. */
export function newSlotsKernel(region: Region, pageMap: PageMap): LeaveOutNew {
  const { leaveOutNew } = loadKernel(SWEEP_KERNEL, region) as SweepExports;
  const mapAddr = (pageMap.at << 2) >>> 0;
  const { npages } = pageMap;
  return (at, n) => leaveOutNew(mapAddr, npages, (at << 2) >>> 0, n);
}
