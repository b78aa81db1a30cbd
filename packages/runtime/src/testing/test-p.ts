/**
 * A P of a collected heap without the `Heap` around it, so that several can live in one thread: each with its layers, collector and
 * allocator over the same region, as if it were a thread of its own. For tests that step through interleavings.
 */
import { createRegion, type Addr, type Region } from "@mallocgc/sysmem";
import { Allocator } from "../allocator.ts";
import { Collector } from "../collector.ts";
import { joinByHandle, joinHeap, type HeapHandle, type Joined } from "../join.ts";
import { HEADER_PTR, HEAP_CLOSED, HEAP_OPEN, HeapHeader, LAYOUT_VERSION, MAGIC } from "../header.ts";
import { heapFingerprint, planHeap, type Layers } from "../layers.ts";
import { HeapProfiler } from "../profile/heap-profiler.ts";
import { resolveOptions, type HeapConfig, type HeapOptions } from "../options.ts";

/** Bytes of a test node: two refs, then two words of its own. */
const NODE_BYTES = 16;
/** Where its pointers are. */
const NODE_MASK = 0b0011;

/** A collected heap for tests, without background threads. */
export class TestHeap {
  readonly region: Region;
  readonly config: HeapConfig;
  private made = false;

  constructor(options: HeapOptions = {}) {
    // Without samples unless a test asks for them: which objects they are is left to chance.
    this.config = resolveOptions({ maxBytes: 16 << 20, memProfileRate: 0, ...options, gcWorkers: 0 });
    this.region = createRegion(this.config.maxBytes, this.config.shared);
  }

  /** One more P. */
  attach(): TestP {
    const { config, region } = this;
    const joined = joinHeap(region, config, planHeap(config), this.made ? undefined : (layers) => {
      layers.pages.init();
      layers.central.init();
      layers.scavenging.init(config.gc.memoryLimit);
      HeapProfiler.init(layers.region.i32, layers.plan, config.profile.rate, config.profile.tableBytes);
      Collector.init(layers, config.gc);
    });
    this.made = true;
    return new TestP(joined.layers, joined.processorId);
  }

  /** One more P of a heap made with `gc: false`, which sees it through `region`: only its layers. */
  attachByHand(region: Region): Joined {
    const { config } = this;
    const joined = joinHeap(region, config, planHeap(config), this.made ? undefined : (layers) => {
      layers.pages.init();
      layers.central.init();
      HeapProfiler.init(layers.region.i32, layers.plan, config.profile.rate, config.profile.tableBytes);
    });
    this.made = true;
    return joined;
  }

  /** What a P in another thread attaches with. After the first `attach`. */
  get handle(): HeapHandle {
    const mem = this.region.i32;
    const h = HeapHeader.offset;
    const words: [number, number][] = [
      [h.version, LAYOUT_VERSION], [h.fingerprint, heapFingerprint(planHeap(this.config))], [h.wasmPages, this.config.maxBytes / 65536],
      [h.maxThreads, this.config.maxThreads], [h.chunkPages, this.config.chunkPages], [h.flags, this.config.flags], [h.state, HEAP_OPEN], [h.magic, MAGIC],
    ];
    for (const [field, value] of words) mem[HEADER_PTR + field] = value;
    return { type: "mallocgc.heap", layoutVersion: LAYOUT_VERSION, memory: this.region.memory };
  }

  /** Background threads end when all Ps have left. */
  close(): void {
    Atomics.store(this.region.i32, HEADER_PTR + HeapHeader.offset.state, HEAP_CLOSED);
  }
}

/** One P of a test heap. */
export class TestP {
  readonly layers: Layers;
  readonly processorId: number;
  readonly collector: Collector;
  readonly allocator: Allocator;
  /** Errors that callbacks threw. */
  readonly errors: unknown[] = [];

  constructor(layers: Layers, processorId: number) {
    this.layers = layers;
    this.processorId = processorId;
    this.collector = new Collector(layers, processorId, false, true, {
      onLeak: () => undefined,
      onError: (error) => void this.errors.push(error),
      checkObject: (addr) => void this.allocator.resolve(addr),
      allocBytes: (nbytes) => this.allocator.malloc(nbytes, 1),
      refOfView: () => -1,
    });
    this.allocator = new Allocator(layers.region, layers, ((HEADER_PTR + HeapHeader.offset.zero) * 4) as Addr, this.collector);
    this.collector.attach();
  }

  /** A P in another thread. */
  static attach(handle: HeapHandle): TestP {
    const { layers, processorId } = joinByHandle(handle);
    return new TestP(layers, processorId);
  }

  /** This P leaves. */
  detach(): void {
    this.collector.idle.stop();
    this.collector.roots.leave();
    this.collector.turns.close();
    this.collector.mutator.claimSelf();
    this.layers.releaseAll();
    this.layers.processors.release(this.processorId);
  }

  get mem(): Int32Array {
    return this.layers.region.i32;
  }

  /** A node: refs `left` and `right`, and a stamp. */
  node(left = 0, right = 0, stamp = 0): Addr {
    const addr = this.allocator.mallocTyped(NODE_BYTES, NODE_MASK, 0);
    if (left !== 0) this.store(addr, 0, left);
    if (right !== 0) this.store(addr, 1, right);
    this.mem[(addr >>> 2) + 2] = stamp;
    return addr;
  }

  load(addr: number, field: 0 | 1): number {
    return this.mem[(addr >>> 2) + field]! >>> 0;
  }

  store(addr: number, field: 0 | 1, value: number): void {
    this.collector.mutator.storeRef(addr + 4 * field, value);
  }

  stamp(addr: number): number {
    return this.mem[(addr >>> 2) + 2]!;
  }

  /** A whole cycle, driven from here; this P is in no turn. */
  gc(): void {
    this.collector.gcSync();
  }
}
