/** Options of a heap: one table of names, defaults and limits, checked once at creation. */
import { MAX_REGION_BYTES } from "@mallocgc/sysmem";
import { HeapError, describeValue } from "./errors.ts";

/** What `createHeap` takes. */
export interface HeapOptions {
  /** The most the heap will ever take, in bytes, all of its own records included. Reserved, not resident. Default 1 GiB; 1 MiB to 4 GiB. */
  readonly maxBytes?: number;
  /** Whether other threads can attach. Default true. Without cross-origin isolation a browser page needs `false`. */
  readonly shared?: boolean;
  /** The most threads attached at one time. Default 64, in a heap below 16 MiB 16; 1 to 1024. Each costs about 3 KiB while it is attached. */
  readonly maxThreads?: number;
  /** Pages of 8 KiB in a chunk, the unit in which the heap grows: 512 (4 MiB, as Go on 32 bits; default) or 64 (512 KiB, as Go on Wasm; default below 64 MiB). */
  readonly chunkPages?: 512 | 64;
}

/** Options with every default filled in. */
export interface HeapConfig {
  readonly maxBytes: number;
  readonly shared: boolean;
  readonly maxThreads: number;
  readonly chunkPages: 512 | 64;
}

/** The smallest heap. */
export const MIN_BYTES: number = 1 << 20;
/** The largest P table. */
export const MAX_THREADS = 1024;
const SMALL_HEAP_BYTES = 64 << 20;
const FEW_THREADS_BYTES = 16 << 20;

function integer(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
    throw new HeapError("ERR_OPTION", `option ${name} takes an integer from ${low} to ${high}, not ${describeValue(value)}`);
  }
  return value;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws HeapError `ERR_OPTION` naming the option, the value and what is allowed; also for an unknown option.
 */
export function resolveOptions(options: HeapOptions): HeapConfig {
  if (typeof options !== "object" || (options as unknown) === null || Array.isArray(options)) {
    throw new HeapError("ERR_OPTION", `createHeap takes an object of options, not ${describeValue(options)}`);
  }
  const { maxBytes = 1 << 30, shared = true, maxThreads, chunkPages, ...unknown } = options;
  for (const name of Object.keys(unknown)) {
    throw new HeapError("ERR_OPTION", `unknown option ${name}; the options are maxBytes, shared, maxThreads, chunkPages`);
  }
  if (typeof shared !== "boolean") throw new HeapError("ERR_OPTION", `option shared takes true or false, not ${describeValue(shared)}`);
  integer("maxBytes", maxBytes, MIN_BYTES, MAX_REGION_BYTES);
  const threads = integer("maxThreads", maxThreads === undefined ? (maxBytes < FEW_THREADS_BYTES ? 16 : 64) : maxThreads, 1, MAX_THREADS);
  const chunk = chunkPages ?? (maxBytes < SMALL_HEAP_BYTES ? 64 : 512);
  if ((chunk as number) !== 64 && (chunk as number) !== 512) {
    throw new HeapError("ERR_OPTION", `option chunkPages takes 64 or 512, not ${describeValue(chunkPages)}`);
  }
  return { maxBytes: Math.ceil(maxBytes / 65536) * 65536, shared, maxThreads: threads, chunkPages: chunk };
}
