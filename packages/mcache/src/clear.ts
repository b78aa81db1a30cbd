/**
 * Clearing a block: a loop of 8-byte stores for small blocks, the kernel's `memory.fill` for larger ones, where its call pays.
 *
 * Both are far cheaper than the engine's own `fill` on shared memory (docs/decisions/0008).
 */
import { bulkKernel, type BulkKernel, type Region } from "@mallocgc/sysmem";

/** Up to this many bytes the loop is cheaper than the kernel's call. */
const LOOP_BYTES = 96;

/** Clears blocks of one region. */
export class Clearer {
  readonly f64: Float64Array;
  private readonly clearKernel: BulkKernel["clear"];

  constructor(region: Region) {
    this.f64 = region.f64;
    this.clearKernel = bulkKernel(region).clear;
  }

  /** Sets `nbytes` bytes from `addr` to zero; both multiples of 8. */
  clear(addr: number, nbytes: number): void {
    if (nbytes > LOOP_BYTES) {
      this.clearKernel(addr, nbytes);
      return;
    }
    const f64 = this.f64;
    const from = addr >>> 3;
    const to = from + (nbytes >>> 3);
    for (let i = from; i < to; i++) f64[i] = 0;
  }
}
