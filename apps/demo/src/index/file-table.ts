/**
 * The names of the indexed files, in the heap beside the index: a file is a number, and any thread can say its name.
 *
 * One block of slots, two words each (address of the name's UTF-8 bytes, their length), and one block per name. It is
 * written once, before the workers start, and only read from then on; so it needs no lock.
 */
import type { Ledger } from "./block-heap.ts";

const SLOT_BYTES = 8;

/** Writes the table and returns its address. On a full heap it frees what it had made, and throws what the heap threw. */
export function writeFileTable(blocks: Ledger, names: readonly string[]): number {
  const table = blocks.malloc(Math.max(1, names.length) * SLOT_BYTES);
  const slots = table >>> 2;
  try {
    for (let file = 0; file < names.length; file++) {
      const name = Buffer.from(names[file]!);
      const addr = blocks.malloc(name.length);
      blocks.u8.set(name, addr);
      blocks.i32[slots + file * 2] = addr;
      blocks.i32[slots + file * 2 + 1] = name.length;
    }
  } catch (error) {
    freeFileTable(blocks, table, names.length);
    throw error;
  }
  return table;
}

/** The name of file number `file`. */
export function fileName(blocks: Ledger, table: number, file: number): string {
  const slot = (table >>> 2) + file * 2;
  const addr = blocks.i32[slot]! >>> 0;
  return Buffer.from(blocks.u8.subarray(addr, addr + blocks.i32[slot + 1]!)).toString();
}

/** Frees the names and the table of `files` slots. */
export function freeFileTable(blocks: Ledger, table: number, files: number): void {
  const slots = table >>> 2;
  for (let file = 0; file < files; file++) {
    const addr = blocks.i32[slots + file * 2]! >>> 0;
    if (addr !== 0) blocks.free(addr, blocks.i32[slots + file * 2 + 1]!);
  }
  blocks.free(table, Math.max(1, files) * SLOT_BYTES);
}
