/** Clearing a block: a loop of words for small blocks, one call of the engine's `fill` for larger ones, where its fixed cost pays. */

/** Up to this many bytes a loop is cheaper than the call of `fill` (docs/decisions: clearing). */
const LOOP_BYTES = 128;

/** Sets `nbytes` bytes from `addr` to zero; both multiples of 8. */
export function clearBytes(mem: Int32Array, addr: number, nbytes: number): void {
  const from = addr >>> 2;
  const to = from + (nbytes >>> 2);
  if (nbytes > LOOP_BYTES) {
    mem.fill(0, from, to);
    return;
  }
  for (let i = from; i < to; i++) mem[i] = 0;
}
