/**
 * How a thread becomes a P of a heap: from a handle or from a fresh region to layers and a claimed record.
 *
 *     openHandle    checks what came from another thread: memory, header, version, state
 *     joinHeap      claims a record of the P table, puts the layers together over it, fills it in, and only then shows it to others
 */
import { openRegion, WASM_PAGE_SIZE, type Region, type RegionMemory, type RegionPlan } from "@mallocgc/sysmem";
import { Collector } from "./collector.ts";
import { HeapError, describeValue } from "./errors.ts";
import { HEADER_PTR, HEAP_OPEN, HeapHeader, LAYOUT_VERSION, MAGIC } from "./header.ts";
import { Layers, heapFingerprint, isCollected, planHeap } from "./layers.ts";
import { GC_DEFAULTS, PROFILE_DEFAULTS, MAX_THREADS, MAX_WORKERS, MIN_BYTES, type HeapConfig } from "./options.ts";
import { ProcessorTable } from "./processor.ts";

const { magic: H_MAGIC, version: H_VERSION, fingerprint: H_FINGERPRINT, wasmPages: H_WASM_PAGES, maxThreads: H_MAX_THREADS,
  chunkPages: H_CHUNK_PAGES, state: H_STATE, flags: H_FLAGS } = HeapHeader.offset;

/** What a thread needs to attach: sent with `postMessage` or `workerData`. */
export interface HeapHandle {
  readonly type: "mallocgc.heap";
  readonly layoutVersion: number;
  /** The shared WebAssembly.Memory. */
  readonly memory: RegionMemory;
}

/** A thread's place in a heap. */
export interface Joined {
  readonly layers: Layers;
  readonly processorId: number;
}

/**
 * Claims a place in the heap over `region` and fills it in; `first` runs before other threads can see the P.
 *
 * @throws HeapError `ERR_TOO_MANY_THREADS`; HeapExhaustedError when there is no room for a thread's records.
 */
export function joinHeap(region: Region, config: HeapConfig, plan: RegionPlan, first?: (layers: Layers) => void): Joined {
  const processors = new ProcessorTable(region.i32, plan.at("processors"), config.maxThreads);
  const id = processors.claim();
  if (id < 0) {
    throw new HeapError("ERR_TOO_MANY_THREADS", `all ${config.maxThreads} places for threads are taken; detach one, or create the heap with a larger maxThreads`);
  }
  try {
    const layers = new Layers(region, config, plan, processors, id);
    first?.(layers);
    layers.cache.init(id + 1);
    if (isCollected(config)) Collector.prepare(layers, id);
    processors.run(id);
    return { layers, processorId: id };
  } catch (error) {
    processors.release(id);
    throw error;
  }
}

/** As `joinHeap`, of a heap that another thread made. @throws HeapError as `attachHeap`. */
export function joinByHandle(handle: unknown): Joined {
  const { region, config } = openHandle(handle);
  const plan = planHeap(config);
  const mem = region.i32;
  if (mem[HEADER_PTR + H_FINGERPRINT] !== heapFingerprint(plan)) {
    throw new HeapError("ERR_HANDLE_VERSION", "the heap's layout is not this version's; load the same version of @mallocgc/runtime in every thread");
  }
  if (Atomics.load(mem, HEADER_PTR + H_STATE) !== HEAP_OPEN) {
    throw new HeapError("ERR_HEAP_CLOSED", "the heap was closed and takes no more threads; create another");
  }
  return joinHeap(region, config, plan);
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
  const flags = mem[HEADER_PTR + H_FLAGS]!;
  if (maxBytes !== region.byteLength || maxThreads < 1 || maxThreads > MAX_THREADS + MAX_WORKERS || (chunkPages !== 64 && chunkPages !== 512)) {
    throw new HeapError(
      "ERR_HANDLE",
      `the heap in the handle's memory is damaged: its header says ${maxBytes} bytes, ${maxThreads} threads, chunks of ${chunkPages} pages; create another`,
    );
  }
  return { region, config: { maxBytes, shared: true, maxThreads, chunkPages, flags, gc: GC_DEFAULTS, profile: PROFILE_DEFAULTS } };
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
