/**
 * AssemblyScript's runtime allocator: TLSF in WebAssembly, called from JavaScript one block at a time, as its users do.
 * It does not zero. Its memory grows by doubling, which is part of its cost. It has no locks: one thread.
 */
import type { AddressAllocator } from "../kernels.ts";
import { instantiate, loadModule } from "./assemblyscript-modules.ts";
import type { AddressImplementation, OpenAllocator } from "./implementation.ts";

interface AllocatorExports extends WebAssembly.Exports {
  readonly alloc: (size: number) => number;
  readonly free: (block: number) => void;
}

class AssemblyScriptAllocator implements AddressAllocator {
  private readonly allocExport: AllocatorExports["alloc"];
  private readonly freeExport: AllocatorExports["free"];

  constructor(exports: AllocatorExports) {
    this.allocExport = exports.alloc;
    this.freeExport = exports.free;
  }

  alloc(size: number): number {
    return this.allocExport(size);
  }

  free(address: number): void {
    this.freeExport(address);
  }
}

let compiled: WebAssembly.Module | undefined;

export const implementation: AddressImplementation = {
  blocks: "address",
  async open(): Promise<OpenAllocator<AddressAllocator>> {
    compiled ??= await loadModule("allocator");
    const instance = await instantiate(compiled);
    return { allocator: new AssemblyScriptAllocator(instance.exports as AllocatorExports), close: () => undefined };
  },
};
