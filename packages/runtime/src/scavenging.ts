/**
 * The scavenger of a heap, wired: what it asks of the heap, and what the collector tells it.
 *
 *      retained         in use, or free and not released                     the page heap's words, without a lock: asked before every 64 KiB
 *      mappedReady      retained, and all tables and records                 Sys - HeapReleased; what the memory limit limits
 *      memory limit     in the header, so that by-hand heaps have it too
 *
 *      marked           the most pages are in use: the generation ends
 *      paced            goals anew: at a cycle's end, and after a setting changed
 *      swept            there is something to give back: whoever does background work is to look
 *
 * Background work is done in the driver's seat of the cycle: by the background thread (background-loop.ts), or by a thread of the program in its
 * idle time (idle-work.ts). A by-hand heap has no cycle and so no goal by growth, and nobody who works in the background: there the memory limit is kept by
 * whoever allocates, and the rest goes back by `freeOSMemory`.
 */
import { CpuLimiter, GcRecord, type CycleObserver, type CyclePages } from "@mallocgc/gc";
import type { Heap as PageHeap, PageReleaser, ProcessorCaches } from "@mallocgc/mheap";
import { Scavenger } from "@mallocgc/scavenger";
import { PAGE_SIZE, openOsPages, type Mutexes, type OsPages, type Region, type RegionPlan } from "@mallocgc/sysmem";
import { HEADER_PTR, HeapHeader } from "./header.ts";
import type { ProcessorTable } from "./processor.ts";

const MEMORY_LIMIT = (HEADER_PTR + HeapHeader.offset.memoryLimit) >>> 1;
const SCAV_ASSIST_US = GcRecord.offset.scavAssistUs;

/** The operating system, opened when it is first asked something: the way to it is a module of 7 MB and some 15 ms, which most threads never need. */
export class LateOsPages implements PageReleaser {
  private readonly region: Region;
  private opened: OsPages | undefined;

  constructor(region: Region) {
    this.region = region;
    this.opened = undefined;
  }

  get backend(): OsPages["backend"] {
    return this.open().backend;
  }
  get pageSize(): number {
    return this.open().pageSize;
  }
  release(byteOffset: number, byteLength: number): number {
    return this.open().release(byteOffset, byteLength);
  }

  private open(): OsPages {
    return (this.opened ??= openOsPages(this.region));
  }
}

/** One thread's part in giving memory back. */
export class Scavenging implements CycleObserver {
  readonly scavenger: Scavenger;
  readonly os: LateOsPages;
  private readonly pages: PageHeap;
  private readonly caches: readonly ProcessorCaches[];
  private readonly f64: Float64Array;

  constructor(region: Region, plan: RegionPlan, mutexes: Mutexes, pages: PageHeap, processors: ProcessorTable, isCollected: boolean) {
    const caches = processors.caches();
    const limiter = isCollected ? new CpuLimiter(region.f64, plan.at("gc.limiter")) : undefined;
    const retained = (): number => pages.retained(caches) * PAGE_SIZE;
    this.os = new LateOsPages(region);
    this.pages = pages;
    this.caches = caches;
    this.f64 = region.f64;
    this.scavenger = new Scavenger(region, plan, mutexes, pages, this.os, {
      now: () => (performance.timeOrigin + performance.now()) * 1e6,
      procs: () => processors.running,
      heapRetained: retained,
      mappedReady: () => retained() + plan.end + pages.persistent.sys,
      memoryLimit: () => this.memoryLimit,
      limiting: () => limiter?.limiting === true,
      assisted: (ns) => {
        if (isCollected) Atomics.add(region.i32, plan.at("gc") + SCAV_ASSIST_US, Math.round(ns / 1000));
      },
      refused: () => {
        console.warn("mallocgc: the operating system refused to take free pages back, and keeps them resident; said once, counted in heap.osFailures");
      },
    });
  }

  /** Starts the scavenger of a fresh region, before another thread sees it. */
  init(memoryLimit: number): void {
    this.scavenger.init();
    this.memoryLimit = memoryLimit;
  }

  /** Bytes; Infinity: none. One float64 in the region: a reader has the old one or the new one. */
  get memoryLimit(): number {
    return this.f64[MEMORY_LIMIT]!;
  }
  set memoryLimit(bytes: number) {
    this.f64[MEMORY_LIMIT] = bytes;
  }

  // What the collector tells (CycleObserver).

  marked(): void {
    this.scavenger.marked(this.figures().inUse * PAGE_SIZE);
  }

  paced(heapGoal: number, lastHeapGoal: number): void {
    this.scavenger.pace(heapGoal, lastHeapGoal);
  }

  swept(): CyclePages {
    this.scavenger.ready();
    // What a cycle that came too late has let grow beyond the limit is free now, and does not wait for the background.
    this.scavenger.allocated(0, 0, 0);
    const { inUse, released } = this.figures();
    return this.scavenger.takeTrace(inUse * PAGE_SIZE, released * PAGE_SIZE);
  }

  /** The page heap's figures, in pages. Takes the heap lock. */
  figures(): ReturnType<PageHeap["figures"]> {
    return this.pages.figures(this.caches);
  }
}
