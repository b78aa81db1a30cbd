/**
 * Giving pages of the region back to the operating system, and asking which of them it backs.
 *
 * JavaScript has no such call, so the C library's is borrowed: through `node:ffi` where Node has it (26.1 and later),
 * else through the optional peer dependency `koffi`, else not at all. The backend is loaded synchronously on first use,
 * by means that a browser or a bundler does not even see, and a failure to load is an answer ("none"), not an error.
 *
 * What `release` promises: the OS pages that lie wholly inside the range are no longer resident, their next reader finds
 * zeros, and the return value counts exactly their bytes. Only Linux's MADV_DONTNEED promises all that for private
 * anonymous memory, which is what a WebAssembly.Memory is; elsewhere (macOS: MADV_FREE and MADV_FREE_REUSABLE let old
 * bytes show through) the backend is "none" and nothing is claimed. Deno and Bun are "none" until somebody has tested them.
 *
 * An OS page is usually 4 KiB and can be larger than a page of the heap (16 or 64 KiB on some ARM machines): so ranges
 * are rounded inward, and a single heap page may then give back nothing.
 */
import { SysmemError } from "./errors.ts";
import type { Region } from "./region.ts";

/** How calls reach the C library. */
export type OsPagesBackend = "node:ffi" | "koffi" | "none";

/** Page release for one region, as {@link openOsPages} returns it. Each thread opens its own. */
export interface OsPages {
  readonly backend: OsPagesBackend;
  /** Bytes of an OS page; 0 when it is not known (backend "none"). */
  readonly pageSize: number;
  /** Calls that the OS refused, so far, through this object. */
  readonly failures: number;
  /**
   * Gives back the OS pages that lie wholly inside the range. Returns their bytes, 0 when there are none or the OS refused.
   * Whoever holds the pages calls it: what they held is gone.
   *
   * @throws SysmemError `ERR_OS_RANGE` when the range is not inside the region.
   */
  release(byteOffset: number, byteLength: number): number;
  /**
   * Bytes of the OS pages that the range touches and that are in physical memory; -1 when that cannot be known.
   *
   * @throws SysmemError `ERR_OS_RANGE` when the range is not inside the region.
   */
  resident(byteOffset: number, byteLength: number): number;
}

/** The calls of the C library that are needed. Addresses and lengths are below 2^53. */
interface Libc {
  readonly backend: OsPagesBackend;
  readonly pageSize: number;
  addressOf(region: Region): number;
  madvise(address: number, nbytes: number, advice: number): number;
  mincore(address: number, nbytes: number, perPage: Uint8Array): number;
}

/** Linux, all architectures that Node runs on. */
const MADV_DONTNEED = 4;
/** Pages asked about in one call of mincore, which writes a byte for each. */
const MINCORE_PAGES = 16384;

/**
 * Finds a way to release this region's pages. Never throws for want of one: then `backend` is "none".
 *
 * @throws SysmemError `ERR_OS_ALIGNMENT` when the region does not start on an OS page (a WebAssembly.Memory does).
 */
export function openOsPages(region: Region): OsPages {
  const libc = loadLibc();
  if (libc === undefined) return new NoOsPages(region.byteLength);
  const base = libc.addressOf(region);
  if (base % libc.pageSize !== 0) {
    throw new SysmemError(
      "ERR_OS_ALIGNMENT",
      `the region starts ${base % libc.pageSize} bytes into an OS page of ${libc.pageSize}: make it with createRegion, whose memory starts on one`,
    );
  }
  return new LibcOsPages(region, base, libc);
}

class NoOsPages implements OsPages {
  readonly backend = "none";
  readonly pageSize = 0;
  readonly failures = 0;
  private readonly byteLength: number;

  constructor(byteLength: number) {
    this.byteLength = byteLength;
  }

  release(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.byteLength);
    return 0;
  }

  resident(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.byteLength);
    return -1;
  }
}

class LibcOsPages implements OsPages {
  readonly backend: OsPagesBackend;
  readonly pageSize: number;
  failures = 0;
  /** Kept so that the memory behind `base` lives as long as this object. */
  private readonly region: Region;
  private readonly base: number;
  private readonly libc: Libc;
  private readonly perPage = new Uint8Array(MINCORE_PAGES);

  constructor(region: Region, base: number, libc: Libc) {
    this.region = region;
    this.base = base;
    this.libc = libc;
    this.backend = libc.backend;
    this.pageSize = libc.pageSize;
  }

  release(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.region.byteLength);
    const pageSize = this.pageSize;
    const start = Math.ceil(byteOffset / pageSize) * pageSize;
    const nbytes = Math.floor((byteOffset + byteLength) / pageSize) * pageSize - start;
    if (nbytes <= 0) return 0;
    if (this.libc.madvise(this.base + start, nbytes, MADV_DONTNEED) === 0) return nbytes;
    this.failures++;
    return 0;
  }

  resident(byteOffset: number, byteLength: number): number {
    checkRange(byteOffset, byteLength, this.region.byteLength);
    const { pageSize, perPage } = this;
    const end = byteOffset + byteLength;
    let pages = 0;
    for (let at = Math.floor(byteOffset / pageSize) * pageSize; at < end; at += MINCORE_PAGES * pageSize) {
      const asked = Math.min(MINCORE_PAGES, Math.ceil((end - at) / pageSize));
      if (this.libc.mincore(this.base + at, asked * pageSize, perPage) !== 0) {
        this.failures++;
        return -1;
      }
      for (let i = 0; i < asked; i++) pages += perPage[i]! & 1;
    }
    return pages * pageSize;
  }
}

function checkRange(byteOffset: number, byteLength: number, regionBytes: number): void {
  if (Number.isInteger(byteOffset) && Number.isInteger(byteLength) && byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= regionBytes) return;
  throw new SysmemError("ERR_OS_RANGE", `the range of ${String(byteLength)} bytes at ${String(byteOffset)} is not inside the region of ${regionBytes} bytes`);
}

/** What is used of `process`, which is not there in a browser. */
interface ProcessLike {
  readonly platform?: string;
  readonly versions?: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(id: string): unknown;
}

let loaded = false;
let cached: Libc | undefined;

/** The C library, once per thread: a function is looked up once, and Node warns once that `node:ffi` is experimental. */
function loadLibc(): Libc | undefined {
  if (loaded) return cached;
  loaded = true;
  const process = (globalThis as { process?: ProcessLike }).process;
  if (process?.platform !== "linux" || process.versions?.["bun"] !== undefined || process.versions?.["deno"] !== undefined) return undefined;
  cached = loadNodeFfi(process) ?? loadKoffi(process);
  return cached;
}

/** The part of `node:ffi` that is used. */
interface NodeFfi {
  dlopen(
    path: null,
    definitions: Readonly<Record<string, { return: string; arguments: readonly string[] }>>,
  ): { functions: Record<string, (...args: unknown[]) => number> };
  getRawPointer(source: ArrayBufferLike): bigint;
}

function loadNodeFfi(process: ProcessLike): Libc | undefined {
  try {
    const ffi = process.getBuiltinModule?.("node:ffi") as NodeFfi | undefined;
    if (ffi === undefined) return undefined;
    // The first releases that had node:ffi did not take shared memory here; better to find out now, while there is koffi.
    ffi.getRawPointer(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
    const { functions } = ffi.dlopen(null, {
      getpagesize: { return: "int32", arguments: [] },
      madvise: { return: "int32", arguments: ["uint64", "uint64", "int32"] },
      mincore: { return: "int32", arguments: ["uint64", "uint64", "pointer"] },
    });
    const { getpagesize, madvise, mincore } = functions;
    return {
      backend: "node:ffi",
      pageSize: getpagesize!(),
      addressOf: (region) => Number(ffi.getRawPointer(region.buffer)),
      madvise: (address, nbytes, advice) => madvise!(BigInt(address), BigInt(nbytes), advice),
      mincore: (address, nbytes, perPage) => mincore!(BigInt(address), BigInt(nbytes), perPage),
    };
  } catch {
    return undefined; // Switched off (--no-experimental-ffi), not permitted (--permission), or not built in.
  }
}

/** The part of `koffi` 3 that is used. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
  address(view: Uint8Array): bigint;
}

function loadKoffi(process: ProcessLike): Libc | undefined {
  try {
    const { createRequire } = process.getBuiltinModule?.("node:module") as { readonly createRequire: (from: string) => (id: string) => unknown };
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    const libc = koffi.load(null);
    const getpagesize = libc.func("int getpagesize()");
    const madvise = libc.func("int madvise(uintptr_t address, size_t nbytes, int advice)");
    const mincore = libc.func("int mincore(uintptr_t address, size_t nbytes, _Out_ uint8_t *perPage)");
    return {
      backend: "koffi",
      pageSize: getpagesize(),
      addressOf: (region) => Number(koffi.address(region.u8)),
      madvise: (address, nbytes, advice) => madvise(address, nbytes, advice),
      mincore: (address, nbytes, perPage) => mincore(address, nbytes, perPage),
    };
  } catch {
    return undefined; // Not installed, or without a build for this machine.
  }
}
