/**
 * Kernels: small WebAssembly modules that work on the region itself.
 *
 * A loop over many bytes or many words is several times faster there than in JavaScript, for a call of about 10 ns. A kernel is written in
 * AssemblyScript (`kernel/` of its package), compiled ahead of time, and carried as text in a module; here it is instantiated over a region.
 * Each thread has its own instance; a kernel has no state but the region.
 *
 * A kernel imports the memory as a shared one. WebAssembly wants the import's kind to be the memory's, so for an unshared region the one byte
 * that says so is changed before compiling.
 */
import { BULK_KERNEL } from "./bulk-kernel.ts";
import type { Region } from "./region.ts";

/** Bulk operations on the bytes of a region. */
export interface BulkKernel {
  /** Sets `nbytes` bytes from address `addr` to zero. */
  readonly clear: (addr: number, nbytes: number) => void;
}

const SHARED_WITH_MAXIMUM = 3;
const UNSHARED_WITH_MAXIMUM = 1;
/** How the import of the memory reads in a kernel's bytes, up to the byte that says whether it is shared: "memory", kind memory. */
const MEMORY_IMPORT = [...new TextEncoder().encode("memory"), 2];

const compiled = new Map<string, WebAssembly.Module>();

/** A kernel's exports over a region: an object of functions. `text` is what the generated module carries. */
export function loadKernel(text: string, region: Region): unknown {
  const key = `${region.shared ? "shared" : "unshared"}:${text}`;
  let module = compiled.get(key);
  if (module === undefined) {
    module = new WebAssembly.Module(kernelBytes(text, region.shared));
    compiled.set(key, module);
  }
  return new WebAssembly.Instance(module, { env: { memory: region.memory as WebAssembly.Memory } }).exports;
}

/** The bulk kernel over a region. */
export function bulkKernel(region: Region): BulkKernel {
  return loadKernel(BULK_KERNEL, region) as BulkKernel;
}

function kernelBytes(text: string, shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const at = bytes.findIndex((_, i) => MEMORY_IMPORT.every((byte, k) => bytes[i + k] === byte)) + MEMORY_IMPORT.length;
  bytes[at] = shared ? SHARED_WITH_MAXIMUM : UNSHARED_WITH_MAXIMUM;
  return bytes;
}
