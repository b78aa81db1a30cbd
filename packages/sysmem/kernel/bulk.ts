/**
 * Bulk operations on the region, in AssemblyScript: no bounds checks beyond the memory's own, and the machine's own way of clearing.
 * Compiled by tooling/kernels into src/bulk-kernel.ts.
 */

/** Sets `nbytes` bytes from `addr` to zero. */
export function clear(addr: usize, nbytes: usize): void {
  memory.fill(addr, 0, nbytes);
}
