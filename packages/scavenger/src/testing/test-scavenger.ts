/** A page heap with a scavenger, an operating system of the test's and a clock that the test moves on. */
import { Heap, PageCacheRec, SpanCacheRec, type HeapConfig, type ProcessorCaches } from "@mallocgc/mheap";
import { Spans, type SpanPtr } from "@mallocgc/mspan";
import { Mutexes, PAGE_SIZE, createRegion, planRegion, type Ptr, type Region, type RegionPlan } from "@mallocgc/sysmem";
import { Scavenger, type ScavengerEnvironment, type ScavengerOptions } from "../scavenger.ts";

const P_WORDS = Math.ceil((PageCacheRec.words + SpanCacheRec.words) / 16) * 16;
const PROCESSORS = 4;

function planOf(config: HeapConfig): RegionPlan {
  return planRegion([...Spans.tables(), { name: "p", bytes: PROCESSORS * P_WORDS * 4, align: 64, doc: "caches of the test's Ps" }, ...Heap.tables(config), ...Scavenger.tables(config)], 64);
}

/** The operating system: takes what it is given, zeroes it, and notes it. */
export class TestOs {
  pageSize = 4096;
  refuse = false;
  /** How long a release takes, by the test's clock. */
  nsPerPage = 0;
  readonly calls: [byteOffset: number, byteLength: number][] = [];
  private readonly t: TestScavenger;

  constructor(t: TestScavenger) {
    this.t = t;
  }

  release(byteOffset: number, byteLength: number): number {
    this.t.clock += (this.nsPerPage * byteLength) / this.pageSize;
    if (this.refuse) return 0;
    this.calls.push([byteOffset, byteLength]);
    this.t.region.u8.fill(0, byteOffset, byteOffset + byteLength);
    return byteLength;
  }
}

/** P `id` of a heap with a scavenger. */
export class TestScavenger implements ScavengerEnvironment {
  readonly region: Region;
  readonly config: HeapConfig;
  readonly heap: Heap;
  readonly os: TestOs;
  readonly scavenger: Scavenger;
  readonly caches: ProcessorCaches[];
  clock = 1e9;
  limit: number = Number.MAX_SAFE_INTEGER;
  limits = false;
  assistTime = 0;
  /** How often it was said that the operating system refuses. */
  refusals = 0;
  threads = 1;

  constructor(region: Region, config: HeapConfig, id = 0, options: ScavengerOptions = {}) {
    const plan = planOf(config);
    const mutexes = new Mutexes(region, id + 1);
    this.region = region;
    this.config = config;
    this.caches = Array.from({ length: PROCESSORS }, (_, i) => {
      const pageCache = (plan.at("p") + i * P_WORDS) as Ptr;
      return { pageCache, spanCache: (pageCache + PageCacheRec.words) as Ptr };
    });
    const { pageCache, spanCache } = this.caches[id]!;
    this.heap = new Heap(region, plan, mutexes, new Spans(region, plan.at("mspan")), pageCache, spanCache, config);
    this.os = new TestOs(this);
    this.scavenger = new Scavenger(region, plan, mutexes, this.heap, this.os, this, options);
  }

  /** A fresh heap, and P 0 of it. */
  static create(options: ScavengerOptions = {}, config: HeapConfig = { maxBytes: 256 << 20, chunkPages: 512 }): TestScavenger {
    const t = new TestScavenger(createRegion(config.maxBytes, true), config, 0, options);
    t.heap.init();
    t.scavenger.init();
    return t;
  }

  now(): number {
    return this.clock;
  }
  procs(): number {
    return this.threads;
  }
  heapRetained(): number {
    return this.heap.retained(this.caches) * PAGE_SIZE;
  }
  mappedReady(): number {
    return this.heapRetained();
  }
  memoryLimit(): number {
    return this.limit;
  }
  limiting(): boolean {
    return this.limits;
  }
  assisted(ns: number): void {
    this.assistTime += ns;
  }

  refused(): void {
    this.refusals++;
  }

  /** HeapInuse, in bytes. */
  inUse(): number {
    return this.heap.figures(this.caches).inUse * PAGE_SIZE;
  }
  /** HeapReleased, in bytes. */
  released(): number {
    return this.heap.figures(this.caches).released * PAGE_SIZE;
  }

  /** A large span, its pages written. */
  alloc(npages: number): SpanPtr {
    const s = this.heap.alloc(npages, 1);
    if (s === 0) throw new Error("the region is full");
    this.region.u8.fill(1, this.heap.spans.base(s), this.heap.spans.base(s) + npages * PAGE_SIZE);
    return s;
  }

  /** Spans of `npages` each, the lowest first. */
  allocMany(n: number, npages: number): SpanPtr[] {
    return Array.from({ length: n }, () => this.alloc(npages));
  }

  /** A cycle has ended, with goals that make the heap retain what is in use, and a tenth. */
  endCycle(): void {
    this.heap.flush();
    this.scavenger.marked(this.inUse());
    this.scavenger.pace(1, 1);
    this.scavenger.ready();
  }

  /** Runs background work until there is none, each batch when it is due: how many batches. */
  drain(): number {
    for (let batches = 0; ; batches++) {
      const ns = this.scavenger.step();
      if (ns === Infinity) return batches;
      this.clock += ns;
    }
  }

  /** Everything that is wrong with the heap or the index. */
  problems(): unknown[] {
    const { inUse, free } = this.heap.figures(this.caches);
    const retained = this.heap.retained(this.caches) === inUse + free ? [] : ["retained is not what is in use or free"];
    return [...this.heap.verifyPages(this.caches), ...this.scavenger.verify(), ...retained];
  }
}
