// AssemblyScript's own allocator (TLSF, std/assembly/rt/tlsf.ts), handed out as two functions. Compiled by src/impl/assemblyscript.ts.

/** A block of at least `size` bytes; its contents are whatever was there before. */
export function alloc(size: usize): usize {
  return heap.alloc(size);
}

/** Gives a block back. */
export function free(block: usize): void {
  heap.free(block);
}
