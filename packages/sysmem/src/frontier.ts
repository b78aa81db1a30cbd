/**
 * The two ends of the region's free middle.
 *
 *      | fixed tables | heap ──►            |  never used  |            ◄── persistent |
 *                                        heapEnd      persistentStart
 *
 * The heap takes pages from the bottom upward, persistentalloc from the top downward; they may meet, they never cross,
 * and neither ever gives pages back here (the page allocator keeps the heap's free pages). Pages handed out here have
 * never been used, so they are zero.
 *
 * Invariant: firstPage <= heapEnd <= persistentStart <= the region's pages. Both words are in 8 KiB pages (a region of
 * 4 GiB has 2^19) and are guarded by the heap lock, which every caller of a `take` or of `init` holds.
 */
import { PAGE_SHIFT, type PageIndex, type Ptr } from "./addr.ts";
import { SysmemError } from "./errors.ts";
import { record, type RecordLayout } from "./record.ts";
import type { Region } from "./region.ts";

/** Layout of the frontier. */
export const FrontierRecord: RecordLayout<"heapEnd" | "persistentStart"> = record("frontier", 2, {
  heapEnd: { access: "lock:heap", doc: "first page above the heap" },
  persistentStart: { access: "lock:heap", doc: "first page of what persistentalloc has taken" },
});

const { heapEnd: HEAP_END, persistentStart: PERSISTENT_START } = FrontierRecord.offset;

/** The frontier's record, seen from one thread. */
export class Frontier {
  private readonly mem: Int32Array;
  private readonly at: Ptr;
  private readonly regionPages: number;

  constructor(region: Region, at: Ptr) {
    this.mem = region.i32;
    this.at = at;
    this.regionPages = Math.floor(region.byteLength / (1 << PAGE_SHIFT));
  }

  /** Sets both ends, once, before the region is published: the heap may use `firstPage` and everything above it. */
  init(firstPage: number): void {
    if (!Number.isInteger(firstPage) || firstPage < 0 || firstPage > this.regionPages) {
      throw new SysmemError("ERR_ALLOC_SIZE", `the heap's first page is 0 to ${this.regionPages}, not ${String(firstPage)}: the region is too small for its tables`);
    }
    this.mem[this.at + HEAP_END] = firstPage;
    this.mem[this.at + PERSISTENT_START] = this.regionPages;
  }

  /** First page above the heap. Callable without the lock. */
  get heapEnd(): PageIndex {
    return Atomics.load(this.mem, this.at + HEAP_END) as PageIndex;
  }

  /** First page of the persistent end. Callable without the lock. */
  get persistentStart(): PageIndex {
    return Atomics.load(this.mem, this.at + PERSISTENT_START) as PageIndex;
  }

  /** Pages that neither end has taken. Exact under the heap lock, else a good guess. */
  get freePages(): number {
    return this.persistentStart - this.heapEnd;
  }

  /** Takes `npages` for the heap: the first of them, or -1 when fewer are left. Caller holds the heap lock. */
  takeHeap(npages: number): PageIndex | -1 {
    const start = this.mem[this.at + HEAP_END]!;
    if (!this.fits(npages, start)) return -1;
    this.mem[this.at + HEAP_END] = start + npages;
    return start as PageIndex;
  }

  /** Takes `npages` for persistentalloc: the first of them, or -1 when fewer are left. Caller holds the heap lock. */
  takePersistent(npages: number): PageIndex | -1 {
    if (!this.fits(npages, this.mem[this.at + HEAP_END]!)) return -1;
    const start = this.mem[this.at + PERSISTENT_START]! - npages;
    this.mem[this.at + PERSISTENT_START] = start;
    return start as PageIndex;
  }

  /** The broken invariants, in words; none when all is well. Caller holds the heap lock. */
  verify(): string[] {
    const { heapEnd, persistentStart, regionPages } = this;
    const broken: string[] = [];
    if (heapEnd < 0 || heapEnd > persistentStart) broken.push(`frontier: heapEnd ${heapEnd} is not within 0..persistentStart ${persistentStart}`);
    if (persistentStart > regionPages) broken.push(`frontier: persistentStart ${persistentStart} is beyond the region's ${regionPages} pages`);
    return broken;
  }

  private fits(npages: number, heapEnd: number): boolean {
    if (!Number.isInteger(npages) || npages < 1) throw new SysmemError("ERR_ALLOC_SIZE", `pages are taken by whole positive numbers, not ${String(npages)}`);
    return npages <= this.mem[this.at + PERSISTENT_START]! - heapEnd;
  }
}
