/** What Go has in `runtime/debug` and `runtime/pprof`: settings of a heap that can be changed while it runs, and looks inside, in any thread; `heap.debug`. */
import type { Collected } from "./collected.ts";
import { HeapError, describeValue } from "./errors.ts";
import type { Layers } from "./layers.ts";
import { HeapGraph } from "./graph/heap-graph.ts";
import { snapshotNodes, type SnapshotNode } from "./graph/snapshot-nodes.ts";
import { whyAlive, type WhyAlive } from "./graph/why-alive.ts";
import { leaksBetween, type Leak } from "./profile/leaks.ts";
import { readMemProfile, type HeapProfile, type MemProfileOptions } from "./profile/mem-profile.ts";

/** What it needs of the heap object it belongs to; both throw when this thread has left. */
export interface DebugHost {
  readonly isCollected: boolean;
  layers(): Layers;
  /** @throws HeapError `ERR_NOT_COLLECTED`. */
  collected(): Collected;
}

/** What growth is to be shown. */
export interface LeakOptions extends MemProfileOptions {
  /** A profile of before. Without it all that is in use counts as growth. */
  readonly since?: HeapProfile;
}

/** Settings of one heap, and looks inside it. */
export class HeapDebug {
  private readonly host: DebugHost;

  /** @internal Comes from a heap. */
  constructor(host: DebugHost) {
    this.host = host;
  }

  /**
   * Sets growth that begins a cycle, in per cent, and returns the old value; below 0: none. Go's debug.SetGCPercent.
   *
   * @throws HeapError `ERR_OPTION`; `ERR_NOT_COLLECTED` in a by-hand heap, which has no cycles.
   */
  setGCPercent(percent: number): number {
    const collected = this.host.collected();
    if (!Number.isInteger(percent)) throw new HeapError("ERR_OPTION", `gcPercent is an integer, below 0 for off, not ${describeValue(percent)}`);
    return collected.setGCPercent(percent);
  }

  /**
   * Sets the soft limit in bytes of all memory that the heap has from the system, and returns the old value; Infinity is none, below 0 only asks. Go's
   * debug.SetMemoryLimit.
   *
   * @throws HeapError `ERR_OPTION`.
   */
  setMemoryLimit(bytes: number): number {
    const { scavenging } = this.host.layers();
    if (typeof bytes !== "number" || Number.isNaN(bytes)) throw new HeapError("ERR_OPTION", `memoryLimit is a number of bytes, Infinity for none, not ${describeValue(bytes)}`);
    if (bytes >= 0 && this.host.isCollected) return this.host.collected().setMemoryLimit(bytes);
    const old = scavenging.memoryLimit;
    if (bytes >= 0) scavenging.memoryLimit = Math.floor(bytes);
    return old;
  }

  /**
   * The heap profile: what was allocated and freed, by stack, as of the end of the last cycle's marking. After `heap.gc()` or `heap.gcSync()` it is that of this
   * cycle, its garbage left out. Before the first cycle, and in a by-hand heap, it is that of now. Go's runtime.MemProfile.
   */
  memProfile(options: MemProfileOptions = {}): HeapProfile {
    return readMemProfile(this.host.layers().profiler, options);
  }

  /**
   * What grows: what is in use now and was not in the profile `since`, by stack, the largest growth in bytes first. After `heap.gc()`, or garbage counts as growth.
   */
  leaks({ since, ...options }: LeakOptions = {}): Leak[] {
    return leaksBetween(this.memProfile(options), since);
  }

  /**
   * Why an object is alive: a shortest path of refs from a root to it, with type and field names as far as this thread has declared the types; undefined when no root
   * leads there: it is garbage, or only a variable of this turn has it. Walks the heap in this turn.
   *
   * @throws HeapError `ERR_ADDRESS` and others when `value` is no ref and no view of an object; `ERR_NOT_COLLECTED`.
   */
  whyAlive(value: number | object): WhyAlive | undefined {
    const { graph, collected } = this.graph();
    const ref = typeof value === "object" ? collected.types.refOfView(value) : value;
    collected.allocator.lookup(ref);
    return whyAlive(graph, ref);
  }

  /**
   * All objects that roots lead to, for `heapSnapshot` of @mallocgc/pprof-export, which writes what DevTools and memlab read. Types and fields have their names as far as
   * this thread has declared the types. Walks the heap in this turn, and takes some hundred bytes of JavaScript's memory an object.
   *
   * @throws HeapError `ERR_NOT_COLLECTED`.
   */
  heapSnapshot(): SnapshotNode[] {
    return snapshotNodes(this.graph().graph);
  }

  private graph(): { graph: HeapGraph; collected: Collected } {
    const collected = this.host.collected();
    const { turns } = collected.collector;
    if (!turns.open) turns.enter();
    return { graph: new HeapGraph(this.host.layers(), collected.collector, collected.types), collected };
  }

  /**
   * Sets how many bytes are allocated per sample of the heap profile, on average, and returns the old value; 1: every object is sampled, 0: none is. Go's
   * runtime.MemProfileRate. Each thread follows from its next window of 32 slots on; what was sampled before stays, so a profile is right if the rate is changed early.
   *
   * @throws HeapError `ERR_OPTION`.
   */
  setMemProfileRate(rate: number): number {
    if (!Number.isInteger(rate) || rate < 0 || rate > 0x7fffffff) throw new HeapError("ERR_OPTION", `memProfileRate is an integer number of bytes from 0 to 2147483647, not ${describeValue(rate)}`);
    const { profiler } = this.host.layers();
    const old = profiler.rate;
    profiler.setRate(rate);
    return old;
  }
}
