/**
 * Identity: every object of the collected soak begins with two words, its id and a check word computed from it, and is in all else what its id says.
 *
 *     id       | serial, 23 bits | thread, 6 bits | kind, 3 bits |         no two objects of a round have the same
 *     check    a hash of the id                                            so an object that was freed, or another in its place, shows
 *
 * Lengths, texts and sizes are drawn from the id too. So any thread that comes across an object knows what it must look like.
 */

/** Two words, no pointers: it shares a tiny block with others. */
export const CELL = 0;
/** A raw block without pointers, of 8 bytes to 100 KiB. */
export const BLOCK = 1;
/** A struct of 72 bytes without pointers. */
export const LEAF = 2;
/** Two refs, 16 bytes: heap bits at the span's end. */
export const PAIR = 3;
/** Some refs, a string, bytes, a mutex, within 128 bytes. */
export const RICH = 4;
/** Many refs and a string, above 128 bytes: a type header. */
export const FAT = 5;
/** A struct with an array of refs: small, with a header, large, or several oblets long. */
export const LIST = 6;
/** A struct with an array of structs that hold a ref each. */
export const ROWS = 7;

/** The id of object `serial` of a thread. */
export function idOf(kind: number, thread: number, serial: number): number {
  return ((serial << 9) | (thread << 3) | kind) >>> 0;
}

/** What kind of object an id is of. */
export function kindOf(id: number): number {
  return id & 7;
}

/** The check word of an id: never 0 for id 0, so that cleared memory is no object. */
export function checkOf(id: number): number {
  return hash(id ^ 0x2545f491) >>> 0;
}

/** A number from 0 to `n` - 1 that the id decides; another for each `what`. */
export function drawn(id: number, what: number, n: number): number {
  return (hash(id + Math.imul(what + 1, 0x9e3779b1)) >>> 0) % n;
}

/** How many elements the array of a list has: one more than it can be asked to keep, for the ref back to the list. */
export function listLength(id: number): number {
  const kind = drawn(id, 0, 1000);
  if (kind < 700) return 2 + drawn(id, 1, 20);
  if (kind < 990) return 30 + drawn(id, 1, 400);
  if (kind < 998) return 8000 + drawn(id, 1, 1200);
  return 33_000 + drawn(id, 1, 8000);
}

/** How many elements the array of rows has. */
export function rowsLength(id: number): number {
  return drawn(id, 0, 100) < 97 ? 1 + drawn(id, 1, 60) : 2500 + drawn(id, 1, 1000);
}

/** Bytes of a raw block. */
export function blockSize(id: number): number {
  const kind = drawn(id, 0, 100);
  if (kind < 40) return 8 + drawn(id, 1, 8);
  if (kind < 96) return 16 + drawn(id, 1, 1000);
  return 1024 + drawn(id, 1, kind < 99 ? 30_000 : 100_000);
}

/** A text that belongs to an object; ASCII or not, short or long, and empty for version 0. */
export function textOf(id: number, version: number): string {
  if (version === 0) return "";
  const piece = ["x", "é", "語", "😀"][drawn(id, version, 4)]!;
  return `${id}:${version}:${piece.repeat(drawn(id, version + 100, drawn(id, version, 10) === 0 ? 300 : 12))}`;
}

/** How many bytes belong to an object in a version, all equal to the version. */
export function bytesLength(id: number, version: number): number {
  return version === 0 ? 0 : 1 + drawn(id, version + 200, drawn(id, version, 20) === 0 ? 40_000 : 200);
}

function hash(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
