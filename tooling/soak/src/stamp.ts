/**
 * Stamps: a block is filled with one word, repeated over every byte that may be used, and looked at before it is freed. Whoever writes
 * into a block that is not theirs leaves a mark, as no two live blocks have the same stamp (but by chance, once in 2^32).
 */

/** The two views of the memory under test. */
export interface Views {
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
}

/** Fills `n` bytes from `addr` on. */
export function stamp(views: Views, addr: number, n: number, word: number): void {
  const { i32, u8 } = views;
  let i = 0;
  if (addr % 4 === 0) {
    const first = addr / 4;
    const words = Math.floor(n / 4);
    i32.fill(word, first, first + words);
    i = words * 4;
  }
  for (; i < n; i++) u8[addr + i] = word >>> ((i & 3) * 8);
}

/** The offset of the first of `n` bytes that differs from the stamp (from its word, where whole words are compared), or -1. */
export function firstDamage(views: Views, addr: number, n: number, word: number): number {
  const { i32, u8 } = views;
  let i = 0;
  if (addr % 4 === 0) {
    const first = addr / 4;
    const words = Math.floor(n / 4);
    for (let w = 0; w < words; w++) if (i32[first + w] !== word) return w * 4;
    i = words * 4;
  }
  for (; i < n; i++) if (u8[addr + i] !== ((word >>> ((i & 3) * 8)) & 255)) return i;
  return -1;
}
