/**
 * `@thi.ng/malloc`: a first-fit pool over one buffer, 8 bytes before each block. `malloc` as documented, compaction and splitting
 * on as by default. It does not zero; `calloc`, which does, would only be slower. It has no locks: one thread.
 */
import { MemPool } from "@thi.ng/malloc";
import type { AddressAllocator } from "../kernels.ts";
import type { AddressImplementation, OpenAllocator } from "./implementation.ts";

class ThingAllocator implements AddressAllocator {
  private readonly pool: MemPool;

  constructor(pool: MemPool) {
    this.pool = pool;
  }

  alloc(size: number): number {
    return this.pool.malloc(size);
  }

  free(address: number): void {
    this.pool.free(address);
  }
}

export const implementation: AddressImplementation = {
  blocks: "address",
  open(bytes: number): Promise<OpenAllocator<AddressAllocator>> {
    const pool = new MemPool({ buf: new ArrayBuffer(bytes) });
    return Promise.resolve({ allocator: new ThingAllocator(pool), close: () => void pool.release() });
  },
};
