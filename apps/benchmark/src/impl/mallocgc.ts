/** Ours: one heap in one shared memory, used as a program would: `mallocgc(size)`, pointer-free and zeroed, and `free(address)`. */
import { attachHeap, createHeap, type Heap, type HeapHandle } from "@mallocgc/runtime";
import type { AddressAllocator } from "../kernels.ts";
import type { AddressImplementation, MetadataParts, OpenAllocator } from "./implementation.ts";

class MallocgcAllocator implements AddressAllocator {
  private readonly heap: Heap;

  constructor(heap: Heap) {
    this.heap = heap;
  }

  alloc(size: number): number {
    return this.heap.mallocgc(size);
  }

  free(address: number): void {
    this.heap.free(address);
  }
}

export const implementation: AddressImplementation = {
  blocks: "address",
  open(bytes: number): Promise<OpenAllocator<AddressAllocator>> {
    const heap = createHeap({ gc: false, maxBytes: bytes });
    return Promise.resolve(opened(heap, () => heap.close()));
  },
  attach(handle: unknown): OpenAllocator<AddressAllocator> {
    const heap = attachHeap(handle as HeapHandle);
    return opened(heap, () => heap.detach());
  },
};

function opened(heap: Heap, close: () => void): OpenAllocator<AddressAllocator> {
  return {
    allocator: new MallocgcAllocator(heap),
    handle: heap.handle,
    counters: () => {
      const stats = heap.readMemStats();
      return { bytes: stats.TotalAlloc, blocks: stats.Mallocs };
    },
    metadata: () => metadata(heap),
    close,
  };
}

/**
 * The heap's tables and records (everything in `Sys` that is not heap), and what its spans keep back from blocks: allocation
 * and mark bits at a span's end, and the tail that no block fits into.
 */
function metadata(heap: Heap): MetadataParts {
  const stats = heap.readMemStats();
  return {
    totalBytes: stats.Sys,
    parts: {
      spanRecords: stats.MSpanSys,
      mcaches: stats.MCacheSys,
      tablesAndBits: stats.GCSys,
      other: stats.OtherSys,
      insideSpans: stats.HeapInuse - stats.HeapAlloc,
    },
  };
}
