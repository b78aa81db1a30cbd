/**
 * The calls of the C library that page release needs, and what can be said with them about a range of addresses.
 *
 * JavaScript has no such calls, so they are borrowed: through `node:ffi` where Node has it (26.1 and later), else through the optional
 * peer dependency `koffi`, else not at all. The backend is loaded synchronously on first use, by means that a browser or a bundler does
 * not even see, and a failure to load is an answer ("none"), not an error.
 *
 * Only Linux's MADV_DONTNEED promises that released pages are no longer resident and read as zero, and only for private anonymous
 * memory, which is what a WebAssembly.Memory and a buffer of the engine's own are. Elsewhere (macOS: MADV_FREE and MADV_FREE_REUSABLE let
 * old bytes show through) there is no backend and nothing is claimed. Deno and Bun have none until somebody has tested them.
 *
 * Everything here works on absolute addresses, because the operating system's pages do: a buffer can begin anywhere in one (a fixed
 * SharedArrayBuffer begins 16 bytes into it). Who keeps the memory behind an address alive is the caller's business.
 */

/** How calls reach the C library. */
export type OsPagesBackend = "node:ffi" | "koffi" | "none";

/** The calls, as one thread reaches them. Addresses and lengths are numbers below 2^53. */
export interface Libc {
  readonly backend: OsPagesBackend;
  /** Bytes of an OS page. */
  readonly pageSize: number;
  /** Where the bytes of a buffer begin. */
  addressOf(buffer: ArrayBufferLike): number;
  /** 0 when the OS did it. */
  madvise(address: number, nbytes: number, advice: number): number;
  /** 0 when the OS wrote a byte for each page. */
  mincore(address: number, nbytes: number, perPage: Uint8Array): number;
}

/** Linux, all architectures that Node runs on. */
const MADV_DONTNEED = 4;
/** Pages asked about in one call of mincore, which writes a byte for each. */
const MINCORE_PAGES = 16384;

/**
 * Gives back the OS pages that lie wholly inside a range of addresses: their bytes, 0 when there are none, -1 when the OS refused.
 * They read as zero from then on.
 */
export function releaseAddresses(libc: Libc, address: number, nbytes: number): number {
  const { pageSize } = libc;
  const start = Math.ceil(address / pageSize) * pageSize;
  const whole = Math.floor((address + nbytes) / pageSize) * pageSize - start;
  if (whole <= 0) return 0;
  return libc.madvise(start, whole, MADV_DONTNEED) === 0 ? whole : -1;
}

/** How many of the OS pages that a range of addresses touches are in physical memory; -1 when the OS would not say. */
export function residentPages(libc: Libc, address: number, nbytes: number): number {
  if (nbytes === 0) return 0;
  const { pageSize } = libc;
  const end = address + nbytes;
  const first = Math.floor(address / pageSize) * pageSize;
  const perPage = new Uint8Array(Math.min(MINCORE_PAGES, Math.ceil((end - first) / pageSize)));
  let pages = 0;
  for (let at = first; at < end; at += MINCORE_PAGES * pageSize) {
    const asked = Math.min(MINCORE_PAGES, Math.ceil((end - at) / pageSize));
    if (libc.mincore(at, asked * pageSize, perPage) !== 0) return -1;
    for (let i = 0; i < asked; i++) pages += perPage[i]! & 1;
  }
  return pages;
}

/** What is used of `process`, which is not there in a browser. */
interface ProcessLike {
  readonly platform?: string;
  readonly versions?: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(id: string): unknown;
}

let loaded = false;
let cached: Libc | undefined;

/** The C library, once per thread: a function is looked up once, and Node warns once that `node:ffi` is experimental. Undefined: none. */
export function openLibc(): Libc | undefined {
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
      addressOf: (buffer) => Number(ffi.getRawPointer(buffer)),
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
      addressOf: (buffer) => Number(koffi.address(new Uint8Array(buffer))),
      madvise: (address, nbytes, advice) => madvise(address, nbytes, advice),
      mincore: (address, nbytes, perPage) => mincore(address, nbytes, perPage),
    };
  } catch {
    return undefined; // Not installed, or without a build for this machine.
  }
}
