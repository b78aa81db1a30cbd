/**
 * The region: one WebAssembly.Memory that holds everything, seen through views of fixed, explicit length.
 *
 * `initial = maximum`, so the memory never grows and no view ever goes stale; the operating system backs only the pages
 * that have been touched. A shared region can be handed to any worker; an unshared one serves a single thread where
 * sharing is not to be had (a page without cross-origin isolation). Whatever is true of the heap is in these bytes: a
 * `Region` object is only a way to look at them, and each thread makes its own.
 */
import { SysmemError } from "./errors.ts";

/** Bytes of a WebAssembly page, the unit in which a memory's size is given. */
export const WASM_PAGE_SIZE = 65536;
/** The most a region can hold: 4 GiB, the address space of 32-bit WebAssembly. */
export const MAX_REGION_BYTES = 4294967296;

/**
 * What this project needs of a `WebAssembly.Memory`. Declared here, so that a program's types need no DOM library; the object is a real
 * WebAssembly.Memory and can be given to any WebAssembly module.
 */
export interface RegionMemory {
  readonly buffer: ArrayBufferLike;
}

/** One memory and its views. Each view spans the whole region from byte 0. */
export class Region {
  readonly memory: RegionMemory;
  readonly buffer: ArrayBufferLike;
  readonly byteLength: number;
  readonly shared: boolean;
  /** 32-bit words: the one kind of view that records are read through. */
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i8: Int8Array;
  readonly i16: Int16Array;
  readonly u32: Uint32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;

  constructor(memory: RegionMemory) {
    const buffer = memory.buffer;
    const n = buffer.byteLength;
    this.memory = memory;
    this.buffer = buffer;
    this.byteLength = n;
    this.shared = tagOf(buffer) === "SharedArrayBuffer";
    this.i32 = new Int32Array(buffer, 0, n / 4);
    this.u8 = new Uint8Array(buffer, 0, n);
    this.u16 = new Uint16Array(buffer, 0, n / 2);
    this.i8 = new Int8Array(buffer, 0, n);
    this.i16 = new Int16Array(buffer, 0, n / 2);
    this.u32 = new Uint32Array(buffer, 0, n / 4);
    this.f32 = new Float32Array(buffer, 0, n / 4);
    this.f64 = new Float64Array(buffer, 0, n / 8);
  }
}

/** Whether this environment can share memory between threads (in a browser: whether the page is cross-origin isolated). */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return isolated !== false;
}

/**
 * Makes a region of `bytes`, rounded up to a whole number of 64 KiB pages, all zero.
 *
 * @throws SysmemError `ERR_REGION_SIZE` when `bytes` is not a positive integer up to 4 GiB; `ERR_REGION_NOT_SHAREABLE`
 * when `shared` is asked for where memory cannot be shared; `ERR_REGION_RESERVE` when the operating system refuses the
 * address space (for example under `ulimit -v`).
 */
export function createRegion(bytes: number, shared: boolean): Region {
  if (!Number.isInteger(bytes) || bytes <= 0 || bytes > MAX_REGION_BYTES) {
    throw new SysmemError("ERR_REGION_SIZE", `a region takes 1 to ${MAX_REGION_BYTES} bytes, not ${String(bytes)}`);
  }
  if (shared && !canShareMemory()) {
    throw new SysmemError(
      "ERR_REGION_NOT_SHAREABLE",
      "memory cannot be shared here: a browser page needs cross-origin isolation (COOP: same-origin, COEP: require-corp); " +
        "ask for an unshared region to work with one thread",
    );
  }
  const pages = Math.ceil(bytes / WASM_PAGE_SIZE);
  let memory: RegionMemory;
  try {
    memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  } catch (cause) {
    throw new SysmemError(
      "ERR_REGION_RESERVE",
      `the address space for a region of ${pages * WASM_PAGE_SIZE} bytes could not be reserved; ask for less, or raise the limit (ulimit -v)`,
      { cause },
    );
  }
  return new Region(memory);
}

/**
 * Opens a region over a memory made by {@link createRegion}, here or in another thread.
 *
 * @throws SysmemError `ERR_REGION_MEMORY` when `memory` is not a WebAssembly.Memory, or is an empty one.
 */
export function openRegion(memory: unknown): Region {
  const tag = tagOf(memory);
  if (tag !== "WebAssembly.Memory") {
    throw new SysmemError("ERR_REGION_MEMORY", `a region is opened over the WebAssembly.Memory of another, not over ${tag}`);
  }
  const region = new Region(memory as RegionMemory);
  if (region.byteLength === 0) throw new SysmemError("ERR_REGION_MEMORY", "a region is opened over a memory made by createRegion; this one is empty");
  return region;
}

/** What kind of object this is, also when it comes from another realm (a frame, a vm context), where `instanceof` fails. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}
