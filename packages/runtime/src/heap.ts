/**
 * The heap a program uses: made by one thread, attached to by others through its handle.
 *
 * A `Heap` object is one thread's way into the region (a P, processor.ts); all state is in the region. After `detach` or `close` the object
 * refuses everything with `ERR_HEAP_DETACHED`.
 */
import { traceLine, type CycleReport } from "@mallocgc/gc";
import { SysmemError, WASM_PAGE_SIZE, createRegion, type Addr, type OsPages, type Region } from "@mallocgc/sysmem";
import { Allocator } from "./allocator.ts";
import { bury } from "./bury.ts";
import { Collected, type GcStats, type HeapEvents } from "./collected.ts";
import { processEnvironment, withEnvironment } from "./environment.ts";
import { HeapError, describeValue, detached } from "./errors.ts";
import { HEADER_PTR, HEAP_CLOSED, HEAP_OPEN, HeapHeader, LAYOUT_VERSION, MAGIC } from "./header.ts";
import { HeapDebug } from "./heap-debug.ts";
import { joinByHandle, joinHeap, type HeapHandle, type Joined } from "./join.ts";
import { Collector } from "./collector.ts";
import { heapFingerprint, isCollected, planHeap, type Layers } from "./layers.ts";
import { readMemStats, type MemStats } from "./mem-stats.ts";
import { readMetrics, type Metric } from "./metrics.ts";
import { resolveOptions, type HeapConfig, type HeapOptions, type TraceOptions } from "./options.ts";
import type { NamedRoots } from "./named-roots.ts";
import type { Cleanup } from "./roots/callbacks.ts";
import type { Handle } from "./roots/handle.ts";
import type { RootValue } from "./roots/root-host.ts";
import type { Scope } from "./roots/scope.ts";
import type { Unique, UniqueValue } from "./roots/unique.ts";
import type { Weak } from "./roots/weak.ts";
import { sizeClassStats, type SizeClassStats } from "./size-class-stats.ts";
import { HeapProfiler } from "./profile/heap-profiler.ts";
import { describeSpan, type SpanInfo } from "./span-info.ts";
import { startWorkers } from "./start-worker.ts";
import { TraceWriter } from "./trace-writer.ts";
import { describeType, type ObjectType } from "./types/declare.ts";
import type { Bound, BoundType, Init, NameOf, View } from "./types/infer.ts";
import type { Ref } from "./types/ref.ts";
import { verifyHeap, type VerifyReport } from "./verify.ts";
import { viewBlock, type ViewConstructor } from "./views.ts";

const { magic: H_MAGIC, version: H_VERSION, fingerprint: H_FINGERPRINT, wasmPages: H_WASM_PAGES, maxThreads: H_MAX_THREADS,
  chunkPages: H_CHUNK_PAGES, state: H_STATE, flags: H_FLAGS, zero: H_ZERO } = HeapHeader.offset;
const ZERO_ADDR = ((HEADER_PTR + H_ZERO) * 4) as Addr;

/** How a block is wanted. */
export interface AllocOptions {
  /** The block will hold no pointers to other blocks. Default true. */
  readonly noscan?: boolean;
  /** The block reads as zero. Default true; `false` spares the clearing of reused memory. */
  readonly zeroed?: boolean;
}

const DEFAULTS: AllocOptions = Object.freeze({});

/** One thread's way into a heap. */
export class Heap {
  /** This thread's number among the heap's threads: 0 to `maxThreads` - 1. */
  readonly processorId: number;
  readonly maxBytes: number;
  /** Whether objects are collected, or freed by hand. */
  readonly isCollected: boolean;
  private readonly region: Region;
  private layers: Layers | undefined;
  private allocator: Allocator;
  private collectedPart: Collected | undefined;
  private turns: TurnGate;
  private readonly debugPart: HeapDebug;
  private trace: TraceWriter | undefined;

  /** @internal Heaps come from `createHeap` and `attachHeap`. */
  constructor({ layers, processorId }: Joined, events: HeapEvents, trace: TraceOptions = {}) {
    this.processorId = processorId;
    this.maxBytes = layers.config.maxBytes;
    this.isCollected = isCollected(layers.config);
    this.region = layers.region;
    this.layers = layers;
    this.collectedPart = this.isCollected
      ? new Collected(layers, processorId, layers.mutexes.mayBlock, events, (collector) => new Allocator(layers.region, layers, ZERO_ADDR, collector))
      : undefined;
    this.turns = this.collectedPart?.collector.turns ?? BY_HAND;
    this.allocator = this.collectedPart?.allocator ?? new Allocator(layers.region, layers, ZERO_ADDR);
    this.debugPart = new HeapDebug({ isCollected: this.isCollected, layers: () => this.attached(), collected: () => this.collected() });
    this.trace = TraceWriter.isOn(trace) ? new TraceWriter(layers, this.collectedPart?.collector.log, trace) : undefined;
  }

  /**
   * Allocates `size` bytes (an integer from 0) and returns the block's address, a byte offset into the region; a multiple of 8 for
   * sizes that are (see the README for other sizes). Fast path: about 6 ns, no lock, no atomic operation.
   *
   * @throws HeapError `ERR_SIZE`; `ERR_OPTION` for an option that is no boolean (names are not checked); {@link HeapExhaustedError} when there is
   * no room; `ERR_HEAP_DETACHED`.
   */
  mallocgc(size: number, options: AllocOptions = DEFAULTS): Addr {
    if (!this.turns.open) this.turns.enter();
    if (options === DEFAULTS) return this.allocator.malloc(size, 1);
    if (typeof options !== "object" || (options as unknown) === null) throw badOptions(options);
    const { noscan = true, zeroed = true } = options as { readonly noscan?: unknown; readonly zeroed?: unknown };
    if (typeof noscan !== "boolean") throw badOption("noscan", noscan);
    if (typeof zeroed !== "boolean") throw badOption("zeroed", zeroed);
    const zero = zeroed ? 1 : 0;
    return noscan ? this.allocator.malloc(size, zero) : this.allocator.mallocScan(size, zero);
  }

  /**
   * Frees the block at `addr`, from any thread. The address of an empty block may be freed any number of times; every other just once.
   *
   * @throws HeapError when there is no live block at exactly that address; nothing is changed then.
   */
  free(addr: Addr | number): void {
    this.allocator.free(addr);
  }

  // Types and objects.

  /**
   * A declared type in this heap: its field accessors on raw refs, for hot code, and what `new`, `alloc` and `at` take. Any number of times, in any thread.
   *
   * @throws HeapError `ERR_TYPE` when it is no declaration; `ERR_TYPE_CONFLICT` when the heap has another layout under that name.
   */
  type<T extends ObjectType>(declaration: T): Bound<T> {
    return this.collected().types.bind(declaration);
  }

  /** A new object of a type as a view, with initial values; what is not named is zero. @throws FieldError; HeapExhaustedError. */
  new<T>(type: BoundType<T>, init?: Init<T>): View<T> {
    return this.collected().types.create<BoundType<T>>(type, init as never);
  }

  /**
   * A new object of a type as a raw ref, all zero; of an array type with `length` elements. For hot code.
   *
   * @throws HeapError `ERR_TYPE` when `type` is not bound (`heap.type`), or no array and a length is given; FieldError for a length; HeapExhaustedError.
   */
  alloc<T>(type: BoundType<T>, length?: number): Ref<NameOf<T>> {
    const info = (type as Partial<BoundType<T>> | undefined)?.$type;
    if (info === undefined) throw notBound(type);
    return length === undefined ? info.alloc() : info.allocArray(length);
  }

  /** A view of the object at a raw ref; null for 0. With `checks`, @throws HeapError when there is no live object that could be of that type. */
  at<T>(type: BoundType<T>, ref: number): View<T> | null {
    return ref === 0 ? null : this.collected().types.viewOf<BoundType<T>>(type, ref as never);
  }

  // Turns and roots.

  /** Runs `fn` in a turn that ends with it: raw refs and views from inside are void afterwards, unless rooted. @throws HeapError `ERR_TURN`. */
  turn<T>(fn: () => T): T {
    return this.collected().collector.turns.turn(fn);
  }

  /** For loops that never return to the event loop: ends this turn and begins the next. Raw refs and views held in variables are void. About 40 ns. */
  safepoint(): void {
    this.collected().collector.turns.safepoint();
  }

  /** The heap's named roots: how threads find each other's objects. */
  get roots(): NamedRoots {
    return this.collected().roots;
  }

  /** A handle: keeps one object alive across turns, until it is disposed of (`using h = heap.root(x)`). @throws HeapError `ERR_ROOT`. */
  root(value: RootValue): Handle {
    return this.collected().collector.roots.handles.root(value);
  }

  /** A scope: what is rooted through it lives until it is disposed of. */
  scope(): Scope {
    return this.collected().collector.roots.handles.scope();
  }

  /** A handle for the object of a handle, or of a `move()`, that arrived from another thread. @throws HeapError `ERR_ROOT_HANDLE`, `ERR_ROOT_DISPOSED`. */
  adopt(message: unknown): Handle {
    return this.collected().collector.roots.handles.adopt(message);
  }

  /** Has `fn(ref)` called once nothing else reaches the object; null takes it away. Go's SetFinalizer. @throws HeapError `ERR_FINALIZER`. */
  setFinalizer(value: RootValue, fn: ((ref: number) => void) | null): void {
    this.collected().collector.roots.callbacks.setFinalizer(value, fn);
  }

  /** Has `fn(arg)` called once the object is gone. Go's AddCleanup. @throws HeapError `ERR_CLEANUP`. */
  addCleanup<T>(value: RootValue, fn: (arg: T) => void, arg: T): Cleanup {
    return this.collected().collector.roots.callbacks.addCleanup(value, fn, arg);
  }

  /** A weak ref: leads to the object as long as something else keeps it. Equal for equal objects. @throws HeapError `ERR_WEAK`. */
  weak(value: RootValue): Weak {
    return this.collected().collector.roots.weaks.weak(value);
  }

  /** The one handle of a value: equal exactly for equal values, in all threads; held weakly. Go's unique.Make. */
  unique(value: UniqueValue): Unique {
    return this.collected().collector.roots.uniques.unique(value);
  }

  // Cycles.

  /** A whole cycle that begins after this call: resolves when garbage of before is swept. Ends the turn. @throws HeapError `ERR_TURN` inside `turn`. */
  async gc(): Promise<void> {
    await this.collected().collector.gc();
    this.trace?.look();
  }

  /** As `gc`, blocking this thread. */
  gcSync(): void {
    this.collected().collector.gcSync();
    this.trace?.look();
  }

  /** The collector's figures of now. */
  gcStats(): GcStats {
    return this.collected().stats();
  }

  /** What the cycles after number `after` did, the oldest first; the last 64 are kept. */
  gcCycles(after = 0): CycleReport[] {
    return this.collected().cycles(after);
  }

  /** Go's gctrace lines of the cycles after number `after`. */
  gcTrace(after = 0): string[] {
    return this.gcCycles(after).map(traceLine);
  }

  /** Settings that can be changed while the heap runs, and looks inside: what Go has in `runtime/debug` and `runtime/pprof`. */
  get debug(): HeapDebug {
    return this.debugPart;
  }

  // Blocks.

  /** Bytes that may be used at `addr`: at least what was asked for. @throws HeapError as `free`. */
  usableSize(addr: Addr | number): number {
    return this.allocator.usableSize(addr);
  }

  /** The span that covers `addr`, which may point anywhere into it. @throws HeapError when none does. */
  spanOf(addr: Addr | number): SpanInfo {
    const layers = this.attached();
    return describeSpan(layers, this.allocator.lookup(addr));
  }

  /**
   * A typed array over the block at `addr`, `length` elements long (default: all that fit). It keeps nothing alive: after `free` it shows
   * whatever comes there next.
   *
   * @throws HeapError as `free`; `ERR_VIEW` when the block is too short, or the address is not aligned for that type.
   */
  view<T>(addr: Addr | number, type: ViewConstructor<T>, length?: number): T {
    return viewBlock(this.region, addr, this.usableSize(addr), type, length);
  }

  /** The whole region as 32-bit words: `heap.i32[addr >>> 2]`. For hot code; nothing is checked. */
  get i32(): Int32Array {
    return this.region.i32;
  }
  /** The whole region as bytes: `heap.u8[addr]`. */
  get u8(): Uint8Array {
    return this.region.u8;
  }
  /** The whole region as float64: `heap.f64[addr / 8]`. */
  get f64(): Float64Array {
    return this.region.f64;
  }

  /** What another thread needs to attach. @throws HeapError `ERR_NOT_SHAREABLE` when the heap was made with `shared: false`. */
  get handle(): HeapHandle {
    this.attached();
    if (!this.region.shared) {
      throw new HeapError("ERR_NOT_SHAREABLE", "this heap was made with shared: false and belongs to one thread; make it with shared: true to attach others");
    }
    return { type: "mallocgc.heap", layoutVersion: LAYOUT_VERSION, memory: this.region.memory };
  }

  /** Go's MemStats: consistent in each answer, and exact while no other thread is at work. Some 100 us; takes the heap lock for a moment. */
  readMemStats(): MemStats {
    return readMemStats(this.attached(), this.collectedPart?.collector);
  }

  /** The figures of Go's runtime/metrics that this heap has, by name: all of one moment, as `readMemStats`. */
  metrics(): Metric[] {
    return readMetrics(this.attached(), this.collectedPart?.collector);
  }

  /** Spans, objects and bytes in use per size class, by walking all spans. Exact while no other thread is at work. */
  sizeClassStats(): SizeClassStats[] {
    return sizeClassStats(this.attached());
  }

  /**
   * Walks the whole heap and reports every broken invariant. Call it while no other thread is at work on the heap: one that is shows as
   * broken what is only in motion.
   */
  verify(): VerifyReport {
    return verifyHeap(this.attached(), this.collectedPart?.collector);
  }

  /** Gives this thread's cached spans and pages back to all, so that other threads can use them. */
  flush(): void {
    this.owned().releaseAll();
  }

  /**
   * Gives all free memory back to the operating system and returns how many bytes that were; of a collected heap after a whole cycle, for which this thread is blocked
   * as by `gcSync`. Go's debug.FreeOSMemory. 0 where there is no way to take pages (browsers, or Node without `node:ffi` and without the optional package koffi).
   *
   * @throws HeapError `ERR_TURN` inside `turn`.
   */
  freeOSMemory(): number {
    const layers = this.attached();
    if (this.isCollected) this.gcSync();
    return this.scavengeAll(layers);
  }

  /** As `freeOSMemory`, but for the cycle the event loop goes on. */
  async freeOSMemoryAsync(): Promise<number> {
    this.attached();
    if (this.isCollected) await this.gc();
    return this.scavengeAll(this.attached());
  }

  /** How pages go back to the operating system here: "node:ffi", "koffi" or "none". */
  get osBackend(): OsPages["backend"] {
    return this.attached().scavenging.os.backend;
  }

  /** How often the operating system has refused to take pages back. They stay resident, and no figure counts them as released. */
  get osFailures(): number {
    return this.attached().scavenging.scavenger.failures;
  }

  /**
   * Takes over from a thread that ended without `detach`, by its `processorId` (Node: in the worker's `exit` event): its roots are let go, what it had cached
   * goes back to all, its place is free. False when there is nobody to take over from. The thread must be dead.
   *
   * @throws HeapError `ERR_PROCESSOR`; `ERR_HEAP_DAMAGED` when it died while it drove a cycle.
   */
  bury(processorId: number): boolean {
    return bury(this.attached(), this.processorId, processorId, ZERO_ADDR);
  }

  /** This thread leaves the heap. Blocks stay; what this thread had cached goes back to all. */
  detach(): void {
    const layers = this.attached();
    this.trace?.close();
    this.collectedPart?.leave(() => { layers.releaseAll(); });
    if (this.collectedPart === undefined) layers.releaseAll();
    layers.processors.release(this.processorId);
    this.collectedPart?.wakeWorkers();
    this.layers = undefined;
    this.collectedPart = undefined;
    this.trace = undefined;
    this.turns = BY_HAND;
    this.allocator = new DetachedAllocator() as unknown as Allocator;
  }

  /** As `detach`, and no thread can attach any more. Threads that are attached can go on until they detach. */
  close(): void {
    this.attached();
    Atomics.store(this.region.i32, HEADER_PTR + H_STATE, HEAP_CLOSED);
    this.detach();
  }

  private collected(): Collected {
    if (this.collectedPart !== undefined) return this.collectedPart;
    this.attached();
    throw new HeapError("ERR_NOT_COLLECTED", "this heap was made with gc: false and is managed by hand: types, roots, turns and cycles are for collected heaps");
  }

  /** The layers, in a turn: for what changes what this thread has cached. */
  private owned(): Layers {
    const layers = this.attached();
    if (!this.turns.open) this.turns.enter();
    return layers;
  }

  private attached(): Layers {
    if (this.layers === undefined) throw detached();
    return this.layers;
  }

  private scavengeAll(layers: Layers): number {
    this.owned().releaseAll();
    const released = layers.scavenging.scavenger.scavengeAll();
    this.trace?.forced(released);
    return released;
  }
}

function badOptions(options: unknown): HeapError {
  return new HeapError("ERR_OPTION", `mallocgc takes an object of options, { noscan, zeroed }, not ${describeValue(options)}`);
}

function badOption(name: string, value: unknown): HeapError {
  return new HeapError("ERR_OPTION", `option ${name} takes true or false, not ${describeValue(value)}`);
}

function notBound(type: unknown): HeapError {
  return new HeapError("ERR_TYPE", `heap.alloc takes a type of the heap, as heap.type(declaration) gives it, not ${describeType(type)}`);
}

/** What decides whether an operation begins a turn. */
interface TurnGate {
  readonly open: boolean;
  enter(): void;
}

/** A by-hand heap, or one that the thread has left, has no turns. */
const BY_HAND: TurnGate = Object.freeze({ open: true, enter: () => undefined });

/** What a detached heap allocates with, so that the fast path of an attached one needs no test. */
class DetachedAllocator {
  malloc(): never {
    throw detached();
  }
  mallocScan(): never {
    throw detached();
  }
  free(): never {
    throw detached();
  }
  usableSize(): never {
    throw detached();
  }
  lookup(): never {
    throw detached();
  }
  resolve(): never {
    throw detached();
  }
}

/**
 * Makes a heap and attaches the calling thread to it.
 *
 * @throws HeapError `ERR_OPTION`; `ERR_ENVIRONMENT` for a malformed environment variable; `ERR_NOT_SHAREABLE` where memory cannot be shared and `shared` is not false; `ERR_REGION_RESERVE` when the
 * address space cannot be had.
 */
export function createHeap(options: HeapOptions = {}, events: HeapEvents = {}): Heap {
  const config = resolveOptions(withEnvironment(options, processEnvironment()));
  const plan = planHeap(config);
  if (plan.end > config.maxBytes / 2) {
    throw new HeapError("ERR_OPTION", `the tables for ${config.maxThreads} threads take ${plan.end} bytes, more than half of maxBytes ${config.maxBytes}; raise maxBytes, or lower maxThreads`);
  }
  const region = reserve(config);
  const mem = region.i32;
  mem[HEADER_PTR + H_VERSION] = LAYOUT_VERSION;
  mem[HEADER_PTR + H_FINGERPRINT] = heapFingerprint(plan);
  mem[HEADER_PTR + H_WASM_PAGES] = config.maxBytes / WASM_PAGE_SIZE;
  mem[HEADER_PTR + H_MAX_THREADS] = config.maxThreads;
  mem[HEADER_PTR + H_CHUNK_PAGES] = config.chunkPages;
  mem[HEADER_PTR + H_FLAGS] = config.flags;
  const joined = joinHeap(region, config, plan, (layers) => {
    layers.pages.init();
    layers.central.init();
    layers.scavenging.init(config.gc.memoryLimit);
    HeapProfiler.init(mem, plan, config.profile.rate, config.profile.tableBytes);
    if (isCollected(config)) Collector.init(layers, config.gc);
  });
  mem[HEADER_PTR + H_STATE] = HEAP_OPEN;
  // Last: who finds the magic finds the rest.
  Atomics.store(mem, HEADER_PTR + H_MAGIC, MAGIC);
  const heap = new Heap(joined, events, config.gc.trace);
  if (config.gc.workers > 0) startWorkers(config.gc.workers, heap.handle, (error) => { console.warn("mallocgc: a background thread failed; cycles advance at the ends of turns", error); });
  return heap;
}

function reserve(config: HeapConfig): Region {
  try {
    return createRegion(config.maxBytes, config.shared);
  } catch (error) {
    if (!(error instanceof SysmemError)) throw error;
    if (error.code === "ERR_REGION_NOT_SHAREABLE") {
      throw new HeapError(
        "ERR_NOT_SHAREABLE",
        "memory cannot be shared here: a browser page needs cross-origin isolation (COOP: same-origin, COEP: require-corp); " +
          "create the heap with shared: false to use it in this thread alone",
        { cause: error },
      );
    }
    throw new HeapError("ERR_REGION_RESERVE", `the system has no address space for a heap of ${config.maxBytes} bytes; lower maxBytes, or raise the limit (ulimit -v)`, { cause: error });
  }
}

/**
 * Attaches the calling thread to a heap that another made.
 *
 * @throws HeapError `ERR_HANDLE` when `handle` is none; `ERR_HANDLE_VERSION` when it was made by another version of this package;
 * `ERR_HEAP_CLOSED`; `ERR_TOO_MANY_THREADS`.
 */
export function attachHeap(handle: HeapHandle, events: HeapEvents = {}): Heap {
  return new Heap(joinByHandle(handle), events);
}
