/**
 * The heap a program uses: made by one thread, attached to by others through its handle.
 *
 * A `Heap` object is one thread's way into the region (a P, processor.ts); all state is in the region. After `detach` or `close` the object
 * refuses everything with `ERR_HEAP_DETACHED`.
 */
import {
  SysmemError, WASM_PAGE_SIZE, createRegion, openOsPages, openRegion, type Addr, type OsPages, type Region, type RegionMemory,
} from "@mallocgc/sysmem";
import { Allocator } from "./allocator.ts";
import { HeapError, describeValue } from "./errors.ts";
import { HEADER_PTR, HEAP_CLOSED, HEAP_OPEN, HeapHeader, LAYOUT_VERSION, MAGIC } from "./header.ts";
import { Layers, heapFingerprint, planHeap } from "./layers.ts";
import { readMemStats, sizeClassStats, type MemStats, type SizeClassStats } from "./mem-stats.ts";
import { MAX_THREADS, MIN_BYTES, resolveOptions, type HeapConfig, type HeapOptions } from "./options.ts";
import { ProcessorTable } from "./processor.ts";
import { describeSpan, type SpanInfo } from "./span-info.ts";
import { verifyHeap, type VerifyReport } from "./verify.ts";
import { viewBlock, type ViewConstructor } from "./views.ts";

const { magic: H_MAGIC, version: H_VERSION, fingerprint: H_FINGERPRINT, wasmPages: H_WASM_PAGES, maxThreads: H_MAX_THREADS,
  chunkPages: H_CHUNK_PAGES, state: H_STATE, zero: H_ZERO } = HeapHeader.offset;
const ZERO_ADDR = ((HEADER_PTR + H_ZERO) * 4) as Addr;

/** What a thread needs to attach: sent with `postMessage` or `workerData`. */
export interface HeapHandle {
  readonly type: "mallocgc.heap";
  readonly layoutVersion: number;
  /** The shared WebAssembly.Memory. */
  readonly memory: RegionMemory;
}

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
  private readonly region: Region;
  private layers: Layers | undefined;
  private allocator: Allocator;
  private os: OsPages | undefined;

  /** @internal Heaps come from `createHeap` and `attachHeap`. */
  constructor(layers: Layers, processorId: number) {
    this.processorId = processorId;
    this.maxBytes = layers.config.maxBytes;
    this.region = layers.region;
    this.layers = layers;
    this.allocator = new Allocator(layers.region, layers, ZERO_ADDR);
    this.os = undefined;
  }

  /**
   * Allocates `size` bytes (an integer from 0) and returns the block's address, a byte offset into the region; a multiple of 8 for
   * sizes that are (see the README for other sizes). Fast path: about 6 ns, no lock, no atomic operation.
   *
   * @throws HeapError `ERR_SIZE`; `ERR_OPTION` for an option that is no boolean (names are not checked); {@link HeapExhaustedError} when there is
   * no room; `ERR_HEAP_DETACHED`.
   */
  mallocgc(size: number, options: AllocOptions = DEFAULTS): Addr {
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

  /** Go's MemStats, as far as this heap has them. Exact while no other thread allocates or frees. */
  readMemStats(): MemStats {
    return readMemStats(this.attached());
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
    return verifyHeap(this.attached());
  }

  /** Gives this thread's cached spans and pages back to all, so that other threads can use them. */
  flush(): void {
    this.attached().releaseAll();
  }

  /**
   * Gives all free pages back to the operating system and returns how many bytes that were: 0 where it has no way to take them (browsers, or
   * Node without `node:ffi` and without the optional package koffi).
   */
  freeOSMemory(): number {
    const layers = this.attached();
    layers.releaseAll();
    return layers.pages.scavengeAll(this.osPages());
  }

  /** How pages go back to the operating system here: "node:ffi", "koffi" or "none". */
  get osBackend(): OsPages["backend"] {
    return this.osPages().backend;
  }

  /** This thread leaves the heap. Blocks stay; what this thread had cached goes back to all. */
  detach(): void {
    const layers = this.attached();
    layers.releaseAll();
    layers.processors.release(this.processorId);
    this.layers = undefined;
    this.allocator = new DetachedAllocator() as unknown as Allocator;
  }

  /** As `detach`, and no thread can attach any more. Threads that are attached can go on until they detach. */
  close(): void {
    this.attached();
    Atomics.store(this.region.i32, HEADER_PTR + H_STATE, HEAP_CLOSED);
    this.detach();
  }

  private attached(): Layers {
    if (this.layers === undefined) throw detached();
    return this.layers;
  }

  private osPages(): OsPages {
    this.attached();
    return (this.os ??= openOsPages(this.region));
  }
}

function badOptions(options: unknown): HeapError {
  return new HeapError("ERR_OPTION", `mallocgc takes an object of options, { noscan, zeroed }, not ${describeValue(options)}`);
}

function badOption(name: string, value: unknown): HeapError {
  return new HeapError("ERR_OPTION", `option ${name} takes true or false, not ${describeValue(value)}`);
}

function detached(): HeapError {
  return new HeapError("ERR_HEAP_DETACHED", "this thread has left the heap (detach or close was called); attach again with its handle");
}

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
}

/**
 * Makes a heap and attaches the calling thread to it.
 *
 * @throws HeapError `ERR_OPTION`; `ERR_NOT_SHAREABLE` where memory cannot be shared and `shared` is not false; `ERR_REGION_RESERVE` when the
 * address space cannot be had.
 */
export function createHeap(options: HeapOptions = {}): Heap {
  const config = resolveOptions(options);
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
  const processors = new ProcessorTable(mem, plan.at("processors"), config.maxThreads);
  const id = processors.claim();
  const layers = new Layers(region, config, plan, processors, id);
  layers.pages.init();
  layers.central.init();
  layers.cache.init(id + 1);
  mem[HEADER_PTR + H_STATE] = HEAP_OPEN;
  // Last: who finds the magic finds the rest.
  Atomics.store(mem, HEADER_PTR + H_MAGIC, MAGIC);
  return new Heap(layers, id);
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
export function attachHeap(handle: HeapHandle): Heap {
  const { region, config } = openHandle(handle);
  const plan = planHeap(config);
  const mem = region.i32;
  if (mem[HEADER_PTR + H_FINGERPRINT] !== heapFingerprint(plan)) {
    throw new HeapError("ERR_HANDLE_VERSION", "the heap's layout is not this version's; load the same version of @mallocgc/runtime in every thread");
  }
  if (Atomics.load(mem, HEADER_PTR + H_STATE) !== HEAP_OPEN) {
    throw new HeapError("ERR_HEAP_CLOSED", "the heap was closed and takes no more threads; create another");
  }
  const processors = new ProcessorTable(mem, plan.at("processors"), config.maxThreads);
  const id = processors.claim();
  if (id < 0) {
    throw new HeapError("ERR_TOO_MANY_THREADS", `all ${config.maxThreads} places for threads are taken; detach one, or create the heap with a larger maxThreads`);
  }
  const layers = new Layers(region, config, plan, processors, id);
  layers.cache.init(id + 1);
  return new Heap(layers, id);
}

function openHandle(handle: unknown): { region: Region; config: HeapConfig } {
  const h = handle as Partial<HeapHandle> | null | undefined;
  if (typeof h !== "object" || h === null || h.type !== "mallocgc.heap") {
    throw new HeapError("ERR_HANDLE", `attachHeap takes the handle of a heap, as it arrived in this thread, not ${describeValue(handle)}`);
  }
  if (h.layoutVersion !== LAYOUT_VERSION) throw wrongVersion(h.layoutVersion);
  const region = openMemory(h.memory);
  const mem = region.i32;
  if (!region.shared) throw new HeapError("ERR_HANDLE", "the handle's memory is not shared; only a heap made with shared: true has a handle");
  if (region.byteLength < MIN_BYTES || Atomics.load(mem, HEADER_PTR + H_MAGIC) !== MAGIC) {
    throw new HeapError("ERR_HANDLE", `the handle's memory of ${region.byteLength} bytes holds no heap; take the handle of one made by createHeap`);
  }
  if (mem[HEADER_PTR + H_VERSION] !== LAYOUT_VERSION) throw wrongVersion(mem[HEADER_PTR + H_VERSION]);
  const maxBytes = mem[HEADER_PTR + H_WASM_PAGES]! * WASM_PAGE_SIZE;
  const maxThreads = mem[HEADER_PTR + H_MAX_THREADS]!;
  const chunkPages = mem[HEADER_PTR + H_CHUNK_PAGES]!;
  if (maxBytes !== region.byteLength || maxThreads < 1 || maxThreads > MAX_THREADS || (chunkPages !== 64 && chunkPages !== 512)) {
    throw new HeapError(
      "ERR_HANDLE",
      `the heap in the handle's memory is damaged: its header says ${maxBytes} bytes, ${maxThreads} threads, chunks of ${chunkPages} pages; create another`,
    );
  }
  return { region, config: { maxBytes, shared: true, maxThreads, chunkPages } };
}

function openMemory(memory: unknown): Region {
  try {
    return openRegion(memory);
  } catch (cause) {
    throw new HeapError("ERR_HANDLE", `the handle's memory is ${describeValue(memory)}, not a WebAssembly.Memory; send the handle with postMessage or workerData, not as text`, { cause });
  }
}

function wrongVersion(version: unknown): HeapError {
  return new HeapError(
    "ERR_HANDLE_VERSION",
    `the heap has layout version ${describeValue(version)}, this package works with ${LAYOUT_VERSION}; load the same version of @mallocgc/runtime in every thread`,
  );
}
